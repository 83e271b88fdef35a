// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// What must hold before libyaml sees a text: its reader names no line for these mistakes.
enum Preflight {
    /// Refuses a text that is too large, not UTF-8, or holds characters that YAML forbids.
    static func check(_ source: SourceText, limits: YAMLLimits) throws(YAMLError) {
        guard source.bytes.count <= limits.bytes else {
            throw YAMLError(.fileTooLarge(source.path, limit: limits.bytes))
        }
        let found = source.bytes.withUnsafeBufferPointer { scan($0) }
        guard let found else { return }
        let start = source.position(ofByte: found.offset)
        let span = SourceSpan(
            path: source.path, start: start, end: SourcePosition(line: start.line, column: start.column + 1))
        switch found.fault {
        case .invalid(let byte): throw YAMLError(.invalidUTF8(byte: byte, at: span))
        case .forbidden(0): throw YAMLError(.nulCharacter(at: span))
        case .forbidden(let value): throw YAMLError(.controlCharacter(value, at: span))
        }
    }

    enum Fault {
        case invalid(UInt8)
        case forbidden(UInt32)
    }

    /// The first byte that is not UTF-8, or the first character that is not printable as YAML 1.1 (§5.1) means it.
    private static func scan(_ bytes: UnsafeBufferPointer<UInt8>) -> (offset: Int, fault: Fault)? {
        var index = 0
        while index < bytes.count {
            let first = bytes[index]
            if first < 0x80 {
                if first < 0x20 ? (first != 0x0A && first != 0x09 && first != 0x0D) : first == 0x7F {
                    return (index, .forbidden(UInt32(first)))
                }
                index += 1
                continue
            }
            let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
            guard first >= 0xC2, first <= 0xF4, index + length <= bytes.count else { return (index, .invalid(first)) }
            var value = UInt32(first) & (0xFF >> UInt32(length + 1))
            for offset in 1..<length {
                let byte = bytes[index + offset]
                guard byte & 0xC0 == 0x80 else { return (index, .invalid(first)) }
                value = value << 6 | UInt32(byte & 0x3F)
            }
            let minimum: UInt32 = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80
            guard value >= minimum, value <= 0x10FFFF, !(0xD800...0xDFFF).contains(value) else {
                return (index, .invalid(first))
            }
            if (0x80..<0xA0).contains(value) && value != 0x85 || value == 0xFFFE || value == 0xFFFF {
                return (index, .forbidden(value))
            }
            index += length
        }
        return nil
    }
}
