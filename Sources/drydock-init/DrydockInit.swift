// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
import SandboxPlan

/// The program that becomes a build's sandbox: synchronous, one thread, no Foundation, nothing printed.
///
/// It runs as two processes. The *launcher*, started by drydock outside, creates the namespaces, maps the ids, waits, and
/// removes what is left. *Pid 1*, inside, mounts, drops every privilege a build must not have, and starts the commands.
/// drydock is talked to through descriptor 3 alone; when its other end closes, everything ends.
@main
enum DrydockInit {
    /// Descriptors as drydock and the launcher hand them on.
    static let control: Int32 = 3
    /// Where commands write; nobody here reads or writes it.
    static let output: Int32 = 4
    /// Between the launcher and pid 1: the plan at the beginning, what is to become of the build's files at the end.
    static let handover: Int32 = 5

    /// Tells drydock something during the set-up.
    static func tell(_ reply: LauncherReply) { Channel(socket: control).send(reply) }

    static func main() {
        // A reader that went away is an error to handle where it is written to, never a silent death.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        if CommandLine.argc > 1, CommandLine.arguments[1] == UserChange.argument { UserChange.main() }
        guard isSocket(control) else {
            // Somebody tries what it does. Reading from whatever descriptor 3 is would wait for ever.
            let words: StaticString = "drydock-init is started by drydock, and does nothing by itself\n"
            write(2, words.utf8Start, words.utf8CodeUnitCount)
            exit(2)
        }
        if CommandLine.argc == 2, CommandLine.arguments[1] == PidOne.argument {
            PidOne.main()
        } else {
            Launcher.main()
        }
    }

    /// Whether whoever is at the other end is gone, or has hung up: nobody wants what is still being copied. That is drydock, and
    /// while a build's state is put aside the launcher. Asking to end is not enough, because that comes after it.
    static var isAbandoned: Bool {
        var polled = pollfd(fd: control, events: 0, revents: 0)
        return poll(&polled, 1, 0) > 0 && polled.revents & Int16(POLLHUP) != 0
    }

    private static func isSocket(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }
}

/// A step of the set-up failed, and what the kernel said of which path.
struct SetUpFailure: Error {
    var step: SetUpStep
    var errno: Int32
    var path: KernelText

    init(_ step: SetUpStep, errno: Int32, path: KernelText = "") {
        self.step = step
        self.errno = errno
        self.path = path
    }

    var reply: LauncherReply { .failed(step: step, errno: errno, path: path) }
}

/// Turns a call's -1 into a failure of `step`; `errno` is read before anything else can change it.
@discardableResult
func check<Number: SignedInteger>(
    _ result: Number, _ step: SetUpStep, _ path: KernelText = ""
) throws(SetUpFailure) -> Number {
    if result < 0 {
        let saved = errno
        throw SetUpFailure(step, errno: saved, path: path)
    }
    return result
}
