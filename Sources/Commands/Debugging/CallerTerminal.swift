// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Console
internal import Glibc

/// The caller's terminal while a shell of the sandbox has it: every key passes through, and nothing is left changed.
///
/// Signals are read from a descriptor, so whatever ends us but SIGKILL passes through `restore()`.
final class CallerTerminal {
    private let modes: termios
    private let output: DescriptorWriter
    /// SIGWINCH, SIGTSTP and SIGCONT.
    let signals: Int32
    private var isRaw = false
    private var screen = ScreenState()

    /// Nil when standard input or output is no terminal.
    init?(output: DescriptorWriter) {
        var modes = termios()
        guard isatty(1) != 0, tcgetattr(0, &modes) == 0 else { return nil }
        self.modes = modes
        self.output = output
        signals = linux_signal_descriptor(Self.watched)
    }

    deinit {
        restore()
        if signals >= 0 { close(signals) }
        // The other two have no effect that blocking would keep back, and others may wait for them.
        linux_unblock_signals(1 << UInt64(SIGTSTP))
    }

    private static let watched = [SIGWINCH, SIGTSTP, SIGCONT].reduce(UInt64(0)) { $0 | 1 << UInt64($1) }

    /// Of the type that programs look up capabilities by.
    var type: String {
        let type = Caller.variable("TERM") ?? ""
        return type.isEmpty ? "dumb" : type
    }

    var size: (rows: UInt16, columns: UInt16) {
        var size = winsize()
        guard ioctl(0, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else { return (24, 80) }
        return (size.ws_row, size.ws_col)
    }

    /// Gives every key to whoever reads, Ctrl-C included.
    func makeRaw() {
        var raw = modes
        cfmakeraw(&raw)
        isRaw = tcsetattr(0, TCSADRAIN, &raw) == 0
    }

    /// - Parameter wasCutOff: the programs behind could not put away what they had set, so it is put away for them.
    func restore(wasCutOff: Bool = false) {
        guard isRaw else { return }
        isRaw = false
        if wasCutOff {
            output.write(screen.reset)
            output.finish()
        }
        // Not waiting for output: a terminal that was stopped with Ctrl-S would keep us for ever.
        var modes = modes
        tcsetattr(0, TCSANOW, &modes)
    }

    func show(_ bytes: UnsafeRawBufferPointer) {
        screen.look(at: bytes)
        output.write(bytes)
    }

    /// Does what the signals that came ask for.
    func takeSignals() {
        while signals >= 0 {
            let number = linux_next_signal(signals)
            if number <= 0 { return }
            if number == SIGTSTP { stop() }
            // Whoever stopped us may have changed the terminal.
            if number == SIGCONT { makeRaw() }
        }
    }

    /// Somebody else's Ctrl-Z, since ours goes to the shell: the terminal is theirs until SIGCONT.
    private func stop() {
        restore()
        raise(SIGSTOP)
        makeRaw()
    }
}

/// What of a screen's modes a program behind it has changed, as far as it matters when that program is killed.
struct ScreenState {
    private var isAlternate = false
    private var rest: [UInt8] = []

    /// Looks for the switch to the alternate screen and back (xterm's private modes 1049, 1047 and 47).
    mutating func look(at bytes: UnsafeRawBufferPointer) {
        // Most output holds no escape at all.
        guard !rest.isEmpty || bytes.contains(0x1B) else { return }
        let text = rest + bytes
        var index = text.startIndex
        while let escape = text[index...].firstIndex(of: 0x1B) {
            let sequence = text[escape...].prefix(8)
            for (number, letters) in [("1049", 8), ("1047", 8), ("47", 6)] where sequence.count >= letters {
                let start = Array("\u{1B}[?\(number)".utf8)
                guard sequence.starts(with: start) else { continue }
                let last = text[escape + start.count]
                if last == UInt8(ascii: "h") { isAlternate = true }
                if last == UInt8(ascii: "l") { isAlternate = false }
            }
            index = escape + 1
        }
        rest = text.suffix(7).contains(0x1B) ? Array(text.suffix(7)) : []
    }

    /// Attributes, cursor, bracketed paste, mouse, keypad; and the main screen where the other is shown.
    var reset: String {
        (isAlternate ? "\u{1B}[?1049l" : "")
            + "\u{1B}[0m\u{1B}[?25h\u{1B}[?2004l\u{1B}[?1000;1002;1003;1006l\u{1B}[?1l\u{1B}>\r"
    }
}
