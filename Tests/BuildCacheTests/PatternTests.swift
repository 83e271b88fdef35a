// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import Files
import SystemPackage
import Testing

@Suite("A buildspec's cache paths and keys")
struct PatternTests {
    private static let source: FilePath = "/codebuild/output/src1/src"

    private static func pattern(_ text: String) throws(CachePattern.Problem) -> CachePattern {
        try CachePattern(text, home: "/root", source: source)
    }

    @Test(
        "paths are directories, places or patterns, relative to the source or absolute",
        arguments: [
            (
                "node_modules/**/*", "/codebuild/output/src1/src/node_modules", CachePattern.Kind.tree,
                "node_modules/**/*"
            ),
            ("./a//b/**", "/codebuild/output/src1/src/a/b", .tree, "a/b/**"),
            ("/root/.m2/**/*", "/root/.m2", .tree, "/root/.m2/**/*"),
            ("~/.cache/pip", "/root/.cache/pip", .place, "/root/.cache/pip"),
            ("~", "/root", .place, "/root"),
            ("~user/x", "/codebuild/output/src1/src/~user/x", .place, "~user/x"),
            ("/codebuild/output/src1/src/x/**/*", "/codebuild/output/src1/src/x", .tree, "x/**/*"),
            ("/a/../../b/c", "/b/c", .place, "/b/c"),
            ("x/../y", "/codebuild/output/src1/src/y", .place, "y"),
            ("build/*.jar", "/codebuild/output/src1/src/build", .selection([Array("*.jar".utf8)]), "build/*.jar"),
            (
                "**/target/**/*", "/codebuild/output/src1/src",
                .selection(["**", "target", "**", "*"].map { Array($0.utf8) }), "**/target/**/*"
            ),
            ("/codebuild/local/x", "/codebuild/local/x", .place, "/codebuild/local/x"),
        ])
    func patterns(text: String, base: String, kind: CachePattern.Kind, name: String) throws {
        let pattern = try Self.pattern(text)
        #expect(pattern.base == FilePath(base) && pattern.kind == kind && pattern.name == name, "\(pattern)")
    }

    @Test(
        "what cannot be cached says why",
        arguments: [
            ("", CachePattern.Problem.empty), ("a\0b", .empty), ("/", .everything), ("/**/*", .everything),
            ("/..", .everything), (".", .source), ("**/*", .source), ("**", .source), ("x/..", .source),
            ("/codebuild/output/src1/src/**/*", .source), ("..", .outside), ("../x/**/*", .outside),
            ("/proc/self", .system), ("/dev/**/*", .system), ("/codebuild", .system),
            ("/codebuild/output/tmp/**/*", .system), ("/codebuild/output/src2/src", .passing),
        ])
    func problems(text: String, problem: CachePattern.Problem) {
        #expect(throws: problem) { try Self.pattern(text) }
    }

    @Test("a directory covers what lies in it, and not itself")
    func covering() throws {
        let outer = try Self.pattern("/root/.gradle/**/*")
        #expect(outer.covers(try Self.pattern("/root/.gradle/caches/**/*")))
        #expect(outer.covers(try Self.pattern("/root/.gradle/*.lock")))
        let other = try Self.pattern("/root/.gradle2/**/*")
        #expect(!outer.covers(outer) && !outer.covers(other))
        let place = try Self.pattern("/root/.gradle")
        #expect(place.covers(try Self.pattern("/root/.gradle/x")))
    }

    @Test(
        "keys are taken apart into what stands for itself and what a shell answers",
        arguments: [
            ("plain", ["plain"], []),
            ("npm-$(codebuild-hash-files package-lock.json)", ["npm-"], ["$(codebuild-hash-files package-lock.json)"]),
            ("a-$B-${C:-x}-`d e`z", ["a-", "-", "-", "z"], ["$B", "${C:-x}", "`d e`"]),
            ("cost 5$ or $-", ["cost 5$ or $-"], []),
            ("$(a $(b ')') c)", [], ["$(a $(b ')') c)"]),
            ("esc\\$aped", [], ["esc\\$aped"]), ("open $(a", [], ["open $(a"]), ("open `a", [], ["open `a"]),
        ])
    func keys(text: String, literals: [String], expressions: [String]) {
        let key = CacheKeyText(text)
        #expect(key.expressions == expressions)
        let found = key.parts.compactMap { if case .literal(let text) = $0 { text } else { nil } }
        #expect(found.joined() == literals.joined(), "\(key.parts)")
        let answers = Dictionary(uniqueKeysWithValues: Set(expressions).map { ($0, "<\($0)>") })
        #expect(key.text(answers).count == text.count + 2 * expressions.count)
    }
}
