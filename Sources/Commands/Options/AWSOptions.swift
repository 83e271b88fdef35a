// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import AWS
internal import BuildEngine
internal import BuildEnvironment
internal import BuildStore
internal import CommandSyntax
internal import Files
internal import HTTP
internal import Secrets
internal import SystemPackage

/// Whose AWS credentials are used: to ask the store `aws`, to upload, and by the build where that is asked for.
struct AWSOptions {
    static let handsOver = Flag(
        "aws", help: "Give the build your AWS credentials and region, as the AWS CLI would find them.")
    static let profile = ValueOption(
        "aws-profile", placeholder: "profile",
        help: "The profile of your AWS configuration, for `--aws`, for the store `aws` and for what is uploaded.")

    /// For a verb that reads a bucket, and does nothing else of these.
    static let readingProfile = ValueOption(
        "aws-profile", placeholder: "profile",
        help: "The profile of your AWS configuration to read `s3://BUCKET/KEY` with.")

    private let handsOver: Bool
    private let profile: String?
    private let state: StateOptions

    init(_ words: ParsedWords) {
        state = StateOptions(words)
        handsOver = words[Self.handsOver]
        profile = words[Self.profile]
    }

    /// Nothing is read, and no program started, before the store is asked.
    var store: any SecretStore { AWSSecretStore(configuration: configuration, client: client) }

    /// Puts credentials and region before what else is given, so that `-e` counts more.
    func apply(to request: inout BuildRequest) throws {
        guard handsOver else { return }
        let credentials: AWSCredentials
        switch AWSCredentialChain(configuration: configuration, client: client).resolve() {
        case .success(let found): credentials = found
        case .failure(let failure):
            throw CommandFailure(.inputUnavailable, failure.message, hints: failure.hints)
        }
        // CodeBuild hides ids of keys too. Source: AWS CodeBuild User Guide, "Build specification reference", `env`.
        var variables: [(String, VariableValue)] = [
            ("AWS_ACCESS_KEY_ID", .secret(SecretText(credentials.accessKeyID))),
            ("AWS_SECRET_ACCESS_KEY", .secret(credentials.secretAccessKey)),
        ]
        if let token = credentials.sessionToken { variables.append(("AWS_SESSION_TOKEN", .secret(token))) }
        if let region = configuration.knownRegion {
            variables += [("AWS_REGION", .plain(region)), ("AWS_DEFAULT_REGION", .plain(region))]
        }
        let place = "--aws, \(credentials.source)"
        let given = try variables.map { name, value in
            GivenVariables.flag(try EnvironmentFlag(name: name, value: value, place: place))
        }
        request.variables = given + request.variables
    }

    var configuration: AWSConfiguration {
        AWSConfiguration(
            environment: Caller.environment, home: Caller.variable("HOME").map { FilePath($0) }, profile: profile,
            now: { Caller.now })
    }

    /// Where uploads are noted that a killed drydock may leave.
    var journal: UploadJournal? {
        (try? state.store()).map { UploadJournal(directory: $0.directory.appending("uploads")) }
    }

    var client: HTTPClient { HTTPClient(program: Caller.httpProgram, proxies: Caller.proxies) }
}
