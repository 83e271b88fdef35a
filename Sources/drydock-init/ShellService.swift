// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Shells for people, beside the build's command: each leads a session of its own, on a terminal that belongs to the
/// sandbox. The caller's terminal never comes in here, so nothing inside can type on it.
struct ShellService {
    let plan: SandboxPlan
    let control: Channel
    private var shells: [UInt32: CommandService.Running] = [:]
    private var lent: [Int32] = []

    init(plan: SandboxPlan, control: Channel) {
        self.plan = plan
        self.control = control
    }

    mutating func lend(_ descriptor: Int32) {
        guard descriptor >= 0 else { return }
        lent.append(descriptor)
    }

    mutating func start(_ launch: ShellLaunch, directory: KernelText) {
        let descriptors = lent
        lent = []
        defer { for descriptor in descriptors { close(descriptor) } }
        do throws(SetUpFailure) {
            var command = launch.command
            command.shell = firstShell(launch.shells) ?? command.shell
            var start = CommandStart(
                plan: plan, launch: command, directory: directory, scriptName: "shell-\(launch.number).sh")
            if launch.isInteractive { Self.prepareInteractive(&start) }
            if let terminal = launch.terminal {
                try startOnTerminal(start, terminal, number: launch.number)
            } else {
                guard descriptors.count == 3 else { throw SetUpFailure(.protocolMismatch, errno: 0) }
                start.streams = .descriptors(descriptors)
                shells[launch.number] = try start.perform()
                control.send(.shellStarted(number: launch.number))
            }
        } catch {
            control.send(
                .shellNotStarted(number: launch.number, step: error.step, errno: error.errno, path: error.path))
        }
    }

    private mutating func startOnTerminal(
        _ start: CommandStart, _ terminal: ShellLaunch.Terminal, number: UInt32
    ) throws(SetUpFailure) {
        var start = start
        var ends: [Int32] = [-1, -1]
        try check(linux_open_terminal(&ends, terminal.rows, terminal.columns), .openTerminal, "/dev/pts/ptmx")
        defer { for end in ends { close(end) } }
        // Programs open their terminal anew by its name.
        if start.launch.user != 0 { try check(fchown(ends[1], start.launch.user, UInt32.max), .openTerminal) }
        start.streams = .terminal(ends[1])
        shells[number] = try start.perform()
        control.send(.shellStarted(number: number), descriptor: ends[0])
    }

    /// An interactive shell reads a file of settings first: bash one that an option names, every other that of `ENV`
    /// (POSIX.1-2017, sh, "ENVIRONMENT VARIABLES").
    private static func prepareInteractive(_ start: inout CommandStart) {
        let name = start.launch.shell.bytes.split(separator: UInt8(ascii: "/")).last.map(Array.init) ?? []
        if name == Array("bash".utf8) {
            start.options = ["--rcfile", start.script, "-i"]
        } else {
            start.options = ["-i"]
            start.extraEnvironment = [KernelText(Array("ENV=".utf8) + start.script.bytes)]
        }
        start.namesScript = false
    }

    private func firstShell(_ shells: [KernelText]) -> KernelText? {
        shells.first { shell in
            var launch = CommandLaunch(script: "", shell: shell, carriesState: false, observesState: true)
            launch.shell = shell
            return CommandStart(plan: plan, launch: launch, directory: "/").canFindShell
        }
    }

    func signal(_ number: UInt32, _ signal: Int32) {
        guard let shell = shells[number] else { return }
        kill(-shell.process, signal)
    }

    /// Tells drydock when the process was a shell; gives the directory that it left for the build's next command, if any.
    mutating func ended(_ process: pid_t, status: Int32) -> KernelText? {
        guard let (number, shell) = shells.first(where: { $0.value.process == process }) else { return nil }
        shells[number] = nil
        _ = (plan.stateDirectory + "/shell-\(number).sh").withCString { unlink($0) }
        if let failure = shell.takeFailure() {
            control.send(
                .shellNotStarted(number: number, step: failure.step, errno: failure.errno, path: failure.path))
            return nil
        }
        let directory = shell.launch.carriesState ? ShellState(plan.stateDirectory).commit() : nil
        control.send(.shellEnded(number: number, status: status))
        return directory
    }

    /// Every process was killed and taken.
    mutating func allEnded() {
        for (number, shell) in shells {
            close(shell.failure)
            control.send(.shellEnded(number: number, status: SIGKILL))
        }
        shells = [:]
    }
}
