// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

extension Decoder {
    static let artifactKeys = [
        "name", "files", "discard-paths", "base-directory", "exclude-paths", "enable-symlinks", "s3-prefix",
        "secondary-artifacts",
    ]

    mutating func decodeArtifacts(_ section: Node.Entry) {
        let entries = map(section, named: "artifacts")
        guard !entries.isEmpty else { return }
        let primary = artifact(section, entries, named: "artifacts")
        var secondary: [Buildspec.SecondaryArtifact] = []
        if let entry = entries.first(where: { $0.key.scalar?.text == "secondary-artifacts" }) {
            for item in map(entry, named: "secondary-artifacts") {
                let identifier = text(of: item.key)
                let keys = map(item, named: identifier.value)
                let artifact = artifact(item, keys, named: "artifacts/secondary-artifacts/\(identifier.value)")
                if !keys.isEmpty, lacksFiles(keys) {
                    warn(.missingFiles(identifier.value, at: span(item.key)))
                }
                secondary.append(Buildspec.SecondaryArtifact(identifier: identifier, artifact: artifact))
            }
        }
        if lacksFiles(entries), secondary.isEmpty { warn(.missingFiles("artifacts", at: span(section.key))) }
        update {
            $0.artifacts = primary.files.isEmpty && !secondary.isEmpty ? nil : primary
            $0.secondaryArtifacts = secondary
        }
    }

    private mutating func artifact(
        _ section: Node.Entry, _ entries: [Node.Entry], named name: String
    ) -> Buildspec.Artifact {
        var artifact = Buildspec.Artifact(span: span(section.key))
        for entry in entries {
            switch entry.key.scalar?.text ?? "" {
            case "name": artifact.name = text(entry)
            case "files": artifact.files = texts(entry)
            case "discard-paths": artifact.discardPaths = boolean(entry)
            case "base-directory": artifact.baseDirectory = text(entry)
            case "exclude-paths": artifact.excludePaths = texts(entry)
            case "enable-symlinks": artifact.enableSymlinks = boolean(entry)
            case "s3-prefix": artifact.s3Prefix = text(entry)
            case "secondary-artifacts" where name == "artifacts": break
            default: unknown(entry, in: name, known: Self.artifactKeys)
            }
        }
        return artifact
    }

    /// Whether `files` is not there or an empty list; another wrong value has a finding of its own.
    private func lacksFiles(_ entries: [Node.Entry]) -> Bool {
        entries.first { $0.key.scalar?.text == "files" }.map { $0.value.items?.isEmpty == true } ?? true
    }

    mutating func reports(_ section: Node.Entry) -> [Buildspec.Report] {
        var result: [Buildspec.Report] = []
        for group in map(section, named: "reports") {
            var report = Buildspec.Report(name: text(of: group.key), span: span(group.key))
            for entry in map(group, named: report.name.value) {
                switch entry.key.scalar?.text ?? "" {
                case "files": report.files = texts(entry)
                case "file-format": report.fileFormat = text(entry)
                case "base-directory": report.baseDirectory = text(entry)
                case "discard-paths": report.discardPaths = boolean(entry)
                default:
                    unknown(
                        entry, in: "reports/\(report.name.value)",
                        known: ["files", "file-format", "base-directory", "discard-paths"])
                }
            }
            if let format = report.fileFormat, !Buildspec.Report.formats.contains(format.value.uppercased()) {
                warn(.unknownValue("file-format", format, known: Buildspec.Report.formats))
            }
            if let keys = group.value.entries, !keys.isEmpty, lacksFiles(keys) {
                warn(.missingFiles(report.name.value, at: report.span))
            }
            result.append(report)
        }
        return result
    }

    mutating func cache(_ section: Node.Entry) -> Buildspec.Cache? {
        var cache = Buildspec.Cache(span: span(section.key))
        let entries = map(section, named: "cache")
        for entry in entries {
            switch entry.key.scalar?.text ?? "" {
            case "key": cache.key = text(entry)
            case "fallback-keys": cache.fallbackKeys = texts(entry)
            case "action":
                guard let text = text(entry) else { break }
                cache.action = Buildspec.Cache.Action(rawValue: text.value.lowercased())
                if cache.action == nil { warn(.unknownValue("action", text, known: ["restore", "save"])) }
            case "paths": cache.paths = texts(entry)
            default: unknown(entry, in: "cache", known: ["key", "fallback-keys", "action", "paths"])
            }
        }
        return entries.isEmpty ? nil : cache
    }
}
