// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc

/// Becomes another user and then another program: `drydock-init as UID GID GROUPS PROGRAM ARGUMENTS…`, with the groups
/// separated by commas. For `run-as` of a build without a sandbox; it gives no privilege that its caller does not have.
enum UserChange {
    static let argument = "as"

    static func main() -> Never {
        let words = CommandLine.arguments
        guard words.count > 5, let user = UInt32(words[2]), let group = UInt32(words[3]) else { complain(EINVAL) }
        let groups = words[4].split(separator: ",").compactMap { UInt32($0) }
        // Groups before the group before the user: each needs the privilege that the next gives away.
        guard linux_setgroups(groups.count, groups) == 0, linux_setresgid(group) == 0, linux_setresuid(user) == 0 else {
            complain(errno)
        }
        signal(SIGPIPE, SIG_DFL)
        signal(SIGXFSZ, SIG_DFL)
        var arguments: [UnsafeMutablePointer<CChar>?] = words[5...].map { strdup($0) } + [nil]
        execv(words[5], &arguments)
        complain(errno)
    }

    private static func complain(_ reason: Int32) -> Never {
        let words = strerror(reason).map { String(cString: $0) } ?? ""
        let line = Array("cannot become the user that `run-as` names: \(words)\n".utf8)
        _ = write(2, line, line.count)
        exit(126)
    }
}
