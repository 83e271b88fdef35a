// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Secrets

/// The forms in which a secret's value turns up in a log.
///
/// CodeBuild hides exact values only (AWS CodeBuild User Guide, "Buildspec reference", `env/secrets-manager`). The
/// further forms are those that tools make without meaning harm: `set -x` quotes, JSON, XML and URLs escape, HTTP basic
/// authentication encodes, `xxd` dumps. The list follows the secret masker of GitHub's runner (its ADR 0297 on base64).
struct SecretForms {
    /// Shorter values are not masked: they occur by chance.
    static let minimumLength = 3
    /// Values above this many bytes are looked for as they are, encoded and by lines only.
    static let largestQuoted = 16_384

    /// Whether the further forms are hidden too.
    let areDisguisesHidden: Bool
    var list = FormList()

    init(areDisguisesHidden: Bool) { self.areDisguisesHidden = areDisguisesHidden }

    /// Whether a value is long enough to be hidden, blanks apart.
    static func canHide(_ value: SecretText) -> Bool {
        value.withExposedBytes { trim(Array($0)[...]).count >= minimumLength }
    }

    /// Adds every form of a value.
    /// - Returns: false when the value is too short or blank to be hidden.
    mutating func add(_ value: SecretText) -> Bool { value.withExposedBytes { add(Array($0)) } }

    private mutating func add(_ bytes: [UInt8]) -> Bool {
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
        addGuardedJSON(value, plain)
        addXML(value, plain)
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

    /// As serializers write it that want their text to be safe within HTML: Go's `encoding/json` with small digits, .NET's
    /// `System.Text.Json` with capital ones and more of them.
    private mutating func addGuardedJSON(_ value: ArraySlice<UInt8>, _ plain: Int) {
        let hasOthers = value.contains { $0 < 0x20 || $0 > 0x7E }
        for (guarded, isCapital) in [("<>&", false), ("<>&'+`\"", true)] {
            guard isCapital && hasOthers || value.contains(where: guarded.utf8.contains) else { continue }
            let text = String(decoding: value, as: UTF8.self)
            list.add(unless: plain) {
                $0 +=
                    Self.json(
                        text, escapesOthers: isCapital, escapesSlash: false, guarded: guarded, isCapital: isCapital
                    ).utf8
            }
        }
    }

    /// As text and as an attribute's value of XML and HTML, by the habits of several libraries.
    private mutating func addXML(_ value: ArraySlice<UInt8>, _ plain: Int) {
        guard value.contains(where: "<>&'\"".utf8.contains) else { return }
        let always = [UInt8(ascii: "&"): "&amp;", UInt8(ascii: "<"): "&lt;", UInt8(ascii: ">"): "&gt;"]
        for (double, single) in [
            (nil, nil), ("&quot;", nil), ("&quot;", "&apos;"), ("&quot;", "&#39;"), ("&quot;", "&#x27;"),
            ("&#34;", "&#39;"),
        ] as [(String?, String?)] {
            var entities = always
            entities[UInt8(ascii: "\"")] = double
            entities[UInt8(ascii: "'")] = single
            list.add(unless: plain) { form in
                for byte in value {
                    if let entity = entities[byte] { form += entity.utf8 } else { form.append(byte) }
                }
            }
        }
    }

    /// - Parameters:
    ///   - guarded: characters of ASCII that are written as numbers.
    ///   - isCapital: whether the numbers have capital digits.
    private static func json(
        _ text: String, escapesOthers: Bool, escapesSlash: Bool, guarded: String = "", isCapital: Bool = false
    ) -> String {
        func number(_ unit: UInt16) -> String {
            let digits = String(unit, radix: 16, uppercase: isCapital)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
        var form = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case _ where scalar.isASCII && guarded.unicodeScalars.contains(scalar): form += number(UInt16(scalar.value))
            case "\"": form += "\\\""
            case "\\": form += "\\\\"
            case "\n": form += "\\n"
            case "\r": form += "\\r"
            case "\t": form += "\\t"
            case "/" where escapesSlash: form += "\\/"
            case _ where scalar.value < 0x20, _ where scalar.value > 0x7E && escapesOthers:
                for unit in String(scalar).utf16 { form += number(unit) }
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
}
