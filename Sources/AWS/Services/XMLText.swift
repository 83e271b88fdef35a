// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Elements of an XML document found by their names. AWS's answers are flat enough: no element of interest holds another of
/// its own name, and none has attributes.
struct XMLText {
    private let bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    private init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// The text of the first element of that name.
    func text(_ name: String) -> String? {
        element(name, in: bytes).map { Self.unescaped(String(decoding: $0, as: UTF8.self)) }
    }

    /// What is in each element of that name.
    func elements(_ name: String) -> [XMLText] {
        var found: [XMLText] = []
        var rest = bytes
        while let element = element(name, in: rest) {
            found.append(XMLText(element))
            rest = rest[element.endIndex...]
        }
        return found
    }

    /// Whether the document's own element has that name.
    func isRooted(in name: String) -> Bool {
        var rest = Self.trimmed(bytes)
        if rest.starts(with: "<?".utf8), let end = Self.place(of: Array("?>".utf8), in: rest) {
            rest = Self.trimmed(rest[(end + 2)...])
        }
        return rest.starts(with: "<\(name)>".utf8) || rest.starts(with: "<\(name) ".utf8)
    }

    private func element(_ name: String, in rest: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let opening = Array("<\(name)>".utf8)
        guard let start = Self.place(of: opening, in: rest) else { return nil }
        let content = rest[(start + opening.count)...]
        return Self.place(of: Array("</\(name)>".utf8), in: content).map { content[..<$0] }
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> { bytes.drop { $0 <= 0x20 } }

    private static func place(of wanted: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        var start = bytes.startIndex
        while start + wanted.count <= bytes.endIndex {
            guard let next = bytes[start...].firstIndex(of: wanted[0]), next + wanted.count <= bytes.endIndex else {
                return nil
            }
            if bytes[next..<next + wanted.count].elementsEqual(wanted) { return next }
            start = next + 1
        }
        return nil
    }

    private static func unescaped(_ text: String) -> String {
        guard text.contains("&") else { return text }
        var result = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: "&") {
            result += rest[..<start]
            rest = rest[start...]
            guard let end = rest.firstIndex(of: ";"), let character = character(rest[start..<end].dropFirst()) else {
                result.append(rest.removeFirst())
                continue
            }
            result.unicodeScalars.append(character)
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static func character(_ name: Substring) -> Unicode.Scalar? {
        if name.hasPrefix("#x") { return UInt32(name.dropFirst(2), radix: 16).flatMap(Unicode.Scalar.init) }
        if name.hasPrefix("#") { return UInt32(name.dropFirst()).flatMap(Unicode.Scalar.init) }
        return ["lt": "<", "gt": ">", "quot": "\"", "apos": "'", "amp": "&"][name]
    }

    /// Text as it stands in an element.
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
