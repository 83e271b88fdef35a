// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import YAML

extension ProjectReader {
    static let projectMembers = [
        "name", "description", "source", "secondarySources", "sourceVersion", "secondarySourceVersions", "artifacts",
        "secondaryArtifacts", "cache", "environment", "serviceRole", "timeoutInMinutes", "queuedTimeoutInMinutes",
        "encryptionKey", "tags", "vpcConfig", "badgeEnabled", "logsConfig", "fileSystemLocations", "buildBatchConfig",
        "concurrentBuildLimit", "autoRetryLimit", "triggers", "visibility", "resourceAccessRole",
        // What only batch-get-projects shows.
        "arn", "created", "lastModified", "webhook", "badge", "projectVisibility", "publicProjectAlias",
    ]

    private static let unreadMembers: Set = [
        "serviceRole", "tags", "vpcConfig", "fileSystemLocations", "buildBatchConfig", "concurrentBuildLimit",
        "triggers",
        "resourceAccessRole",
    ]

    /// A whole project.
    func project(_ node: Node) -> ProjectDefinition {
        var definition = ProjectDefinition()
        for member in members(of: node, in: "", known: Self.projectMembers, unread: Self.unreadMembers) {
            take(member, into: &definition)
        }
        if definition.source.type?.value == ProjectDefinition.SourceType.none {
            let buildspec = definition.source.buildspec
            if buildspec == nil || buildspec?.value.contains(where: \.isNewline) == false && !Self.isDocument(buildspec)
            {
                reject(.noSourceNeedsBuildspec(written("buildspec"), at: definition.source.type?.span ?? span(node)))
            }
        }
        return definition
    }

    private static func isDocument(_ buildspec: Placed<String>?) -> Bool {
        guard let text = buildspec?.value else { return false }
        return text.hasPrefix("{") || text.hasPrefix("version:") || text.contains(": ") || text.hasPrefix("arn:")
    }

    /// One member of a project.
    func take(_ member: Member, into definition: inout ProjectDefinition) {
        switch member.name {
        case "name": definition.name = name(member)
        case "description":
            if let text = text(member), text.value.count > 255 {
                reject(.tooLong(written(member.name), 255, at: text.span))
            }
        case "source": definition.source = source(member.value, isSecondary: false)
        case "secondarySources":
            definition.secondarySources = maps(member, atMost: 12).map { source($0, isSecondary: true) }
            checkUnique(definition.secondarySources.compactMap(\.identifier), "sourceIdentifier")
        case "sourceVersion": definition.sourceVersion = text(member)
        case "secondarySourceVersions": definition.secondarySourceVersions = sourceVersions(member)
        case "artifacts": definition.artifacts = artifacts(member.value, isSecondary: false)
        case "secondaryArtifacts":
            definition.secondaryArtifacts = maps(member, atMost: 12).map { artifacts($0, isSecondary: true) }
            checkUnique(definition.secondaryArtifacts.compactMap(\.identifier), "artifactIdentifier")
        case "environment": environment(member.value, into: &definition.environment)
        case "timeoutInMinutes": definition.timeoutMinutes = integer(member, in: 5...2160)
        case "encryptionKey": definition.encryptionKey = text(member)
        case "logsConfig" where uploads.contains(.logs): definition.logs = uploadedLogs(member)
        case "cache": cache(member, into: &definition)
        case "arn":
            // arn:aws:codebuild:REGION:ACCOUNT:project/NAME
            let fields = (text(member)?.value ?? "").split(separator: ":", omittingEmptySubsequences: false)
            if fields.count == 6, fields[2] == "codebuild", !fields[3].isEmpty, !fields[4].isEmpty {
                definition.region = String(fields[3])
                definition.accountIdentifier = String(fields[4])
            }
        default: takeWithoutMeaning(member)
        }
    }

    private func name(_ member: Member) -> Placed<String>? {
        guard let text = text(member) else { return nil }
        guard Self.isProjectName(text.value) else {
            reject(.invalidProjectName(text.value, at: text.span))
            return nil
        }
        return text
    }

    /// Source: `ProjectName`, AWS CodeBuild API Reference; CloudFormation allows 255 characters.
    static func isProjectName(_ name: String) -> Bool {
        guard let first = name.utf8.first, isAlphanumeric(first), (2...255).contains(name.utf8.count) else {
            return false
        }
        return name.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    private func checkUnique(_ identifiers: [Placed<String>], _ name: String) {
        var first: [String: Placed<String>] = [:]
        for identifier in identifiers {
            if let other = first[identifier.value] {
                reject(.twice(written(name), identifier.value, first: other.span, at: identifier.span))
            } else {
                first[identifier.value] = identifier
            }
        }
    }

    /// What changes nothing on this machine. A value that CodeBuild takes by itself is not worth a word.
    private func takeWithoutMeaning(_ member: Member) {
        let value = member.value
        if value.entries?.isEmpty == true || value.items?.isEmpty == true || value.scalar?.text == "" { return }
        switch member.name {
        case "created", "lastModified", "publicProjectAlias": break
        case "serviceRole":
            ignore(member, "the build has no role, and no credentials but those you give it")
        case "queuedTimeoutInMinutes":
            if let minutes = integer(member, in: 5...480), minutes.value != 480 {
                ignore(member, "a build here never waits in a queue")
            }
        case "tags":
            ignore(member, "there is nothing here that tags could be put on")
        case "vpcConfig":
            guard value["vpcId"] != nil || value["VpcId"] != nil || value.entries == nil else { return }
            ignore(member, "the build uses this machine's network, as `--network` says")
        case "badgeEnabled":
            if boolean(member)?.value == true { ignore(member, "there is no badge of a build here") }
        case "badge":
            if value["badgeEnabled"]?.scalar?.text == "true" { ignore(member, "there is no badge of a build here") }
        case "logsConfig": logs(member)
        case "fileSystemLocations":
            ignore(member, "no file system is mounted; a directory can be a secondary source: `--source ID:DIR`")
        case "buildBatchConfig": ignore(member, "builds run one by one")
        case "concurrentBuildLimit": ignore(member, "any number of builds may run at once")
        case "autoRetryLimit":
            if let limit = integer(member, in: 0...10), limit.value != 0 {
                ignore(member, "a failed build is not tried again by itself")
            }
        case "triggers", "webhook": ignore(member, "a build starts when you start it")
        case "visibility", "projectVisibility":
            if value.scalar?.text != "PRIVATE" { ignore(member, "builds are kept on this machine alone") }
        default: ignore(member, "builds are kept on this machine alone")
        }
    }

    private func logs(_ member: Member) {
        let standard = ["status", "encryptionDisabled", "bucketOwnerAccess"]
        var isSet = false
        for sink in members(of: member.value, in: written("logsConfig"), known: ["cloudWatchLogs", "s3Logs"]) {
            let known = standard + (sink.name == "s3Logs" ? ["location"] : ["groupName", "streamName"])
            for setting in members(of: sink.value, in: written(sink.name), known: known, unread: Set(known)) {
                let text = setting.value.scalar?.text
                if !standard.contains(setting.name) || sink.name == "s3Logs" && text == "ENABLED" { isSet = true }
            }
        }
        if isSet {
            ignore(
                member, "logs go to the terminal, and are kept for `drydock logs`; `--upload-logs` sends them there too"
            )
        }
    }

    /// Where caches are kept is this machine's own affair, and which are is the buildspec's.
    private func cache(_ member: Member, into definition: inout ProjectDefinition) {
        for setting in members(
            of: member.value, in: written("cache"), known: ["type", "location", "modes", "cacheNamespace"],
            unread: ["location", "modes"])
        {
            switch setting.name {
            case "type": _ = word(setting, as: CacheType.self)
            case "cacheNamespace": definition.cacheNamespace = text(setting)
            default: break
            }
        }
    }

    private enum CacheType: String, CaseIterable, Sendable {
        case none = "NO_CACHE"
        case s3 = "S3"
        case local = "LOCAL"
    }
}
