// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
internal import Processes
internal import SystemPackage

/// A running `drydock-http`. Used by one thread at a time: its client holds a lock.
// The client's lock guards what can change.
final class HTTPSession: @unchecked Sendable {
    private let child: ChildProcess
    private let program: FilePath
    private let socket: Int32
    private let complaints: Int32
    private var outgoing: [Message] = []
    private var incoming = HTTPMessageStream()
    private var lastNumber: UInt32 = 0
    private var isOpen = true

    /// What is still to be written of a message.
    private struct Message {
        var bytes: ArraySlice<UInt8>
        /// Goes with the first byte.
        var file: FileDescriptor?

        init(_ command: HTTPCommand, file: FileDescriptor? = nil) {
            bytes = HTTPMessageStream.framed(command.encode())[...]
            self.file = file
        }
    }

    static func start(_ program: FilePath, variables: [HTTPHeader]) throws(HTTPError) -> HTTPSession {
        var ends: [Int32] = [-1, -1]
        guard linux_socket_pair(&ends) == 0 else { throw .cannotStart(program, "\(Errno(rawValue: errno))") }
        defer { close(ends[1]) }
        var pipe: [Int32] = [-1, -1]
        guard linux_pipe2(&pipe, O_CLOEXEC | O_NONBLOCK) == 0 else {
            let reason = Errno(rawValue: errno)
            close(ends[0])
            throw .cannotStart(program, "\(reason)")
        }
        defer { close(pipe[1]) }
        let theirs = FileDescriptor(rawValue: ends[1])
        do {
            let child = try ChildProcess.spawn(
                executable: program, arguments: [], environment: [],
                descriptors: [(theirs, 0), (theirs, 1), (FileDescriptor(rawValue: pipe[1]), 2)])
            let session = HTTPSession(child, program, socket: ends[0], complaints: pipe[0])
            session.outgoing.append(Message(.settings(variables: variables)))
            return session
        } catch {
            close(ends[0])
            close(pipe[0])
            throw error.code == .notFound ? .notInstalled(program) : .cannotStart(program, "\(error)")
        }
    }

    private init(_ child: ChildProcess, _ program: FilePath, socket: Int32, complaints: Int32) {
        self.child = child
        self.program = program
        self.socket = socket
        self.complaints = complaints
    }

    var hasEnded: Bool { !isOpen || child.hasEnded }

    /// Ends the program, which has nothing to lose, and whatever it still does.
    func end() {
        guard isOpen else { return }
        isOpen = false
        close(socket)
        close(complaints)
        child.kill(SIGKILL)
        _ = child.wait()
    }

    /// Has a request sent by the next ``exchange(milliseconds:)``.
    /// - Returns: the number that its reply will have.
    func send(_ request: HTTPRequest) -> UInt32 {
        lastNumber &+= 1
        outgoing.append(Message(.request(number: lastNumber, request), file: request.file))
        return lastNumber
    }

    /// Writes what is to be written and returns what has come, after that many milliseconds at most.
    func exchange(milliseconds: Int) throws(HTTPError) -> [HTTPReply] {
        let events = POLLIN | (outgoing.isEmpty ? 0 : POLLOUT)
        var polled = pollfd(fd: socket, events: Int16(events), revents: 0)
        guard poll(&polled, 1, Int32(milliseconds)) > 0 else { return [] }
        if Int32(polled.revents) & POLLOUT != 0 {
            if write(&outgoing[0]) < 0, errno != EAGAIN, errno != EINTR { throw ended() }
            if outgoing[0].bytes.isEmpty { outgoing.removeFirst() }
        }
        guard Int32(polled.revents) & (POLLIN | POLLHUP | POLLERR) != 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { throw ended() }
        if count > 0 { incoming.append(buffer[..<count]) }
        do {
            var replies: [HTTPReply] = []
            while let message = try incoming.next() { replies.append(try HTTPReply(message)) }
            return replies
        } catch {
            throw .otherBuild(program)
        }
    }

    private func write(_ message: inout Message) -> Int {
        let file = message.file?.rawValue
        let written = message.bytes.withUnsafeBytes { bytes in
            if let file {
                // So little does not block where poll(2) said that there is room.
                return linux_send(socket, bytes.baseAddress, min(bytes.count, 256), file)
            }
            return Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        if written > 0 {
            message.bytes = message.bytes.dropFirst(written)
            message.file = nil
        }
        return written
    }

    /// Why the program closed its side.
    private func ended() -> HTTPError {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = read(complaints, &buffer, buffer.count)
        let words = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        isOpen = false
        close(socket)
        close(complaints)
        // It may have closed its side and yet not end.
        child.kill(SIGTERM)
        return .ended(program, child.wait(), words: words.split(separator: "\n").first.map(String.init))
    }
}

extension HTTPRequest {
    /// The open file that goes to `drydock-http` with it.
    fileprivate var file: FileDescriptor? {
        if case .file(let part) = body { return part.file }
        if case .file(let file, _) = sink { return file }
        return nil
    }
}
