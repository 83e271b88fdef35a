// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

extension Decoder {
    static let phaseKeys = ["run-as", "on-failure", "runtime-versions", "commands", "finally"]

    mutating func decodePhases(_ section: Node.Entry) {
        if section.value.isNull { return }  // the whole file is judged for it
        var phases = Buildspec.Phases()
        for entry in map(section, named: "phases") {
            let key = text(of: entry.key)
            guard let name = Buildspec.Phases.Name(rawValue: key.value.lowercased()) else {
                reject(.unknownPhase(key))
                continue
            }
            if name.rawValue != key.value { warn(.phaseNameCase(key, name.rawValue)) }
            guard let entries = entry.value.entries else {
                reject(.phaseIsNotAMap(key, entry.value, in: source))
                continue
            }
            let phase = phase(
                entries, named: name,
                span: SourceSpan(
                    path: source.path, start: entry.key.start, end: max(entry.value.end, entry.key.end)))
            phases.entries.append(Buildspec.Phases.Entry(name: name, phase: phase))
        }
        update { $0.phases = phases }
    }

    private mutating func phase(
        _ entries: [Node.Entry], named name: Buildspec.Phases.Name, span phaseSpan: SourceSpan
    ) -> Buildspec.Phase {
        var phase = Buildspec.Phase(span: phaseSpan)
        for entry in entries {
            switch entry.key.scalar?.text ?? "" {
            case "run-as": phase.runAs = user(entry)
            case "on-failure": phase.onFailure = onFailure(entry)
            case "runtime-versions":
                let versions = runtimeVersions(entry)
                if name == .install {
                    phase.runtimeVersions = versions
                } else {
                    warn(.runtimeVersionsOutsideInstall(name.rawValue, at: span(entry.key)))
                }
            case "commands": phase.commands = commands(entry, in: name)
            case "finally": phase.finally = commands(entry, in: name)
            default: unknown(entry, in: "phases/\(name.rawValue)", known: Self.phaseKeys)
            }
        }
        return phase
    }

    private mutating func onFailure(_ entry: Node.Entry) -> Buildspec.OnFailure? {
        guard let text = text(entry) else { return nil }
        do {
            return try Buildspec.OnFailure(text.value)
        } catch {
            reject(.invalidOnFailure(text, error.message))
            return nil
        }
    }

    private mutating func runtimeVersions(_ section: Node.Entry) -> [Buildspec.RuntimeVersion] {
        var result: [Buildspec.RuntimeVersion] = []
        for entry in map(section, named: "runtime-versions") {
            if let version = text(entry) {
                result.append(Buildspec.RuntimeVersion(name: text(of: entry.key), version: version))
            }
        }
        return result
    }

    private mutating func commands(_ entry: Node.Entry, in phase: Buildspec.Phases.Name) -> [Buildspec.Text] {
        let key = entry.key.scalar?.text ?? ""
        guard let items = entry.value.items else { return texts(entry) }
        var result: [Buildspec.Text] = []
        for (index, item) in items.enumerated() {
            switch item.content {
            case .map: reject(.commandIsAMap(item, index: index, of: key, in: phase.rawValue, source))
            case .list: reject(.commandIsAList(item, index: index, of: key, in: phase.rawValue, source))
            case .scalar:
                if item.isNull {
                    warn(.nullItem(key, at: itemSpan(item, in: entry.value)))
                } else {
                    result.append(text(of: item))
                }
            }
        }
        return result
    }
}
