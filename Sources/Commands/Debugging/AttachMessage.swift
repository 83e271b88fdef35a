// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
internal import Sandbox
internal import SandboxPlan
internal import SystemPackage
internal import Wire

/// What `drydock attach` asks of the drydock that runs the build. Both are of the same version or say so.
enum AttachRequest: Equatable {
    /// The descriptor that comes with this is for the next shell.
    case lend
    case open(AttachVisit)
    case resume

    static let version: UInt8 = 1

    func encode() -> [UInt8] {
        var wire = WireEncoder()
        wire.append(Self.version)
        switch self {
        case .lend: wire.append(UInt8(0))
        case .open(let visit):
            wire.append(UInt8(1))
            visit.encode(to: &wire)
        case .resume: wire.append(UInt8(2))
        }
        return wire.bytes
    }

    init?(_ bytes: [UInt8]) {
        var wire = WireDecoder(bytes)
        guard let version = try? wire.number(UInt8.self), version == Self.version else { return nil }
        switch try? wire.number(UInt8.self) {
        case 0: self = .lend
        case 1:
            guard let visit = AttachVisit(&wire) else { return nil }
            self = .open(visit)
        case 2: self = .resume
        default: return nil
        }
    }
}

/// A shell that somebody attached wants.
struct AttachVisit: Equatable {
    var script: ShellRequest.Script
    /// `TERM`, rows and columns; nil where pipes were lent.
    var terminal: Terminal?

    struct Terminal: Equatable {
        var type: String
        var rows: UInt16
        var columns: UInt16
    }

    init(script: ShellRequest.Script, terminal: Terminal?) {
        self.script = script
        self.terminal = terminal
    }

    func encode(to wire: inout WireEncoder) {
        switch script {
        case .prompt: wire.append(UInt8(0))
        case .standardInput: wire.append(UInt8(1))
        case .command(let text):
            wire.append(UInt8(2))
            wire.append(KernelText(text))
        }
        wire.append(terminal != nil)
        wire.append(KernelText(terminal?.type ?? ""))
        wire.append(terminal?.rows ?? 0)
        wire.append(terminal?.columns ?? 0)
    }

    init?(_ wire: inout WireDecoder) {
        do throws(WireDecoder.Malformed) {
            switch try wire.number(UInt8.self) {
            case 0: script = .prompt
            case 1: script = .standardInput
            case 2: script = .command(String(decoding: try wire.text().bytes, as: UTF8.self))
            default: return nil
            }
            let hasTerminal = try wire.flag()
            let type = String(decoding: try wire.text().bytes, as: UTF8.self)
            let size = Terminal(type: type, rows: try wire.number(), columns: try wire.number())
            terminal = hasTerminal ? size : nil
        } catch {
            return nil
        }
    }

    /// Nil when the pipes that it needs did not come.
    func streams(_ lent: [FileDescriptor]) -> ShellRequest.Streams? {
        if let terminal { return .terminal(type: terminal.type, rows: terminal.rows, columns: terminal.columns) }
        return lent.count == 3 ? .pipes(lent[0], lent[1], lent[2]) : nil
    }
}

/// What the drydock that runs the build answers.
enum AttachReply: Equatable {
    /// The shell runs; the master side of its terminal comes with this.
    case opened
    case refused(String)
    case exited(Int)
    case signaled(Int)
    case resumed

    func encode() -> [UInt8] {
        var wire = WireEncoder()
        switch self {
        case .opened: wire.append(UInt8(0))
        case .refused(let message):
            wire.append(UInt8(1))
            wire.append(KernelText(message))
        case .exited(let status):
            wire.append(UInt8(2))
            wire.append(Int32(status))
        case .signaled(let signal):
            wire.append(UInt8(3))
            wire.append(Int32(signal))
        case .resumed: wire.append(UInt8(4))
        }
        return wire.bytes
    }

    init?(_ bytes: [UInt8]) {
        var wire = WireDecoder(bytes)
        switch try? wire.number(UInt8.self) {
        case 0: self = .opened
        case 1: self = .refused(String(decoding: (try? wire.text().bytes) ?? [], as: UTF8.self))
        case 2: self = .exited(Int((try? wire.number(Int32.self)) ?? 0))
        case 3: self = .signaled(Int((try? wire.number(Int32.self)) ?? 0))
        case 4: self = .resumed
        default: return nil
        }
    }
}

/// Length-prefixed messages over a Unix socket, each with at most one descriptor.
struct AttachLine {
    let socket: Int32
    private var bytes: [UInt8] = []
    private var descriptors: [FileDescriptor] = []
    private(set) var isOver = false

    /// A command line is the longest thing that is ever said.
    private static let limit = 4 << 20

    init(socket: Int32) { self.socket = socket }

    /// False when the other side is gone.
    @discardableResult
    func send(_ payload: [UInt8], descriptor: FileDescriptor? = nil) -> Bool {
        var wire = WireEncoder()
        wire.append(UInt32(payload.count))
        let all = wire.bytes + payload
        var position = 0
        while position < all.count {
            let sent = all.withUnsafeBytes { buffer in
                linux_send(
                    socket, buffer.baseAddress?.advanced(by: position), buffer.count - position,
                    position == 0 ? descriptor?.rawValue ?? -1 : -1)
            }
            if sent <= 0 { return false }
            position += sent
        }
        return true
    }

    /// Reads what is there; waits where the socket does.
    mutating func read() {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        var arrived: Int32 = -1
        let count = buffer.withUnsafeMutableBytes { linux_receive(socket, $0.baseAddress, $0.count, &arrived) }
        if arrived >= 0 { descriptors.append(FileDescriptor(rawValue: arrived)) }
        if count > 0 { bytes += buffer[..<count] }
        if count == 0 || count < 0 && errno != EAGAIN || bytes.count > Self.limit { isOver = true }
    }

    /// The next whole message, if there is one.
    mutating func next() -> [UInt8]? {
        guard bytes.count >= 4 else { return nil }
        let count = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        guard count <= Self.limit else {
            isOver = true
            return nil
        }
        guard bytes.count >= 4 + count else { return nil }
        defer { bytes.removeFirst(4 + count) }
        return Array(bytes[4..<4 + count])
    }

    /// The descriptors that came so far.
    mutating func takeDescriptors() -> [FileDescriptor] {
        defer { descriptors = [] }
        return descriptors
    }
}
