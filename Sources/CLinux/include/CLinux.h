// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors
//
// Linux calls and constants that Swift's Glibc module does not show, or that glibc does not wrap. Rule of admission: a
// line each, no policy, nothing printed, nothing that exits; -1 and errno on failure, like libc. Grouped by subject.
#ifndef CLINUX_H
#define CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// MARK: File

struct linux_open_how { uint64_t flags, mode, resolve; };
static const uint64_t LINUX_RESOLVE_NO_XDEV = 0x01;
static const uint64_t LINUX_RESOLVE_NO_MAGICLINKS = 0x02;
static const uint64_t LINUX_RESOLVE_NO_SYMLINKS = 0x04;
static const uint64_t LINUX_RESOLVE_BENEATH = 0x08;
static const uint64_t LINUX_RESOLVE_IN_ROOT = 0x10;
static const int32_t LINUX_O_PATH = 010000000;
static const int32_t LINUX_AT_EMPTY_PATH = 0x1000;
static const int32_t LINUX_AT_FDCWD = -100;

// glibc 2.36 has no wrapper.
static inline int linux_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct linux_open_how how = {flags, mode, resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}
// The Glibc module hides it behind _GNU_SOURCE.
static inline int linux_pipe2(int ends[2], int flags) { return (int)syscall(SYS_pipe2, ends, flags); }
static inline int linux_renameat2(int from, const char *old, int to, const char *new_, unsigned flags) {
    return (int)syscall(SYS_renameat2, from, old, to, new_, flags);
}
static const uint32_t LINUX_RENAME_NOREPLACE = 1;
// Open file description locks: held by the descriptor, not by the process, so a child that inherits it keeps the lock.
static inline int linux_lock_exclusive(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, 37 /* F_OFD_SETLK */, &lock);
}
static inline int linux_lock_exclusive_wait(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, 38 /* F_OFD_SETLKW */, &lock);
}
static inline int linux_memfd_create(const char *name, unsigned flags) {
    return (int)syscall(SYS_memfd_create, name, flags);
}

#endif
