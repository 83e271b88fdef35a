// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/sched.h>
#include <net/if.h>

pid_t linux_fork_with_namespaces(uint64_t flags) {
    struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
    pid_t child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    // Container filters answer as a kernel without the call does, because they cannot look into its arguments.
    if (child < 0 && errno == ENOSYS) child = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    return child;
}

int linux_bring_loopback_up(void) {
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int result = ioctl(descriptor, SIOCSIFFLAGS, &request);
    int saved = errno;
    close(descriptor);
    errno = saved;
    return result;
}

int linux_set_capabilities(uint64_t keep) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
        {.effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}

uint64_t linux_effective_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    if (syscall(SYS_capget, &header, data) < 0) return 0;
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

int linux_may_gain_privileges(uint64_t capabilities) {
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0) return 0;
    for (int number = 0; number < 64; number++)
        if (capabilities >> number & 1 && prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 0) return 0;
    return 1;
}

int linux_processor_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) < 0 ? -1 : CPU_COUNT(&set);
}

void linux_die_of_signal(int number) {
    // Some signals leave the memory behind in a file, with the build's secrets.
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    signal(number, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
}

void linux_unblock_signals(uint64_t mask) {
    sigset_t set;
    sigemptyset(&set);
    for (int number = 1; number < 64; number++)
        if (mask >> number & 1) sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int linux_signal_descriptor(uint64_t mask) {
    sigset_t set;
    if (mask == 0) {
        sigfillset(&set);
    } else {
        sigemptyset(&set);
        for (int number = 1; number < 64; number++)
            if (mask >> number & 1) sigaddset(&set, number);
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int linux_wait_set(const int *descriptors, int count) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    for (int index = 0; set >= 0 && index < count; index++) {
        struct epoll_event event = {.events = EPOLLIN};
        if (epoll_ctl(set, EPOLL_CTL_ADD, descriptors[index], &event) < 0) {
            close(set);
            return -1;
        }
    }
    return set;
}

int linux_next_signal(int descriptor) {
    struct signalfd_siginfo information;
    return read(descriptor, &information, sizeof information) == sizeof information ? (int)information.ssi_signo : 0;
}

void linux_reset_signals(void) {
    // The raw call, because glibc's sigaction refuses the two signals it keeps for itself.
    struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } action = {0};
    for (int number = 1; number < 65; number++) syscall(SYS_rt_sigaction, number, &action, NULL, 8);
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}

ssize_t linux_send(int socket, const void *bytes, size_t count, int descriptor) {
    struct iovec part = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

ssize_t linux_receive(int socket, void *bytes, size_t count, int *descriptor) {
    struct iovec part = {bytes, count};
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t received;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    *descriptor = -1;
    if (received >= 0) {
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    }
    return received;
}

int linux_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct { uint64_t flags, mode, resolve; } how = {flags, mode, resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int linux_pipe2(int ends[2], int flags) { return (int)syscall(SYS_pipe2, ends, flags); }

int linux_renameat2(int from, const char *old, int to, const char *new_, unsigned flags) {
    return (int)syscall(SYS_renameat2, from, old, to, new_, flags);
}

int linux_lock_exclusive(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, 37 /* F_OFD_SETLK */, &lock);
}

int linux_lock_exclusive_wait(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, 38 /* F_OFD_SETLKW */, &lock);
}

int linux_lock_shared(int descriptor) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, 37 /* F_OFD_SETLK */, &lock);
}

int linux_sync_file_system(int descriptor) {
    return (int)syscall(SYS_syncfs, descriptor);
}

int linux_memfd_create(const char *name, unsigned flags) {
    return (int)syscall(SYS_memfd_create, name, flags);
}

long linux_getdents64(int directory, void *buffer, size_t size) {
    return syscall(SYS_getdents64, directory, buffer, size);
}

int linux_reserve(int descriptor, off_t size) { return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, size); }

int linux_set_attribute(int descriptor, const char *name, const void *value, size_t size) {
    return fsetxattr(descriptor, name, value, size, 0);
}
ssize_t linux_list_attributes(int descriptor, char *names, size_t size) { return flistxattr(descriptor, names, size); }

int linux_remove_attribute(int descriptor, const char *name) { return fremovexattr(descriptor, name); }

ssize_t linux_get_attribute(int descriptor, const char *name, void *value, size_t size) {
    return fgetxattr(descriptor, name, value, size);
}
int64_t linux_file_system_type(int descriptor) {
    struct statfs status;
    return fstatfs(descriptor, &status) < 0 ? -1 : (int64_t)status.f_type;
}

int linux_clone_file(int source, int target) { return ioctl(target, 0x40049409 /* FICLONE */, source); }

ssize_t linux_copy_file_range(int source, int target, size_t size) {
    return syscall(SYS_copy_file_range, source, NULL, target, NULL, size, 0);
}

int linux_pidfd_open(pid_t process) { return (int)syscall(434 /* pidfd_open */, process, 0); }

int64_t linux_file_system_type_at(const char *path) {
    struct statfs status;
    return statfs(path, &status) < 0 ? -1 : (int64_t)status.f_type;
}

int linux_unshare(int flags) { return unshare(flags); }

int linux_setns(int descriptor, int flags) { return setns(descriptor, flags); }

int linux_pivot_root(const char *root, const char *old) { return (int)syscall(SYS_pivot_root, root, old); }

int linux_open_tree(int directory, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, directory, path, flags);
}

int linux_move_mount(int tree, int directory, const char *path) {
    return (int)syscall(SYS_move_mount, tree, "", directory, path, 4 /* F_EMPTY_PATH */ | (path[0] ? 0 : 0x40));
}

int linux_mount_setattr(int tree, unsigned flags, uint64_t set, uint64_t user_namespace) {
    struct { uint64_t set, clear, propagation, user_namespace; } attributes = {set, 0, 0, user_namespace};
    return (int)syscall(SYS_mount_setattr, tree, "", flags | AT_EMPTY_PATH, &attributes, sizeof attributes);
}

int linux_fsopen(const char *type) { return (int)syscall(SYS_fsopen, type, 1 /* CLOEXEC */); }

int linux_fsconfig_string(int context, const char *key, const char *value) {
    return (int)syscall(SYS_fsconfig, context, 1, key, value, 0);
}

int linux_fsconfig_flag(int context, const char *key) {
    return (int)syscall(SYS_fsconfig, context, 0, key, NULL, 0);
}

int linux_fsconfig_create(int context) { return (int)syscall(SYS_fsconfig, context, 6, NULL, NULL, 0); }

int linux_fsmount(int context, unsigned attributes) {
    return (int)syscall(SYS_fsmount, context, 1 /* CLOEXEC */, attributes);
}

int linux_run_last(void) {
    struct sched_param none = {0};
    sched_setscheduler(0, SCHED_BATCH, &none);
    return setpriority(PRIO_PROCESS, 0, 19);
}

int linux_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)syscall(SYS_close_range, first, last, flags);
}

int linux_execveat(int file, char *const arguments[], char *const environment[]) {
    return (int)syscall(SYS_execveat, file, "", arguments, environment, AT_EMPTY_PATH);
}

int linux_prctl(int option, unsigned long argument) { return prctl(option, argument, 0, 0, 0); }

int linux_clear_ambient_capabilities(void) {
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int linux_setresuid(uid_t id) { return (int)syscall(SYS_setresuid, id, id, id); }

int linux_setresgid(gid_t id) { return (int)syscall(SYS_setresgid, id, id, id); }

int linux_setgroups(size_t count, const gid_t *groups) {
    return (int)syscall(SYS_setgroups, count, groups);
}

int linux_set_limit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {soft, hard};
    return setrlimit(resource, &limit);
}

int linux_get_limit(int resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    int result = getrlimit(resource, &limit);
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return result;
}

int linux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int linux_spawn_change_directory(posix_spawn_file_actions_t *actions, const char *path) {
    return posix_spawn_file_actions_addchdir_np(actions, path);
}

int linux_socket_pair(int ends[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); }

int linux_set_pipe_size(int descriptor, int size) { return fcntl(descriptor, 1031 /* F_SETPIPE_SZ */, size); }

char **linux_environment(void) { return environ; }
