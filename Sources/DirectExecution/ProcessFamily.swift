// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
internal import SystemPackage

/// Every process that came of the build's commands, wherever it went.
///
/// As the "child subreaper" (prctl(2), PR_SET_CHILD_SUBREAPER) this process becomes the parent of every orphan below it, so
/// that a daemon which detached itself is still found by going down from here.
struct ProcessFamily {
    /// Children that were there before the build, and what came of them: nobody's to end.
    private let strangers: Set<Int32>

    init() {
        _ = linux_prctl(LINUX_PR_SET_CHILD_SUBREAPER, 1)
        strangers = Set(Self.table().filter { $0.parent == getpid() }.map(\.process))
    }

    private struct Entry {
        var process: Int32
        var parent: Int32
        var isDead: Bool
    }

    /// Processes of the build that live.
    func members() -> [Int32] { family().filter { !$0.isDead }.map(\.process) }

    private func family() -> [Entry] {
        let children = Dictionary(grouping: Self.table(), by: \.parent)
        var found: [Entry] = []
        var open = (children[getpid()] ?? []).filter { !strangers.contains($0.process) }
        while let next = open.popLast() {
            found.append(next)
            open += children[next.process] ?? []
        }
        return found
    }

    func signal(_ number: Int32) {
        for process in members() {
            kill(process, number)
            // A stopped process gets no signal but this one and SIGKILL.
            kill(process, SIGCONT)
        }
    }

    /// Kills all of them and waits until they are gone; gives those who could not be killed.
    func end() -> [Int32] {
        // Processes that start others faster than they can be found are few; ten seconds are many rounds.
        for _ in 0..<10_000 {
            let family = family()
            if family.isEmpty { return [] }
            var refused: [Int32] = []
            for member in family where !member.isDead {
                if kill(member.process, SIGKILL) != 0, errno == EPERM { refused.append(member.process) }
            }
            for member in family where member.parent == getpid() { _ = waitpid(member.process, nil, WNOHANG) }
            let living = family.filter { !$0.isDead }.map(\.process)
            if !refused.isEmpty, refused.count == living.count { return refused }
            usleep(1000)
        }
        return members()
    }

    /// Takes the dead orphans that fell to us.
    /// - Parameter command: waited for by somebody else.
    func reap(except command: Int32) {
        while true {
            var information = siginfo_t()
            guard waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) == 0 else { return }
            let process = information._sifields._sigchld.si_pid
            guard process > 0, process != command else { return }
            _ = waitpid(process, nil, WNOHANG)
        }
    }

    /// All processes there are. Source of the format: proc_pid_stat(5); a name may hold blanks and parentheses.
    private static func table() -> [Entry] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var entries: [Entry] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let process = Int32(name) else { continue }
            let file = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            let count = read(file, &buffer, buffer.count)
            close(file)
            guard count > 0, let name = buffer[..<count].lastIndex(of: UInt8(ascii: ")")) else { continue }
            let fields = buffer[(name + 1)..<count].split(separator: UInt8(ascii: " "), maxSplits: 2)
            guard fields.count > 1, let parent = Int32(String(decoding: fields[1], as: UTF8.self)) else { continue }
            entries.append(
                Entry(process: process, parent: parent, isDead: fields[0].first == UInt8(ascii: "Z")))
        }
        return entries
    }
}
