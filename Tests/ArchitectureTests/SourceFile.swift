// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage

/// A source file, as written and with everything but code blanked out.
struct SourceFile {
    /// Relative to the package.
    var path: String
    var lines: [String]
    /// As many lines, without comments and without what stands between quotes.
    var code: [String]

    var isSwift: Bool { path.hasSuffix(".swift") }

    init(path: String, text: String) {
        self.path = path
        self.lines = text.components(separatedBy: "\n")
        self.code = Self.code(of: text).components(separatedBy: "\n")
    }

    static func all(below folder: String, of root: FilePath) throws -> [SourceFile] {
        let base = root.appending(folder).string
        guard let names = FileManager.default.enumerator(atPath: base) else { return [] }
        return try names.compactMap { $0 as? String }.sorted()
            .filter { [".swift", ".c", ".h"].contains(where: $0.hasSuffix) }
            .map {
                SourceFile(path: folder + "/" + $0, text: try String(contentsOfFile: base + "/" + $0, encoding: .utf8))
            }
    }

    /// Modules that the file imports.
    var imports: Set<String> {
        Set(
            code.compactMap { line in
                var words = line.split(separator: " ").map(String.init)
                while let first = words.first, first != "import" {
                    // Only what may stand before `import`: attributes and access levels.
                    guard first.hasPrefix("@") || Self.accessLevels.contains(first) else { return nil }
                    words.removeFirst()
                }
                guard words.count > 1 else { return nil }
                let name = Self.importKinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
                return String(name.prefix { $0 != "." })
            })
    }

    private static let accessLevels: Set = ["public", "package", "internal", "fileprivate", "private"]
    private static let importKinds: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]

    /// Places, as `path:line`, where one of these names is called as a function: `name(`, and not as a part of another
    /// name, not as a method, not where a function or a case of that name is declared.
    func calls(of names: Set<String>) -> [String] {
        places { line in
            var word = ""
            var before = ""
            for character in line {
                if character.isLetter || character.isNumber || character == "_" {
                    word.append(character)
                    continue
                }
                if character == "(", names.contains(word), !before.hasSuffix("."), !["case", "func"].contains(before) {
                    return true
                }
                if !word.isEmpty, character == " " { before = word } else { before = String(character) }
                word = ""
            }
            return false
        }
    }

    /// Places where one of these words stands in the code, by itself.
    func uses(of words: Set<String>) -> [String] {
        places { line in
            line.split { !($0.isLetter || $0.isNumber || $0 == "_") }.contains { words.contains(String($0)) }
        }
    }

    func places(where matches: (String) -> Bool) -> [String] {
        code.indices.filter { matches(code[$0]) }.map { "\(path):\($0 + 1)" }
    }

    /// The text with comments and the content of string literals turned into blanks; lines stay where they are.
    static func code(of text: String) -> String {
        var result = ""
        var rest = Substring(text)
        var commentDepth = 0
        var quote: Substring?

        func take(_ count: Int, keep: Bool) {
            for character in rest.prefix(count) { result.append(keep || character == "\n" ? character : " ") }
            rest = rest.dropFirst(count)
        }
        while let next = rest.first {
            if commentDepth > 0 {
                if rest.hasPrefix("*/") { commentDepth -= 1 } else if rest.hasPrefix("/*") { commentDepth += 1 }
                take(rest.hasPrefix("*/") || rest.hasPrefix("/*") ? 2 : 1, keep: false)
            } else if let end = quote {
                if rest.hasPrefix(end) {
                    take(end.count, keep: true)
                    quote = nil
                } else if next == "\n", !end.hasPrefix("\"\"\"") {
                    // Not a literal after all, as in a C comment's apostrophe; go on with code.
                    quote = nil
                } else {
                    take(next == "\\" && !end.hasSuffix("#") ? 2 : 1, keep: false)
                }
            } else if rest.hasPrefix("//") {
                take(rest.prefix { $0 != "\n" }.count, keep: false)
            } else if rest.hasPrefix("/*") {
                commentDepth = 1
                take(2, keep: false)
            } else if next == "#" || next == "\"" {
                let hashes = rest.prefix { $0 == "#" }
                let marks = rest.dropFirst(hashes.count).prefix { $0 == "\"" }
                // Two marks are the empty string; three or more begin a literal of several lines.
                let count = marks.count >= 3 ? 3 : min(marks.count, 1)
                if count > 0 { quote = Substring(String(repeating: "\"", count: count) + hashes) }
                take(max(1, hashes.count + count), keep: true)
            } else {
                take(1, keep: true)
            }
        }
        return result
    }
}
