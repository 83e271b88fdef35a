// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import Buildspec
internal import CommandSyntax
internal import Console
internal import Files
internal import Processes
internal import SystemPackage

/// What to type after a build that did not succeed: commands that exist, and that help in the case at hand.
struct NextCommands {
    var number: Int
    /// The build's project, where that is not the one of the current directory.
    var project: String?
    /// The buildspec as `drydock lint` finds it; nil where it is no file of this machine.
    var buildspec: String?
    /// `--state-dir` as it was given, since the build is found only there.
    var stateDirectory: String?
    /// The options of the build's own command line; a state is found by them.
    var typed: [ParsedWords.TypedOption] = []
    /// Values that are not shown.
    var hidden: [String] = []

    func after(_ outcome: BuildOutcome) -> [NextCommand] {
        guard let failure = outcome.failure else { return [] }
        if failure.command == nil, failure.context.statusCode == "YAML_FILE_ERROR" { return lint }
        switch failure.phase {
        case .submitted, .queued, .provisioning:
            return failure.context.statusCode.isEmpty
                ? [] : [NextCommand("drydock doctor", "what this machine can do")]
        // There is no output yet, and what is wrong has been said.
        case .downloadSource: return []
        default:
            let logs = NextCommand("drydock logs \(number)\(projectOption)\(stateOption)", "the whole output")
            return failure.isStateKept ? [logs] + kept(failure.phase) : [logs]
        }
    }

    private func kept(_ phase: PhaseType) -> [NextCommand] {
        let names = Set(ShellCommand.syntax.options.map(\.name))
        return [
            command("drydock shell", typed.filter { names.contains($0.name) }, "a shell in what it left"),
            command(
                "drydock run --resume", typed.filter { !["resume", "from", "watch"].contains($0.name) },
                "goes on at \(phase.rawValue)"),
        ]
    }

    /// A secret is not shown, and neither is a line that nobody would type again.
    private func command(_ start: String, _ options: [ParsedWords.TypedOption], _ purpose: String) -> NextCommand {
        let words = options.flatMap(\.words).map { " " + ShellWord.typed($0) }.joined()
        let holdsSecret =
            options.contains {
                $0.name == "secret" || $0.words.contains { word in hidden.contains(where: word.contains) }
            }
        guard !holdsSecret, words.utf8.count <= 80, !words.contains("\n") else {
            return NextCommand(start, "\(purpose); with the same options")
        }
        return NextCommand(start + words, purpose)
    }

    private var lint: [NextCommand] {
        // A file that is not there, and what only an image lacks, are no findings of lint.
        guard let buildspec, case .success(let source) = Buildspec.load(buildspec),
            !Buildspec.read(source, lint: true).diagnostics.isEmpty
        else { return [] }
        let name = buildspec == "buildspec.yml" ? "" : " " + ShellWord.typed(buildspec)
        return [NextCommand("drydock lint\(name)", "all that is wrong with the buildspec")]
    }

    private var projectOption: String { project.map { " --project " + ShellWord.typed($0) } ?? "" }
    private var stateOption: String { stateDirectory.map { " --state-dir " + ShellWord.typed($0) } ?? "" }
}

extension BuildRequest {
    /// Whether the source is the directory that drydock was started in.
    var isHere: Bool {
        source.version == nil && source.origin != nil
            && source.origin == SourceRequest(location: .directory(".")).origin
    }

    /// The buildspec's path from where drydock was started; nil where it is no file of this machine.
    var buildspecToLint: String? {
        switch (buildspec, source.location) {
        case (.inline, _): nil
        case (.file(let path), _) where path.isAbsolute: path.displayed
        case (_, .repository), (_, .empty): nil
        case (.file(let path), .directory(let directory)): Self.path(directory, path)
        case (.standard, .directory(let directory)): Self.path(directory, "buildspec.yml")
        }
    }

    /// Files of this machine that the build is made of, beside its source; not all of them need be there.
    var inputFiles: [FilePath] {
        var files = variables.compactMap { given in
            if case .file(let path) = given { path } else { nil }
        }
        switch (buildspec, source.location) {
        case (.inline, _): break
        case (.file(let path), _) where path.isAbsolute: files.append(path)
        case (.file(let path), .directory(let directory)): files.append(directory.pushing(path))
        case (.standard, .directory(let directory)):
            files += ["buildspec.yml", "buildspec.yaml"].map { directory.appending($0) }
        case (_, .repository), (_, .empty): break
        }
        return files
    }

    private static func path(_ directory: FilePath, _ file: FilePath) -> String {
        directory == "." ? file.displayed : directory.pushing(file).displayed
    }
}
