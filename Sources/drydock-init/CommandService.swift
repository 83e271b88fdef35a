// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan
import Wire

/// Pid 1's life after the set-up: starts commands, reaps everything, and answers drydock until it is gone.
struct CommandService {
    let plan: SandboxPlan
    let control: Channel
    let signals: Int32
    /// Where the next command starts; the last one may have left another.
    private var directory: KernelText
    private var current: Running?
    private var shells: ShellService
    private var breakpoints: BreakpointService?
    private let places: BuildPlaces
    private var keeps = false

    init(plan: SandboxPlan, control: Channel, signals: Int32, places: BuildPlaces) {
        self.plan = plan
        self.control = control
        self.signals = signals
        self.places = places
        directory = plan.reopening?.directory ?? plan.workingDirectory
        shells = ShellService(plan: plan, control: control)
    }

    struct Running {
        var process: pid_t
        /// Closed by a successful exec; otherwise tells which step failed.
        var failure: Int32
        var launch: CommandLaunch

        /// Why it never ran, once it has ended; nil when it did run.
        func takeFailure() -> SetUpFailure? {
            defer { close(failure) }
            var report = [UInt8](repeating: 0, count: 5)
            guard read(failure, &report, 5) == 5 else { return nil }
            var decoder = WireDecoder(report)
            let step = (try? decoder.number(UInt8.self)).flatMap(SetUpStep.init) ?? .execute
            let saved = (try? decoder.number(Int32.self)) ?? 0
            // Only these two are about the shell.
            let path = step == .execute || step == .findShell ? launch.shell : ""
            return SetUpFailure(step, errno: saved, path: path)
        }
    }

    mutating func serve() -> Never {
        while true {
            var polled = [
                pollfd(fd: control.socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
                pollfd(fd: breakpoints?.requests ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&polled, 3, -1) < 0 { continue }
            if polled[1].revents != 0 {
                // Other signals mean nothing to pid 1; they are read so that they do not wake us again.
                while linux_next_signal(signals) != 0 {}
                reap()
            }
            if polled[0].revents != 0 {
                guard let message = control.receive(), let request = try? LauncherRequest(message.bytes) else { end() }
                perform(request, message)
            }
            if polled[2].revents != 0 { breakpoints?.receive() }
        }
    }

    /// The end of drydock, or of its requests, is the end of everything in here. It is told when no process is left but this
    /// one: drydock need not wait for the kernel to take down four score mounts.
    private func end() -> Never {
        kill(-1, SIGKILL)
        while waitpid(-1, nil, 0) > 0 || errno == EINTR {}
        control.send(.finished(status: 0, errno: 0, path: ""))
        guard keeps else { exit(0) }
        // Nobody waits for this, so that the end of a failed build takes no longer for it. What it copies to is the launcher's,
        // whose end makes it vain (`DrydockInit.isAbandoned`).
        dup2(DrydockInit.handover, control.socket)
        exit(Parking(plan: plan, places: places).perform() == 0 ? 0 : 1)
    }

    private mutating func perform(_ request: LauncherRequest, _ message: Channel.Message) {
        switch request {
        case .run(let launch): start(launch)
        case .signal(let number):
            kill(-1, number)
            // A stopped process gets no signal but this one and SIGKILL.
            kill(-1, SIGCONT)
        case .quiesce:
            quiesce()
            control.send(.quiesced)
        case .mark(let name): ShellState(plan.stateDirectory).mark(name, directory)
        case .keep:
            quiesce()
            let refusal = Parking(plan: plan, places: places).refusal
            let launcher = Channel(socket: DrydockInit.handover)
            if refusal == 0 { keeps = launcher.send(message.bytes, descriptor: message.descriptor) }
            if message.descriptor >= 0 { close(message.descriptor) }
            control.send(.keeping(errno: refusal))
        case .hold:
            Channel(socket: DrydockInit.handover).send(message.bytes, descriptor: message.descriptor)
            if message.descriptor >= 0 { close(message.descriptor) }
        case .drop, .publish: Channel(socket: DrydockInit.handover).send(message.bytes)
        case .gather(let paths):
            control.send(Gathering(places: places).perform(paths))
        case .open(let path, let directory): open(path, directory)
        case .lend: shells.lend(message.descriptor)
        case .openShell(let launch): shells.start(launch, directory: directory)
        case .signalShell(let number, let signal): shells.signal(number, signal)
        case .watchBreakpoints:
            // One that cannot be made is one that nobody pauses at; the build goes on.
            if breakpoints == nil { breakpoints = BreakpointService(plan: plan, control: control) }
        case .resume: breakpoints?.resume()
        case .enter, .setUp, .remove, .measure, .merge: exit(1)
        }
    }

    private mutating func quiesce() {
        kill(-1, SIGKILL)
        while waitpid(-1, nil, 0) > 0 || errno == EINTR {}
        current = nil
        shells.allEnded()
        breakpoints?.forget()
    }

    private mutating func start(_ launch: CommandLaunch) {
        do throws(SetUpFailure) {
            let start = launch.carriesState || launch.observesState ? directory : plan.workingDirectory
            current = try CommandStart(plan: plan, launch: launch, directory: start).perform()
        } catch {
            control.send(.notStarted(step: error.step, errno: error.errno, path: error.path))
        }
    }

    /// Takes every dead process, its own and the orphans that fell to it; tells drydock when the command is among them.
    private mutating func reap() {
        var status: Int32 = 0
        while true {
            let process = waitpid(-1, &status, WNOHANG)
            if process <= 0 { return }
            if let left = shells.ended(process, status: status) { directory = left }
            guard let running = current, running.process == process else { continue }
            current = nil
            finish(running, status: status)
        }
    }

    private mutating func finish(_ running: Running, status: Int32) {
        if let failure = running.takeFailure() {
            control.send(.notStarted(step: failure.step, errno: failure.errno, path: failure.path))
            return
        }
        if running.launch.carriesState, let next = ShellState(plan.stateDirectory).commit() { directory = next }
        control.send(.ended(status: status))
    }

    private func open(_ path: KernelText, _ isDirectory: Bool) {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | (isDirectory ? O_DIRECTORY : 0)
        let file = path.withCString {
            linux_openat2(LINUX_AT_FDCWD, $0, UInt64(flags), 0, LINUX_RESOLVE_NO_MAGICLINKS)
        }
        let saved = file < 0 ? errno : 0
        control.send(.opened(errno: saved), descriptor: file)
        if file >= 0 { close(file) }
    }
}
