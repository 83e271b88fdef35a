// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import Glibc
public import SystemPackage

/// A program of the host, run to its end for a test.
public struct ToolResult: Sendable {
    /// 0…255, or minus the signal that ended it.
    public var status: Int
    public var standardOutput: [UInt8]
    public var standardError: [UInt8]

    public var output: String { String(decoding: standardOutput, as: UTF8.self) }
    public var errors: String { String(decoding: standardError, as: UTF8.self) }
    public var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// Runs a program found on PATH and waits for it.
///
/// Output goes to files without a name, so that however much comes nothing blocks, and no grandchild that keeps a pipe
/// open makes the test wait.
/// - Parameters:
///   - environment: all of it; nil passes on the test's own.
///   - input: what it reads on standard input.
public func runTool(
    _ name: String, _ arguments: [String] = [], environment: [String: String]? = nil, in directory: FilePath? = nil,
    input: [UInt8] = []
) throws -> ToolResult {
    let files = try (0..<3).map { _ in try unnamedFile() }
    defer { for file in files { try? file.close() } }
    try files[0].writeAll(input)
    try files[0].seek(offset: 0, from: .start)

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, file) in files.enumerated() {
        posix_spawn_file_actions_adddup2(&actions, file.rawValue, Int32(number))
    }
    var program = name
    var words = arguments
    if let directory {
        // posix_spawn cannot change directory portably; the shell can.
        words = ["-c", "cd -- \"$1\" && shift && exec \"$@\"", "sh", directory.string, name] + arguments
        program = "sh"
    }
    let argv = CStrings([program] + words)
    let envp = CStrings((environment ?? ProcessInfo.processInfo.environment).map { "\($0.key)=\($0.value)" })
    // Whoever started the tests may ignore or block signals, which programs would inherit.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var process: pid_t = 0
    let result = posix_spawnp(&process, program, &actions, &attributes, argv.pointers, envp.pointers)
    if result != 0 { throw Errno(rawValue: result) }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 { if errno != EINTR { throw Errno(rawValue: errno) } }
    let signal = status & 0x7F
    return ToolResult(
        status: signal == 0 ? Int(status >> 8 & 0xFF) : -Int(signal),
        standardOutput: try content(files[1]), standardError: try content(files[2]))
}

/// Whether a program of that name is on PATH.
public func hasTool(_ name: String) -> Bool {
    let search = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return search.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
}

private func unnamedFile() throws -> FileDescriptor {
    let path = "/tmp/drydock-tool.\(UInt64.random(in: 0 ... .max))"
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if descriptor < 0 { throw Errno(rawValue: errno) }
    unlink(path)
    return FileDescriptor(rawValue: descriptor)
}

private func content(_ file: FileDescriptor) throws -> [UInt8] {
    try file.seek(offset: 0, from: .start)
    return try FileContents.read(file, path: "output", limit: 1 << 30)
}

/// A null-terminated array of C strings.
private final class CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { strdup($0) } + [nil]
    }

    deinit { for pointer in pointers { free(pointer) } }
}
