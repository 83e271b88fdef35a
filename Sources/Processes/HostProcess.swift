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

    /// Runs `name` (a path, or searched on `searchPath`) with standard input at its end.
    /// - Parameters:
    ///   - environment: all of the child's environment, `NAME=VALUE`.
    ///   - outputLimit: the most bytes kept of either stream; more is an error and the child is killed.
    public static func run(
        _ name: String, arguments: [String], environment: [String], searchPath: String = "/usr/local/bin:/usr/bin:/bin",
        workingDirectory: FilePath? = nil, outputLimit: Int = 16 << 20
    ) throws(ProcessError) -> Result {
        guard let executable = find(name, searchPath: searchPath) else { throw .notFound(name) }
        let (output, outputEnd) = try pipe(name)
        defer { close(output) }
        let (failure, failureEnd): (Int32, Int32)
        do { (failure, failureEnd) = try pipe(name) } catch {
            close(outputEnd)
            throw error
        }
        defer { close(failure) }
        let child: ChildProcess
        do {
            defer {
                close(outputEnd)
                close(failureEnd)
            }
            child = try ChildProcess.spawn(
                executable: executable, arguments: arguments, environment: environment,
                descriptors: [(FileDescriptor(rawValue: outputEnd), 1), (FileDescriptor(rawValue: failureEnd), 2)],
                workingDirectory: workingDirectory)
        }
        var streams = [Stream(descriptor: output), Stream(descriptor: failure)]
        let complete = drain(&streams, limit: outputLimit)
        if !complete { child.kill(SIGKILL) }
        let status = child.wait()
        guard complete else { throw ProcessError(code: .tooMuchOutput, program: name) }
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

    /// Reads both streams until their ends; false when one grew past the limit.
    private static func drain(_ streams: inout [Stream], limit: Int) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while streams.contains(where: \.isOpen) {
            var polled = streams.map { pollfd(fd: $0.isOpen ? $0.descriptor : -1, events: Int16(POLLIN), revents: 0) }
            if poll(&polled, nfds_t(polled.count), -1) < 0 { continue }
            for index in streams.indices where polled[index].revents != 0 {
                let count = read(streams[index].descriptor, &buffer, buffer.count)
                if count > 0 {
                    streams[index].bytes += buffer[..<count]
                    if streams[index].bytes.count > limit { return false }
                } else if count == 0 || errno != EINTR {
                    streams[index].isOpen = false
                }
            }
        }
        return true
    }
}
