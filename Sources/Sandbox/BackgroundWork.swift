// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Glibc
internal import Processes
internal import SystemPackage

/// Launchers that drydock has let go of: they remove or keep what builds wrote, and outlive drydock where that takes long.
///
/// On a machine with an init nobody need care for them. In a container the first process may be no init but whatever was
/// started there: `tail -f /dev/null` in GitHub's job containers, which leaves each of them as a zombie, or drydock itself,
/// whose end would be theirs.
public enum BackgroundWork {
    // One thread starts launchers and lets go of them.
    nonisolated(unsafe) private static var launchers: [ChildProcess] = []

    /// A removal that takes longer ends as a zombie: better than a job that seems to hang.
    private static let patience = 10.0

    static func add(_ launcher: ChildProcess) { launchers.append(launcher) }

    /// To be called before drydock ends: waits for the launchers where nobody else would.
    public static func settle() {
        // Most have ended by now, and a build's end is on the user's time.
        if takeEnded() { return }
        let limit = getpid() == 1 ? nil : MonotonicTime.now() + (firstProcessIsInit ? 0 : patience)
        while limit.map({ .now() < $0 }) ?? true {
            if takeEnded() { return }
            usleep(500)
        }
    }

    /// - Returns: whether none is left.
    private static func takeEnded() -> Bool {
        launchers.removeAll { waitpid($0.identifier, nil, WNOHANG) != 0 }
        return launchers.isEmpty
    }

    /// Whether the first process minds its children: it takes, ignores or waits for their signal, or has threads, of which one
    /// may wait for them. What somebody put there to keep a container up has neither.
    private static var firstProcessIsInit: Bool {
        // Whoever hides it from us is no container's `tail`.
        guard let status = SmallFile.read("/proc/1/status") else { return true }
        // Bytes: taken apart as text it would cost a third of a millisecond at each end.
        return Array(status.utf8).split(separator: UInt8(ascii: "\n")).contains { line in
            if line.starts(with: "Threads:".utf8) { return !line.elementsEqual("Threads:\t1".utf8) }
            let names = ["SigBlk:", "SigIgn:", "SigCgt:"]
            guard names.contains(where: { line.starts(with: $0.utf8) }) else { return false }
            let mask = String(decoding: line.suffix(16), as: UTF8.self)
            return (UInt64(mask, radix: 16) ?? 0) >> UInt64(SIGCHLD - 1) & 1 == 1
        }
    }
}
