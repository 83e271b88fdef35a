// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
import Testing

@testable import Console

/// A pipe, with what was read from it.
final class TestPipe {
    let reader: Int32
    private(set) var writer: Int32

    init() {
        var ends: [Int32] = [0, 0]
        _ = pipe(&ends)
        (reader, writer) = (ends[0], ends[1])
        _ = fcntl(reader, F_SETFL, O_NONBLOCK)
        signal(SIGPIPE, SIG_IGN)
    }

    deinit {
        close(reader)
        if writer >= 0 { close(writer) }
    }

    /// What is in the pipe now.
    func read(_ limit: Int = .max) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while result.count < limit {
            let count = Glibc.read(reader, &buffer, min(buffer.count, limit - result.count))
            if count <= 0 { break }
            result += buffer[..<count]
        }
        return result
    }

    var text: String { String(decoding: read(), as: UTF8.self) }
}

@Suite("Writing to descriptors")
struct DescriptorWriterTests {
    @Test("a pipe that nobody reads never makes the writer wait, and loses nothing")
    func slowReader() {
        let pipe = TestPipe()
        let writer = DescriptorWriter(descriptor: pipe.writer, name: "standard output")
        let sent = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        writer.write(sent)
        #expect(writer.blockedDescriptor != nil)
        writer.write([1, 2, 3])
        var received: [UInt8] = []
        while writer.blockedDescriptor != nil {
            received += pipe.read(70_000)
            writer.resume()
        }
        received += pipe.read()
        #expect(received == sent + [1, 2, 3])
        #expect(writer.failure == nil)
    }

    @Test("a socket that nobody reads does not either")
    func socket() {
        var ends: [Int32] = [0, 0]
        _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        defer { ends.forEach { _ = close($0) } }
        let writer = DescriptorWriter(descriptor: ends[1], name: "standard output")
        writer.write([UInt8](repeating: 7, count: 900_000))
        #expect(writer.blockedDescriptor == ends[1])
        var count = 0
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while count < 900_000 {
            count += max(0, Glibc.read(ends[0], &buffer, buffer.count))
            writer.resume()
        }
        #expect(count == 900_000 && writer.blockedDescriptor == nil)
    }

    @Test("finish gives up when asked to")
    func givingUp() {
        let pipe = TestPipe()
        let writer = DescriptorWriter(descriptor: pipe.writer, name: "standard output")
        writer.write([UInt8](repeating: 7, count: 300_000))
        var asked = 0
        writer.finish {
            asked += 1
            return asked == 2
        }
        #expect(asked == 2 && writer.blockedDescriptor != nil)
    }

    @Test("a reader that goes away is a failure that stays")
    func brokenPipe() {
        var ends: [Int32] = [0, 0]
        _ = pipe(&ends)
        signal(SIGPIPE, SIG_IGN)
        let writer = DescriptorWriter(descriptor: ends[1], name: "standard output")
        close(ends[0])
        writer.write("x")
        #expect(writer.failure?.isBrokenPipe == true)
        #expect(writer.failure?.description == "cannot write standard output: the reader went away")
        writer.write("y")
        #expect(writer.blockedDescriptor == nil)
        close(ends[1])
    }

    @Test("a full device is a failure, and so is a closed descriptor")
    func fullDevice() {
        let full = open("/dev/full", O_WRONLY)
        let writer = DescriptorWriter(descriptor: full, name: "standard output")
        writer.write("x")
        #expect(writer.failure?.description == "cannot write standard output: no space left on device")
        close(full)
        let closed = DescriptorWriter(descriptor: 1_000_000, name: "standard output")
        closed.write("x")
        #expect(closed.failure?.code == EBADF)
    }

    @Test("a pipe that cannot be opened again takes small pieces")
    func smallPieces() {
        // A pipe with no reader refuses to be opened; with one gone and come back it would be the same as here.
        let pipe = TestPipe()
        let writer = DescriptorWriter(descriptor: pipe.writer, name: "x", reopening: false)
        let sent = [UInt8](repeating: 5, count: 200_000)
        writer.write(sent)
        #expect(writer.blockedDescriptor == pipe.writer)
        var count = 0
        while writer.blockedDescriptor != nil {
            count += pipe.read(10_000).count
            writer.resume()
        }
        #expect(count + pipe.read().count == sent.count)
    }
}
