// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import Processes
internal import SystemPackage

/// The files that carry a shell's state to the next command, as in a sandbox.
///
/// A command's last lines write `env.next` and then `dir.next`; only a command that reached its end has both, and only
/// then do they replace the state before. A shell killed half-way leaves the last good state.
struct ShellState {
    let directory: FilePath

    var script: FilePath { directory.appending("script.sh") }

    /// Writes the text that a shell is to run, as a new file: a shell left in the background may still read the last.
    func write(script text: String) throws(FilesError) {
        for name in ["script.sh", "env.next", "dir.next"] { _ = path(name).withPlatformString { unlink($0) } }
        try write(Array(text.utf8), to: "script.sh")
    }

    /// The first state: none.
    func begin() throws(FilesError) { try write([], to: "env.sh") }

    private func write(_ bytes: [UInt8], to name: String) throws(FilesError) {
        let place = path(name)
        // Read by whomever `run-as` names, in a directory that nobody else of this machine can enter.
        let number = place.withPlatformString { open($0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644) }
        guard number >= 0 else { throw FilesError(.create, path: place, underlying: Errno(rawValue: errno)) }
        fchmod(number, 0o644)
        let file = FileDescriptor(rawValue: number)
        defer { try? file.close() }
        do { try file.writeAll(bytes) } catch {
            throw FilesError(.write, path: place, underlying: error as? Errno)
        }
    }

    /// Takes over what the command saved; gives the directory it ended in, or nil when it saved nothing.
    func commit() -> FilePath? {
        // A fifo or a link planted by the build is neither waited for nor followed.
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let number = path("dir.next").withPlatformString { open($0, flags) }
        guard number >= 0 else { return nil }
        defer { close(number) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(number, &bytes, bytes.count)
        guard count > 1, bytes[count - 1] == UInt8(ascii: "\n"), bytes[0] == UInt8(ascii: "/") else { return nil }
        openToAll("env.next")
        guard rename("env.next", to: "env.sh") else { return nil }
        return FilePath(bytes: bytes[..<(count - 1)])
    }

    /// Lets the next command read it, whomever that runs as, though this one has changed its umask. Nobody else of this
    /// machine can enter the directory.
    private func openToAll(_ name: String) {
        let file = path(name).withPlatformString { open($0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard file >= 0 else { return }
        defer { close(file) }
        var status = stat()
        // Not of what else the build may have put in its place, such as a second name of a file of root's.
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1 else { return }
        fchmod(file, 0o644)
    }

    /// The directory that the state names is gone, and the next command begins in another.
    func move(to next: FilePath) throws(FilesError) {
        let environment = path("env.sh")
        // Never what a link leads to, which the build planted and may not read itself.
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let number = environment.withPlatformString { open($0, flags) }
        guard number >= 0 else { return }
        let file = FileDescriptor(rawValue: number)
        defer { try? file.close() }
        var text = try FileContents.read(file, path: environment, limit: 256 << 20)
        text += Array("export PWD=\(ShellWord.quoted(next.string))\n".utf8)
        _ = environment.withPlatformString { unlink($0) }
        try write(text, to: "env.sh")
    }

    private func rename(_ from: String, to: String) -> Bool {
        path(from).withPlatformString { old in path(to).withPlatformString { Glibc.rename(old, $0) } } == 0
    }

    private func path(_ name: String) -> FilePath { directory.appending(name) }
}
