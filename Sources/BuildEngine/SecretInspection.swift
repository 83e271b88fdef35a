// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Artifacts
import BuildEnvironment
import Files
import SystemPackage

/// Tells when an artifact holds a secret, and keeps it from being published where the user wants that.
final class SecretInspection: ArtifactInspection {
    private let search: SecretSearch
    /// `artifact`, `cache`.
    private let subject: String
    private let isStrict: Bool
    private let warn: (Warning) -> Void
    private let isCancelled: () -> Bool
    private var findings: [(place: String, names: [String])] = []
    private var count = 0

    /// More would be the same thing over and over.
    private static let mostFindings = 10

    init(
        _ search: SecretSearch, of subject: String, isStrict: Bool, warn: @escaping (Warning) -> Void,
        isCancelled: @escaping () -> Bool
    ) {
        self.search = search
        self.subject = subject
        self.isStrict = isStrict
        self.warn = warn
        self.isCancelled = isCancelled
    }

    func inspect(_ file: FileDescriptor, path: String) {
        if let hit = search.firstHit(in: file, isCancelled: isCancelled) {
            note(hit.names, at: "`\(path):\(hit.line)`")
        } else {
            inspect(name: path)
        }
    }

    /// Looks at what a file has besides its contents.
    func inspectAttributes(of file: FileDescriptor, path: String) {
        for (name, value) in ExtendedAttributes.values(of: file) {
            let names = search.names(in: value)
            if !names.isEmpty { note(names, at: "the attribute `\(FilePath.displayed(name))` of `\(path)`") }
        }
    }

    func inspect(link target: [UInt8], path: String) {
        let names = search.names(in: target)
        if names.isEmpty { inspect(name: path) } else { note(names, at: "the target of the link `\(path)`") }
    }

    /// A file may be named after what it is to hide.
    func inspect(name path: String) {
        let names = search.names(in: path)
        if !names.isEmpty { note(names, at: "the name of `\(path)`") }
    }

    private func note(_ names: [String], at place: String) {
        count += 1
        if findings.count < Self.mostFindings { findings.append((place, names)) }
    }

    func refusal() -> (message: String, hints: [String])? {
        guard let first = findings.first else { return nil }
        let more = count - findings.count
        guard isStrict else {
            for finding in findings { warn(Warning(message: words(finding), isGrave: true)) }
            if more > 0 {
                warn(Warning(message: "\(more) more files of the \(subject) hold secrets", isGrave: true))
            }
            return nil
        }
        let others = findings.dropFirst().map(\.place) + (more > 0 ? ["\(more) more files"] : [])
        return (
            words(first) + ", and `--strict-secrets` does not publish it",
            (others.isEmpty ? [] : ["so do \(others.joined(separator: ", "))"])
                + [
                    subject == "artifact"
                        ? "leave the file out with `exclude-paths`, or have the build write it without the value"
                        : "have the build write it elsewhere, or without the value"
                ]
        )
    }

    private func words(_ finding: (place: String, names: [String])) -> String {
        let names = finding.names.map { "`\($0)`" }.joined(separator: ", ")
        return "the \(subject) holds the value of \(names) at \(finding.place)"
    }
}
