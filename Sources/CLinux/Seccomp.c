// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors
//
// The default filter: everything is allowed but what follows. An allow list would break toolchains silently; this deny
// list closes what a build never needs and what kernels were broken through (key rings, io_uring, new namespaces, the
// mount API, terminal injection). It is C because system call numbers exist only as C macros, and not every architecture
// has every call. The kernel remembers which calls pass whatever their arguments, so an allowed call costs nothing more.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CLinux.h"

#include <errno.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

// Calls of kernels newer than the headers this is built with. From 424 on every architecture has the same numbers.
enum {
    NR_MAP_SHADOW_STACK = 453, NR_STATMOUNT = 457, NR_LISTMOUNT = 458, NR_LSM_SET_SELF_ATTR = 460,
    NR_OPEN_TREE_ATTR = 467,
    // The newest call known here; a later one answers ENOSYS, as a kernel without it would, and programs fall back.
    NR_NEWEST = 469,
};

static const int refused[] = {  // EPERM: the caller is told that it may not
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_setns, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_bpf,
    SYS_perf_event_open, SYS_userfaultfd, SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module,
    SYS_delete_module, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, SYS_quotactl_fd, SYS_syslog,
    SYS_settimeofday, SYS_clock_settime, SYS_sethostname, SYS_setdomainname, SYS_lookup_dcookie, SYS_nfsservctl,
    SYS_vhangup, SYS_fanotify_init, SYS_open_by_handle_at, SYS_kcmp, SYS_move_pages, SYS_migrate_pages,
    SYS_process_madvise, SYS_pidfd_getfd,
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl, SYS_create_module,
    SYS_query_module, SYS_get_kernel_syms,
#endif
};
static const int absent[] = {  // ENOSYS: as if the kernel had no such call, so that programs take their older way
    SYS_clone3, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_open_tree, SYS_move_mount,
    SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, NR_OPEN_TREE_ATTR, NR_LISTMOUNT,
    NR_STATMOUNT, NR_MAP_SHADOW_STACK, NR_LSM_SET_SELF_ATTR,
};

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define COMPAT_ARCHITECTURE AUDIT_ARCH_I386
// The same calls by i386's numbers (asm/unistd_32.h), so that 32-bit programs run and get no further than others.
static const int compat_refused[] = {
    21 /* mount */, 22 /* umount */, 52 /* umount2 */, 217 /* pivot_root */, 346 /* setns */, 288 /* keyctl */,
    286 /* add_key */, 287 /* request_key */, 357 /* bpf */, 336 /* perf_event_open */, 374 /* userfaultfd */,
    283 /* kexec_load */, 128 /* init_module */, 350 /* finit_module */, 129 /* delete_module */, 88 /* reboot */,
    87 /* swapon */, 115 /* swapoff */, 51 /* acct */, 131 /* quotactl */, 443 /* quotactl_fd */, 103 /* syslog */,
    79 /* settimeofday */, 264 /* clock_settime */, 404 /* clock_settime64 */, 405 /* clock_adjtime64 */,
    25 /* stime */, 74 /* sethostname */, 121 /* setdomainname */, 253 /* lookup_dcookie */, 169 /* nfsservctl */,
    111 /* vhangup */, 338 /* fanotify_init */, 342 /* open_by_handle_at */, 349 /* kcmp */, 317 /* move_pages */,
    294 /* migrate_pages */, 440 /* process_madvise */, 438 /* pidfd_getfd */, 110 /* iopl */, 101 /* ioperm */,
    123 /* modify_ldt */, 86 /* uselib */, 62 /* ustat */, 135 /* sysfs */, 149 /* _sysctl */, 113 /* vm86old */,
    166 /* vm86 */, 127 /* create_module */, 167 /* query_module */, 130 /* get_kernel_syms */,
};
enum { COMPAT_CLONE = 120, COMPAT_UNSHARE = 310, COMPAT_IOCTL = 54, COMPAT_SOCKET = 359 };
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the seccomp filter knows x86_64 and aarch64"
#endif

struct program {
    struct sock_filter code[512];
    unsigned short length;
};
static void add(struct program *p, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false) {
    p->code[p->length++] = (struct sock_filter){code, if_true, if_false, k};
}
static void answer(struct program *p, uint32_t error) { add(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error, 0, 0); }
static void load(struct program *p, size_t offset) { add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0); }
#define LOW_HALF(index) (offsetof(struct seccomp_data, args) + 8 * (index))

static void deny(struct program *p, const int *calls, size_t count, uint32_t error) {
    for (size_t i = 0; i < count; i++) {
        add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
        answer(p, error);
    }
}
// If the call is `number` and its argument has any of `bits` (or equals `value` when bits is 0): `error`.
static void deny_argument(struct program *p, int number, int index, uint32_t bits, uint32_t value, uint32_t error) {
    add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4);
    load(p, LOW_HALF(index));
    add(p, BPF_JMP | (bits ? BPF_JSET : BPF_JEQ) | BPF_K, bits ? bits : value, 0, 1);
    answer(p, error);
    load(p, offsetof(struct seccomp_data, nr));
}

static void deny_arguments(struct program *p, int clone_, int unshare_, int ioctl_, int socket_) {
    const uint32_t spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID
        | CLONE_NEWNET;
    deny_argument(p, clone_, 0, spaces, 0, EPERM);
    deny_argument(p, unshare_, 0, spaces | 0x80 /* CLONE_NEWTIME */, 0, EPERM);
    deny_argument(p, ioctl_, 1, 0, 0x5412 /* TIOCSTI */, EPERM);
    deny_argument(p, ioctl_, 1, 0, 0x541C /* TIOCLINUX */, EPERM);
    deny_argument(p, socket_, 0, 0, 38 /* AF_ALG */, EAFNOSUPPORT);
    deny_argument(p, socket_, 0, 0, 40 /* AF_VSOCK */, EAFNOSUPPORT);
    // AF_NETLINK with NETLINK_AUDIT: two arguments, so by hand.
    add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)socket_, 0, 6);
    load(p, LOW_HALF(0));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 16, 0, 3);
    load(p, LOW_HALF(2));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 9, 0, 1);
    answer(p, EPROTONOSUPPORT);
    load(p, offsetof(struct seccomp_data, nr));
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

int linux_install_seccomp_filter(void) {
    static struct program p;
    p.length = 0;
    load(&p, offsetof(struct seccomp_data, arch));
#ifdef COMPAT_ARCHITECTURE
    add(&p, BPF_JMP | BPF_JEQ | BPF_K, COMPAT_ARCHITECTURE, 0, 1);
    unsigned short jump = p.length;
    add(&p, BPF_JMP | BPF_JA, 0, 0, 0);
#endif
    add(&p, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    add(&p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    load(&p, offsetof(struct seccomp_data, nr));
    // Also refuses x32 on x86_64, whose numbers start at 0x40000000.
    add(&p, BPF_JMP | BPF_JGT | BPF_K, NR_NEWEST, 0, 1);
    answer(&p, ENOSYS);
    deny(&p, refused, COUNT(refused), EPERM);
    deny(&p, absent, COUNT(absent), ENOSYS);
    deny_arguments(&p, SYS_clone, SYS_unshare, SYS_ioctl, SYS_socket);
    add(&p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
#ifdef COMPAT_ARCHITECTURE
    p.code[jump].k = (uint32_t)(p.length - jump - 1);
    load(&p, offsetof(struct seccomp_data, nr));
    add(&p, BPF_JMP | BPF_JGT | BPF_K, NR_NEWEST, 0, 1);
    answer(&p, ENOSYS);
    deny(&p, compat_refused, COUNT(compat_refused), EPERM);
    // clone3 and everything after it has one number everywhere.
    deny(&p, absent, COUNT(absent), ENOSYS);
    deny_arguments(&p, COMPAT_CLONE, COMPAT_UNSHARE, COMPAT_IOCTL, COMPAT_SOCKET);
    add(&p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
#endif
    struct sock_fprog filter = {.len = p.length, .filter = p.code};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}
