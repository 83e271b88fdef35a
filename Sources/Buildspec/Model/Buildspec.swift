// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// A buildspec as CodeBuild would run it, every text with its place in the file.
///
/// Source: AWS CodeBuild User Guide, "Build specification reference".
public struct Buildspec: Sendable, Equatable {
    public var version: Version
    /// The Linux user of every phase that names none.
    public var runAs: Text?
    public var environment: Environment
    public var phases: Phases
    /// The primary artifact; nil without an `artifacts` section, or when that has only secondary ones.
    public var artifacts: Artifact?
    public var secondaryArtifacts: [SecondaryArtifact]
    public var reports: [Report]
    public var cache: Cache?
    public var proxy: Proxy
    /// What a batch build would run; a single build does not read it.
    public var batch: Batch?
    /// Keys that CodeBuild's log names as not identified, in file order.
    public var unknownKeys: [UnknownKey]

    /// A scalar with its place.
    public struct Text: Sendable, Equatable {
        public var value: String
        public var span: SourceSpan

        public init(_ value: String, span: SourceSpan) {
            self.value = value
            self.span = span
        }
    }

    /// The language of the file. In 0.1 each command runs by itself; in 0.2 directory and variables carry on.
    public enum Version: String, Sendable, Equatable {
        // swift-format-ignore: AlwaysUseLowerCamelCase
        case v0_1 = "0.1"
        // swift-format-ignore: AlwaysUseLowerCamelCase
        case v0_2 = "0.2"
    }

    /// A key that CodeBuild ignores.
    public struct UnknownKey: Sendable, Equatable {
        /// The section that holds it, such as `artifacts`; empty at the top level.
        public var section: String
        public var key: Text
    }

    /// The `proxy` section, which matters only behind an explicit proxy server.
    public struct Proxy: Sendable, Equatable {
        public var uploadsArtifacts = false
        public var logs = false

        public init() {}
    }
}
