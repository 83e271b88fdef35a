// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CCurl
import CLinux
import Glibc
import HTTP

/// The program that speaks HTTP for drydock: requests come on standard input, responses go out on standard output, as many
/// at once as there are.
///
/// It keeps secrets for a moment, so it leaves no core behind and lets no other process of the user read its memory. It
/// ends with drydock: when standard input does.
@main
enum DrydockHTTP {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        guard isSocket(STDIN_FILENO) else {
            // Somebody tries what it does.
            let words: StaticString = "drydock-http is started by drydock, and does nothing by itself\n"
            write(STDERR_FILENO, words.utf8Start, words.utf8CodeUnitCount)
            exit(2)
        }
        _ = linux_set_limit(LINUX_RLIMIT_CORE, 0, 0)
        _ = linux_prctl(LINUX_PR_SET_DUMPABLE, 0)
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, var service = Service() else { exit(3) }
        service.serve()
    }

    private static func isSocket(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }
}
