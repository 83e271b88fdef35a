// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The settings of a repository's `config`, as far as one value is wanted of it.
///
/// Includes are not followed. Source: git-config(1), "Syntax".
struct GitConfiguration {
    private var values: [String: String] = [:]

    init(_ text: String) {
        var section = ""
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmed
            if line.hasPrefix("[") {
                section = Self.section(line)
            } else if !section.isEmpty, let equals = line.firstIndex(of: "=") {
                let key = "\(section).\(line[..<equals].trimmed.lowercased())"
                // Of several URLs git fetches from the first.
                if values[key] == nil { values[key] = Self.value(line[line.index(after: equals)...]) }
            }
        }
    }

    func value(_ section: String, _ subsection: String, _ key: String) -> String? {
        values["\(section).\(subsection).\(key)"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// `[remote "origin"]` as `remote.origin`; the first part in small letters.
    private static func section(_ line: String) -> String {
        guard let end = line.lastIndex(of: "]") else { return "" }
        let inner = line[line.index(after: line.startIndex)..<end]
        guard let quote = inner.firstIndex(of: "\"") else { return inner.trimmed.lowercased() }
        var name = ""
        var isEscaped = false
        for character in inner[inner.index(after: quote)...] {
            if isEscaped {
                name.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                break
            } else {
                name.append(character)
            }
        }
        return "\(inner[..<quote].trimmed.lowercased()).\(name)"
    }

    private static func value(_ text: Substring) -> String {
        var result = ""
        var isQuoted = false
        var isEscaped = false
        for character in text.trimmed {
            if isEscaped {
                result.append(character == "n" ? "\n" : character == "t" ? "\t" : character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if !isQuoted, character == "#" || character == ";" {
                break
            } else {
                result.append(character)
            }
        }
        return result.trimmed
    }
}
