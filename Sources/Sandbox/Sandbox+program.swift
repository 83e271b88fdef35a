// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Glibc
internal import Processes
internal import SandboxPlan
public import SystemPackage

/// How a program of drydock's own ended in a sandbox.
public struct ProgramResult: Sendable {
    public var ending: SandboxEvent.HowItEnded
    /// What it wrote; empty where that went elsewhere.
    public var output: [UInt8]
    public var errors: [UInt8]
}

extension Sandbox {
    /// Runs a program of drydock's own to its end, as the sandbox's root, beside no command.
    /// - Parameters:
    ///   - words: its path inside and its arguments.
    ///   - input: a file or a pipe that it reads, never a terminal: what it is given, it holds.
    ///   - output: where it writes; nil keeps it, as far as it fits.
    ///   - isCancelled: asked ten times a second; then it is killed.
    public func runProgram(
        _ words: [String], input: FileDescriptor? = nil, output: FileDescriptor? = nil,
        limit: Int = 16 << 20, isCancelled: () -> Bool = { false }
    ) throws(SandboxError) -> ProgramResult {
        let streams: ProgramStreams
        do { streams = try ProgramStreams(input: input, output: output) } catch {
            throw .setUp(.startCommand, error, "")
        }
        let script = "exec " + words.map(ShellWord.quoted).joined(separator: " ")
        let shell = try openShell(ShellRequest(script: .command(script)), on: streams.theirs)
        streams.wereTaken()
        var result = ProgramResult(ending: .exited(0), output: [], errors: [])
        var ending: SandboxEvent.HowItEnded?
        var isKilled = false
        while true {
            if ending == nil, hasEvent || Self.isReadable(eventDescriptor, besides: streams.ours) {
                if case .shellEnded(shell.number, let how)? = try nextEvent() { ending = how }
            }
            streams.read(into: &result, limit: limit)
            if let ending {
                // It is gone, so what is in the pipes is all there is.
                result.ending = ending
                return result
            }
            if !isKilled, isCancelled() {
                isKilled = true
                signal(shell, SIGKILL)
            }
        }
    }

    /// Waits for a tenth of a second at most.
    private static func isReadable(_ descriptor: Int32, besides others: [Int32]) -> Bool {
        var waits = ([descriptor] + others).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = poll(&waits, nfds_t(waits.count), 100)
        return waits[0].revents != 0
    }
}

/// The three streams of a program, and our ends of them.
private final class ProgramStreams {
    let theirs: ShellRequest.Streams
    private var toClose: [FileDescriptor] = []
    private var output: FileDescriptor?
    private var errors: FileDescriptor?

    /// What to wait for.
    var ours: [Int32] { [output, errors].compactMap { $0?.rawValue } }

    init(input: FileDescriptor?, output: FileDescriptor?) throws(Errno) {
        var opened: [FileDescriptor] = []
        func pipe() throws(Errno) -> (read: FileDescriptor, write: FileDescriptor) {
            do {
                let ends = try FileDescriptor.pipe()
                for end in [ends.readEnd, ends.writeEnd] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
                _ = fcntl(ends.readEnd.rawValue, F_SETFL, O_NONBLOCK)
                opened.append(ends.writeEnd)
                return (ends.readEnd, ends.writeEnd)
            } catch { throw error as? Errno ?? .ioError }
        }
        let errorEnds = try pipe()
        errors = errorEnds.read
        var theirInput = input
        if theirInput == nil {
            do {
                let nothing = try FileDescriptor.open("/dev/null", .readOnly, options: [.closeOnExec])
                opened.append(nothing)
                theirInput = nothing
            } catch { throw error as? Errno ?? .ioError }
        }
        var theirOutput = output
        if theirOutput == nil {
            let ends = try pipe()
            self.output = ends.read
            theirOutput = ends.write
        }
        theirs = .pipes(theirInput ?? errorEnds.write, theirOutput ?? errorEnds.write, errorEnds.write)
        toClose = opened
    }

    deinit {
        wereTaken()
        for end in [output, errors] { try? end?.close() }
    }

    /// The program has its ends; ours of them would keep us from seeing an end.
    func wereTaken() {
        for descriptor in toClose { try? descriptor.close() }
        toClose = []
    }

    /// Takes what is there. What is more than wanted is read and forgotten, so that nobody waits for us.
    func read(into result: inout ProgramResult, limit: Int) {
        take(&output, &result.output, limit)
        take(&errors, &result.errors, 64 << 10)
    }

    private func take(_ end: inout FileDescriptor?, _ bytes: inout [UInt8], _ limit: Int) {
        guard let open = end else { return }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(open.rawValue, &buffer, buffer.count)
            if count > 0 {
                bytes += buffer[..<min(count, max(0, limit - bytes.count))]
            } else if count < 0, errno == EINTR {
                continue
            } else {
                if count == 0 {
                    try? open.close()
                    end = nil
                }
                return
            }
        }
    }
}
