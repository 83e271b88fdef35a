// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import AWS
internal import BuildEngine
internal import Console
internal import Files
internal import Glibc
internal import SystemPackage

/// What a `drydock.yml` may say. It comes with a checkout, which may come from anyone: it may ask for less than a build
/// has, and name what lies beside it, and nothing else. What is not listed here is refused, new options too.
struct CheckoutTrust {
    let directory: FilePath

    enum Judgement: Equatable {
        /// The word, paths as seen from the current directory.
        case allowed(String)
        case refused(String)
    }

    /// Options that give a build nothing it would not have anyway.
    static let harmless: Set = [
        "env-file-format", "memory", "cpus", "pids", "compute", "timeout", "packaging", "quiet", "verbose",
        "parameter",
    ]
    /// Options whose value decides.
    static let judged: Set = [
        "buildspec", "env", "secret", "env-file", "project", "source", "artifacts", "network", "image",
        "progress", "no-cache",
    ]

    func judge(_ name: String, _ word: String) -> Judgement {
        if Self.harmless.contains(name) { return .allowed(word) }
        switch name {
        case "env", "secret":
            return word.contains("=") ? .allowed(word) : .refused("it would take the variable from your environment")
        case "progress":
            // Outside a job it would print secrets, for a runner that is not there.
            return ProgressForm(rawValue: word)?.isOfJob == true
                ? .refused("a job's form is the job's to ask for") : .allowed(word)
        case "network": return word == "none" ? .allowed(word) : .refused("only `none` can be asked for there")
        case "no-cache":
            return word == "true" ? .allowed(word) : .refused("caches that you switched off stay off")
        case "image":
            return word.hasPrefix("dir:") ? .refused("a directory of this machine is yours to name") : .allowed(word)
        case "buildspec":
            if word.hasPrefix("/") || word == "-" { return .refused("it lies outside the source directory") }
            return .allowed(word)
        case "env-file": return inside(word) { $0 }
        case "artifacts":
            // Whether it is the source's own, nothing lost by it, shows when a build opens it (`ArtifactDestination`).
            if S3Location.isMeant(by: word) { return .refused("what leaves this machine is yours to ask for") }
            let path = Arguments.path(word)
            if path.holdsGitDirectory { return .refused("`\(Arguments.displayed(word))` is git's own") }
            if !path.components.contains(where: { $0.kind == .regular }) {
                return .refused("only a directory of its own inside the source directory can be named there")
            }
            return inside(word) { $0 }
        case "project":
            guard ProjectReference.looksLikeFile(word) else { return .allowed(word) }
            let reference = ProjectReference(word)
            return inside(reference.path.string) { path in path + (reference.name.map { "#" + $0 } ?? "") }
        case "source":
            let source = SourceRequest(word, path: Arguments.path)
            guard let identifier = source.identifier, case .directory = source.location else {
                return .refused("only `IDENTIFIER:PATH` inside the source directory can be named there")
            }
            return inside(String(word.dropFirst(identifier.utf8.count + 1))) { "\(identifier):\($0)" }
        default: return .refused("what it decides is yours to say, not a checkout's")
        }
    }

    /// A path in the source directory, links followed.
    private func inside(_ word: String, _ made: (String) -> String) -> Judgement {
        let refusal = Judgement.refused("`\(Arguments.displayed(word))` lies outside the source directory")
        let path = Arguments.path(word)
        if path.isAbsolute || path.components.contains(where: { $0.kind == .parentDirectory }) { return refusal }
        guard let root = Self.resolved(directory) else { return refusal }
        // What is not there yet is made below what is.
        var existing = directory.appending(path.components)
        while true {
            if let resolved = Self.resolved(existing) {
                guard resolved.starts(with: root) else { return refusal }
                break
            }
            // Something is there that leads nowhere: a link that could be made to lead anywhere.
            var status = stat()
            if lstat(existing.string, &status) == 0 { return refusal }
            guard existing.removeLastComponent(), !existing.isEmpty else { break }
        }
        return .allowed(made(directory == "." ? word : Arguments.encode(directory.appending(path.components).bytes)))
    }

    static func resolved(_ path: FilePath) -> FilePath? {
        guard let text = path.withPlatformString({ realpath($0, nil) }) else { return nil }
        defer { free(text) }
        return FilePath(platformString: text)
    }
}
