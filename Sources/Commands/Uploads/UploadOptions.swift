// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import AWS
internal import BuildEngine
internal import CommandSyntax
internal import Projects

/// What of a build leaves this machine. By default nothing does.
struct UploadOptions {
    static let artifacts = Flag(
        "upload-artifacts",
        help: "Put artifacts into the bucket that the project names for them, with your credentials.")
    static let logs = Flag(
        "upload-logs",
        help: "Send the log, secrets masked, where the project's `logsConfig` says, with your credentials.")

    /// `-a s3://…`.
    let location: S3Location?
    /// Nil where logs stay here.
    let logUpload: LogUpload?
    private let uploadsArtifacts: Bool
    private let project: ChosenProject?
    private let aws: AWSOptions

    static func wanted(_ words: ParsedWords) -> ProjectUploads {
        var wanted: ProjectUploads = []
        if words[artifacts] { wanted.insert(.artifacts) }
        if words[logs] { wanted.insert(.logs) }
        return wanted
    }

    /// - Parameter artifacts: the value of `--artifacts`.
    init(_ words: ParsedWords, artifacts: String?) throws {
        aws = AWSOptions(words)
        project = (words.companion as? Settings)?.project
        uploadsArtifacts = words[Self.artifacts]
        if let artifacts, S3Location.isMeant(by: artifacts) {
            guard let place = S3Location(artifacts) else { throw CommandFailure.badLocation(artifacts) }
            location = place
        } else {
            if let artifacts, let scheme = Arguments.scheme(artifacts) {
                throw CommandFailure.otherScheme(scheme, "--artifacts", artifacts)
            }
            location = nil
        }
        if uploadsArtifacts, location != nil {
            throw CommandFailure.conflict("--upload-artifacts", "--artifacts s3://…")
        }
        logUpload =
            words[Self.logs]
            ? LogUpload(
                logs: project?.logs ?? ProjectDefinition.Logs(), encryptionKey: project?.encryptionKey,
                configuration: aws.configuration, client: aws.client, journal: aws.journal) : nil
    }

    func apply(to request: inout BuildRequest) throws {
        guard uploadsArtifacts || location != nil else { return }
        var upload = ArtifactUpload(receiver: S3ArtifactReceiver(aws: aws))
        if let location {
            var place = UploadPlace(bucket: location.bucket)
            place.path = location.prefix
            place.keepsFileNames = true
            upload.common = place
        } else {
            upload.primary = project?.primaryPlace
            upload.secondary = project?.secondaryPlaces ?? [:]
            guard upload.primary != nil || !upload.secondary.isEmpty else { throw CommandFailure.nowhereToUpload }
        }
        request.upload = upload
    }
}

extension CommandFailure {
    static func badLocation(_ word: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "`--artifacts` cannot be `\(Arguments.displayed(word))`: that is no place in S3",
            hints: ["write it as `s3://BUCKET/PREFIX`; a directory of such a name as `./s3:`"])
    }

    static let nowhereToUpload = CommandFailure(
        .wrongUse, "`--upload-artifacts` has nowhere to go: no artifacts of type `S3` are in the project",
        hints: ["name the project with `--project FILE`, or the place itself: `--artifacts s3://BUCKET/PREFIX`"])
}

extension UploadPlace.OwnerAccess {
    init(_ access: ProjectDefinition.OwnerAccess) {
        switch access {
        case .none: self = .none
        case .read: self = .read
        case .full: self = .full
        }
    }
}
