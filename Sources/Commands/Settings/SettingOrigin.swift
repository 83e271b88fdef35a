// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import Glibc
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

    /// Where a file says it.
    var span: SourceSpan? {
        switch self {
        case .checkout(let span), .project(let span), .user(let span): span
        case .line, .standard: nil
        }
    }

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
    /// The file, where the layer is one.
    var text: SourceText?

    /// Names what a configuration file points to and is not there: the option that would be named was not given.
    func checkTargets(of words: ParsedWords) throws {
        guard let text else { return }
        for name in ["env-file", "source"] {
            guard let entry = entries[name], let span = entry.origin.span else { continue }
            for value in entry.values where words.values[name]?.contains(value) == true {
                var path = Arguments.path(value)
                if name == "source" {
                    guard case .directory(let directory) = SourceRequest(value, path: Arguments.path).location else {
                        continue
                    }
                    path = directory
                }
                guard access(path.string, F_OK) != 0 else { continue }
                throw CommandFailure.configuration([.missingTarget(name, path, at: span)], in: text)
            }
        }
    }

    subscript(name: String) -> Entry? { entries[name] }
}
