// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Files
internal import SystemPackage

/// Where the value of a setting comes from.
enum SettingOrigin: Sendable, Equatable {
    /// The command line.
    case line
    /// `drydock.yml` of the source directory.
    case checkout(SourceSpan)
    /// The file of `--project`.
    case project(SourceSpan)
    /// The user's own configuration.
    case user(SourceSpan)
    case standard

    /// Layers by what counts more.
    var weight: Int {
        switch self {
        case .standard: 0
        case .user: 1
        case .project: 2
        case .checkout: 3
        case .line: 4
        }
    }

    var words: String {
        switch self {
        case .line: "command line"
        case .checkout(let span), .project(let span), .user(let span):
            "\(DisplayText.escaped(span.path)):\(span.start.line)"
        case .standard: "default"
        }
    }
}

/// The values of one layer, by option.
struct SettingLayer: Sendable {
    struct Entry: Sendable {
        var values: [String]
        var origin: SettingOrigin
    }

    var entries: [String: Entry] = [:]

    subscript(name: String) -> Entry? { entries[name] }
}
