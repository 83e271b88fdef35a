// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A table of a TOML file as far as a draft needs it: texts that stand on one line. What is written in other ways is passed
/// over.
struct TOMLTable {
    /// As it stands between the brackets: `package`, `bin`.
    var name: String
    /// Quotes are taken off; what is no text keeps its words.
    var values: [String: String] = [:]

    /// In the order of the file; of an array of tables, `[[bin]]`, each by itself.
    static func tables(of text: String) -> [TOMLTable] {
        var tables = [TOMLTable(name: "")]
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.drop(while: \.isWhitespace)
            if line.first == "[" {
                let name = line.drop { $0 == "[" }.prefix { $0 != "]" }.filter { !$0.isWhitespace }
                tables.append(TOMLTable(name: name))
                continue
            }
            let parts = line.split(separator: "=", maxSplits: 1)
            guard line.first != "#", parts.count == 2 else { continue }
            let key = parts[0].filter { !$0.isWhitespace && $0 != "\"" && $0 != "'" }
            tables[tables.count - 1].values[key] = Self.value(parts[1].drop(while: \.isWhitespace))
        }
        return tables
    }

    private static func value(_ text: Substring) -> String {
        guard let quote = text.first, quote == "\"" || quote == "'" else { return String(text) }
        return String(text.dropFirst().prefix { $0 != quote })
    }
}
