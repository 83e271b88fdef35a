// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import Console
internal import Glibc
internal import Sandbox
internal import SystemPackage

/// A shell that runs somewhere, as whoever talks to it needs it.
protocol RemoteShell: AnyObject {
    /// Readable when `ending()` may know more.
    var descriptor: Int32 { get }
    /// How the shell ended; nil while it runs. Never waits.
    func ending() throws -> ShellEnding?
}

/// How a shell ended.
enum ShellEnding: Equatable {
    case exited(Int)
    case signaled(Int)
    /// The sandbox is gone, and the shell with it.
    case buildEnded
    /// A signal to drydock, or its terminal is gone.
    case interrupted(ExitMeaning)

    /// What drydock's exit code says about it.
    var meaning: ExitMeaning {
        switch self {
        case .exited(let status): .command(status: Int32(status))
        case .signaled(let signal): .command(status: 128 + Int32(signal))
        case .buildEnded: .command(status: 128 + SIGHUP)
        case .interrupted(let meaning): meaning
        }
    }
}

/// Carries bytes between the caller and a shell, in one poll(2) loop, until the shell ends or the caller is told to.
struct ShellRelay {
    let terminal: Terminal
    let stop: StopSignals
    let shell: any RemoteShell

    /// Talks to a shell on a terminal of its own.
    /// - Parameter master: closed at the end.
    func run(on master: FileDescriptor, _ caller: CallerTerminal) throws -> ShellEnding {
        defer { try? master.close() }
        var input = ByteQueue()
        var master: Int32? = master.rawValue
        if let master { _ = fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) }
        var size = caller.size
        caller.makeRaw()
        var wasCutOff = true
        defer { caller.restore(wasCutOff: wasCutOff) }
        while true {
            if let ending = try shell.ending() {
                if let master { while copy(from: master, { caller.show($0) }) > 0 {} }
                terminal.output.finish { stop.request != nil }
                if case .exited = ending { wasCutOff = false }
                return ending
            }
            let blocked = terminal.output.blockedDescriptor
            var polled = Polled()
            let keys = polled.add(input.isEmpty ? 0 : nil)
            let screen = polled.add(blocked == nil ? master : nil, alsoWriting: !input.isEmpty)
            let ended = polled.add(shell.descriptor)
            let signals = polled.add(caller.signals)
            _ = polled.add(stop.descriptor)
            let output = polled.addWriting(blocked)
            polled.wait()
            if stop.request != nil { return .interrupted(stop.meaning) }
            if polled.isReady(signals) { caller.takeSignals() }
            let newSize = caller.size
            if newSize != size, let master {
                size = newSize
                setSize(master, size)
            }
            if polled.isReady(output) { terminal.output.resume() }
            if polled.isReady(keys), !input.fill(from: 0) { return .interrupted(.interrupted(signal: SIGHUP)) }
            if let target = master, polled.isReady(screen) || !input.isEmpty {
                input.empty(into: target)
                // Nobody has the other side open any more; how the shell ended is still to come.
                if polled.isReady(screen), copy(from: target, { caller.show($0) }) == 0 { master = nil }
            }
            if polled.isReady(ended) { continue }
        }
    }

    private func setSize(_ master: Int32, _ size: (rows: UInt16, columns: UInt16)) {
        var window = winsize(ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &window)
    }

    /// Talks to a shell through pipes.
    func run(through pipes: ShellPipes) throws -> ShellEnding {
        var input = ByteQueue()
        var source: Int32? = 0
        var target: Int32? = pipes.input.rawValue
        var outputs: [(descriptor: Int32?, writer: (UnsafeRawBufferPointer) -> Void)] = [
            (pipes.output.rawValue, { terminal.output.write($0) }),
            (pipes.error.rawValue, { terminal.errors.write($0) }),
        ]
        defer { pipes.close() }
        while true {
            if let ending = try shell.ending() {
                // What the shell itself wrote is in the pipes; a process that it left behind may write for ever.
                for output in outputs {
                    guard let descriptor = output.descriptor else { continue }
                    var room = 1 << 20
                    while room > 0 {
                        let count = copy(from: descriptor, output.writer)
                        if count <= 0 { break }
                        room -= count
                    }
                }
                terminal.output.finish { stop.request != nil }
                return ending
            }
            let blocked = terminal.output.blockedDescriptor ?? terminal.errors.blockedDescriptor
            var polled = Polled()
            let read = polled.add(input.isEmpty ? source : nil)
            let write = polled.addWriting(input.isEmpty ? nil : target)
            let both = outputs.map { polled.add(blocked == nil ? $0.descriptor : nil) }
            _ = polled.add(shell.descriptor)
            _ = polled.add(stop.descriptor)
            let behind = polled.addWriting(blocked)
            polled.wait()
            if stop.request != nil { return .interrupted(stop.meaning) }
            if polled.isReady(behind) {
                terminal.output.resume()
                terminal.errors.resume()
            }
            if polled.isReady(read), !input.fill(from: 0) { source = nil }
            if let open = target {
                if polled.isReady(write) || !input.isEmpty, !input.empty(into: open) {
                    // The shell reads no more; neither do we.
                    source = nil
                    input = ByteQueue()
                }
                if source == nil, input.isEmpty {
                    pipes.closeInput()
                    target = nil
                }
            }
            for (index, ready) in both.enumerated() where polled.isReady(ready) {
                guard let descriptor = outputs[index].descriptor else { continue }
                if copy(from: descriptor, outputs[index].writer) == 0 { outputs[index].descriptor = nil }
            }
        }
    }

    /// Hands on one piece; its size, 0 at the end, -1 when there is nothing now.
    private func copy(from descriptor: Int32, _ write: (UnsafeRawBufferPointer) -> Void) -> Int {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        return bytes.withUnsafeMutableBytes { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { write(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
            if count < 0 { return errno == EAGAIN || errno == EINTR ? -1 : 0 }
            return count
        }
    }
}

/// Descriptors to wait for, some of them absent.
private struct Polled {
    private var entries: [pollfd] = []

    mutating func add(_ descriptor: Int32?, alsoWriting: Bool = false) -> Int {
        entries.append(
            pollfd(fd: descriptor ?? -1, events: Int16(POLLIN | (alsoWriting ? POLLOUT : 0)), revents: 0))
        return entries.count - 1
    }

    mutating func addWriting(_ descriptor: Int32?) -> Int {
        entries.append(pollfd(fd: descriptor ?? -1, events: Int16(POLLOUT), revents: 0))
        return entries.count - 1
    }

    mutating func wait() {
        // Not for ever: a launcher that was killed is noticed by asking.
        if poll(&entries, nfds_t(entries.count), 500) < 0 {
            for index in entries.indices { entries[index].revents = 0 }
        }
    }

    func isReady(_ index: Int) -> Bool { entries[index].revents != 0 }
}

/// What was read and could not be written yet.
private struct ByteQueue {
    private var bytes: [UInt8] = []

    var isEmpty: Bool { bytes.isEmpty }

    /// False at the end of the input.
    mutating func fill(from descriptor: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = read(descriptor, &buffer, buffer.count)
        if count > 0 { bytes += buffer[..<count] }
        return count > 0 || count < 0 && (errno == EAGAIN || errno == EINTR)
    }

    /// Writes what can be written now; false when nobody reads any more.
    @discardableResult
    mutating func empty(into descriptor: Int32) -> Bool {
        guard !bytes.isEmpty else { return true }
        let count = write(descriptor, bytes, bytes.count)
        if count > 0 { bytes.removeFirst(count) }
        return count >= 0 || errno == EAGAIN || errno == EINTR
    }
}

/// Our ends of the pipes that are a shell's standard input, output and error.
final class ShellPipes {
    let input: FileDescriptor
    let output: FileDescriptor
    let error: FileDescriptor
    private var theirs: [FileDescriptor]
    private var inputIsOpen = true

    init() throws {
        func pipe() throws -> (FileDescriptor, FileDescriptor) {
            let ends = try FileDescriptor.pipe()
            for end in [ends.readEnd, ends.writeEnd] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
            return (ends.readEnd, ends.writeEnd)
        }
        let (theirInput, input) = try pipe()
        let (output, theirOutput) = try pipe()
        let (error, theirError) = try pipe()
        (self.input, self.output, self.error) = (input, output, error)
        theirs = [theirInput, theirOutput, theirError]
        for own in [input, output, error] {
            _ = fcntl(own.rawValue, F_SETFL, fcntl(own.rawValue, F_GETFL) | O_NONBLOCK)
        }
    }

    var streams: ShellRequest.Streams { .pipes(theirs[0], theirs[1], theirs[2]) }
    var theirEnds: [FileDescriptor] { theirs }

    /// The shell has its ends; ours of them would keep it from seeing an end.
    func wereTaken() {
        for descriptor in theirs { try? descriptor.close() }
        theirs = []
    }

    func closeInput() {
        guard inputIsOpen else { return }
        inputIsOpen = false
        try? input.close()
    }

    func close() {
        wereTaken()
        closeInput()
        try? output.close()
        try? error.close()
    }
}

/// A shell in a sandbox that this process holds.
final class OwnShell: RemoteShell {
    private let sandbox: Sandbox
    private let shell: StartedShell

    init(_ shell: StartedShell, in sandbox: Sandbox) {
        self.shell = shell
        self.sandbox = sandbox
    }

    var descriptor: Int32 { sandbox.eventDescriptor }

    func ending() throws -> ShellEnding? {
        sandbox.discardOutput()
        while sandbox.hasEvent || isReadable {
            guard case .shellEnded(shell.number, let end)? = try sandbox.nextEvent() else { continue }
            switch end {
            case .exited(let status): return .exited(status)
            case .signaled(let signal): return .signaled(signal)
            case .failed(let error): throw CommandFailure(EngineError(error))
            }
        }
        // A launcher that was killed takes away who cleans up.
        if sandbox.hasEnded { throw CommandFailure(.internalFault, "the sandbox ended while the shell was running") }
        return nil
    }

    private var isReadable: Bool {
        var entry = pollfd(fd: sandbox.eventDescriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }
}
