// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Replaces `$NAME` and `${NAME}` in a text; a name without a value becomes empty.
///
/// `${NAME:-text}` gives `text` where the value is missing or empty. Any other `$` stays as it is.
func expandVariables(_ text: String, _ variables: [String: String]) -> String {
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
        result += rest[..<dollar]
        rest = rest[rest.index(after: dollar)...]
        if rest.first == "{", let end = rest.firstIndex(of: "}") {
            let inner = rest[rest.index(after: rest.startIndex)..<end]
            let name = inner.prefix(while: isNameCharacter)
            let tail = inner[name.endIndex...]
            if !name.isEmpty, tail.isEmpty || tail.hasPrefix(":-") {
                let value = variables[String(name)] ?? ""
                result += value.isEmpty ? String(tail.dropFirst(2)) : value
                rest = rest[rest.index(after: end)...]
                continue
            }
        }
        let name = rest.prefix(while: isNameCharacter)
        if let first = name.first, !first.isNumber {
            result += variables[String(name)] ?? ""
            rest = rest[name.endIndex...]
        } else {
            result += "$"
        }
    }
    return result + rest
}

private func isNameCharacter(_ character: Character) -> Bool {
    character == "_" || character.isASCII && (character.isLetter || character.isNumber)
}
