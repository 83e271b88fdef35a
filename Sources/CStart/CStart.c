// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

#include "CStart.h"

#include <string.h>
#include <unistd.h>

// Swift's runtime looks for its own path when it is loaded, and aborts where it finds none (BacktraceInitializer in
// stdlib/public/runtime/Backtrace.cpp). Later on drydock itself needs /proc for every build.
static void require_process_files(int count, char **arguments, char **environment) {
    (void)count, (void)arguments, (void)environment;
    char path;
    if (readlink("/proc/self/exe", &path, 1) > 0) return;
    static const char words[] =
        "error: /proc is not mounted, and drydock cannot do without it\n"
        "hint: mount -t proc proc /proc\n";
    ssize_t written = write(2, words, strlen(words));
    (void)written;
    // This machine cannot do it: docs/exit-codes.md.
    _exit(4);
}

// The loader calls these before any library's own initialiser.
__attribute__((section(".preinit_array"), used)) static void (*const before_everything)(int, char **, char **) =
    require_process_files;
