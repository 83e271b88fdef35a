// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Artifacts
internal import BuildEngine
internal import BuildEnvironment
internal import BuildStore
internal import Checkout
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import ImageStore
internal import Projects
internal import Secrets
internal import SystemPackage

/// A project that a build follows: what of it are settings, and what else it says.
struct ChosenProject: Sendable {
    /// What the project sets that options set too.
    private(set) var layer = SettingLayer()
    private var name: Placed<String>?
    /// The file of the definition; nil where there are overrides alone.
    private(set) var file: FilePath?
    /// Whether an override of the command line names whose caches are shared, and no file.
    private(set) var overridesNamespace = false
    private var variables: [ProjectVariable] = []
    private var imageName: String?
    private(set) var encryptionKey: String?
    private var artifactNaming = ArtifactNaming.buildspec
    private var secondaryPackaging: [String: ArtifactRequest.Packaging] = [:]
    private var sources: [ProjectDefinition.Source] = []
    private var region: String?
    private var accountIdentifier: String?
    private var hasNoSource = false
    /// Where artifacts go that the user wants uploaded, and where the log.
    private(set) var primaryPlace: UploadPlace?
    private(set) var secondaryPlaces: [String: UploadPlace] = [:]
    private(set) var logs = ProjectDefinition.Logs()
    private var notices: [String] = []
    private(set) var warnings: [Warning] = []
    /// Parameters of a template that are not to be shown.
    private(set) var secretParameters: [ProjectParameter] = []

    /// The project of the layers above it, with overrides; nil when there is neither.
    static func choose(
        _ words: ParsedWords, _ checkout: SettingLayer?, _ user: SettingLayer?,
        _ overrides: [(StartBuildOverride, [String])]
    ) throws -> ChosenProject? {
        let word = words.values["project"]?.last ?? checkout?["project"]?.values.last ?? user?["project"]?.values.last
        let reference = word.flatMap { ProjectReference.looksLikeFile($0) ? ProjectReference($0) : nil }
        let given =
            (user?["parameter"]?.values ?? []) + (checkout?["parameter"]?.values ?? []) + words[SourceOptions.parameter]
        guard reference != nil || !overrides.isEmpty else {
            if words.has("parameter") { throw CommandFailure.parameterWithoutProject }
            return nil
        }
        let isFetched =
            words.has("fetch-source")
            ? words[SourceOptions.fetchesSource] : user?["fetch-source"]?.values.last == "true"
        let uploads = UploadOptions.wanted(words)
        var chosen = ChosenProject()
        var definition = ProjectDefinition()
        chosen.file = reference?.path
        do throws(ProjectsError) {
            if let reference {
                var parameters: [ProjectParameter] = []
                for raw in given { parameters.append(try ProjectParameter(raw)) }
                let selection = try ProjectFile.load(reference.path).project(
                    reference.name, parameters: parameters, fetchesSources: isFetched, uploads: uploads)
                definition = selection.definition
                chosen.name = definition.name ?? selection.identifier
                chosen.secretParameters = selection.secretParameters
                chosen.warnings = selection.diagnostics.map(Warning.init)
            }
            let namespace = definition.cacheNamespace
            definition.cacheNamespace = nil
            for (override, values) in overrides {
                chosen.warnings += try override.apply(
                    values, to: &definition, fetchesSources: isFetched, uploads: uploads
                ).map(Warning.init)
            }
            chosen.overridesNamespace = definition.cacheNamespace != nil
            if !chosen.overridesNamespace { definition.cacheNamespace = namespace }
        } catch {
            let layer = words.has("project") ? nil : checkout?["project"] == nil ? user : checkout
            if error.code == .unreadable, let text = layer?.text, let span = layer?["project"]?.origin.span {
                throw CommandFailure.configuration([.noProjectFile(error, at: span)], in: text)
            }
            throw CommandFailure(error)
        }
        let hasSource = ProjectSources.namesPrimary([words.values["source"], checkout?["source"]?.values])
        let sources = ProjectSources(
            definition: definition, file: reference?.path, isFetched: isFetched, hasPrimary: hasSource,
            identifiers: ProjectSources.identifiers([
                words.values["source"], checkout?["source"]?.values, user?["source"]?.values,
            ]))
        try chosen.take(sources)
        let hasBuildspec = words.has("buildspec") || checkout?["buildspec"] != nil
        if !hasBuildspec, chosen.hasNoSource, definition.source.buildspec == nil {
            throw CommandFailure.noSourceWithoutBuildspec
        }
        try chosen.take(
            definition, hasBuildspec: hasBuildspec,
            hasImage: words.has("image") || checkout?["image"] != nil || user?["image"] != nil,
            stateDirectory: words.values["state-dir"]?.last ?? user?["state-dir"]?.values.last)
        return chosen
    }

    private mutating func set(_ name: String, _ value: String, _ span: SourceSpan) {
        layer.entries[name, default: .init(values: [], origin: .project(span))].values.append(value)
    }

    private mutating func take(_ sources: ProjectSources) throws {
        let found = try sources.choose()
        for (name, value, span) in found.words { set(name, value, span) }
        hasNoSource = found.hasNoSource
        notices += found.notices
        warnings += found.warnings
    }

    private mutating func take(
        _ definition: ProjectDefinition, hasBuildspec: Bool, hasImage: Bool, stateDirectory: String?
    ) throws {
        if let buildspec = definition.source.buildspec, !hasBuildspec {
            if buildspec.value.hasPrefix("arn:") { throw CommandFailure.buildspecInBucket(buildspec) }
            if buildspec.value.hasPrefix("/") { throw CommandFailure.buildspecOutside(buildspec) }
            set("buildspec", Arguments.encode(Array(buildspec.value.utf8)), buildspec.span)
        }
        if let timeout = definition.timeoutMinutes { set("timeout", String(timeout.value), timeout.span) }
        if let compute = definition.environment.computeType { set("compute", compute.value, compute.span) }
        if let image = definition.environment.image, !hasImage {
            imageName = image.value
            if ImageStore.isName(image.value), try Self.isBuilt(image.value, stateDirectory) {
                set("image", image.value, image.span)
            } else {
                warnings.append(.imageNotHere(image))
            }
        }
        if let namespace = definition.cacheNamespace, !namespace.value.isEmpty {
            set("cache-namespace", namespace.value, namespace.span)
        }
        encryptionKey = definition.encryptionKey?.value
        if definition.artifacts.type?.value == .s3 {
            if let isZip = definition.artifacts.isZip {
                set("packaging", isZip.value ? "zip" : "directory", isZip.span)
            } else if let type = definition.artifacts.type {
                // CodeBuild packs nothing by default.
                set("packaging", "directory", type.span)
            }
            if definition.artifacts.overridesName?.value != true {
                // Without a name of its own an artifact has the project's.
                let own = String((definition.artifacts.name?.value ?? "").drop { $0 == "/" })
                artifactNaming = .project(own.isEmpty ? definition.name?.value ?? name?.value : own)
            }
        }
        for artifact in definition.secondaryArtifacts where artifact.type?.value == .s3 {
            guard let identifier = artifact.identifier?.value else { continue }
            secondaryPackaging[identifier] = artifact.isZip?.value == true ? .zip : .directory
        }
        takePlaces(definition)
        logs = definition.logs
        sources = [definition.source] + definition.secondarySources
        region = definition.region
        accountIdentifier = definition.accountIdentifier
        variables = definition.environment.variables.map { variable in
            var result = ProjectVariable(
                name: variable.name.value, value: VariableValue(variable.value.value, isSecret: variable.isSecret),
                store: variable.kind == .parameterStore
                    ? .parameter : variable.kind == .secretsManager ? .secret : nil,
                span: variable.name.span)
            // An option has no lines.
            if variable.name.span.path.hasPrefix("--") { result.place = variable.name.span.path }
            return result
        }
    }

    private mutating func takePlaces(_ definition: ProjectDefinition) {
        for artifact in [definition.artifacts] + definition.secondaryArtifacts {
            guard artifact.type?.value == .s3, let bucket = artifact.place.bucket?.value else { continue }
            var place = UploadPlace(bucket: bucket)
            place.path = artifact.place.path?.value ?? ""
            place.hasBuildIdentifier = artifact.place.hasBuildIdentifier
            if artifact.overridesName?.value != true {
                let own = artifact.identifier == nil ? definition.name?.value ?? name?.value : nil
                place.name = artifact.name?.value ?? own
            }
            if !artifact.place.isEncryptionDisabled { place.encryption = .key(encryptionKey) }
            place.ownerAccess = UploadPlace.OwnerAccess(artifact.place.ownerAccess)
            if let identifier = artifact.identifier?.value {
                secondaryPlaces[identifier] = place
            } else {
                primaryPlace = place
            }
        }
    }

    private static func isBuilt(_ name: String, _ stateDirectory: String?) throws -> Bool {
        let images = BuildStore(directory: try Caller.stateDirectory(stateDirectory)).images
        return (try? images.open(name)) != nil
    }

    /// Puts the project's name in the place of its file.
    /// - Returns: the name's place, where there is one.
    func finish(_ words: inout ParsedWords) -> SettingOrigin? {
        guard let word = words.values["project"]?.last, ProjectReference.looksLikeFile(word) else { return nil }
        guard let name else {
            words.replace([], for: "project")
            return nil
        }
        words.replace([(ProjectName(name.value) ?? ProjectName(sanitizing: name.value)).description], for: "project")
        return .project(name.span)
    }

    /// What is masked wherever it shows.
    var hidden: [(name: String, value: SecretText)] {
        secretParameters.map { ($0.name, SecretText($0.value)) }
    }

    /// What options have no word for.
    func apply(to request: inout BuildRequest) {
        request.projectVariables = variables
        request.hidden = hidden
        request.imageName = imageName
        request.encryptionKey = encryptionKey
        request.artifactNaming = artifactNaming
        request.secondaryPackaging = secondaryPackaging
        request.region = region ?? request.region
        request.accountIdentifier = accountIdentifier ?? request.accountIdentifier
        request.notices += notices
        request.warnings += warnings
        if hasNoSource { request.source = SourceRequest(location: .empty) }
    }

    /// What the project says of sources that are at hand: how much of each git fetches, and its URL.
    func apply(to source: inout SourceRequest) {
        let own = sources.first { $0.identifier?.value == source.identifier }
        guard let own, own.type?.value.isGit == true, let location = own.location?.value else { return }
        switch source.location {
        case .repository(location):
            source.depth = own.cloneDepth
            source.fetchesSubmodules = own.fetchesSubmodules
        case .directory: source.repositoryURL = (try? GitLocation(location))?.withoutCredentials
        default: break
        }
    }
}
