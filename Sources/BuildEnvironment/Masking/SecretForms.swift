// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The forms in which a secret's value turns up in a log.
///
/// CodeBuild hides exact values only (AWS CodeBuild User Guide, "Buildspec reference", `env/secrets-manager`). The
/// further forms are those that tools make without meaning harm: `set -x` quotes, JSON and URLs escape, HTTP basic
/// authentication encodes, `xxd` dumps. The list follows the secret masker of GitHub's runner (its ADR 0297 on base64).
struct SecretForms {
    /// Shorter values are not masked: they occur by chance.
    static let minimumLength = 3
    /// Below this a base64 or hexadecimal form would be shorter than six characters and occur by chance.
    private static let minimumEncodedLength = 5
    /// Values above this many bytes are looked for as they are, encoded and by lines only.
    private static let largestQuoted = 16_384
    /// `base64` breaks its output after 76 characters, which hold this many bytes; `xxd -p` after 60.
    private static let base64LineLength = 57
    private static let hexadecimalLineLength = 30

    /// Whether the further forms are hidden too.
    let areDisguisesHidden: Bool
    private(set) var list = FormList()

    init(areDisguisesHidden: Bool) { self.areDisguisesHidden = areDisguisesHidden }

    /// Whether a value is long enough to be hidden, blanks apart.
    static func canHide(_ value: String) -> Bool { trim(Array(value.utf8)[...]).count >= minimumLength }

    /// Adds every form of a value.
    /// - Returns: false when the value is too short or blank to be hidden.
    mutating func add(_ value: String) -> Bool {
        let bytes = [UInt8](value.utf8)
        let trimmed = Self.trim(bytes[...])
        guard trimmed.count >= Self.minimumLength else { return false }
        addQuoted(trimmed, isDocument: trimmed.count > Self.largestQuoted)
        if areDisguisesHidden {
            // Whoever encodes a value encodes the blanks around it too.
            if trimmed.count != bytes.count { addEncoded(bytes[...]) }
            addEncoded(trimmed)
        }
        // A tool may indent or prefix each line of a key; lines stand alone then.
        if trimmed.contains(where: { $0 == 0x0A || $0 == 0x0D }) {
            for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
                let line = Self.trim(line)
                if line.count >= Self.minimumLength { addQuoted(line, isDocument: false, isLine: true) }
            }
        }
        return true
    }

    mutating func wipe() { list.wipe() }

    static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return [] }
        return bytes[first...last]
    }

    // MARK: Quoted

    /// The value as it is, and as JSON, URLs and shells write it.
    private mutating func addQuoted(_ value: ArraySlice<UInt8>, isDocument: Bool, isLine: Bool = false) {
        let plain = list.ranges.count
        list.add { $0 += value }
        // Of a document's size a tool quotes lines. What holds letters and digits alone looks the same in every quoting.
        guard areDisguisesHidden, !isDocument, !value.allSatisfy(Self.isUnreserved) else { return }
        addJSON(value, plain)
        addShell(value, plain)
        if !isLine { addURL(value, plain) }
    }

    /// Letters, digits and `-._~`, which RFC 3986 (2.3) has in every place of a URL.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    /// Inside a JSON string: with other letters as they are, or as `\u` escapes; with `/` as it is, or escaped.
    private mutating func addJSON(_ value: ArraySlice<UInt8>, _ plain: Int) {
        let hasOthers = value.contains { $0 < 0x20 || $0 > 0x7E }
        for escapesOthers in hasOthers ? [false, true] : [false] {
            for escapesSlash in value.contains(UInt8(ascii: "/")) ? [false, true] : [false] {
                guard hasOthers else {
                    list.add(unless: plain) { form in
                        for byte in value {
                            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
                                || byte == UInt8(ascii: "/") && escapesSlash
                            {
                                form.append(UInt8(ascii: "\\"))
                            }
                            form.append(byte)
                        }
                    }
                    continue
                }
                let text = String(decoding: value, as: UTF8.self)
                list.add(unless: plain) {
                    $0 += Self.json(text, escapesOthers: escapesOthers, escapesSlash: escapesSlash).utf8
                }
            }
        }
    }

    private static func json(_ text: String, escapesOthers: Bool, escapesSlash: Bool) -> String {
        var form = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": form += "\\\""
            case "\\": form += "\\\\"
            case "\n": form += "\\n"
            case "\r": form += "\\r"
            case "\t": form += "\\t"
            case "/" where escapesSlash: form += "\\/"
            case _ where scalar.value < 0x20, _ where scalar.value > 0x7E && escapesOthers:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    form += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: form.unicodeScalars.append(scalar)
            }
        }
        return form
    }

    /// Percent-encoded as RFC 3986 has it, as browsers do, as paths and as forms are; in capital or small digits.
    private mutating func addURL(_ value: ArraySlice<UInt8>, _ plain: Int) {
        let hasBlank = value.contains(0x20)
        for kept in ["", "/", "!'()*", "!'()*;/?:@&=+$,#"] {
            // What is kept in no other way gives no other form.
            if !kept.isEmpty, !value.contains(where: kept.utf8.contains) { continue }
            for digits in ["0123456789ABCDEF", "0123456789abcdef"] {
                let digits = Array(digits.utf8)
                for spaceIsPlus in hasBlank ? [false, true] : [false] {
                    list.add(unless: plain) { form in
                        for byte in value {
                            if Self.isUnreserved(byte) || kept.utf8.contains(byte) {
                                form.append(byte)
                            } else if spaceIsPlus && byte == 0x20 {
                                form.append(UInt8(ascii: "+"))
                            } else {
                                form += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                            }
                        }
                    }
                }
            }
        }
    }

    /// As `set -x`, `export -p` and `printf %q` quote it, without the outer quotes.
    private mutating func addShell(_ value: ArraySlice<UInt8>, _ plain: Int) {
        let quote = UInt8(ascii: "'")
        func add(_ escape: (UInt8) -> String?) {
            list.add(unless: plain) { form in
                for byte in value {
                    if let escaped = escape(byte) { form += escaped.utf8 } else { form.append(byte) }
                }
            }
        }
        func backslashed(_ byte: UInt8) -> String { "\\" + String(Unicode.Scalar(byte)) }
        add { $0 == quote ? "'\\''" : nil }
        add { $0 == quote ? "'\"'\"'" : nil }
        add { "\"\\$`".utf8.contains($0) ? backslashed($0) : nil }
        add {
            Self.isUnreserved($0) && $0 != UInt8(ascii: "~") || "/@%+=:".utf8.contains($0) || $0 >= 0x80
                ? nil : backslashed($0)
        }
        add { byte in
            switch byte {
            case 0x0A: "\\n"
            case 0x0D: "\\r"
            case 0x09: "\\t"
            case quote, UInt8(ascii: "\\"): backslashed(byte)
            default: nil
            }
        }
    }

    // MARK: Encoded

    private mutating func addEncoded(_ value: ArraySlice<UInt8>) {
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
        for line in Self.lines(of: value, length: Self.base64LineLength) {
            let encoded = Self.encode(Array(line))
            addBase64Form(encoded[..<(line.count * 8 / 6)])
            addBase64Form(encoded[...])
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
