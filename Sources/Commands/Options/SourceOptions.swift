// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildEnvironment
internal import Buildspec
internal import CommandSyntax
internal import Files
internal import Glibc
internal import SystemPackage

/// What is built, and with which variables: the options that say what a plan is made of.
struct SourceOptions {
    static var group: OptionGroup {
        OptionGroup(
            "Source",
            [
                source, sourceVersion, buildspec, variables, secrets, SecretStoreOptions.option,
                SecretStoreOptions.masking, SecretStoreOptions.gitCredentials, AWSOptions.handsOver, AWSOptions.profile,
                environmentFiles,
                environmentFileFormat, project, parameter, fetchesSource,
            ])
    }

    private static let source = ListOption(
        "source", short: "s", placeholder: "source", completion: .identifiedDirectories,
        help: "A directory or git URL; `IDENTIFIER:PATH` adds a secondary source (repeatable).")
    private static let sourceVersion = ListOption(
        "source-version", placeholder: "version",
        help: "A commit, branch, tag or `pr/N` to check out with git; `IDENTIFIER=VERSION` for a secondary source.")
    private static let buildspec = ValueOption(
        "buildspec", short: "b", aliases: ["buildspec-override"], placeholder: "file", completion: .files,
        help: "The buildspec: a path in the source, an absolute path, `-` for standard input, or the document itself.")
    private static let variables = ListOption(
        "env", short: "e", placeholder: "name=value",
        help: "Set a variable; NAME alone takes it from your environment (repeatable).")
    private static let environmentFiles = ListOption(
        "env-file", placeholder: "file", completion: .files,
        help: "Read variables from a file, a NAME=VALUE a line (repeatable).")
    private static let environmentFileFormat = ValueOption(
        "env-file-format", placeholder: "format", words: EnvironmentFile.Format.allCases.map(\.rawValue),
        help: "How these files are read: `dotenv` (the default), or `literal`, where quotes are part of a value.")
    private static let secrets = ListOption(
        "secret", placeholder: "name=value",
        help: "As `--env`, and the value is masked in everything that is printed or kept (repeatable).")
    private static let project = ValueOption(
        "project", aliases: ["project-name"], placeholder: "file#name", completion: .files,
        help:
            "A project as AWS defines it: JSON, or a CloudFormation template. A bare word is the project's name; by default the source directory's."
    )
    static let parameter = ListOption(
        "parameter", placeholder: "name=value",
        help: "A parameter of the project's template, or what only a deployed stack knows (repeatable).")
    static let fetchesSource = Flag(
        "fetch-source", help: "Fetch the sources that the project names, instead of building the checkout at hand.")

    private let source: [String]
    private let sourceVersion: [String]
    private let buildspec: String?
    private let variables: [GivenVariables]
    private let environmentFileFormat: EnvironmentFile.Format
    private let stores: SecretStoreOptions
    private let aws: AWSOptions
    private let project: String?
    private let chosen: ChosenProject?

    init(_ words: ParsedWords) throws {
        source = words[Self.source]
        sourceVersion = words[Self.sourceVersion]
        buildspec = words[Self.buildspec]
        variables = try Self.given(words)
        environmentFileFormat = words[Self.environmentFileFormat].flatMap(EnvironmentFile.Format.init) ?? .dotenv
        stores = try SecretStoreOptions(words)
        aws = AWSOptions(words)
        project = words[Self.project]
        chosen = (words.companion as? Settings)?.project
    }

    /// A request with these options; everything else is as it is by default.
    func request() throws -> BuildRequest {
        var request = BuildRequest(source: SourceRequest(location: .directory(".")))
        chosen?.apply(to: &request)
        stores.apply(to: &request)
        try applySources(to: &request)
        try applyVersions(to: &request)
        chosen?.apply(to: &request.source)
        for index in request.secondarySources.indices { chosen?.apply(to: &request.secondarySources[index]) }
        request.buildspec = try buildspecChoice()
        request.environmentFileFormat = environmentFileFormat
        request.variables = variables
        try aws.apply(to: &request)
        if let project {
            guard let name = ProjectName(project) else { throw CommandFailure.projectName(project) }
            request.project = name
        }
        request.initiator = Caller.userName
        request.callerIsRoot = Caller.isRoot
        request.gitEnvironment = Caller.gitEnvironment
        return request
    }

    private func applySources(to request: inout BuildRequest) throws {
        for (index, word) in source.enumerated() {
            let parsed = SourceRequest(word, path: Arguments.path)
            if case .directory(let path) = parsed.location, path.isEmpty {
                throw CommandFailure.sourceWithoutPlace(word)
            }
            if parsed.identifier != nil {
                request.secondarySources.append(parsed)
            } else if index == 0 {
                request.source = parsed
            } else {
                throw CommandFailure.secondPrimary
            }
        }
    }

    private func applyVersions(to request: inout BuildRequest) throws {
        for word in sourceVersion {
            guard Arguments.isText(word) else { throw CommandFailure.notUTF8("--source-version") }
            let parts = word.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else {
                request.source.version = word
                continue
            }
            let identifier = String(parts[0])
            guard let index = request.secondarySources.firstIndex(where: { $0.identifier == identifier }) else {
                throw CommandFailure.versionWithoutSource(Arguments.displayed(identifier))
            }
            request.secondarySources[index].version = String(parts[1])
        }
    }

    private func buildspecChoice() throws -> BuildspecChoice {
        guard let buildspec else { return .standard }
        if buildspec == "-" { return .inline(try Self.standardInput()) }
        return BuildspecChoice(buildspec, path: Arguments.path(buildspec))
    }

    /// The whole of standard input, as far as a buildspec can be long.
    static func standardInput() throws -> String {
        do throws(FilesError) {
            let bytes = try FileContents.read(
                FileDescriptor.standardInput, path: "standard input", limit: Buildspec.maximumBytes, regularOnly: false)
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw CommandFailure.cannotRead(error)
        }
    }

    /// Files, variables and secrets of each layer behind those of the layers below it.
    private static func given(_ words: ParsedWords) throws -> [GivenVariables] {
        let settings = words.companion as? Settings
        var given: [(item: GivenVariables, weight: Int)] = []
        for option in [environmentFiles, variables, secrets] {
            let name = option.specification.name
            for (index, word) in words[option].enumerated() {
                let origins = settings?.origins[name] ?? []
                let origin = index < origins.count ? origins[index] : .line
                if name == environmentFiles.specification.name {
                    given.append((.file(Arguments.path(word)), origin.weight))
                    continue
                }
                var flag = try Self.flag(word, isSecret: name == secrets.specification.name)
                flag.place = origin == .line ? nil : origin.words
                given.append((.flag(flag), origin.weight))
            }
        }
        let weights = Set(given.map(\.weight)).sorted()
        return weights.flatMap { weight in given.filter { $0.weight == weight }.map(\.item) }
    }

    private static func flag(_ word: String, isSecret: Bool) throws -> EnvironmentFlag {
        guard Arguments.isText(word) else { throw CommandFailure.notUTF8(isSecret ? "--secret" : "-e") }
        // Of the caller's environment only the variable that was asked for is looked at.
        let name = String(word.prefix { $0 != "=" })
        let own = name == word ? Caller.variable(name).map { [name: $0] } ?? [:] : [:]
        do { return try EnvironmentFlag(word, caller: own, isSecret: isSecret) } catch {
            throw CommandFailure(.wrongUse, error.message, hints: error.hints)
        }
    }
}

extension BuildRequest {
    /// The project's name: the user's, or made of the directory's or repository's.
    func projectName() throws -> ProjectName {
        if let project { return project }
        switch source.location {
        case .directory(let path):
            var absolute = path
            if let directory = try? Directory(path) {
                absolute =
                    (try? Directory("/proc/self/fd").readLink(FilePath("\(directory.descriptor.rawValue)"))) ?? path
            }
            return ProjectName(sanitizing: absolute.lastComponent?.string ?? "")
        case .empty: return ProjectName(sanitizing: "project")
        case .repository(let url):
            var name = url.split(whereSeparator: { $0 == "/" || $0 == ":" }).last ?? ""
            if name.hasSuffix(".git") { name = name.dropLast(4) }
            return ProjectName(sanitizing: String(name))
        }
    }
}
