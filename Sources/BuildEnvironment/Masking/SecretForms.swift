// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The forms in which a secret's value turns up in a log.
///
/// CodeBuild hides exact values only (AWS CodeBuild User Guide, "Buildspec reference", `env/secrets-manager`). The
/// further forms are those that tools make without meaning harm: `set -x` quotes, JSON and URLs escape, HTTP basic
/// authentication encodes. The list follows the secret masker of GitHub's runner (its ADR 0297 on base64).
enum SecretForms {
    /// Shorter values are not masked: they occur by chance.
    static let minimumLength = 3
    /// Below this a base64 form would be shorter than six characters and occur by chance.
    private static let minimumBase64Length = 5
    /// Values above this many bytes are looked for as they are, in base64 and by lines only.
    private static let largestQuoted = 16_384
    /// `base64` breaks its output after 76 characters, which hold this many bytes.
    private static let base64LineLength = 57

    /// Every form of a value; empty when the value is too short or blank to be hidden.
    static func all(of value: String) -> Set<[UInt8]> {
        let bytes = [UInt8](value.utf8)
        let trimmed = trim(bytes[...])
        guard trimmed.count >= minimumLength else { return [] }
        var forms: Set<[UInt8]> = [Array(trimmed)]
        for whole in [bytes, Array(trimmed)] {
            forms.formUnion(base64(whole))
            // A value of this size is a document; what a tool quotes of it are its lines.
            guard whole.count <= largestQuoted else { continue }
            forms.formUnion(json(whole))
            forms.formUnion(url(whole))
            forms.formUnion(shell(whole))
        }
        // A tool may indent or prefix each line of a key; lines stand alone then.
        for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            let line = trim(line)
            guard line.count >= minimumLength else { continue }
            forms.insert(Array(line))
            forms.formUnion(shell(Array(line)))
            forms.formUnion(json(Array(line)))
        }
        return forms.filter { $0.count >= minimumLength }
    }

    private static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return [] }
        return bytes[first...last]
    }

    // MARK: base64

    /// The value inside encoded data, at each of the three places it can have in a group of three bytes.
    ///
    /// Only characters that the value alone decides are in a form; up to four bits at either end stay visible unless
    /// the data ends with the value.
    private static func base64(_ value: [UInt8]) -> Set<[UInt8]> {
        guard value.count >= minimumBase64Length else { return [] }
        var forms: Set<[UInt8]> = []
        for shift in 0..<3 {
            let encoded = encode(Array(repeatElement(0, count: shift)) + value)
            let start = shift == 0 ? 0 : shift + 1
            let certain = (shift + value.count) * 8 / 6
            forms.insert(Array(encoded[start..<certain]))
            // At the end of the data the last character is decided too, and padding follows it.
            var ending = Array(encoded[start...])
            forms.insert(ending)
            while ending.last == UInt8(ascii: "=") { ending.removeLast() }
            forms.insert(ending)
        }
        if value.count > base64LineLength {
            for start in stride(from: 0, to: value.count, by: base64LineLength) {
                let line = value[start..<min(start + base64LineLength, value.count)]
                guard line.count >= minimumBase64Length else { continue }
                let encoded = encode(Array(line))
                forms.insert(Array(encoded[..<(line.count * 8 / 6)]))
                forms.insert(encoded)
            }
        }
        let urlSafe = forms.map { form in
            form.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }
        }
        return forms.union(urlSafe)
    }

    /// RFC 4648, with padding.
    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let padded = Array(group) + Array(repeatElement(0, count: 3 - group.count))
            let bits = Int(padded[0]) << 16 | Int(padded[1]) << 8 | Int(padded[2])
            for place in 0..<4 {
                result.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return result
    }

    // MARK: JSON

    /// Inside a JSON string: with other letters as they are, or as `\u` escapes; with `/` as it is, or escaped.
    private static func json(_ value: [UInt8]) -> Set<[UInt8]> {
        let text = String(decoding: value, as: UTF8.self)
        var forms: Set<[UInt8]> = []
        for escapesOthers in [false, true] {
            for escapesSlash in [false, true] {
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
                        for unit in String(scalar).utf16 { form += "\\u" + hexadecimal(Int(unit), width: 4) }
                    default: form.unicodeScalars.append(scalar)
                    }
                }
                forms.insert(Array(form.utf8))
            }
        }
        return forms
    }

    private static func hexadecimal(_ number: Int, width: Int, uppercase: Bool = false) -> String {
        let digits = String(number, radix: 16, uppercase: uppercase)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    // MARK: URL

    /// Percent-encoded as RFC 3986 has it, as browsers do, as paths and as forms are; in capital or small digits.
    private static func url(_ value: [UInt8]) -> Set<[UInt8]> {
        let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        var forms: Set<[UInt8]> = []
        for kept in ["", "/", "!'()*", "!'()*;/?:@&=+$,#"] {
            for uppercase in [true, false] {
                for spaceIsPlus in [false, true] {
                    var form: [UInt8] = []
                    for byte in value {
                        if unreserved.contains(byte) || kept.utf8.contains(byte) {
                            form.append(byte)
                        } else if spaceIsPlus && byte == 0x20 {
                            form.append(UInt8(ascii: "+"))
                        } else {
                            form += Array("%".utf8) + hexadecimal(Int(byte), width: 2, uppercase: uppercase).utf8
                        }
                    }
                    forms.insert(form)
                }
            }
        }
        return forms
    }

    // MARK: Shell

    /// As `set -x`, `export -p` and `printf %q` quote it, without the outer quotes.
    private static func shell(_ value: [UInt8]) -> Set<[UInt8]> {
        let quote = UInt8(ascii: "'")
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/@%+=:".utf8)
        var singleQuoted: [UInt8] = []
        var dashQuoted: [UInt8] = []
        var doubleQuoted: [UInt8] = []
        var backslashed: [UInt8] = []
        var dollarQuoted: [UInt8] = []
        for byte in value {
            singleQuoted += byte == quote ? Array("'\\''".utf8) : [byte]
            dashQuoted += byte == quote ? Array("'\"'\"'".utf8) : [byte]
            doubleQuoted += Array("\"\\$`".utf8).contains(byte) ? [UInt8(ascii: "\\"), byte] : [byte]
            backslashed += plain.contains(byte) || byte >= 0x80 ? [byte] : [UInt8(ascii: "\\"), byte]
            switch byte {
            case 0x0A: dollarQuoted += Array("\\n".utf8)
            case 0x0D: dollarQuoted += Array("\\r".utf8)
            case 0x09: dollarQuoted += Array("\\t".utf8)
            case quote, UInt8(ascii: "\\"): dollarQuoted += [UInt8(ascii: "\\"), byte]
            default: dollarQuoted.append(byte)
            }
        }
        return [singleQuoted, dashQuoted, doubleQuoted, backslashed, dollarQuoted]
    }
}
