// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

extension ProjectReader {
    static let sourceMembers = [
        "type", "location", "buildspec", "sourceIdentifier", "gitCloneDepth", "gitSubmodulesConfig", "auth",
        "reportBuildStatus", "buildStatusConfig", "insecureSsl",
    ]
    static let environmentMembers = [
        "type", "image", "computeType", "environmentVariables", "privilegedMode", "certificate", "registryCredential",
        "imagePullCredentialsType", "fleet", "computeConfiguration", "dockerServer", "hostKernel",
    ]
    static let artifactsMembers = [
        "type", "location", "path", "namespaceType", "name", "packaging", "overrideArtifactName",
        "encryptionDisabled", "artifactIdentifier", "bucketOwnerAccess",
    ]

    private static let unreadEnvironment: Set = [
        "certificate", "registryCredential", "fleet", "computeConfiguration", "dockerServer",
    ]

    // MARK: Sources

    func source(_ node: Node, isSecondary: Bool) -> ProjectDefinition.Source {
        var source = ProjectDefinition.Source()
        for member in members(of: node, in: written("source"), known: Self.sourceMembers, unread: ["auth"]) {
            take(member, into: &source, isSecondary: isSecondary)
        }
        if isSecondary, source.identifier == nil {
            reject(.missingIdentifier(written("sourceIdentifier"), "secondary source", at: firstLine(node)))
        }
        return source
    }

    /// One member of a source.
    func take(_ member: Member, into source: inout ProjectDefinition.Source, isSecondary: Bool) {
        let section = written(isSecondary ? "secondarySources" : "source")
        switch member.name {
        case "type": source.type = word(member, as: ProjectDefinition.SourceType.self)
        case "location": source.location = text(member)
        case "buildspec":
            guard let text = text(member) else { break }
            if isSecondary { ignore(member, in: section, "the buildspec is that of the primary source") }
            source.buildspec = isSecondary ? nil : text
        case "sourceIdentifier": source.identifier = identifier(member)
        case "gitCloneDepth":
            if let depth = integer(member, in: 0...Int.max), (1...25).contains(depth.value) {
                source.cloneDepth = depth.value
                if !fetchesSources { ignore(member, in: section, "the checkout has the history that it has") }
            }
        case "gitSubmodulesConfig":
            for setting in members(of: member.value, in: written(member.name), known: ["fetchSubmodules"])
            where boolean(setting)?.value == true {
                source.fetchesSubmodules = true
                if !fetchesSources { ignore(member, in: section, "submodules are as they lie in the checkout") }
            }
        case "auth": ignore(member, in: section, "git uses your own keys and helpers")
        case "reportBuildStatus":
            if boolean(member)?.value == true { ignore(member, in: section, "nobody is told of a build's status") }
        case "buildStatusConfig":
            if member.value.entries?.isEmpty == false {
                ignore(member, in: section, "nobody is told of a build's status")
            }
        case "insecureSsl":
            if boolean(member)?.value == true {
                ignore(member, in: section, "git checks certificates as you set it to")
            }
        default: break
        }
    }

    func sourceVersions(_ member: Member) -> [ProjectDefinition.SourceVersion] {
        maps(member, atMost: 12).compactMap { item in
            var identifier: Placed<String>?
            var version: Placed<String>?
            for member in members(
                of: item, in: written(member.name), known: ["sourceIdentifier", "sourceVersion"])
            {
                if member.name == "sourceVersion" {
                    version = text(member)
                } else {
                    identifier = self.identifier(member)
                }
            }
            guard let identifier, let version else {
                reject(.incompleteVersion(at: firstLine(item)))
                return nil
            }
            return ProjectDefinition.SourceVersion(identifier: identifier, version: version)
        }
    }

    /// Source: `ProjectSource.sourceIdentifier`, AWS CodeBuild API Reference.
    private func identifier(_ member: Member) -> Placed<String>? {
        guard let text = text(member) else { return nil }
        guard text.value.utf8.count < 128,
            text.value.utf8.allSatisfy({ Self.isAlphanumeric($0) || $0 == UInt8(ascii: "_") })
        else {
            reject(.invalidIdentifier(written(member.name), text.value, at: text.span))
            return nil
        }
        return text
    }

    // MARK: Artifacts

    func artifacts(_ node: Node, isSecondary: Bool) -> ProjectDefinition.Artifacts {
        var artifacts = ProjectDefinition.Artifacts()
        let section = written(isSecondary ? "secondaryArtifacts" : "artifacts")
        var places: [Member] = []
        let isUploaded = uploads.contains(.artifacts)
        for member in members(
            of: node, in: section, known: Self.artifactsMembers, unread: isUploaded ? [] : ["location", "path"])
        {
            switch member.name {
            case "type": artifacts.type = word(member, as: ProjectDefinition.ArtifactsType.self)
            case "name": artifacts.name = text(member)
            case "packaging":
                artifacts.isZip = word(member, as: Packaging.self).map { Placed($0.value == .zip, $0.span) }
            case "overrideArtifactName":
                artifacts.overridesName = boolean(member)
                if isSecondary, !isUploaded, artifacts.overridesName?.value == true {
                    ignore(member, in: section, "a secondary artifact is named by its identifier")
                }
            case "artifactIdentifier": artifacts.identifier = identifier(member)
            case "location", "path", "namespaceType", "encryptionDisabled", "bucketOwnerAccess": places.append(member)
            default: break
            }
        }
        if isSecondary {
            if artifacts.identifier == nil {
                reject(.missingIdentifier(written("artifactIdentifier"), "secondary artifact", at: firstLine(node)))
            }
            if let type = artifacts.type, type.value == .codePipeline { reject(.codePipelineArtifact(at: type.span)) }
            if !isUploaded, let name = artifacts.name, name.value != artifacts.identifier?.value {
                warn(
                    .noLocalMeaning(
                        option ?? "\(section).\(written("name"))", "a secondary artifact is named by its identifier",
                        at: name.span))
            }
        }
        // The service ignores these itself unless artifacts go to a bucket.
        if artifacts.type?.value == .s3 {
            for member in places {
                if isUploaded { take(member, into: &artifacts.place) } else { ignorePlace(member, in: section) }
            }
            if isUploaded, !places.contains(where: { $0.name == "location" }) {
                reject(.missingBucket(written("location"), at: firstLine(node)))
            }
        }
        return artifacts
    }

    private func take(_ member: Member, into place: inout ProjectDefinition.Artifacts.Place) {
        switch member.name {
        case "location": place.bucket = placeText(member)
        case "path": place.path = placeText(member)
        case "namespaceType": place.hasBuildIdentifier = word(member, as: NamespaceType.self)?.value == .build
        case "encryptionDisabled": place.isEncryptionDisabled = boolean(member)?.value == true
        default: place.ownerAccess = word(member, as: ProjectDefinition.OwnerAccess.self)?.value ?? .none
        }
    }

    private enum NamespaceType: String, CaseIterable, Sendable {
        case none = "NONE"
        case build = "BUILD_ID"
    }

    /// A project's `logsConfig` where logs are uploaded.
    func uploadedLogs(_ member: Member) -> ProjectDefinition.Logs {
        var logs = ProjectDefinition.Logs()
        for sink in members(of: member.value, in: written("logsConfig"), known: ["cloudWatchLogs", "s3Logs"]) {
            let own = sink.name == "s3Logs" ? ["location", "encryptionDisabled"] : ["groupName", "streamName"]
            var isOn = false
            var location: Placed<String>?
            for setting in members(
                of: sink.value, in: written(sink.name), known: ["status", "bucketOwnerAccess"] + own)
            {
                switch setting.name {
                case "status": isOn = word(setting, as: LogStatus.self)?.value == .on
                case "location": location = placeText(setting)
                case "encryptionDisabled": logs.isEncryptionDisabled = boolean(setting)?.value == true
                case "groupName": logs.group = placeText(setting)
                case "streamName": logs.stream = placeText(setting)
                default:
                    logs.ownerAccess = word(setting, as: ProjectDefinition.OwnerAccess.self)?.value ?? .none
                }
            }
            if sink.name == "cloudWatchLogs" {
                logs.goesToCloudWatch = isOn
            } else if isOn {
                logs.bucketLocation = location
                if location == nil, !findings.isRejected {
                    reject(.missingBucket(written("location"), at: firstLine(sink.value)))
                }
            }
        }
        return logs
    }

    private enum LogStatus: String, CaseIterable, Sendable {
        case on = "ENABLED"
        case off = "DISABLED"
    }

    private func ignorePlace(_ member: Member, in section: String) {
        let text = member.value.scalar?.text
        if text == "" { return }
        switch member.name {
        case "location":
            ignore(
                member, in: section,
                "nothing is put into a bucket unless `--upload-artifacts` says so; `--artifacts DIR` keeps artifacts")
        case "path": ignore(member, in: section, "artifacts lie at the top of the directory of `--artifacts`")
        case "namespaceType":
            if text == "BUILD_ID" {
                ignore(member, in: section, "artifacts lie at the top of the directory of `--artifacts`")
            }
        case "encryptionDisabled": break
        default:
            if text != "NONE" { ignore(member, in: section, "artifacts belong to whoever runs the build") }
        }
    }

    private enum Packaging: String, CaseIterable, Sendable {
        case none = "NONE"
        case zip = "ZIP"
    }

    // MARK: Environment

    func environment(_ node: Node, into environment: inout ProjectDefinition.Environment) {
        for member in members(
            of: node, in: written("environment"), known: Self.environmentMembers, unread: Self.unreadEnvironment)
        {
            take(member, into: &environment)
        }
    }

    /// One member of an environment.
    func take(_ member: Member, into environment: inout ProjectDefinition.Environment) {
        let section = written("environment")
        switch member.name {
        case "type":
            guard let type = word(member, as: EnvironmentType.self) else { break }
            if let reason = type.value.difference { ignore(member, in: section, reason) }
        case "image": environment.image = text(member)
        case "computeType":
            guard let text = text(member) else { break }
            if Self.computeTypes.contains(text.value) {
                environment.computeType = text
            } else if Self.otherComputeTypes.contains(text.value) {
                ignore(member, in: section, "the build is not limited; `--memory` and `--cpus` limit it")
            } else {
                reject(
                    .unknownWord(
                        written(member.name), text.value, Self.computeTypes + Self.otherComputeTypes, at: text.span))
            }
        case "environmentVariables": environment.variables = variables(member)
        case "privilegedMode":
            if boolean(member)?.value == true {
                ignore(member, in: section, "no docker daemon runs in the sandbox")
            }
        case "imagePullCredentialsType":
            if word(member, as: PullCredentials.self)?.value == .serviceRole {
                ignore(member, in: section, "images are not pulled from a registry")
            }
        default:
            if member.value.entries?.isEmpty == true || member.value.scalar?.text == "" { break }
            let reasons = [
                "certificate": "the build trusts what its root file system trusts",
                "registryCredential": "images are not pulled from a registry",
                "fleet": "the build runs on this machine", "dockerServer": "there is no docker server",
                "computeConfiguration": "`--memory` and `--cpus` limit the build, and so does a compute type",
                "hostKernel": "the build runs on this machine's kernel",
            ]
            if let reason = reasons[member.name] { ignore(member, in: section, reason) }
        }
    }

    private enum PullCredentials: String, CaseIterable, Sendable {
        case codeBuild = "CODEBUILD"
        case serviceRole = "SERVICE_ROLE"
    }

    static let computeTypes = ["SMALL", "MEDIUM", "LARGE", "XLARGE", "2XLARGE"].map { "BUILD_GENERAL1_" + $0 }
    static let otherComputeTypes =
        ["1GB", "2GB", "4GB", "8GB", "10GB"].map { "BUILD_LAMBDA_" + $0 }
        + ["ATTRIBUTE_BASED_COMPUTE", "CUSTOM_INSTANCE_TYPE"]

    func variables(_ member: Member) -> [ProjectDefinition.Variable] {
        var variables: [ProjectDefinition.Variable] = []
        for item in maps(member, atMost: Int.max) {
            var isSecret = false
            var name: Placed<String>?
            var value: Placed<String>?
            var kind = ProjectDefinition.Variable.Kind.plaintext
            for member in members(of: item, in: written("environmentVariables"), known: ["name", "value", "type"]) {
                switch member.name {
                case "name": name = text(member)
                case "type":
                    kind = word(member, as: ProjectDefinition.Variable.Kind.self)?.value ?? kind
                default:
                    guard let scalar = member.value.scalar else {
                        reject(.wrongType("`\(written("value"))`", "text", member.value, at: span(member.value)))
                        continue
                    }
                    value = Placed(scalar.text, span(member.value))
                    isSecret = member.isSecret
                }
            }
            guard let name, !name.value.utf8.contains(UInt8(ascii: "=")), !name.value.utf8.contains(0) else {
                reject(.variableWithoutName(written("name"), at: firstLine(item)))
                continue
            }
            guard item[written("value")] != nil else {
                reject(.missingIdentifier(written("value"), "variable", at: name.span))
                continue
            }
            if kind == .plaintext, evaluator != nil, let placed = value {
                if let reference = DynamicReference(placed.value) {
                    kind = reference.kind
                    value?.value = reference.reference
                } else if DynamicReference.occurs(in: placed.value) {
                    warn(.dynamicReference(at: placed.span))
                }
            }
            if let other = variables.firstIndex(where: { $0.name.value == name.value }) {
                warn(.variableTwice(name.value, first: variables[other].name.span, at: name.span))
                variables.remove(at: other)
            }
            variables.append(
                ProjectDefinition.Variable(
                    name: name, value: value ?? Placed("", name.span), kind: kind, isSecret: isSecret))
        }
        return variables
    }

    /// A node's first line: a map of many lines is not underlined whole.
    private func firstLine(_ node: Node) -> SourceSpan {
        guard node.end.line > node.start.line else { return span(node) }
        let key = node.entries?.first?.key
        return key.map { $0.start.line == node.start.line ? span($0) : nil }.flatMap { $0 }
            ?? SourceSpan(
                path: path, start: node.start, end: SourcePosition(line: node.start.line, column: node.start.column + 1)
            )
    }
}

/// `EnvironmentType`, AWS CodeBuild API Reference.
enum EnvironmentType: String, CaseIterable, Sendable {
    case linux = "LINUX_CONTAINER"
    case linuxGPU = "LINUX_GPU_CONTAINER"
    case arm = "ARM_CONTAINER"
    case windows = "WINDOWS_CONTAINER"
    case windows2019 = "WINDOWS_SERVER_2019_CONTAINER"
    case windows2022 = "WINDOWS_SERVER_2022_CONTAINER"
    case linuxLambda = "LINUX_LAMBDA_CONTAINER"
    case armLambda = "ARM_LAMBDA_CONTAINER"
    case linuxEC2 = "LINUX_EC2"
    case armEC2 = "ARM_EC2"
    case windowsEC2 = "WINDOWS_EC2"
    case mac = "MAC_ARM"

    /// What a build of this type has elsewhere and not here.
    var difference: String? {
        switch self {
        case .linux, .linuxEC2: nil
        case .linuxGPU: "the sandbox has no graphics processor"
        case .arm, .armEC2: "the build runs on this machine's processor"
        case .linuxLambda, .armLambda: "the build runs as in a container, with a file system it can write to"
        case .windows, .windows2019, .windows2022, .windowsEC2, .mac: "the build runs on Linux"
        }
    }
}
