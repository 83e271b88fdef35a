// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import CommandExecution
internal import Glibc
public import Processes
internal import SandboxPlan
internal import SystemPackage

extension Sandbox {
    /// Runs a command to its end, giving its output to `sink` as it comes.
    ///
    /// When the deadline passes, or the sink asks for it, the build's processes get SIGTERM, a grace period and SIGKILL.
    /// Processes that the command left in the background live on.
    public func run(
        _ request: CommandRequest, deadline: MonotonicTime?, sink: any OutputSink
    ) throws(SandboxError) -> CommandOutcome {
        let user = request.user
        let killsBefore = controlGroups.memoryKills
        var carriesState = false
        var observesState = false
        switch request.script {
        case .carryingState: carriesState = true
        case .observing: observesState = true
        case .isolated: break
        }
        let launch = CommandLaunch(
            script: KernelText(ScriptText.text(of: request, stateDirectory: RootFileSystem.stateDirectory)),
            shell: KernelText(request.shell), carriesState: carriesState, observesState: observesState,
            user: user?.userIdentifier ?? 0, group: user?.groupIdentifier ?? 0,
            supplementaryGroups: user?.supplementaryGroups ?? [])
        connection.send(.run(launch))
        var stop = StopMachine(deadline: deadline, grace: timing.grace)
        let status = try wait(&stop, sink: sink)
        if let status {
            try drain(&stop, sink: sink)
            if let reason = stop.reason {
                // The command obeyed; what it left in the background has to go too.
                try quiesce()
                return reason
            }
            let ended = ExitStatus(rawStatus: status)
            if ended != .exited(0), controlGroups.memoryKills > killsBefore {
                let code =
                    switch ended {
                    case .exited(let code): code
                    case .signaled(let signal): 128 + signal
                    }
                return .outOfMemory(limit: controlGroups.enforcedMemoryLimit, status: code)
            }
            return switch ended {
            case .exited(let code): .exited(code)
            case .signaled(let signal): .signaled(signal)
            }
        }
        try drain(&stop, sink: sink)
        return stop.reason ?? .stopped
    }

    /// Waits for the command's status; nil when the build was killed instead.
    private func wait(_ stop: inout StopMachine, sink: any OutputSink) throws(SandboxError) -> Int32? {
        var isQuiescing = false
        while true {
            // Whoever kills the launcher takes away who cleans up; the build must not go on without.
            if connection.hasEnded { throw .launcherDied }
            let ready = poll(for: stop.timeout(at: .now()), sink: sink, includingControl: true)
            if ready.output { receiveOutput(sink) }
            if ready.sink { sink.resume() }
            if ready.control {
                let message = try connection.receive()
                switch message.reply {
                case .ended(let status) where !isQuiescing: return status
                case .quiesced: return nil
                case .notStarted(let step, let errno, let path): throw .setUp(step, Errno(rawValue: errno), path)
                case .finished: throw .launcherDied
                case let reply:
                    if let event = SandboxEvent(reply) { companion?.received(event, from: self) }
                }
            }
            if ready.companion { companion?.attend(self) }
            sink.tick()
            switch stop.advance(at: .now(), request: sink.stopRequest) {
            case .terminate: connection.send(.signal(SIGTERM))
            case .kill where !isQuiescing:
                isQuiescing = true
                connection.send(.quiesce)
            default: break
            }
        }
    }

    /// Reads what the pipe still holds: everything the command itself wrote is in it by now. A process in the background
    /// may write for ever, so no more is read than a pipe can hold.
    private func drain(_ stop: inout StopMachine, sink: any OutputSink) throws(SandboxError) {
        var remaining = 1 << 20
        while remaining > 0 {
            if sink.blockedDescriptor != nil {
                // A build that has to end does not wait for whoever does not read.
                if stop.reason != nil { return }
                let ready = poll(for: 100, sink: sink, includingControl: false)
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
        var control = false
        var output = false
        var sink = false
        var companion = false
    }

    private func poll(for milliseconds: Int32, sink: any OutputSink, includingControl: Bool) -> Readiness {
        if includingControl, connection.hasReply { return Readiness(control: true) }
        let blocked = sink.blockedDescriptor
        let input = Int16(POLLIN)
        var polled = [
            pollfd(fd: includingControl ? connection.socket : -1, events: input, revents: 0),
            // While the reader of our output is behind, the build's output waits in its pipe.
            pollfd(fd: blocked == nil && includingControl ? output.rawValue : -1, events: input, revents: 0),
            pollfd(fd: blocked ?? -1, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: sink.stopDescriptor ?? -1, events: input, revents: 0),
        ]
        let visitors = includingControl ? companion?.descriptors ?? [] : []
        for descriptor in visitors { polled.append(pollfd(fd: descriptor, events: input, revents: 0)) }
        guard Glibc.poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { return Readiness() }
        return Readiness(
            control: polled[0].revents != 0, output: polled[1].revents != 0, sink: polled[2].revents != 0,
            companion: polled[4...].contains { $0.revents != 0 })
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
