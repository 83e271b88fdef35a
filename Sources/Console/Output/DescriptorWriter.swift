// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc

/// Writes bytes to a descriptor without ever losing them silently and without making the build wait for a slow reader.
///
/// A file takes everything at once. A pipe, socket or terminal takes what fits; the rest stays in a backlog, and
/// ``blockedDescriptor`` names what to poll until ``resume()`` has written it. The first error is kept in ``failure``,
/// and everything after it is dropped.
public final class DescriptorWriter {
    /// Why nothing more can be written.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// What was written to, for people.
        public var name: String
        /// errno of write(2).
        public var code: Int32

        /// Whether the reader went away, which a pipeline may do on purpose (`drydock run | head`).
        public var isBrokenPipe: Bool { code == EPIPE }

        public var description: String { "cannot write \(name): \(reason)" }

        private var reason: String {
            switch code {
            case EPIPE: "the reader went away"
            case ENOSPC: "no space left on device"
            case EDQUOT: "the disk quota is used up"
            case EIO: "input/output error"
            case EBADF: "it is closed"
            case EFBIG: "the file is too large"
            default: "error \(code)"
            }
        }
    }

    /// The first error, which stays.
    public private(set) var failure: Failure?

    private let target: Int32
    private let name: String
    private let way: Way
    private var backlog: [UInt8] = []
    private var backlogStart = 0

    /// How to write without waiting.
    private enum Way {
        /// Files and devices do not keep anybody waiting.
        case directly
        /// Our own opening of the same pipe or terminal, non-blocking; the flag on the shared one would hit others too.
        case nonBlocking
        case socket
        /// When poll(2) says so, a pipe takes PIPE_BUF bytes at once.
        case inSmallPieces
    }

    /// More than this is not kept back: then a write waits.
    private static let backlogLimit = 1 << 20
    private static let pipeBuffer = 4096

    /// - Parameters:
    ///   - descriptor: stays the caller's; SIGPIPE must be ignored.
    ///   - name: for messages: "standard output".
    public convenience init(descriptor: Int32, name: String) {
        self.init(descriptor: descriptor, name: name, reopening: true)
    }

    /// - Parameter reopening: false as where a pipe belongs to another user, who alone may open it again.
    init(descriptor: Int32, name: String, reopening: Bool) {
        self.name = name
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            (target, way) = (descriptor, .directly)
            failure = Failure(name: name, code: errno)
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFSOCK:
            (target, way) = (descriptor, .socket)
        case S_IFIFO, S_IFCHR:
            let isTerminal = status.st_mode & S_IFMT == S_IFCHR
            if isTerminal, isatty(descriptor) == 0 {
                (target, way) = (descriptor, .directly)
                return
            }
            let path = "/proc/self/fd/\(descriptor)"
            let own = reopening ? open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1
            (target, way) = own >= 0 ? (own, .nonBlocking) : (descriptor, .inSmallPieces)
        default:
            (target, way) = (descriptor, .directly)
        }
    }

    deinit {
        if way == .nonBlocking { close(target) }
    }

    // MARK: Writing

    /// What to poll for POLLOUT before more is written; nil when nothing waits.
    public var blockedDescriptor: Int32? { backlogStart < backlog.count && failure == nil ? target : nil }

    /// Writes text.
    public func write(_ text: String) {
        var text = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    /// Writes bytes.
    public func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { write($0) }
    }

    /// Writes bytes; what does not fit now is copied.
    public func write(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil, !bytes.isEmpty else { return }
        resume()
        guard failure == nil else { return }
        var written = 0
        if backlogStart == backlog.count { written = writeNow(bytes) }
        guard written < bytes.count, failure == nil else { return }
        backlog.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[written...]))
        if backlog.count - backlogStart > Self.backlogLimit { drain(to: Self.backlogLimit / 2) { false } }
    }

    /// Writes of the backlog what fits now.
    public func resume() {
        guard backlogStart < backlog.count, failure == nil else { return }
        let written = backlog.withUnsafeBytes { writeNow(UnsafeRawBufferPointer(rebasing: $0[backlogStart...])) }
        backlogStart += written
        if backlogStart == backlog.count || failure != nil {
            backlog.removeAll(keepingCapacity: backlog.capacity <= Self.backlogLimit)
            backlogStart = 0
        } else if backlogStart > Self.backlogLimit {
            backlog.removeFirst(backlogStart)
            backlogStart = 0
        }
    }

    /// Waits until everything is written or cannot be.
    /// - Parameter shouldGiveUp: asked ten times a second while the reader does not read.
    public func finish(shouldGiveUp: () -> Bool = { false }) {
        drain(to: 0, shouldGiveUp)
    }

    private func drain(to limit: Int, _ shouldGiveUp: () -> Bool) {
        while failure == nil, backlog.count - backlogStart > limit {
            var entry = pollfd(fd: target, events: Int16(POLLOUT), revents: 0)
            if poll(&entry, 1, 100) == 0, shouldGiveUp() { return }
            resume()
        }
    }

    // MARK: System calls

    /// Writes what can be written without waiting; a file is written whole.
    private func writeNow(_ bytes: UnsafeRawBufferPointer) -> Int {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = attempt(rest)
            if count >= 0 {
                done += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: return done
            default:
                failure = Failure(name: name, code: errno)
                return done
            }
        }
        return done
    }

    private func attempt(_ bytes: UnsafeRawBufferPointer) -> Int {
        switch way {
        case .directly, .nonBlocking:
            return Glibc.write(target, bytes.baseAddress, bytes.count)
        case .socket:
            return send(target, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        case .inSmallPieces:
            var entry = pollfd(fd: target, events: Int16(POLLOUT), revents: 0)
            let ready = poll(&entry, 1, 0)
            if ready < 0 { return -1 }
            guard ready > 0 else {
                errno = EAGAIN
                return -1
            }
            return Glibc.write(target, bytes.baseAddress, min(bytes.count, Self.pipeBuffer))
        }
    }
}
