// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
internal import Processes
internal import SandboxPlan
internal import SystemPackage
internal import Wire

/// The running launcher, and the socket that is the only way to it.
final class LauncherConnection {
    let socket: Int32
    private let child: ChildProcess
    private var isOpen = true
    /// What came while another answer was waited for.
    private var early: [(reply: LauncherReply, descriptor: FileDescriptor?)] = []

    private init(socket: Int32, child: ChildProcess) {
        self.socket = socket
        self.child = child
    }

    /// - Parameter output: the end of a pipe that commands write to.
    static func start(_ program: FilePath, output: FileDescriptor?) throws(SandboxError) -> LauncherConnection {
        var ends: [Int32] = [-1, -1]
        guard linux_socket_pair(&ends) == 0 else { throw .launcherFailed("\(Errno(rawValue: errno))") }
        defer { Glibc.close(ends[1]) }
        var descriptors: [(FileDescriptor, Int32)] = [(FileDescriptor(rawValue: ends[1]), 3)]
        if let output { descriptors.append((output, 4)) }
        do {
            let child = try ChildProcess.spawn(
                executable: program, arguments: [], environment: [], descriptors: descriptors)
            return LauncherConnection(socket: ends[0], child: child)
        } catch {
            Glibc.close(ends[0])
            throw .launcherFailed("\(error)")
        }
    }

    /// A launcher that is gone shows itself when the answer is read, so a failure here needs no handling.
    /// - Parameter descriptor: travels with the request.
    func send(_ request: LauncherRequest, descriptor: FileDescriptor? = nil) {
        let payload = request.encode()
        var wire = WireEncoder()
        wire.append(UInt32(payload.count))
        let bytes = wire.bytes + payload
        var position = 0
        while position < bytes.count {
            let sent = bytes.withUnsafeBytes { buffer in
                linux_send(
                    socket, buffer.baseAddress?.advanced(by: position), buffer.count - position,
                    position == 0 ? descriptor?.rawValue ?? -1 : -1)
            }
            if sent <= 0 { return }
            position += sent
        }
    }

    /// Whether a reply can be had without waiting for the socket.
    var hasReply: Bool { !early.isEmpty }

    /// Waits until a reply can be read, or not any longer.
    /// - Parameter isStopped: asked ten times a second; whether nobody wants the reply any more.
    /// - Throws: `SandboxError.stopped`. What is being done goes on until `hangUp()`.
    func waitForReply(unless isStopped: () -> Bool) throws(SandboxError) {
        while early.isEmpty {
            if isStopped() { throw .stopped }
            var polled = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, 100) > 0 { return }
        }
    }

    /// Waits for the next reply. Throws when the launcher is gone.
    func receive() throws(SandboxError) -> (reply: LauncherReply, descriptor: FileDescriptor?) {
        early.isEmpty ? try receiveNew() : early.removeFirst()
    }

    /// Waits for the answer to a request. What comes in between (shells end, commands pause) is kept for `receive()`.
    func receive(
        _ isAnswer: (LauncherReply) -> Bool
    ) throws(SandboxError) -> (reply: LauncherReply, descriptor: FileDescriptor?) {
        while true {
            let message = try receiveNew()
            if isAnswer(message.reply) { return message }
            if case .finished = message.reply { throw .launcherDied }
            early.append(message)
        }
    }

    private func receiveNew() throws(SandboxError) -> (reply: LauncherReply, descriptor: FileDescriptor?) {
        var descriptor: Int32 = -1
        var header = WireDecoder(try read(4, &descriptor))
        guard let count = try? header.number(UInt32.self) else { throw .launcherDied }
        var none: Int32 = -1
        let payload = try read(Int(count), &none)
        guard let reply = try? LauncherReply(payload) else { throw .setUp(.protocolMismatch, Errno(rawValue: 0), "") }
        return (reply, descriptor >= 0 ? FileDescriptor(rawValue: descriptor) : nil)
    }

    private func read(_ count: Int, _ descriptor: inout Int32) throws(SandboxError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var position = 0
        while position < count {
            var arrived: Int32 = -1
            let received = bytes.withUnsafeMutableBytes { buffer in
                linux_receive(socket, buffer.baseAddress?.advanced(by: position), count - position, &arrived)
            }
            if received <= 0 { throw .launcherDied }
            if arrived >= 0 { descriptor = arrived }
            position += received
        }
        return bytes
    }

    /// Tells the launcher that no request will follow; its last reply can still be read.
    func finishSending() { _ = shutdown(socket, Int32(SHUT_WR)) }

    /// Whether the launcher is gone although nobody told it to go.
    var hasEnded: Bool { child.hasEnded }

    /// Closes the socket, which ends the sandbox if it still lives, and leaves the launcher to what it has still to do.
    func hangUp() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(socket)
        BackgroundWork.add(child)
    }

    /// Hangs up and waits for the launcher's end.
    func close() {
        hangUp()
        _ = child.wait()
    }
}
