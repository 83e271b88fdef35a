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
            pipe.drain(&stop, sink: sink)
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
        pipe.drain(&stop, sink: sink)
        return stop.reason ?? .stopped
    }

    /// Waits for the command's status; nil when the build was killed instead.
    private func wait(_ stop: inout StopMachine, sink: any OutputSink) throws(SandboxError) -> Int32? {
        var isQuiescing = false
        while true {
            // Whoever kills the launcher takes away who cleans up; the build must not go on without.
            if connection.hasEnded { throw .launcherDied }
            let ready = poll(for: stop.timeout(at: .now()), sink: sink)
            if ready.output { pipe.receive(sink) }
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

    private struct Readiness {
        var control = false
        var output = false
        var sink = false
        var companion = false
    }

    private func poll(for milliseconds: Int32, sink: any OutputSink) -> Readiness {
        if connection.hasReply { return Readiness(control: true) }
        let ready = pipe.poll(
            for: milliseconds, sink: sink, others: [connection.socket] + (companion?.descriptors ?? []))
        return Readiness(
            control: ready.others.contains(0), output: ready.output, sink: ready.sink,
            companion: ready.others.contains { $0 > 0 })
    }
}
