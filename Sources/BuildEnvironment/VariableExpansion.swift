// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Variables inside a text: `${NAME}` and `$NAME`.
enum VariableExpansion {
    /// The text with each variable that has a value replaced by it; one without stays as it is written.
    static func expand(_ text: String, _ value: (String) -> String?) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "$"), let (name, end) = variable(in: bytes, at: index),
                let replacement = value(name)
            else {
                result.append(bytes[index])
                index += 1
                continue
            }
            result.append(contentsOf: replacement.utf8)
            index = end
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func variable(in bytes: [UInt8], at dollar: Int) -> (name: String, end: Int)? {
        let isBraced = dollar + 1 < bytes.count && bytes[dollar + 1] == UInt8(ascii: "{")
        let start = dollar + (isBraced ? 2 : 1)
        var end = start
        while end < bytes.count, isNameByte(bytes[end], isFirst: end == start) { end += 1 }
        guard end > start else { return nil }
        let name = String(decoding: bytes[start..<end], as: UTF8.self)
        guard isBraced else { return (name, end) }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "}") else { return nil }
        return (name, end + 1)
    }

    private static func isNameByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        guard VariableName.isAllowed(byte), byte != UInt8(ascii: "."), byte != UInt8(ascii: "-") else { return false }
        return !(isFirst && isDigit)
    }
}
