// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors
//
// Linux calls and constants that Swift's Glibc module does not show, or that glibc does not wrap. Rule of admission: a
// few lines each, no policy, nothing printed, nothing that exits; -1 and errno on failure, like libc. Grouped by subject.
// The header itself includes nothing that _GNU_SOURCE changes: Swift's Glibc module was compiled without it, and the
// compiler refuses two definitions of one type.
#ifndef CLINUX_H
#define CLINUX_H

#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// MARK: File

static const uint64_t LINUX_RESOLVE_NO_MAGICLINKS = 0x02;
static const uint64_t LINUX_RESOLVE_NO_SYMLINKS = 0x04;
static const uint64_t LINUX_RESOLVE_BENEATH = 0x08;
static const uint64_t LINUX_RESOLVE_IN_ROOT = 0x10;
static const int32_t LINUX_O_PATH = 010000000;
static const int32_t LINUX_AT_EMPTY_PATH = 0x1000;
static const int32_t LINUX_AT_FDCWD = -100;

// glibc 2.36 has no wrapper.
int linux_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
// The Glibc module hides it behind _GNU_SOURCE.
int linux_pipe2(int ends[2], int flags);
int linux_renameat2(int from, const char *old, int to, const char *new_, unsigned flags);
static const uint32_t LINUX_RENAME_NOREPLACE = 1, LINUX_RENAME_EXCHANGE = 2;
// readdir allocates a stream for each directory and takes the descriptor away; a walk wants neither.
long linux_getdents64(int directory, void *buffer, size_t size);
// Room on the disk for that many bytes of a file, whose size stays.
int linux_reserve(int descriptor, off_t size);
// The Glibc module has neither.
int linux_set_attribute(int descriptor, const char *name, const void *value, size_t size);
ssize_t linux_get_attribute(int descriptor, const char *name, void *value, size_t size);
ssize_t linux_list_attributes(int descriptor, char *names, size_t size);
int linux_remove_attribute(int descriptor, const char *name);
static const int32_t LINUX_SEEK_DATA = 3, LINUX_SEEK_HOLE = 4;
// Open file description locks: held by the descriptor, not by the process, so a child that inherits it keeps the lock.
int linux_lock_exclusive(int descriptor);
int linux_lock_exclusive_wait(int descriptor);
int linux_lock_shared(int descriptor);
// Waits until the disk has all that the file system of the descriptor was given.
int linux_sync_file_system(int descriptor);
int linux_memfd_create(const char *name, unsigned flags);
// The magic number of the file system a descriptor lies on, or -1.
// Shares the content of a file with another on the same file system, or copies it inside the kernel.
int linux_clone_file(int source, int target);
ssize_t linux_copy_file_range(int source, int target, size_t size);
int64_t linux_file_system_type(int descriptor);
int64_t linux_file_system_type_at(const char *path);
static const int64_t LINUX_PROC_SUPER_MAGIC = 0x9fa0;
static const int64_t LINUX_SYSFS_MAGIC = 0x62656572;
static const int64_t LINUX_OVERLAY_MAGIC = 0x794c7630;
static const int64_t LINUX_TMPFS_MAGIC = 0x01021994;

// MARK: Namespaces and mounts

static const uint64_t LINUX_CLONE_NEWNS = 0x00020000, LINUX_CLONE_NEWUSER = 0x10000000,
                      LINUX_CLONE_NEWPID = 0x20000000, LINUX_CLONE_NEWIPC = 0x08000000,
                      LINUX_CLONE_NEWUTS = 0x04000000, LINUX_CLONE_NEWNET = 0x40000000,
                      LINUX_CLONE_NEWCGROUP = 0x02000000;
// fork() with namespaces; glibc's clone() wants a function and a stack. Only for a process with one thread.
pid_t linux_fork_with_namespaces(uint64_t flags);
int linux_unshare(int flags);
int linux_setns(int descriptor, int flags);
int linux_pivot_root(const char *root, const char *old);

static const uint32_t LINUX_OPEN_TREE_CLONE = 1, LINUX_OPEN_TREE_CLOEXEC = 02000000, LINUX_AT_RECURSIVE = 0x8000;
int linux_open_tree(int directory, const char *path, unsigned flags);
int linux_move_mount(int tree, int directory, const char *path);
static const uint64_t LINUX_MOUNT_ATTR_RDONLY = 1, LINUX_MOUNT_ATTR_NOSUID = 2, LINUX_MOUNT_ATTR_NODEV = 4,
                      LINUX_MOUNT_ATTR_NOEXEC = 8, LINUX_MOUNT_ATTR_IDMAP = 0x100000;
int linux_mount_setattr(int tree, unsigned flags, uint64_t set, uint64_t user_namespace);
int linux_fsopen(const char *type);
int linux_fsconfig_string(int context, const char *key, const char *value);
int linux_fsconfig_flag(int context, const char *key);
int linux_fsconfig_create(int context);
int linux_fsmount(int context, unsigned attributes);
// A new network namespace has its loopback interface down.
int linux_bring_loopback_up(void);

// MARK: Process

// Gives the caller next to nothing of a processor that others want (sched(7), SCHED_BATCH and nice 19). Not SCHED_IDLE: who
// gets nothing at all holds up whoever waits for a lock that it has in the kernel.
int linux_run_last(void);
int linux_close_range(unsigned first, unsigned last, unsigned flags);
int linux_execveat(int file, char *const arguments[], char *const environment[]);
// Variadic functions are not imported into Swift.
int linux_prctl(int option, unsigned long argument);
int linux_clear_ambient_capabilities(void);
// Readable once the process has ended; -1 where a filter does not know the call.
int linux_pidfd_open(pid_t process);
static const int32_t LINUX_PR_SET_CHILD_SUBREAPER = 36;
static const int32_t LINUX_PR_SET_DUMPABLE = 4, LINUX_PR_CAPBSET_DROP = 24,
                     LINUX_PR_SET_NO_NEW_PRIVS = 38;
// Sets permitted and effective to `keep`, inheritable to none.
int linux_set_capabilities(uint64_t keep);
// What the process may do now; 0 where the kernel does not say.
uint64_t linux_effective_capabilities(void);
// Whether this process and its children may gain privileges by executing a set-uid program at all.
int linux_may_gain_privileges(uint64_t capabilities);
// setresuid through glibc signals every thread first; the raw call is the same for one thread and cheaper.
int linux_setresuid(uid_t id);
int linux_setresgid(gid_t id);
int linux_setgroups(size_t count, const gid_t *groups);
// The resource argument's enumeration is not importable.
int linux_set_limit(int resource, uint64_t soft, uint64_t hard);
int linux_get_limit(int resource, uint64_t *soft, uint64_t *hard);
static const int32_t LINUX_RLIMIT_NOFILE = 7, LINUX_RLIMIT_CORE = 4, LINUX_RLIMIT_NPROC = 6;
// Processors that the calling thread may use; -1 where there are more than glibc's set holds.
int linux_processor_count(void);
static const int16_t LINUX_POSIX_SPAWN_SETSID = 0x80;
int linux_spawn_close_from(posix_spawn_file_actions_t *actions, int first);
int linux_spawn_change_directory(posix_spawn_file_actions_t *actions, const char *path);
// Ends the process by a signal, so that its parent sees which. Here because sigset_t has no one home for Swift.
void linux_die_of_signal(int number);
// A descriptor that reads signals (all of them, or those of the mask), which are blocked first.
int linux_signal_descriptor(uint64_t mask);
void linux_unblock_signals(uint64_t mask);
// The next pending signal of a signal descriptor, 0 when there is none.
int linux_next_signal(int descriptor);
// One descriptor that is readable when any of several is.
int linux_wait_set(const int *descriptors, int count);
// Every signal at its default action, none blocked: what a command expects to start with.
void linux_reset_signals(void);

// MARK: Seccomp

// Installs the default filter (what it refuses: docs/threat-model.md). -1 and errno when the kernel has no filters.
int linux_install_seccomp_filter(void);

// MARK: Socket

// One descriptor, or none (-1), travels with the bytes.
ssize_t linux_send(int socket, const void *bytes, size_t count, int descriptor);
ssize_t linux_receive(int socket, void *bytes, size_t count, int *descriptor);
int linux_socket_pair(int ends[2]);
int linux_set_pipe_size(int descriptor, int size);
// A listening Unix socket that only its owner may connect to; non-blocking. Socket addresses are not to be had in Swift
// without unsafe casts.
int linux_listen(const char *path);
int linux_connect(const char *path);
int linux_accept(int descriptor);
// The user at the other end of a Unix socket, or -1.
int64_t linux_peer_user(int descriptor);

// MARK: Terminal

// A new terminal of the devpts at /dev/pts: its master and its slave side.
int linux_open_terminal(int ends[2], uint16_t rows, uint16_t columns);
// Makes a terminal the controlling one of the caller's session, which it leads.
int linux_take_terminal(int terminal);
int linux_set_window_size(int terminal, uint16_t rows, uint16_t columns);

// environ(7); Swift sees the variable as mutable state that it will not share.
char **linux_environment(void);

#endif
