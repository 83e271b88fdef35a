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
    private var outgoing: [UInt8] = []
    private var incoming = HTTPMessageStream()
    private var lastNumber: UInt32 = 0
    private var isOpen = true

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
            session.outgoing += HTTPMessageStream.framed(HTTPCommand.settings(variables: variables).encode())
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
        outgoing += HTTPMessageStream.framed(HTTPCommand.request(number: lastNumber, request).encode())
        return lastNumber
    }

    /// Writes what is to be written and returns what has come, after that many milliseconds at most.
    func exchange(milliseconds: Int) throws(HTTPError) -> [HTTPReply] {
        let events = POLLIN | (outgoing.isEmpty ? 0 : POLLOUT)
        var polled = pollfd(fd: socket, events: Int16(events), revents: 0)
        guard poll(&polled, 1, Int32(milliseconds)) > 0 else { return [] }
        if Int32(polled.revents) & POLLOUT != 0 {
            let written = outgoing.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if written > 0 { outgoing.removeFirst(written) }
            if written < 0, errno != EAGAIN, errno != EINTR { throw ended() }
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
