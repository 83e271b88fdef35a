// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Words as a shell reads them, whatever they hold. Source: "Quoting", POSIX.1-2017, XCU 2.2.
public enum ShellWord {
    /// In quotes.
    public static func quoted(_ word: String) -> String { "'" + word.replacing("'", with: "'\\''") + "'" }

    /// As a person would type it: in quotes where it needs them. `=` needs them, because it may make an assignment.
    public static func typed(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "_-./,:+".utf8.contains(byte)
        }
        return isPlain && !word.isEmpty ? word : quoted(word)
    }
}
