// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Console
internal import Glibc
internal import Secrets
internal import SystemPackage

/// Asks for a value on the terminal, and does not show what is typed.
///
/// Keys are read one by one: a terminal that collects lines keeps no more than 4095 bytes of one (termios(3), "Canonical
/// and noncanonical mode"), and a private key may well be longer. Signals are read from a descriptor, so that the terminal is
/// as it was before whatever ends us but SIGKILL.
final class SecretPrompt {
    private let name: String
    private let terminal: Terminal
    private let modes: termios
    private let signals: Int32

    enum Answer {
        case value(SecretText)
        /// Ctrl-C, or another signal.
        case interrupted(Int32)
    }

    private static let watched = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT]
        .reduce(UInt64(0)) { $0 | 1 << UInt64($1) }

    /// Nil when standard input is no terminal.
    init?(_ name: String, _ terminal: Terminal) {
        var modes = termios()
        guard tcgetattr(0, &modes) == 0 else { return nil }
        self.name = name
        self.terminal = terminal
        self.modes = modes
        signals = linux_signal_descriptor(Self.watched)
    }

    deinit {
        restore()
        if signals >= 0 { close(signals) }
        linux_unblock_signals(Self.watched)
    }

    /// Asks twice: nobody can see what they typed.
    func ask() throws -> Answer {
        let first = try line("value for \(name) (not shown): ")
        guard case .value(let value) = first, !value.isEmpty else { return first }
        let second = try line("once more: ")
        guard case .value(let again) = second else { return second }
        guard value == again else { throw CommandFailure.secretsDiffer(name) }
        return second
    }

    // MARK: The terminal

    private func hide() {
        var hidden = modes
        hidden.c_lflag &= ~tcflag_t(ECHO | ECHONL | ICANON | IEXTEN)
        hidden.c_iflag |= tcflag_t(ICRNL)
        hidden.c_iflag &= ~tcflag_t(IXON)
        withUnsafeMutableBytes(of: &hidden.c_cc) { keys in
            keys[Int(VMIN)] = 1
            keys[Int(VTIME)] = 0
        }
        tcsetattr(0, TCSAFLUSH, &hidden)
    }

    /// What was typed and not read goes: it may be the rest of a secret, and a shell would read it as its next command.
    private func restore() {
        var modes = modes
        tcsetattr(0, TCSAFLUSH, &modes)
    }

    private func show(_ text: String) {
        if terminal.errorsAreTerminal {
            terminal.errors.write(text)
            terminal.errors.finish()
        } else {
            // Terminals are opened for both ways.
            _ = try? FileDescriptor.standardInput.writeAll(text.utf8)
        }
    }

    // MARK: A line

    private func line(_ question: String) throws -> Answer {
        let buffer = SecretBuffer()
        hide()
        show(question)
        defer {
            restore()
            show("\n")
        }
        while true {
            if let signal = takeSignals(question) { return .interrupted(signal) }
            guard let key = try key() else { continue }
            switch key {
            case UInt8(ascii: "\n"):
                if try !isQuiet() { throw CommandFailure.secretOfSeveralLines(name) }
                if buffer.isFull { throw CommandFailure.secretTooLong(name) }
                if buffer.holdsControl { throw CommandFailure.secretWithControl(name) }
                return .value(buffer.text)
            case endOfInput where buffer.count == 0: return .value("")
            case 0x08, 0x7F: buffer.removeCharacter()
            case killLine: buffer.clear()
            default: buffer.append(key)
            }
        }
    }

    private var endOfInput: UInt8 { 0x04 }
    private var killLine: UInt8 { 0x15 }

    /// Waits for a key or a signal; nil when it was not a key.
    private func key() throws -> UInt8? {
        var entries = [
            pollfd(fd: 0, events: Int16(POLLIN), revents: 0), pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&entries, 2, -1) > 0, entries[0].revents != 0 else { return nil }
        var byte: UInt8 = 0
        let count = read(0, &byte, 1)
        if count == 1 { return byte }
        if count < 0, errno == EINTR { return nil }
        // The terminal is gone.
        throw CommandFailure.cannotReadInput(count < 0 ? Errno(rawValue: errno) : .ioError)
    }

    /// Whether nothing follows the line, as where several were pasted at once.
    private func isQuiet() throws -> Bool {
        var entry = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 50) <= 0
    }

    /// - Returns: a signal that ends us.
    private func takeSignals(_ question: String) -> Int32? {
        while signals >= 0 {
            let number = linux_next_signal(signals)
            if number <= 0 { return nil }
            switch number {
            case SIGTSTP:
                restore()
                raise(SIGSTOP)
                // Somebody else had the terminal meanwhile.
                hide()
                show(question)
            case SIGCONT: break
            default: return number
            }
        }
        return nil
    }
}
