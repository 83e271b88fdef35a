// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
public import SystemPackage

/// Why builds cannot be kept, or a kept one cannot be had.
public struct BuildStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    public var code: Code
    public var message: String
    public var hints: [String]
    /// What the kernel said, where it was asked.
    public var underlying: Errno?

    public var description: String { message }

    /// What went wrong.
    public struct Code: Sendable, Hashable {
        private enum Kind { case unwritable, unreadable, notFound, ambiguous, invalidSelector }
        private var kind: Kind

        /// The state directory cannot be made or written: this machine cannot keep the build.
        public static let unwritable = Code(kind: .unwritable)
        /// A stored build cannot be read.
        public static let unreadable = Code(kind: .unreadable)
        public static let notFound = Code(kind: .notFound)
        /// The words name several builds.
        public static let ambiguous = Code(kind: .ambiguous)
        /// The words name no build in any way.
        public static let invalidSelector = Code(kind: .invalidSelector)
    }

    private init(_ code: Code, _ message: String, hints: [String] = [], underlying: Errno? = nil) {
        self.code = code
        self.message = message
        self.hints = hints
        self.underlying = underlying
    }
}

extension BuildStoreError {
    static func cannotWrite(_ error: FilesError) -> BuildStoreError {
        cannotWrite(error.path, error.underlying)
    }

    static func cannotWrite(_ path: FilePath, _ reason: Errno?) -> BuildStoreError {
        let words = reason.map { ": " + $0.words } ?? ""
        return BuildStoreError(
            .unwritable, "cannot write `\(path.displayed)`\(words)", hints: hint(for: reason), underlying: reason)
    }

    static func cannotRead(_ error: FilesError) -> BuildStoreError {
        let words = error.underlying.map { ": " + $0.words } ?? ""
        return BuildStoreError(
            .unreadable, "cannot read `\(error.path.displayed)`\(words)", underlying: error.underlying)
    }

    static func invalidRecord(_ path: FilePath) -> BuildStoreError {
        BuildStoreError(
            .unreadable, "`\(path.displayed)` is not a record that this version of drydock can read")
    }

    static func noBuilds(project: String?) -> BuildStoreError {
        let whose = project.map { " of `\($0)`" } ?? ""
        return BuildStoreError(.notFound, "there is no build\(whose) yet", hints: ["`drydock run` makes one"])
    }

    static func notFound(_ selector: String, project: String?) -> BuildStoreError {
        let whose = project.map { " of `\($0)`" } ?? ""
        return BuildStoreError(
            .notFound, "there is no build `\(selector)`\(whose)", hints: ["`drydock history` lists the builds"])
    }

    /// - Parameter projects: at least two that have a build of that number.
    public static func severalProjects(_ number: Int, _ projects: [String]) -> BuildStoreError {
        let shown = projects.prefix(5).map { "`\($0)`" }.joined(separator: ", ")
        let more = projects.count > 5 ? " and \(projects.count - 5) more" : ""
        return BuildStoreError(
            .ambiguous, "several projects have a build \(number): \(shown)\(more)",
            hints: ["`--project NAME` says whose is meant"])
    }

    static func ambiguous(_ selector: String, _ uuids: [String]) -> BuildStoreError {
        let shown = uuids.prefix(5).map { "`\($0)`" }.joined(separator: ", ")
        let more = uuids.count > 5 ? " and \(uuids.count - 5) more" : ""
        return BuildStoreError(
            .ambiguous, "`\(selector)` begins the id of several builds: \(shown)\(more)",
            hints: ["write more of the id"])
    }

    static let invalidSelector = BuildStoreError(
        .invalidSelector, "a build is named by its number, by the beginning of its id, or by `latest`")

    private static func hint(for reason: Errno?) -> [String] {
        switch reason {
        case .noSpace, .diskQuotaExceeded?: ["`drydock gc` gives space back; `--state-dir DIR` is another place"]
        case .readOnlyFileSystem, .permissionDenied, .notPermitted:
            ["choose a place that you may write with `--state-dir DIR`"]
        default: []
        }
    }
}

/// What is odd about the store and does not keep anybody from going on.
enum StoreWarning {
    static func unreadableBuild(_ uuid: String, _ reason: String) -> String {
        "the record of build `\(uuid)` is left out: \(reason)"
    }

    static func corruptCounter(_ path: FilePath, next: Int) -> String {
        "`\(path.displayed)` held no number; it is kept as `number.corrupt`, and builds go on from number \(next)"
    }
}
