// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel

extension CommandEnd {
    /// How a command ended, as a label below it.
    var words: String {
        switch self {
        case .exited(let status): "command exited with \(Self.statusText(status))"
        case .signaled(let signal): "the shell was killed by \(Self.signalName(signal))"
        case .timedOut: "the build's time was up"
        case .stopped: "stopped here"
        case .outOfMemory(let limit, let status):
            "out of memory" + (limit.map { " (limit \(SizeText.of($0)))" } ?? "")
                + (status == 0 ? "" : ", exit \(Self.statusText(status))")
        }
    }

    /// How a command ended, in the few words of a phase's line.
    var shortWords: String {
        switch self {
        case .exited(let status): "exit \(Self.statusText(status))"
        case .signaled(let signal): Self.signalName(signal)
        case .timedOut: "timed out"
        case .stopped: "stopped"
        case .outOfMemory: "out of memory"
        }
    }

    /// An exit status; a shell gives 128 and the signal's number for a program that was killed (POSIX, `sh`, 2.8.2).
    private static func statusText(_ status: Int) -> String {
        guard status > 128, status <= 128 + 64 else { return String(status) }
        return "\(status) (\(signalName(status - 128)))"
    }

    private static func signalName(_ signal: Int) -> String {
        let names: [Int: String] = [
            1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 10: "USR1",
            11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT", 17: "CHLD", 18: "CONT",
            19: "STOP", 20: "TSTP", 21: "TTIN", 22: "TTOU", 23: "URG", 24: "XCPU", 25: "XFSZ", 26: "VTALRM",
            27: "PROF", 28: "WINCH", 29: "IO", 30: "PWR", 31: "SYS",
        ]
        return names[signal].map { "SIG" + $0 } ?? "signal \(signal)"
    }
}

/// Sizes for people.
enum SizeText {
    /// `512 MiB`, `4 GiB`, `123 bytes`.
    static func of(_ bytes: Int) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB"]
        guard bytes >= 1024 else { return bytes == 1 ? "1 byte" : "\(bytes) bytes" }
        var tenths = bytes * 10 / 1024
        var unit = 0
        while tenths >= 10_240, unit + 1 < units.count {
            tenths /= 1024
            unit += 1
        }
        return (tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)") + " " + units[unit]
    }
}
