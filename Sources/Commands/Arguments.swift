// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// The words of the command line, which may hold any bytes but NUL.
///
/// Words are read as `String`. A byte that is not UTF-8 travels through it as a character of the private use area
/// (U+F700 + byte), and comes out again where a word is a path. Characters that were there already travel the same way,
/// so that the way back is exact.
enum Arguments {
    private static let base: UInt32 = 0xF700
    private static let reserved: ClosedRange<UInt32> = 0xF780...0xF7FF

    /// The words behind the program's own name. There may be none, not even the name (execve(2)).
    static func ofProcess() -> [String] {
        let count = Int(CommandLine.argc)
        let words = CommandLine.unsafeArgv
        guard count > 1 else { return [] }
        return (1..<count).compactMap { index in
            guard let word = words[index] else { return nil }
            return encode(UnsafeBufferPointer(start: word, count: length(of: word)).map { UInt8(bitPattern: $0) })
        }
    }

    private static func length(of word: UnsafeMutablePointer<CChar>) -> Int {
        var count = 0
        while word[count] != 0 { count += 1 }
        return count
    }

    static func encode(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self),
            !text.unicodeScalars.contains(where: { reserved.contains($0.value) })
        {
            return text
        }
        var text = String.UnicodeScalarView()
        var index = 0
        while index < bytes.count {
            let length = characterLength(bytes[index])
            let end = min(index + length, bytes.count)
            if let character = String(validating: bytes[index..<end], as: UTF8.self)?.unicodeScalars.first,
                !reserved.contains(character.value)
            {
                text.append(character)
                index = end
            } else {
                if let scalar = Unicode.Scalar(base + UInt32(bytes[index])) { text.append(scalar) }
                index += 1
            }
        }
        return String(text)
    }

    private static func characterLength(_ first: UInt8) -> Int {
        first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    }

    static func decode(_ text: String) -> [UInt8] {
        text.unicodeScalars.flatMap { scalar -> [UInt8] in
            reserved.contains(scalar.value)
                ? [UInt8(truncatingIfNeeded: scalar.value - base)] : Array(String(scalar).utf8)
        }
    }

    /// Whether a word is text: its bytes are UTF-8.
    static func isText(_ word: String) -> Bool { String(validating: decode(word), as: UTF8.self) != nil }

    /// What a word begins with that is written as a URL, `gs` of `gs://bucket`.
    static func scheme(_ word: String) -> String? {
        guard let end = word.firstRange(of: "://")?.lowerBound, let first = word.utf8.first else { return nil }
        // Source: RFC 3986, 3.1.
        let isScheme = word[..<end].utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || "+-.".utf8.contains(byte)
        }
        return isScheme && (0x61...0x7A).contains(first | 0x20) ? String(word[..<end]) : nil
    }

    /// A word as a path, byte for byte.
    static func path(_ word: String) -> FilePath { FilePath(bytes: decode(word)) }

    /// A word as a person reads it.
    static func displayed(_ word: String) -> String { FilePath.displayed(decode(word)) }
}
