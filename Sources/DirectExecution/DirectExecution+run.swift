// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
public import CommandExecution
internal import Files
internal import Glibc
public import Processes
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
            drain(&stop, sink)
            return stop.reason ?? .stopped
        }
        let status = child.wait()
        drain(&stop, sink)
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
        let path = settings.environment.last { $0.name == "PATH" }?.value ?? "/usr/local/bin:/usr/bin:/bin"
        guard let shell = HostProcess.find(request.shell, searchPath: path), isExecutable(shell) else {
            throw .shellMissing(request.shell)
        }
        let text = ScriptText.text(of: request, stateDirectory: place.state.string)
        do { try state.write(script: text) } catch { throw .scratch(place.state, error) }
        var directory = settings.sources.first?.path ?? settings.directory
        if case .isolated = request.script {} else { directory = usable(current, or: directory, sink) }
        var words = [shell.string, state.script.string]
        var program = shell
        if let user = request.user {
            guard geteuid() == 0 else { throw .userNotOurs }
            place.open(to: user.userIdentifier, group: user.groupIdentifier)
            let groups = user.supplementaryGroups.map(String.init).joined(separator: ",")
            words = ["as", "\(user.userIdentifier)", "\(user.groupIdentifier)", groups] + words
            program = settings.launcher
        } else {
            words.removeFirst()
        }
        // A shell that finds PWD right keeps it, links in the path and all.
        let environment = settings.environment.map { "\($0.name)=\($0.value)" } + ["PWD=\(directory.string)"]
        // The caller's mask is the caller's taste; CodeBuild's builds have this one.
        let mask = umask(0o022)
        defer { umask(mask) }
        do {
            return try ChildProcess.spawn(
                executable: program, arguments: words, environment: environment,
                descriptors: [(outputEnd, 1), (outputEnd, 2)], workingDirectory: directory)
        } catch { throw .notStarted("\(error)") }
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
            let ready = poll(for: timeout, handle: handle, sink)
            if ready.output { receiveOutput(sink) }
            if ready.sink { sink.resume() }
            family.reap(except: child.identifier)
            if ready.handle || handle < 0, child.hasEnded { return true }
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

    /// Reads what the pipe still holds: everything the command itself wrote is in it by now. A process in the background
    /// may write for ever, so no more is read than a pipe can hold.
    private func drain(_ stop: inout StopMachine, _ sink: any OutputSink) {
        var remaining = 1 << 20
        while remaining > 0 {
            if sink.blockedDescriptor != nil {
                // A build that has to end does not wait for whoever does not read.
                if stop.reason != nil { return }
                let ready = poll(for: 100, handle: -1, sink)
                if ready.sink { sink.resume() }
                sink.tick()
                if stop.advance(at: .now(), request: sink.stopRequest) == .kill { return }
                continue
            }
            let count = receiveOutput(sink)
            if count <= 0 { return }
            remaining -= count
        }
    }

    private struct Readiness {
        var output = false
        var sink = false
        var handle = false
    }

    private func poll(for milliseconds: Int32, handle: Int32, _ sink: any OutputSink) -> Readiness {
        let blocked = sink.blockedDescriptor
        let input = Int16(POLLIN)
        var polled = [
            // While the reader of our output is behind, the build's output waits in its pipe.
            pollfd(fd: blocked == nil ? output.rawValue : -1, events: input, revents: 0),
            pollfd(fd: blocked ?? -1, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: handle, events: input, revents: 0),
            pollfd(fd: sink.stopDescriptor ?? -1, events: input, revents: 0),
        ]
        guard Glibc.poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { return Readiness() }
        return Readiness(
            output: polled[0].revents != 0, sink: polled[1].revents != 0, handle: polled[2].revents != 0)
    }

    /// Gives one piece of output to the sink; its size, or 0 or less when there was none.
    @discardableResult
    private func receiveOutput(_ sink: any OutputSink) -> Int {
        let descriptor = output.rawValue
        return buffer.withUnsafeMutableBytes { bytes in
            let count = read(descriptor, bytes.baseAddress, bytes.count)
            if count > 0 { sink.receive(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
            return count
        }
    }
}
