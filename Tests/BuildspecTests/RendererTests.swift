// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Console
import Diagnostics
import Foundation
import Testing

@Suite("renderers of findings")
struct RendererTests {
    private let source = SourceText(path: "a b:c,d.yml", text: "version: 0.2\n\tkey: 漢字 “x” end\n")

    private func diagnostic(_ start: (Int, Int), _ end: (Int, Int)) -> Diagnostic {
        Diagnostic(
            rule: "some-rule", severity: .error, message: "first\u{1B}[31m 100% wrong",
            span: SourceSpan(
                path: source.path, start: SourcePosition(line: start.0, column: start.1),
                end: SourcePosition(line: end.0, column: end.1)),
            hints: ["do this"],
            related: [
                .init(
                    message: "see here",
                    span: SourceSpan(
                        path: source.path, start: SourcePosition(line: 1, column: 1),
                        end: SourcePosition(line: 1, column: 8)))
            ],
            codeBuild: CodeBuildVerdict(statusCode: "YAML_FILE_ERROR", message: "no good"))
    }

    @Test("text shows the place, carets under wide characters and tabs, notes and hints")
    func text() {
        let rendered = DiagnosticRenderer.text.render([diagnostic((2, 7), (2, 9))], in: [source])
        #expect(
            rendered == """
                error: YAML_FILE_ERROR: no good
                  first\\u{1B}[31m 100% wrong [some-rule]
                  a b:c,d.yml:2:7
                  2 │     key: 漢字 “x” end
                    │          ^^^^
                  note: see here
                  a b:c,d.yml:1:1
                  1 │ version: 0.2
                    │ ^^^^^^^
                  hint: do this

                """)
    }

    @Test("colours come only when asked for")
    func colour() {
        let plain = DiagnosticRenderer.text.render([diagnostic((2, 7), (2, 9))], in: [source])
        let coloured = DiagnosticRenderer.text.render([diagnostic((2, 7), (2, 9))], in: [source], colour: true)
        #expect(!plain.contains("\u{1B}"))
        #expect(coloured.contains("\u{1B}[1;31merror:"))
    }

    @Test("a place after a line's end, an empty span and a line that is not there are drawn")
    func edges() {
        for (start, end) in [((1, 40), (1, 41)), ((1, 3), (1, 3)), ((9, 1), (9, 2)), ((1, 5), (2, 3))] {
            let rendered = DiagnosticRenderer.text.render([diagnostic(start, end)], in: [source])
            #expect(rendered.contains("^"), "\(start)")
        }
    }

    @Test("JSON is versioned and holds every member")
    func json() throws {
        let rendered = DiagnosticRenderer.json.render([diagnostic((2, 7), (2, 9))], in: [source])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(rendered.utf8)) as? [String: Any])
        #expect(object["version"] as? Int == 1)
        #expect(object["errors"] as? Int == 1)
        let first = try #require((object["diagnostics"] as? [[String: Any]])?.first)
        #expect(first["rule"] as? String == "some-rule")
        #expect((first["codeBuild"] as? [String: String])?["statusCode"] == "YAML_FILE_ERROR")
        let place = try #require(first["place"] as? [String: Any])
        #expect(place["line"] as? Int == 2 && place["endColumn"] as? Int == 9)
        #expect(DiagnosticRenderer.json.render([], in: []).contains("\"diagnostics\": []"))
    }

    @Test("SARIF names the rule, the level and the region")
    func sarif() throws {
        let rendered = DiagnosticRenderer.sarif.render([diagnostic((2, 7), (2, 9))], in: [source])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(rendered.utf8)) as? [String: Any])
        #expect(object["version"] as? String == "2.1.0")
        let run = try #require((object["runs"] as? [[String: Any]])?.first)
        let result = try #require((run["results"] as? [[String: Any]])?.first)
        #expect(result["ruleId"] as? String == "some-rule")
        #expect(result["level"] as? String == "error")
        #expect(rendered.contains("\"uri\": \"a%20b%3Ac%2Cd.yml\""))
        #expect((result["relatedLocations"] as? [Any])?.count == 1)
    }

    @Test("GitHub's workflow commands are escaped")
    func github() {
        let rendered = DiagnosticRenderer.github.render([diagnostic((2, 7), (2, 9))], in: [source])
        #expect(
            rendered
                == "::error file=a b%3Ac%2Cd.yml,line=2,col=7,endLine=2,title=some-rule::YAML_FILE_ERROR: no good%0A"
                + "first\\u{1B}[31m 100%25 wrong%0Ahint: do this\n")
    }
}
