// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan
import Wire

/// Starts one command: its text as a script file, its shell in a session of its own.
struct CommandStart {
    let plan: SandboxPlan
    let launch: CommandLaunch
    let directory: KernelText
    var scriptName = "script.sh"
    var streams = Streams.build
    var extraEnvironment: [KernelText] = []
    /// Between the shell's name and the script's; without the script's where nil.
    var options: [KernelText] = []
    var namesScript = true

    /// What a command's standard descriptors are.
    enum Streams {
        /// Nothing to read, and the build's output.
        case build
        /// Input, output and error.
        case descriptors([Int32])
        /// A terminal's slave side, which becomes the session's.
        case terminal(Int32)
    }

    /// A command of the build; otherwise a person's shell.
    private var isOfBuild: Bool { scriptName == "script.sh" }
    var script: KernelText { plan.stateDirectory + "/" + scriptName }

    func perform() throws(SetUpFailure) -> CommandService.Running {
        // Only the build's own commands and a shell that is to leave its state are the ones that may save it.
        if launch.carriesState || isOfBuild { ShellState(plan.stateDirectory).discard() }
        let place = place()
        // The variables that are carried name the directory too.
        if place.lost != 0 { ShellState(plan.stateDirectory).move(to: place.directory) }
        // A new file each time: a shell left in the background may still be reading the last one.
        try MountPoint.write(script, launch.script, mode: 0o644)
        let shell = try findShell()
        var ends: [Int32] = [-1, -1]
        try check(linux_pipe2(&ends, O_CLOEXEC), .startCommand)
        let environment = environmentPointers(place.directory)
        let words = [launch.shell] + options + (namesScript ? [script] : [])
        let arguments = words.map { $0.withCString { strdup($0) } } + [nil]
        defer {
            for pointer in environment + arguments { free(pointer) }
            close(ends[1])
        }
        let child = fork()
        if child == 0 {
            let failure = enterCommand(
                place, shell: shell, arguments: arguments, environment: environment, report: &ends[1])
            var report = WireEncoder()
            report.append(failure.step.rawValue)
            report.append(failure.errno)
            _ = write(ends[1], report.bytes, report.bytes.count)
            _exit(127)
        }
        if child < 0 {
            let failure = SetUpFailure(.startCommand, errno: errno)
            close(ends[0])
            throw failure
        }
        return CommandService.Running(process: child, failure: ends[0], launch: launch)
    }

    /// Everything between fork and exec; gives only what went wrong.
    /// - Parameter report: where that is written to; moved on the way.
    private func enterCommand(
        _ place: Place, shell: KernelText, arguments: [UnsafeMutablePointer<CChar>?],
        environment: [UnsafeMutablePointer<CChar>?], report: inout Int32
    ) -> SetUpFailure {
        do throws(SetUpFailure) {
            setsid()
            try connectStreams()
            // The way to report a failure stays open until the exec closes it, as the first after the standard ones.
            if report != 3 { report = try check(dup2(report, 3), .startCommand) }
            try check(fcntl(report, F_SETFD, FD_CLOEXEC), .startCommand)
            try check(linux_close_range(4, UInt32.max, 0), .startCommand)
            if place.lost != 0 { complain(directory, place.lost) }
            try check(place.directory.withCString { chdir($0) }, .changeDirectory, place.directory)
            if launch.user != 0 || launch.group != 0 || !launch.supplementaryGroups.isEmpty {
                // Groups before the group before the user: each needs the privilege that the next gives away.
                try check(linux_setgroups(launch.supplementaryGroups.count, launch.supplementaryGroups), .changeUser)
                try check(linux_setresgid(launch.group), .changeUser)
                try check(linux_setresuid(launch.user), .changeUser)
            }
            linux_reset_signals()
            var arguments = arguments
            var environment = environment
            shell.withCString { _ = execve($0, &arguments, &environment) }
            return SetUpFailure(.execute, errno: errno, path: shell)
        } catch {
            return error
        }
    }

    private func connectStreams() throws(SetUpFailure) {
        switch streams {
        case .build:
            let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
            // Standard input is at its end from the start: a command that reads it must not wait for ever.
            if null >= 0 { dup2(null, 0) }
            dup2(DrydockInit.output, 1)
            dup2(DrydockInit.output, 2)
        case .descriptors(let descriptors):
            for (number, descriptor) in descriptors.prefix(3).enumerated() {
                try check(dup2(descriptor, Int32(number)), .startCommand)
            }
        case .terminal(let terminal):
            try check(linux_take_terminal(terminal), .openTerminal)
            for number in Int32(0)...2 { try check(dup2(terminal, number), .openTerminal) }
        }
    }

    /// Where the command begins, and why that is not where the one before ended: an errno, or 0.
    private typealias Place = (directory: KernelText, lost: Int32)

    private func place() -> Place {
        let handle = directory.withCString { open($0, LINUX_O_PATH | O_DIRECTORY | O_CLOEXEC) }
        guard handle < 0, directory != plan.workingDirectory else {
            close(handle)
            return (directory, 0)
        }
        return (plan.workingDirectory, errno)
    }

    /// What a shell says when `cd` fails; the command then runs all the same, as it does in CodeBuild, whose wrapper has
    /// the `cd` in its first line.
    private func complain(_ path: KernelText, _ error: Int32) {
        let reason = strerror(error).map { String(cString: $0) } ?? ""
        let line = (isOfBuild ? script + ": line 1: " : "") + "cd: " + path.description + ": \(reason)\n"
        _ = write(2, line.bytes, line.bytes.count)
    }

    private func findShell() throws(SetUpFailure) -> KernelText {
        if launch.shell.bytes.contains(UInt8(ascii: "/")) {
            try check(launch.shell.withCString { access($0, X_OK) }, .findShell, launch.shell)
            return launch.shell
        }
        let prefix = Array("PATH=".utf8)
        let path = plan.environment.first { $0.bytes.starts(with: prefix) }?.bytes.dropFirst(prefix.count) ?? []
        for directory in path.split(separator: UInt8(ascii: ":")) + [Array("/bin".utf8)[...]] {
            let candidate = KernelText(Array(directory) + [UInt8(ascii: "/")] + launch.shell.bytes)
            if candidate.withCString({ access($0, X_OK) }) == 0 { return candidate }
        }
        throw SetUpFailure(.findShell, errno: ENOENT, path: launch.shell)
    }

    var canFindShell: Bool { (try? findShell()) != nil }

    private func environmentPointers(_ directory: KernelText) -> [UnsafeMutablePointer<CChar>?] {
        // A shell that finds PWD right keeps it, links in the path and all.
        let variables =
            plan.environment + extraEnvironment + [KernelText(Array("PWD=".utf8) + directory.bytes)]
        return variables.map { $0.withCString { strdup($0) } } + [nil]
    }
}
