// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan
import Wire

/// Length-prefixed messages over a stream socket, each with at most one descriptor.
struct Channel {
    let socket: Int32

    struct Message {
        var bytes: [UInt8]
        var descriptor: Int32
    }

    /// False when the other end is gone.
    @discardableResult
    func send(_ bytes: [UInt8], descriptor: Int32 = -1) -> Bool {
        var framed = WireEncoder()
        framed.append(UInt32(bytes.count))
        let all = framed.bytes + bytes
        var position = 0
        while position < all.count {
            let sent = all.withUnsafeBytes { buffer in
                linux_send(
                    socket, buffer.baseAddress?.advanced(by: position), buffer.count - position,
                    position == 0 ? descriptor : -1)
            }
            if sent <= 0 { return false }
            position += sent
        }
        return true
    }

    @discardableResult
    func send(_ reply: LauncherReply, descriptor: Int32 = -1) -> Bool { send(reply.encode(), descriptor: descriptor) }

    /// The next message; nil when the other end closed, or died in the middle of one.
    func receive() -> Message? {
        var header = [UInt8](repeating: 0, count: 4)
        var descriptor: Int32 = -1
        guard fill(&header, descriptor: &descriptor) else { return nil }
        var decoder = WireDecoder(header)
        guard let count = try? decoder.number(UInt32.self) else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(count))
        var none: Int32 = -1
        guard fill(&bytes, descriptor: &none) else { return nil }
        return Message(bytes: bytes, descriptor: descriptor)
    }

    private func fill(_ bytes: inout [UInt8], descriptor: inout Int32) -> Bool {
        var position = 0
        while position < bytes.count {
            var arrived: Int32 = -1
            let received = bytes.withUnsafeMutableBytes { buffer in
                linux_receive(socket, buffer.baseAddress?.advanced(by: position), buffer.count - position, &arrived)
            }
            if received <= 0 { return false }
            if arrived >= 0 { descriptor = arrived }
            position += received
        }
        return true
    }
}
