// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import Glibc
import Processes
public import SystemPackage

/// A server in Python on the loopback interface, for as long as a test wants it.
///
/// The script prints `ready PORT` once it listens, and ends when its standard input does: with the test program, however
/// that ends.
public final class PythonServer: Sendable {
    public let port: Int
    private let child: ChildProcess
    private let input: FileDescriptor

    /// - Parameters:
    ///   - script: Python's text.
    ///   - log: takes its standard error.
    public init(script: String, arguments: [String] = [], python: FilePath, log: FilePath) throws {
        let (theirInput, ourInput) = try FileDescriptor.pipe()
        let (ourOutput, theirOutput) = try FileDescriptor.pipe()
        for end in [theirInput, ourInput, ourOutput, theirOutput] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        let errors = try FileDescriptor.open(
            log, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
        let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("AWS_") }
        child = try ChildProcess.spawn(
            executable: python, arguments: ["-c", script] + arguments,
            environment: environment.map { "\($0.key)=\($0.value)" } + ["PYTHONUNBUFFERED=1"],
            descriptors: [(theirInput, 0), (theirOutput, 1), (errors, 2)])
        for end in [theirInput, theirOutput, errors] { try end.close() }
        input = ourInput
        defer { try? ourOutput.close() }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 256)
        while !text.contains(UInt8(ascii: "\n")) {
            let count = try buffer.withUnsafeMutableBytes { try ourOutput.read(into: $0) }
            if count == 0 { break }
            text += buffer[..<count]
        }
        let words = String(decoding: text, as: UTF8.self).split(separator: "\n").first?.split(separator: " ") ?? []
        guard words.count == 2, words[0] == "ready", let port = Int(words[1]) else {
            child.kill(SIGKILL)
            _ = child.wait()
            throw Failure(text: (try? String(contentsOfFile: log.string, encoding: .utf8)) ?? "it said nothing")
        }
        self.port = port
    }

    deinit {
        try? input.close()
        child.kill(SIGKILL)
        _ = child.wait()
    }

    public struct Failure: Error, CustomStringConvertible {
        var text: String
        public var description: String { "the server did not start: \(text)" }
    }

    /// Python with the modules that tests of AWS want (`.ci/prepare-aws-tests` makes one), else the one on PATH.
    public static var python: FilePath {
        if let path = getenv("DRYDOCK_TEST_PYTHON"), path[0] != 0 { return FilePath(platformString: path) }
        let search = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return HostProcess.find("python3", searchPath: search) ?? "/usr/bin/python3"
    }

    /// Whether Python can import these modules. What is missing is said, and a failure in continuous integration.
    public static func canImport(_ modules: [String]) -> Bool {
        let words = ["-c", "import " + modules.joined(separator: ", ")]
        if (try? runTool(python.string, words))?.status == 0 { return true }
        if getenv("REQUIRE_SANDBOX") != nil || getenv("CI") != nil { return true }
        let line = "SKIPPED: \(python) has no \(modules.joined(separator: ", ")): see `.ci/prepare-aws-tests`\n"
        _ = try? FileDescriptor.standardError.writeAll(line.utf8)
        return false
    }
}
