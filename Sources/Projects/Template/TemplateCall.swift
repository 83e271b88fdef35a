// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import YAML

/// A call of an intrinsic function, in its long form (`{"Fn::Sub": …}`) or its short one (`!Sub …`).
///
/// Source: "Intrinsic function reference", AWS CloudFormation User Guide.
struct TemplateCall {
    /// Without `Fn::` or `!`: `Ref`, `Sub`, `Condition`.
    var function: String
    var argument: Node
    /// The whole call, for its place.
    var node: Node

    init(function: String, argument: Node, node: Node) {
        self.function = function
        self.argument = argument
        self.node = node
    }

    /// Nil when the node is no call.
    init?(_ node: Node) {
        self.node = node
        if let tag = node.tag {
            function = String(tag.dropFirst())
            argument = node
            argument.tag = nil
            return
        }
        guard let entries = node.entries, entries.count == 1, let key = entries[0].key.scalar?.text else { return nil }
        if key == "Ref" {
            function = key
        } else if key.hasPrefix("Fn::") {
            function = String(key.dropFirst(4))
        } else {
            return nil
        }
        argument = entries[0].value
    }

    /// Functions that are worked out here.
    static let known = [
        "Ref", "Sub", "GetAtt", "Join", "If", "FindInMap", "Select", "Split", "ImportValue", "Base64",
    ]

    /// Functions that only conditions may use.
    static let ofConditions = ["Equals", "And", "Or", "Not", "Condition"]
}

/// The pieces of a text of `Fn::Sub`.
enum SubstitutedText {
    enum Piece: Equatable {
        case text(String)
        /// `${Name}`, blanks around the name removed.
        case reference(String)
    }

    /// What stands in `${…}` and is no name, which CloudFormation rejects.
    struct Fault: Error, Equatable {
        var name: String
    }

    static func pieces(_ text: String) -> Result<[Piece], Fault> {
        var pieces: [Piece] = []
        var plain = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            plain += rest[..<dollar]
            rest = rest[dollar...]
            guard rest.hasPrefix("${") else {
                plain += "$"
                rest = rest.dropFirst()
                continue
            }
            guard let close = rest.firstIndex(of: "}") else {
                plain += rest
                rest = ""
                break
            }
            let inner = rest[rest.index(rest.startIndex, offsetBy: 2)..<close]
            rest = rest[rest.index(after: close)...]
            if inner.hasPrefix("!") {
                plain += "${" + inner.dropFirst() + "}"
                continue
            }
            var name = inner
            while name.first == " " { name.removeFirst() }
            while name.last == " " { name.removeLast() }
            guard !name.isEmpty, name.utf8.allSatisfy(isNameByte) else { return .failure(Fault(name: String(inner))) }
            if !plain.isEmpty { pieces.append(.text(plain)) }
            plain = ""
            pieces.append(.reference(String(name)))
        }
        plain += rest
        if !plain.isEmpty { pieces.append(.text(plain)) }
        return .success(pieces)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
    }
}
