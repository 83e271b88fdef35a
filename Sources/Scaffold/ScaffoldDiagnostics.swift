// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
internal import Files
internal import YAML

/// Why no buildspec can be drafted for a directory.
public struct ScaffoldError: Error {
    public enum Code: Sendable {
        /// The directory, or a file in it, cannot be read.
        case unreadable
        /// A file that says what to build is not what its name promises.
        case broken
    }

    public var code: Code
    public var message: String
    public var hints: [String] = []
    /// Where it is wrong, and in which text.
    public var diagnostic: Diagnostic?
    public var source: SourceText?

    static func unreadable(_ error: FilesError) -> ScaffoldError {
        ScaffoldError(code: .unreadable, message: "\(error)")
    }

    static func broken(_ name: String, _ finding: Diagnostic, _ source: SourceText) -> ScaffoldError {
        var finding = finding
        // A text may be too large, or too deep, and JSON all the same.
        if finding.rule == JSONRule.syntax { finding.message = "`\(name)` is not JSON: \(finding.message)" }
        finding.hints.append(mendFirst)
        // CodeBuild does not read it.
        finding.codeBuild = nil
        return ScaffoldError(code: .broken, message: finding.message, diagnostic: finding, source: source)
    }

    static func notAnObject(_ name: String, _ source: SourceText) -> ScaffoldError {
        ScaffoldError(
            code: .broken, message: "`\(name)` does not hold a JSON object",
            hints: [mendFirst])
    }

    static func linkLeaves(_ name: String) -> ScaffoldError {
        ScaffoldError(
            code: .unreadable, message: "`\(name)` is a symbolic link that leaves the directory",
            hints: ["a build sees nothing outside: put the file itself there, or draft above, where both are"])
    }

    private static let mendFirst = "mend it first: the buildspec depends on what it says"
}
