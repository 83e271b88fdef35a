// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import Foundation
import Testing
import YAML

@Suite("formatting YAML")
struct FormatterTests {
    private func format(_ text: String) throws -> String {
        String(decoding: try YAMLFormatter.format(SourceText(path: "f.yml", text: text)), as: UTF8.self)
    }

    @Test("list items stand two blanks below their key, and levels two blanks apart")
    func indents() throws {
        #expect(
            try format("a:\n- x\n-   y:   1\n    z: 2\n- - p\n  - q\nb:\n      c:\n        d\n")
                == "a:\n  - x\n  - y: 1\n    z: 2\n  - - p\n    - q\nb:\n  c:\n    d\n")
    }

    @Test("blank lines collapse to one, and go at both ends; blanks at line ends go")
    func blankLines() throws {
        #expect(try format("\n\na: 1   \n\n\n\nb: 2\t\nc:  \n   d: 3\n\n\n") == "a: 1\n\nb: 2\nc:\n  d: 3\n")
    }

    @Test("a comment stays with what it was written under")
    func comments() throws {
        let text = """
            # top
            phases:   # the phases
                # first
                build:
                      commands:   # here
                      # of the list
                      -   a   # behind
                      # - b
                # of build

                # next
                post_build:
                    commands:
                        # - nothing yet

            #end
            """
        let expected = """
            # top
            phases:   # the phases
              # first
              build:
                commands:   # here
                  # of the list
                  - a   # behind
                  # - b
              # of build

              # next
              post_build:
                commands:
                  # - nothing yet

            #end

            """
        #expect(try format(text) == expected)
    }

    @Test("the text of a block scalar is moved as one, and nothing in it is changed")
    func blockScalars() throws {
        let text =
            "a:\n- |\n        if x; then\n          y   \n\n\n        fi # not a comment\n\n\n- >-\n folded\n text\n# end\n- |+\n k\n\n\n- |2-\n     two\n    less\n"
        let expected =
            "a:\n  - |\n    if x; then\n      y   \n\n\n    fi # not a comment\n\n  - >-\n    folded\n    text\n  # end\n  - |+\n    k\n\n\n  - |2-\n       two\n      less\n"
        #expect(try format(text) == expected)
    }

    @Test("a block scalar that ends without a line feed at the end of the file stays without")
    func blockAtEnd() throws {
        #expect(try format("a:\n- |\n  x") == "a:\n  - |\n    x")
        #expect(try format("a:\n- |-\n  x") == "a:\n  - |-\n    x\n")
        #expect(try format("a: |\n  x\n\n\n") == "a: |\n  x\n")
        #expect(try format("a: |+\n  x\n\n") == "a: |+\n  x\n\n")
    }

    @Test(
        "what is written with intent is kept",
        arguments: [
            "a: 3.10\nb: yes\nc: 010\n\"on\": 'it''s'\n", "x: {a: 1,b: [2,  3]}\n",
            "a: &n\n  - x\nb: *n\nc:\n  <<: *n2\n",
            "a: !!str 1\n", "a:\n  - [ \"a\",\n      \"b\" ]\n", "---\na: 1\n...\n", "{\n\t\"version\": 0.2\n}\n",
            "# only a comment\n",
            "a: \"x\n  y\"\n", "a: one\n  two\n\n  three\n", "k: \"a \\\n  b\"\n", "a:\nb: ~\n- \n", "",
        ])
    func keeps(_ text: String) throws {
        if let formatted = try? format(text) { #expect(formatted == text) }
    }

    @Test("lines that go on move with their first one, and never out of what they belong to")
    func continuations() throws {
        #expect(try format("a:\n- aws x\n    --y\n      --z\n") == "a:\n  - aws x\n      --y\n        --z\n")
        #expect(try format("a:\n    b: \"x\n y\"\n") == "a:\n  b: \"x\n    y\"\n")
        #expect(try format("a:\n- {\n  x: 1,   # why\n  y: 2\n}\n") == "a:\n  - {\n    x: 1,   # why\n    y: 2\n  }\n")
    }

    @Test("line ends become LF, and a byte order mark goes")
    func lineEnds() throws {
        let source = SourceText(
            path: "f.yml", bytes: [0xEF, 0xBB, 0xBF] + Array("a:\r\n- |\r\n  x\r\n  y\r\n# c\r\n".utf8))
        #expect(String(decoding: try YAMLFormatter.format(source), as: UTF8.self) == "a:\n  - |\n    x\n    y\n# c\n")
    }

    @Test(
        "what has no layout is refused with its place",
        arguments: [
            ("? a\n: b\n", 1), ("a: 1\n---\nb: 2\n", 2), ("%YAML 1.1\n---\na: 1\n", 1), ("a:\n  &x\n  - b\n", 2),
            ("a: \u{2028}\n", 1),
        ])
    func refuses(_ text: String, _ line: Int) throws {
        let error = #expect(throws: YAMLError.self) { try format(text) }
        #expect(error?.diagnostic.rule == "no-layout")
        #expect(error?.diagnostic.span?.start.line == line)
        #expect(error?.isFault == false)
    }

    @Test("a text that is not YAML is refused with the reader's finding")
    func invalid() throws {
        let error = #expect(throws: YAMLError.self) { try format("a:\n\t- b\n") }
        #expect(error?.diagnostic.rule == "tab-indentation")
    }

    /// The files below `buildspecs/`, and where `DRYDOCK_CORPUS` names a directory those in it.
    private static let corpus: [URL] = {
        let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var folders = [repository.appending(path: "buildspecs")]
        if let other = ProcessInfo.processInfo.environment["DRYDOCK_CORPUS"] {
            folders.append(URL(fileURLWithPath: other))
        }
        return folders.flatMap { folder in
            (FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects ?? [])
                .compactMap { $0 as? URL }.filter { ["yml", "yaml"].contains($0.pathExtension) }
        }
    }()

    @Test(
        "every readable file of the corpus keeps its meaning and its comments, and formatting it again changes nothing")
    func corpusIsKept() throws {
        #expect(Self.corpus.count > 50)
        for file in Self.corpus {
            let source = SourceText(path: file.lastPathComponent, bytes: Array(try Data(contentsOf: file)))
            guard let before = try? YAMLDocument(source) else {
                #expect(throws: YAMLError.self) { try YAMLFormatter.format(source) }
                continue
            }
            let formatted: SourceText
            do {
                formatted = SourceText(path: file.path, bytes: try YAMLFormatter.format(source))
            } catch {
                #expect(!error.isFault && error.diagnostic.rule == "no-layout", "\(file.path): \(error.diagnostic)")
                if !file.path.contains("/buildspecs/") { Issue.record("\(file.path): \(error.diagnostic)") }
                continue
            }
            #expect(try YAMLFormatter.format(formatted) == formatted.bytes, "\(file.path)")
            let after = try YAMLDocument(formatted)
            #expect(Self.meaning(before.root) == Self.meaning(after.root), "\(file.path)")
            #expect(Self.comments(source) == Self.comments(formatted), "\(file.path)")
        }
    }

    /// A tree without its places.
    private static func meaning(_ node: Node?) -> String {
        guard let node else { return "none" }
        return switch node.content {
        case .scalar(let scalar): "\(scalar.style) \(scalar.isNull) \(scalar.text.debugDescription)"
        case .list(let items): "[" + items.map(meaning).joined(separator: ", ") + "]"
        case .map(let entries):
            "{" + entries.map { meaning($0.key) + ": " + meaning($0.value) }.joined(separator: ", ") + "}"
        }
    }

    /// Everything from a `#` to the end of its line, comment or not.
    private static func comments(_ source: SourceText) -> [String] {
        String(decoding: source.bytes, as: UTF8.self).split(whereSeparator: \.isNewline).compactMap { line in
            line.firstIndex(of: "#").map { line[$0...].trimmingCharacters(in: .whitespaces) }
        }
    }
}
