// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Foundation
import SystemPackage
import TestSupport
import Testing

/// drydock on a real terminal: its own session, with somebody who types and reads at the other side.
final class DrydockOnTerminal {
    let process: pid_t
    private let master: Int32
    /// Kept open, so that the terminal and its modes outlive drydock.
    private let slave: Int32
    /// Everything that was shown.
    private(set) var text = ""

    /// - Parameter errors: a file for standard error; nil is the terminal too.
    init(
        _ drydock: Drydock, _ arguments: [String], rows: UInt16 = 24, columns: UInt16 = 80, type: String = "xterm",
        errors: FilePath? = nil
    ) throws {
        var (master, slave): (Int32, Int32) = (-1, -1)
        var name = [CChar](repeating: 0, count: 128)
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        guard openpty(&master, &slave, &name, nil, &size) == 0 else { throw Errno(rawValue: errno) }
        (self.master, self.slave) = (master, slave)
        for end in [master, slave] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // A session's leader gets the first terminal that it opens as its own.
        posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        if let errors {
            posix_spawn_file_actions_addopen(&actions, 2, errors.string, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        } else {
            posix_spawn_file_actions_adddup2(&actions, 0, 2)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, LINUX_POSIX_SPAWN_SETSID)
        let (program, rest) = drydock.user.command(
            Drydock.program, Drydock.withState(arguments, drydock.state))
        let words =
            ["sh", "-c", "cd -- \"$1\" && shift && exec \"$@\"", "sh", drydock.directory.string, program] + rest
        var environment = drydock.environment
        environment["TERM"] = type
        var argv = words.map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var identifier: pid_t = 0
        let result = posix_spawn(&identifier, "/bin/sh", &actions, &attributes, &argv, &envp)
        guard result == 0 else { throw Errno(rawValue: result) }
        process = identifier
    }

    deinit {
        kill(process, SIGKILL)
        close(master)
        close(slave)
    }

    /// Types; `\n` is the return key.
    func type(_ keys: String) {
        let bytes = Array(keys.replacing("\n", with: "\r").utf8)
        _ = write(master, bytes, bytes.count)
    }

    /// Waits until what was shown since the last call holds a text.
    func wait(for wanted: String, seconds: Double = 30) -> Bool {
        let deadline = Date().addingTimeInterval(seconds)
        while true {
            if let found = text.range(of: wanted, range: seen..<text.endIndex) {
                seenOffset = text.utf8.distance(from: text.startIndex, to: found.upperBound)
                return true
            }
            guard Date() < deadline else { return false }
            readSome()
        }
    }

    /// Types again and again, until something is shown.
    func type(_ key: String, until wanted: String) -> Bool {
        for _ in 0..<10 {
            usleep(300_000)
            type(key)
            if wait(for: wanted, seconds: 3) { return true }
        }
        return false
    }

    private var seenOffset = 0
    private var seen: String.Index { text.utf8.index(text.startIndex, offsetBy: seenOffset) }

    private func readSome() {
        var entry = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 50) > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(master, &buffer, buffer.count)
        if count > 0 { text += String(decoding: buffer[..<count], as: UTF8.self) }
    }

    func resize(rows: UInt16, columns: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// Whether lines are edited and Ctrl-C is a signal, as before a program changes it.
    var isCooked: Bool {
        var modes = termios()
        tcgetattr(slave, &modes)
        let wanted = tcflag_t(ICANON | ECHO | ISIG)
        return modes.c_lflag & wanted == wanted && modes.c_oflag & tcflag_t(OPOST) != 0
    }

    func signal(_ number: Int32) { kill(process, number) }

    /// Waits for its end: 0…255, or minus the signal that it died of; nil when it does not end.
    func end(seconds: Double = 30) -> Int? {
        let deadline = Date().addingTimeInterval(seconds)
        var status: Int32 = 0
        while Date() < deadline {
            readSome()
            if waitpid(process, &status, WNOHANG) == process {
                readSome()
                let signal = status & 0x7F
                return signal == 0 ? Int(status >> 8 & 0xFF) : -Int(signal)
            }
        }
        return nil
    }
}
