// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

extension Buildspec {
    /// The `phases` section.
    public struct Phases: Sendable, Equatable {
        /// The phases that the file has, in file order.
        public var entries: [Entry] = []

        public init() {}

        /// The number of phases that the file has.
        public var count: Int { entries.count }

        /// A phase, or nil when the file does not have it.
        public subscript(name: Name) -> Phase? {
            entries.first { $0.name == name }?.phase
        }

        public subscript(name: String) -> Phase? {
            Name(rawValue: name).flatMap { self[$0] }
        }

        /// The four phases that a buildspec may name.
        public enum Name: String, Sendable, CaseIterable {
            case install
            case preBuild = "pre_build"
            case build
            case postBuild = "post_build"
        }

        /// A phase with its name.
        public struct Entry: Sendable, Equatable {
            public var name: Name
            public var phase: Phase
        }
    }

    /// One phase.
    public struct Phase: Sendable, Equatable {
        /// The user of this phase's commands; wins over the buildspec's.
        public var runAs: Text?
        public var onFailure: OnFailure?
        /// Only `install` may have them.
        public var runtimeVersions: [RuntimeVersion] = []
        public var commands: [Text] = []
        /// Commands that run however `commands` ended.
        public var finally: [Text] = []
        public var span: SourceSpan
    }

    /// A language and its version as written: `3.10` stays `3.10`.
    public struct RuntimeVersion: Sendable, Equatable {
        public var name: Text
        public var version: Text
    }

    /// What a failing phase does to the build; without one, `build` still goes on to `post_build`.
    public enum OnFailure: Sendable, Equatable {
        case abort
        case `continue`
        /// Runs the build again, at most `count` times, when the failure's text matches the pattern (nil: always).
        case retry(count: Int, pattern: String?)

        /// Reads `ABORT`, `CONTINUE`, `RETRY`, `RETRY-count`, `RETRY-regex` or `RETRY-count-regex`, in any case.
        ///
        /// Source: AWS CodeBuild User Guide, "Build specification reference", `phases/*/on-failure`; its examples mix
        /// the case. Digits up to a `-` or the end are the count, 0 to 100.
        public init(_ raw: String) throws(BuildspecError) {
            switch raw.uppercased() {
            case "ABORT": self = .abort
            case "CONTINUE": self = .continue
            case "RETRY": self = .retry(count: 3, pattern: nil)
            case let upper where upper.hasPrefix("RETRY-"):
                let rest = raw.dropFirst("RETRY-".count)
                let digits = rest.prefix { $0.isASCII && $0.isNumber }
                let after = rest.dropFirst(digits.count)
                guard !rest.isEmpty else { throw .invalidOnFailure("nothing follows `RETRY-`") }
                guard !digits.isEmpty, after.isEmpty || after.first == "-" else {
                    self = .retry(count: 3, pattern: String(rest))
                    return
                }
                guard let count = Int(digits), count <= 100 else {
                    throw .invalidOnFailure("`RETRY` takes a count from 0 to 100, not `\(digits)`")
                }
                self = .retry(count: count, pattern: after.count > 1 ? String(after.dropFirst()) : nil)
            default:
                throw .invalidOnFailure("`\(raw)` is not a way to go on after a failure")
            }
        }
    }
}
