// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// The sandbox's init: sets it up from inside, then lives as long as the build and starts its commands.
enum PidOne {
    /// How the program knows that it runs as pid 1 of a sandbox.
    static let argument = "pid-1"

    /// Runs in the fresh namespaces, until the program is executed again from a read-only view of itself.
    ///
    /// A build can make the kernel execute `/proc/self/exe` (an interpreter line in a script is enough) and then open
    /// that program for writing, which was once the way out of every container runtime (CVE-2019-5736). Through this
    /// view the file cannot be opened for writing, by anyone.
    /// - Parameter program: the view, where the launcher could make it; otherwise it is made here.
    static func becomeInit(program: Int32) -> Never {
        let control = Channel(socket: DrydockInit.control)
        let handover = Channel(socket: DrydockInit.handover)
        // An exec while no id is mapped would drop every capability, so the maps come first.
        guard handover.receive() != nil else { exit(0) }
        do throws(SetUpFailure) {
            // Where setgroups is denied the groups cannot be dropped; they are those of the caller anyway.
            _ = linux_setgroups(0, nil)
            try check(linux_setresgid(0), .becomeRoot)
            try check(linux_setresuid(0), .becomeRoot)
            guard ReadOnlyProgram.isNeeded else {
                try check(linux_close_range(UInt32(DrydockInit.handover) + 1, UInt32.max, 0), .privileges)
                main()
            }
            let program = try ReadOnlyProgram.open(view: program)
            // Cleared by the exec that follows, so that nothing of the launcher's leaks into pid 1.
            try check(
                linux_close_range(UInt32(DrydockInit.handover) + 1, UInt32.max, 4 /* CLOSE_RANGE_CLOEXEC */),
                .privileges)
            var arguments = [strdup("drydock-init"), strdup(argument), nil]
            var environment: [UnsafeMutablePointer<CChar>?] = [nil]
            try check(linux_execveat(program, &arguments, &environment), .readOnlyLauncher)
        } catch {
            control.send(error.reply)
        }
        exit(1)
    }

    static func main() -> Never {
        let control = Channel(socket: DrydockInit.control)
        let handover = Channel(socket: DrydockInit.handover)
        // Commands of the build must not look into this process: its memory holds the plan, and its environment and
        // descriptors are the way to drydock.
        do throws(SetUpFailure) {
            try check(linux_prctl(LINUX_PR_SET_DUMPABLE, 0), .privileges)
            let groundwork = try Groundwork()
            guard let message = handover.receive(), case .setUp(let plan)? = try? LauncherRequest(message.bytes) else {
                // Nobody is there any more, or a step outside failed and was told.
                exit(1)
            }
            let (compromises, places) = try SetUp(plan: plan, handover: handover, groundwork: groundwork).perform()
            let signals = linux_signal_descriptor(0)
            try check(signals, .startCommand)
            control.send(.ready(compromises))
            NameReadAhead.start(plan.readAhead)
            var service = CommandService(plan: plan, control: control, signals: signals, places: places)
            service.serve()
        } catch {
            control.send(error.reply)
            exit(1)
        }
    }
}
