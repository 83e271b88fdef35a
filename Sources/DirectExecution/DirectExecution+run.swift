// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
public import CommandExecution
internal import Files
internal import Glibc
public import Processes
internal import Secrets
internal import SystemPackage

extension DirectExecution {
    /// Runs a command to its end, giving its output to `sink` as it comes.
    ///
    /// When the deadline passes, or the sink asks for it, the build's processes get SIGTERM, a grace period and SIGKILL.
    /// Processes that the command left in the background live on.
    public func run(
        _ request: CommandRequest, deadline: MonotonicTime?, sink: any OutputSink
    ) throws(DirectExecutionError) -> CommandOutcome {
        let state = ShellState(directory: place.state)
        let child = try start(request, state, sink)
        var stop = StopMachine(deadline: deadline, grace: timing.grace)
        guard try wait(for: child, &stop, sink) else {
            pipe.drain(&stop, sink: sink)
            return stop.reason ?? .stopped
        }
        let status = child.wait()
        pipe.drain(&stop, sink: sink)
        if let reason = stop.reason {
            // The command obeyed; what it left in the background has to go too.
            try quiesce()
            return reason
        }
        if case .carryingState = request.script, let next = state.commit() { current = next }
        return switch status {
        case .exited(let code): .exited(code)
        case .signaled(let signal): .signaled(signal)
        }
    }

    // MARK: Starting

    private func start(
        _ request: CommandRequest, _ state: ShellState, _ sink: any OutputSink
    ) throws(DirectExecutionError) -> ChildProcess {
        let path = settings.environment.last { $0.name == "PATH" }?.value.exposed() ?? "/usr/local/bin:/usr/bin:/bin"
        guard let shell = HostProcess.find(request.shell, searchPath: path), isExecutable(shell) else {
            throw .shellMissing(request.shell)
        }
        let text = ScriptText.text(of: request, stateDirectory: place.state.string)
        do { try state.write(script: text) } catch { throw .stateNotWritten(place.state, error) }
        var directory = settings.sources.first?.path ?? settings.directory
        if case .isolated = request.script {
        } else {
            let first = directory
            directory = usable(current, or: first, sink)
            // The variables that are carried name the directory too.
            if directory != current {
                do { try state.move(to: directory) } catch { throw .scratch(place.state, error) }
            }
        }
        var words = [shell.string, state.script.string]
        var program = shell
        if let user = request.user {
            guard geteuid() == 0 else { throw .userNotOurs }
            try place.open(to: user)
            let groups = user.supplementaryGroups.map(String.init).joined(separator: ",")
            words = ["as", "\(user.userIdentifier)", "\(user.groupIdentifier)", groups] + words
            program = settings.launcher
        } else {
            words.removeFirst()
        }
        // A shell that finds PWD right keeps it, links in the path and all.
        let environment = settings.environment.map(findable) + ["PWD=\(directory.string)"]
        // The caller's mask is the caller's taste; CodeBuild's builds have this one.
        let mask = umask(0o022)
        defer { umask(mask) }
        do {
            return try ChildProcess.spawn(
                executable: program, arguments: words, environment: environment,
                descriptors: [(outputEnd, 1), (outputEnd, 2)], workingDirectory: directory)
        } catch { throw .notStarted("\(error)") }
    }

    /// A variable as the shell gets it: PATH ends with the programs that CodeBuild has there.
    private func findable(_ variable: (name: String, value: VariableValue)) -> String {
        let text = variable.value.exposed()
        let value = variable.name == "PATH" ? "\(text):\(place.programs.string)" : text
        return "\(variable.name)=\(value)"
    }

    private func isExecutable(_ path: FilePath) -> Bool { path.withPlatformString { access($0, X_OK) } == 0 }

    /// The directory that the last command left, or where it is gone the first, with a shell's words about it.
    private func usable(_ wanted: FilePath, or first: FilePath, _ sink: any OutputSink) -> FilePath {
        if isExecutable(wanted) { return wanted }
        let reason = Errno(rawValue: errno)
        let line = "\(place.state.appending("script.sh")): line 1: cd: \(wanted.displayed): \(reason)\n"
        Array(line.utf8).withUnsafeBytes { sink.receive($0) }
        return first
    }

    // MARK: Waiting

    /// Waits for the command's end; false when the build was killed instead.
    private func wait(
        for child: ChildProcess, _ stop: inout StopMachine, _ sink: any OutputSink
    ) throws(DirectExecutionError) -> Bool {
        let handle = linux_pidfd_open(child.identifier)
        defer { if handle >= 0 { Glibc.close(handle) } }
        while true {
            var timeout = stop.timeout(at: .now())
            // Where a filter does not know the call, the end is looked for often.
            if handle < 0 { timeout = min(timeout, 10) }
            let ready = pipe.poll(for: timeout, sink: sink, others: [handle])
            if ready.output { pipe.receive(sink) }
            if ready.sink { sink.resume() }
            family.reap(except: child.identifier)
            if !ready.others.isEmpty || handle < 0, child.hasEnded { return true }
            sink.tick()
            switch stop.advance(at: .now(), request: sink.stopRequest) {
            case .terminate: family.signal(SIGTERM)
            case .kill:
                try quiesce()
                return false
            case .none: break
            }
        }
    }
}
