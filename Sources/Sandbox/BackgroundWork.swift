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
        var limit: MonotonicTime?
        if getpid() != 1 {
            limit = .now() + (firstProcessIsInit ? 0 : patience)
        }
        while true {
            launchers.removeAll { waitpid($0.identifier, nil, WNOHANG) != 0 }
            if launchers.isEmpty { return }
            if let limit, .now() >= limit { return }
            usleep(500)
        }
    }

    /// Whether the first process minds its children: it takes, ignores or waits for their signal.
    private static var firstProcessIsInit: Bool {
        // Whoever hides it from us is no container's `tail`.
        guard let status = SmallFile.read("/proc/1/status") else { return true }
        return status.split(separator: "\n").contains { line in
            let words = line.split(whereSeparator: { $0 == ":" || $0.isWhitespace })
            guard words.count == 2, ["SigBlk", "SigIgn", "SigCgt"].contains(words[0]) else { return false }
            return (UInt64(words[1], radix: 16) ?? 0) >> UInt64(SIGCHLD - 1) & 1 == 1
        }
    }
}
