// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CLinux
internal import CommandExecution
internal import Console
internal import Glibc

/// Ends a build on SIGINT, SIGTERM, SIGHUP and every other signal that would end us and can be taken, and when nobody can
/// take its output any more. Left to itself such a signal would end drydock alone: a build without a sandbox would go on.
///
/// The first signal asks politely, the second kills. Signals are read from a descriptor (signalfd(2)), so no code of ours
/// runs in a signal handler, and the engine's poll loop wakes by itself.
final class StopSignals: StopSource {
    private let signals: Int32
    private let output: DescriptorWriter
    private var first: Int32?
    private var isRepeated = false

    init(output: DescriptorWriter) {
        self.output = output
        let wanted = [SIGINT, SIGTERM, SIGQUIT] + Self.others.filter { !Self.isIgnored($0) }
        let mask = wanted.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
        signals = linux_signal_descriptor(mask)
    }

    /// What ends a program by default (signal(7)) and does not come of a fault of its own.
    private static let others = [
        SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGIO, SIGPWR, SIGSTKFLT,
    ]

    /// Whoever started us did not want it to count: started by nohup, a build outlives its terminal.
    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        return sigaction(number, nil, &action) == 0 && action.__sigaction_handler.sa_handler != nil
    }

    var descriptor: Int32? { signals >= 0 ? signals : nil }

    var request: StopRequest? {
        while signals >= 0 {
            let number = linux_next_signal(signals)
            guard number > 0 else { break }
            if first == nil { first = number } else { isRepeated = true }
        }
        if isRepeated { return .atOnce }
        return first != nil || output.failure != nil ? .politely : nil
    }

    var meaning: ExitMeaning {
        if let first { return .interrupted(signal: first) }
        return output.failure?.isBrokenPipe == true ? .interrupted(signal: SIGPIPE) : .machineUnable
    }
}

/// Tells a live view that drydock was suspended and goes on: a shell has written to the terminal meanwhile.
///
/// A descriptor of its own, read only by who draws: a shell of `--shell-on-failure` wants the same signal.
final class Suspension {
    private let signals = linux_signal_descriptor(1 << UInt64(SIGCONT))

    /// Whether drydock was suspended since this was last asked.
    func hasPassed() -> Bool {
        var hasPassed = false
        while signals >= 0, linux_next_signal(signals) > 0 { hasPassed = true }
        return hasPassed
    }

    deinit { if signals >= 0 { close(signals) } }
}
