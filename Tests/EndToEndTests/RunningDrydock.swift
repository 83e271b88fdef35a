// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

/// drydock while it runs, to be signalled and listened to.
final class RunningDrydock {
    let process: pid_t
    private var output: FileDescriptor?
    private let errorPath: FilePath
    private(set) var text = ""

    /// - Parameter closed: descriptors that are closed in the child.
    init(_ drydock: Drydock, _ arguments: [String], closed: [Int32] = []) throws {
        errorPath = drydock.tree.path("errors")
        let (readEnd, writeEnd) = try FileDescriptor.pipe()
        defer { try? writeEnd.close() }
        output = readEnd
        _ = fcntl(readEnd.rawValue, F_SETFD, FD_CLOEXEC)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, writeEnd.rawValue, 1)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath.string, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        for descriptor in closed { posix_spawn_file_actions_addclose(&actions, descriptor) }
        // posix_spawn cannot change directory portably; the shell can, and execs, so the process is drydock's.
        let words =
            [
                "sh", "-c", "cd -- \"$1\" && shift && exec \"$@\"", "sh", drydock.directory.string,
                Drydock.program.string,
            ]
            + Drydock.withState(arguments, drydock.state)
        var argv = words.map { strdup($0) } + [nil]
        var envp = drydock.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var identifier: pid_t = 0
        let result = posix_spawn(&identifier, "/bin/sh", &actions, nil, &argv, &envp)
        guard result == 0 else { throw Errno(rawValue: result) }
        process = identifier
    }

    deinit { closeOutput() }

    var errors: String { (try? String(contentsOfFile: errorPath.string, encoding: .utf8)) ?? "" }

    /// Reads until the output holds a text; false when it ends, or takes too long.
    func wait(for wanted: String, seconds: Double = 30) -> Bool {
        let deadline = Date().addingTimeInterval(seconds)
        while !text.contains(wanted) {
            guard Date() < deadline, readSome() else { return text.contains(wanted) }
        }
        return true
    }

    private func readSome() -> Bool {
        guard let output else { return false }
        var entry = pollfd(fd: output.rawValue, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 100) > 0 else { return true }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = buffer.withUnsafeMutableBytes { (try? output.read(into: $0)) ?? 0 }
        text += String(decoding: buffer[..<count], as: UTF8.self)
        return count > 0
    }

    func signal(_ number: Int32) { kill(process, number) }

    /// The reader goes away, as `head` does.
    func closeOutput() {
        try? output?.close()
        output = nil
    }

    /// Waits for its end, reading on: 0…255, or minus the signal that it died of.
    func end(seconds: Double = 30, reading: Bool = true) -> Int? {
        let deadline = Date().addingTimeInterval(seconds)
        var status: Int32 = 0
        while Date() < deadline {
            if !reading || !readSome() { usleep(10_000) }
            if waitpid(process, &status, WNOHANG) == process {
                while reading, readSome(), hasMore {}
                let signal = status & 0x7F
                return signal == 0 ? Int(status >> 8 & 0xFF) : -Int(signal)
            }
        }
        kill(process, SIGKILL)
        waitpid(process, &status, 0)
        return nil
    }

    private var hasMore: Bool {
        guard let output else { return false }
        var entry = pollfd(fd: output.rawValue, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLIN) != 0
    }
}
