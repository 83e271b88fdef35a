// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import Buildspec
import SystemPackage
import Testing

@Suite("paths of caches")
struct CachePathTests {
    @Test(
        "lint says of a path what a build will say of it",
        arguments: [
            "d", "d/", "./d", "d/**/*", "d/**", "*.jar", "**/*.jar", "**", "**/*", "*", "**/*/x", ".", "./", "./**/*",
            "a/..", "..",
            "../x", "a/../../x", "/", "/*", "/**", "/**/*", "/..", "/../x", "/root/.m2/**/*", "/opt", "/o?t", "/proc",
            "/proc/x",
            "/sys/**", "/dev/shm", "/processes", "/codebuild", "/codebuild/output", "/codebuild/output/tmp/x",
            "/codebuild/readonly", "/codebuild/local", "/codebuild/user/x", "~", "~/", "~/.m2/**/*", "~x", "~/..",
            "~/../..",
            "~/../../proc/x", "/a/../proc",
        ])
    func agrees(path: String) {
        var expected: CachePathProblem?
        do throws(CachePattern.Problem) {
            _ = try CachePattern(path, home: "/home/user", source: "/codebuild/output/src1/src")
        } catch {
            expected =
                switch error {
                case .empty, .passing: nil
                case .everything: .everything
                case .source: .source
                case .outside: .outside
                case .system: .system
                }
        }
        #expect(CachePathProblem(path) == expected)
    }

    @Test(
        "what only a shell knows is not judged",
        arguments: ["$HOME/..", "$(pwd)", "`pwd`/**/*", "", "/codebuild/output/src9/src/x"])
    func unknown(path: String) { #expect(CachePathProblem(path) == nil) }
}
