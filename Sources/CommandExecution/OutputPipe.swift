// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
import Processes

/// The reading end of the pipe that a build's commands write to; non-blocking, and its owner's to close.
public final class OutputPipe {
    private let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)

    public init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// What can go on.
    public struct Readiness {
        public var output = false
        public var sink = false
        /// The places in `others` of the descriptors that can be read.
        public var others: Set<Int> = []
    }

    /// Waits for output, for a sink that could take no more, for a stop and for others, as long as `milliseconds`.
    /// - Parameter others: descriptors to be read; -1 is none.
    public func poll(for milliseconds: Int32, sink: any OutputSink, others: [Int32] = []) -> Readiness {
        let blocked = sink.blockedDescriptor
        let input = Int16(POLLIN)
        var polled = [
            // While the reader of our output is behind, the build's output waits in its pipe.
            pollfd(fd: blocked == nil ? descriptor : -1, events: input, revents: 0),
            pollfd(fd: blocked ?? -1, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: sink.stopDescriptor ?? -1, events: input, revents: 0),
        ]
        for other in others { polled.append(pollfd(fd: other, events: input, revents: 0)) }
        guard Glibc.poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { return Readiness() }
        return Readiness(
            output: polled[0].revents != 0, sink: polled[1].revents != 0,
            others: Set(others.indices.filter { polled[3 + $0].revents != 0 }))
    }

    /// Gives one piece of output to the sink; its size, or 0 or less when there was none.
    @discardableResult
    public func receive(_ sink: any OutputSink) -> Int {
        buffer.withUnsafeMutableBytes { bytes in
            let count = read(descriptor, bytes.baseAddress, bytes.count)
            if count > 0 { sink.receive(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
            return count
        }
    }

    /// Reads what the pipe still holds: everything the command itself wrote is in it by now. A process in the background
    /// may write for ever, so no more is read than a pipe can hold.
    public func drain(_ stop: inout StopMachine, sink: any OutputSink) {
        var remaining = 1 << 20
        while remaining > 0 {
            if sink.blockedDescriptor != nil {
                // A build that has to end does not wait for whoever does not read.
                if stop.reason != nil { return }
                if poll(for: 100, sink: sink).sink { sink.resume() }
                sink.tick()
                if stop.advance(at: .now(), request: sink.stopRequest) == .kill { return }
                continue
            }
            let count = receive(sink)
            if count <= 0 { return }
            remaining -= count
        }
    }

    /// Drops some of what processes in the background print while no command runs; else they would wait for a full pipe.
    public func discard() {
        buffer.withUnsafeMutableBytes { bytes in
            for _ in 0..<16 where read(descriptor, bytes.baseAddress, bytes.count) <= 0 { return }
        }
    }
}
