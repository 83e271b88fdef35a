// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc
public import SystemPackage

extension FilePath {
    /// A path of raw bytes, which need not be UTF-8. What follows a NUL is not part of a path and is dropped.
    public init(bytes: some Collection<UInt8>) {
        var text = bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
        text.append(0)
        self = text.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { FilePath(platformString: $0) } ?? FilePath()
        }
    }

    /// The path's bytes, without the NUL at its end.
    public var bytes: [UInt8] {
        withPlatformString { text in
            [UInt8](UnsafeRawBufferPointer(start: text, count: length))
        }
    }

    /// Whether a component is git's own directory `.git`, in capital or small letters: file systems may take them for one.
    public var holdsGitDirectory: Bool { components.contains { $0.isGitDirectory } }

    /// The path as a person reads it: control characters and bytes that are not UTF-8 as `\xNN`, so that a name chosen
    /// by a build cannot draw on the terminal.
    public var displayed: String {
        Self.displayed(bytes)
    }

    /// Raw bytes of a name as a person reads them; see ``displayed``.
    public static func displayed(_ bytes: some Collection<UInt8>) -> String {
        if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return String(decoding: bytes, as: UTF8.self) }
        var text = ""
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var rest = bytes[...]
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .emptyInput: return text
            case .error(let length):
                for byte in rest.prefix(length) { text += escape(byte) }
                rest = rest.dropFirst(length)
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded)
                // U+0080…U+009F steer some terminals; U+202A… and U+2066… turn the text around.
                switch scalar.value {
                case 0..<0x20, 0x7F: text += escape(UInt8(truncatingIfNeeded: scalar.value))
                case 0x80...0x9F, 0x2028...0x202E, 0x2066...0x2069:
                    text += "\\u{\(String(scalar.value, radix: 16))}"
                default: text.unicodeScalars.append(scalar)
                }
                rest = rest.dropFirst(encoded.count)
            }
        }
    }

    private static func escape(_ byte: UInt8) -> String {
        "\\x\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))"
    }
}

extension FilePath.Component {
    /// Whether this is `.git`, in capital or small letters.
    public var isGitDirectory: Bool { string.lowercased() == ".git" }
}

extension [UInt8] {
    /// Whether one name comes before another, byte by byte, as `LC_ALL=C sort` has it.
    public func precedes(_ other: [UInt8]) -> Bool {
        withUnsafeBytes { bytes in
            other.withUnsafeBytes { otherBytes in
                let common = Swift.min(bytes.count, otherBytes.count)
                if common > 0, let one = bytes.baseAddress, let two = otherBytes.baseAddress {
                    let order = memcmp(one, two, common)
                    if order != 0 { return order < 0 }
                }
                return bytes.count < otherBytes.count
            }
        }
    }
}
