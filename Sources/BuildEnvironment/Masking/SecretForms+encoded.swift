// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A value within encoded data: base64 and hexadecimal digits.
extension SecretForms {
    /// Below this a base64 or hexadecimal form would be shorter than six characters and occur by chance.
    private static let minimumEncodedLength = 5
    /// `base64` breaks its output after 76 characters, `openssl` and PEM after 64, which hold these many bytes; `xxd -p`
    /// after 60.
    private static let base64LineLengths = [48, 57]
    private static let hexadecimalLineLength = 30
    /// Of a value that is longer than a line of base64, any so many bytes in a row are looked for: four groups.
    private static let base64RunLength = 12

    mutating func addEncoded(_ value: ArraySlice<UInt8>) {
        guard value.count >= Self.minimumEncodedLength else { return }
        addBase64(value)
        addHexadecimal(value)
    }

    /// In small and capital digits, and as the lines of `xxd -p`.
    private mutating func addHexadecimal(_ value: ArraySlice<UInt8>) {
        for digits in ["0123456789abcdef", "0123456789ABCDEF"] {
            let digits = Array(digits.utf8)
            func add(_ part: ArraySlice<UInt8>) {
                list.add { form in for byte in part { form += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] } }
            }
            add(value)
            for line in Self.lines(of: value, length: Self.hexadecimalLineLength) { add(line) }
        }
    }

    /// The value inside encoded data, at each of the three places it can have in a group of three bytes.
    ///
    /// Only characters that the value alone decides are in a form; up to four bits at either end stay visible unless
    /// the data ends with the value.
    private mutating func addBase64(_ value: ArraySlice<UInt8>) {
        for shift in 0..<3 {
            let encoded = Self.encode(Array(repeatElement(0, count: shift)) + value)
            let start = shift == 0 ? 0 : shift + 1
            let certain = (shift + value.count) * 8 / 6
            addBase64Form(encoded[start..<certain])
            // At the end of the data the last character is decided too, and padding follows it.
            var ending = encoded[start...]
            if ending.count + start != certain { addBase64Form(ending) }
            guard ending.last == UInt8(ascii: "=") else { continue }
            while ending.last == UInt8(ascii: "=") { ending.removeLast() }
            addBase64Form(ending)
        }
        for length in Self.base64LineLengths {
            for line in Self.lines(of: value, length: length) {
                let encoded = Self.encode(Array(line))
                addBase64Form(encoded[..<(line.count * 8 / 6)])
                addBase64Form(encoded[...])
            }
        }
        // Behind something else a value may begin anywhere in a line, and lines end where groups do. Fewer than twelve
        // bytes at an end of such a value may stay visible.
        guard let shortest = Self.base64LineLengths.min(), value.count > shortest, value.count <= Self.largestQuoted
        else { return }
        for start in value.startIndex...(value.endIndex - Self.base64RunLength) {
            addBase64Form(Self.encode(Array(value[start..<start + Self.base64RunLength]))[...])
        }
    }

    private mutating func addBase64Form(_ form: ArraySlice<UInt8>) {
        list.add { $0 += form }
        guard form.contains(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/") }) else { return }
        list.add { result in
            for byte in form {
                switch byte {
                case UInt8(ascii: "+"): result.append(UInt8(ascii: "-"))
                case UInt8(ascii: "/"): result.append(UInt8(ascii: "_"))
                default: result.append(byte)
                }
            }
        }
    }

    /// The lines that a tool breaks its output into; none where one is enough.
    private static func lines(of value: ArraySlice<UInt8>, length: Int) -> [ArraySlice<UInt8>] {
        guard value.count > length else { return [] }
        return stride(from: value.startIndex, to: value.endIndex, by: length).map { start in
            value[start..<min(start + length, value.endIndex)]
        }.filter { $0.count >= minimumEncodedLength }
    }

    /// RFC 4648, with padding.
    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var bits = Int(bytes[start]) << 16
            if count > 1 { bits |= Int(bytes[start + 1]) << 8 }
            if count > 2 { bits |= Int(bytes[start + 2]) }
            for place in 0..<4 {
                result.append(
                    place <= count ? alphabet.utf8Start[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return result
    }
}
