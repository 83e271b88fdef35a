// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// The files that carry a shell's state to the next command.
///
/// A command's last lines write `env.next` and then `dir.next`; only a command that reached its end has both, and only
/// then do they replace the state before. A shell killed half-way leaves the last good state.
struct ShellState {
    private let directory: KernelText

    init(_ directory: KernelText) { self.directory = directory }

    /// Takes over what the command saved; gives the directory it ended in, or nil when it saved nothing.
    func commit() -> KernelText? {
        let (nextDirectory, nextEnvironment) = (directory + "/dir.next", directory + "/env.next")
        // A fifo or a link planted by the build is neither waited for nor followed.
        let file = nextDirectory.withCString { Glibc.open($0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(file, &bytes, bytes.count)
        guard count > 1, bytes[count - 1] == UInt8(ascii: "\n"), bytes[0] == UInt8(ascii: "/") else { return nil }
        open(nextEnvironment)
        guard rename(nextEnvironment, to: directory + "/env.sh") else { return nil }
        _ = rename(nextDirectory, to: directory + "/dir.txt")
        return KernelText(Array(bytes[..<(count - 1)]))
    }

    /// Lets the next command read it, whomever that runs as, though this one has changed its umask. No process but the
    /// build's own sees the directory.
    private func open(_ path: KernelText) {
        let file = path.withCString { Glibc.open($0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard file >= 0 else { return }
        defer { close(file) }
        var status = stat()
        // Not of what else the build may have put in its place, such as a second name of a file of root's.
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1 else { return }
        fchmod(file, 0o644)
    }

    /// The directory that the state names is gone, and the next command begins in another.
    func move(to next: KernelText) {
        let environment = directory + "/env.sh"
        let file = environment.withCString { Glibc.open($0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard file >= 0 else { return }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += buffer[..<count]
        }
        let quoted = next.bytes.flatMap { $0 == UInt8(ascii: "'") ? Array("'\\''".utf8) : [$0] }
        text += Array("export PWD='".utf8) + quoted + Array("'\n".utf8)
        // A new file: a mark may be another name of the old one.
        try? MountPoint.write(environment, KernelText(text), mode: 0o644)
    }

    /// Removes what a command that never reached its end may have begun to save. In a sticky directory not even root may
    /// open another user's file for writing (fs.protected_regular, proc_sys_fs(5)), so it is not written over.
    func discard() {
        for name in ["/env.next", "/dir.next"] { _ = (directory + name).withCString { unlink($0) } }
    }

    /// Remembers what the next command would begin with.
    func mark(_ name: KernelText, _ current: KernelText) {
        let mark = KernelText((directory + "/start-").bytes + name.bytes)
        for suffix in [".env", ".dir"] { _ = (mark + suffix).withCString { unlink($0) } }
        // A second name for the file: the next state takes the first name and leaves this one as it is.
        _ = (directory + "/env.sh").withCString { old in (mark + ".env").withCString { link(old, $0) } }
        try? MountPoint.write(mark + ".dir", current, mode: 0o644)
    }

    private func rename(_ from: KernelText, to: KernelText) -> Bool {
        from.withCString { old in to.withCString { Glibc.rename(old, $0) } } == 0
    }
}
