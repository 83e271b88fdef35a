// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
public import SystemPackage

/// Runs a program of the host to its end and keeps what it wrote: for `git` and the like, never for a build's commands.
public enum HostProcess {
    public struct Result: Sendable, Equatable {
        public var status: ExitStatus
        public var standardOutput: [UInt8]
        public var standardError: [UInt8]

        public var succeeded: Bool { status == .exited(0) }
    }

    /// Runs `name` (a path, or searched on `searchPath`).
    /// - Parameters:
    ///   - input: its standard input, at most what a pipe holds (64 KiB); at its end when empty.
    ///   - environment: all of the child's environment, `NAME=VALUE`.
    ///   - outputLimit: the most bytes kept of either stream; more is an error and the child is killed.
    ///   - isCancelled: asked ten times a second; once it says so the child and what it started are killed.
    public static func run(
        _ name: String, arguments: [String], environment: [String], searchPath: String = "/usr/local/bin:/usr/bin:/bin",
        workingDirectory: FilePath? = nil, input: [UInt8] = [], outputLimit: Int = 16 << 20,
        isCancelled: () -> Bool = { false }
    ) throws(ProcessError) -> Result {
        guard let executable = find(name, searchPath: searchPath) else { throw .notFound(name) }
        let (output, outputEnd) = try pipe(name)
        defer { close(output) }
        let (complaints, complaintsEnd): (Int32, Int32)
        do { (complaints, complaintsEnd) = try pipe(name) } catch {
            close(outputEnd)
            throw error
        }
        defer { close(complaints) }
        let child: ChildProcess
        do {
            defer {
                close(outputEnd)
                close(complaintsEnd)
            }
            var descriptors: [(FileDescriptor, Int32)] = [
                (FileDescriptor(rawValue: outputEnd), 1), (FileDescriptor(rawValue: complaintsEnd), 2),
            ]
            let source = input.isEmpty ? nil : try filledPipe(input, name)
            defer { if let source { close(source) } }
            if let source { descriptors.append((FileDescriptor(rawValue: source), 0)) }
            child = try ChildProcess.spawn(
                executable: executable, arguments: arguments, environment: environment, descriptors: descriptors,
                workingDirectory: workingDirectory)
        }
        var streams = [Stream(descriptor: output), Stream(descriptor: complaints)]
        let failure = drain(&streams, limit: outputLimit, isCancelled: isCancelled)
        // The child leads a process group of its own, so this reaches the programs that it started.
        if failure != nil { _ = Glibc.kill(-child.identifier, SIGKILL) }
        let status = child.wait()
        if let failure { throw ProcessError(code: failure, program: name) }
        return Result(status: status, standardOutput: streams[0].bytes, standardError: streams[1].bytes)
    }

    /// The program's path: `name` itself when it has a slash, else the first executable file of that name.
    public static func find(_ name: String, searchPath: String) -> FilePath? {
        if name.contains("/") { return FilePath(name) }
        for directory in searchPath.split(separator: ":") {
            let candidate = FilePath(String(directory)).appending(name)
            if candidate.withPlatformString({ access($0, X_OK) }) == 0 { return candidate }
        }
        return nil
    }

    private struct Stream {
        var descriptor: Int32
        var bytes: [UInt8] = []
        var isOpen = true
    }

    private static func pipe(_ program: String) throws(ProcessError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard linux_pipe2(&ends, O_CLOEXEC) == 0 else {
            throw ProcessError(code: .pipe, program: program, underlying: Errno(rawValue: errno))
        }
        return (ends[0], ends[1])
    }

    /// The reading end of a pipe that holds these bytes and nothing more.
    private static func filledPipe(_ bytes: [UInt8], _ program: String) throws(ProcessError) -> Int32 {
        let (readEnd, writeEnd) = try pipe(program)
        let written = write(writeEnd, bytes, bytes.count)
        close(writeEnd)
        guard written == bytes.count else {
            close(readEnd)
            throw ProcessError(code: .pipe, program: program, underlying: Errno(rawValue: EMSGSIZE))
        }
        return readEnd
    }

    /// Reads both streams until their ends; otherwise why not.
    private static func drain(
        _ streams: inout [Stream], limit: Int, isCancelled: () -> Bool
    ) -> ProcessError.Code? {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while streams.contains(where: \.isOpen) {
            var polled = streams.map { pollfd(fd: $0.isOpen ? $0.descriptor : -1, events: Int16(POLLIN), revents: 0) }
            let ready = poll(&polled, nfds_t(polled.count), 100)
            if isCancelled() { return .cancelled }
            if ready <= 0 { continue }
            for index in streams.indices where polled[index].revents != 0 {
                let count = read(streams[index].descriptor, &buffer, buffer.count)
                if count > 0 {
                    streams[index].bytes += buffer[..<count]
                    if streams[index].bytes.count > limit { return .tooMuchOutput }
                } else if count == 0 || errno != EINTR {
                    streams[index].isOpen = false
                }
            }
        }
        return nil
    }
}
