// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import AWS
internal import BuildCache
internal import BuildEngine
internal import BuildStore
internal import CommandSyntax
internal import SystemPackage

/// Whether and how a build restores and saves what its buildspec's `cache` names.
struct CacheOptions {
    static var group: OptionGroup {
        OptionGroup("Cache", [noCache, mode, saving, namespace, size, source, destination, key, suggests])
    }

    /// For a build that is there to fill caches: these say which, and how they are taken up.
    static var warmingGroup: OptionGroup { OptionGroup("Cache", [mode, namespace, size, source, destination, key]) }

    private static let noCache = Flag("no-cache", help: "Neither restore nor save what `cache` names.")
    private static let mode = ValueOption(
        "cache-mode", placeholder: "mode", words: CacheUse.Mode.allCases.map(\.rawValue),
        help: "How a cache is restored: `mount` takes milliseconds, `copy` lets the build rename every directory in it "
            + "(default: `auto`, which mounts what it can).")
    private static let saving = ValueOption(
        "cache-save", placeholder: "when", words: CacheUse.Saving.allCases.map(\.rawValue),
        help: "When a cache is saved: after `success` (the default), `always`, or `never`.")
    private static let namespace = ValueOption(
        "cache-namespace", placeholder: "name",
        help: "Share caches with every project of this namespace (default: the project's own).")
    private static let size = ValueOption(
        "cache-size", placeholder: "size",
        help: "How much all caches together may take, as `20G`; what was used longest ago goes first.")

    private static let source = ValueOption(
        "cache-from", placeholder: "place", completion: .directories,
        help: "Where to look for a cache that is not on this machine: a directory, or `s3://BUCKET/PREFIX`.")
    private static let destination = ValueOption(
        "cache-to", placeholder: "place", completion: .directories,
        help: "Where else to keep what was saved: a directory, or `s3://BUCKET/PREFIX`.")
    private static let key = ValueOption(
        "cache-kms-key", placeholder: "key",
        help:
            "The key of KMS that encrypts what `--cache-to` puts into S3: an ARN, an id, `alias/NAME`, or `aws/s3` for the "
            + "account's own (default: as the bucket is set up).")
    private static let suggests = Flag(
        "suggest-cache", help: "After a build that succeeds, print the `cache` that its buildspec could have.")

    private let isOff: Bool
    /// Whether a `cache` is printed at the end, made of all that the build wrote.
    let suggests: Bool
    private let mode: CacheUse.Mode
    private let saving: CacheUse.Saving
    private let namespace: String?
    private let settings: Settings?
    private let source: (any SharedPlace)?
    private let destination: (any SharedPlace)?
    /// Nil is the standard size.
    let size: CacheSize?

    init(_ words: ParsedWords) throws {
        isOff = words[Self.noCache]
        suggests = words[Self.suggests]
        mode = words[Self.mode].flatMap(CacheUse.Mode.init) ?? .automatic
        saving = words[Self.saving].flatMap(CacheUse.Saving.init) ?? .afterSuccess
        namespace = words[Self.namespace]
        settings = words.companion as? Settings
        if namespace?.isEmpty == true {
            throw CommandFailure.wrongNumber("--cache-namespace", "", expected: "a name")
        }
        let aws = AWSOptions(words)
        source = try words[Self.source].map { try SharedPlaces.place($0, of: "--cache-from", aws) }
        let encryption = try words[Self.key].map { word in
            guard !word.isEmpty else { throw CommandFailure.emptyOption("--cache-kms-key") }
            guard words[Self.destination].map(S3Location.isMeant) == true else { throw CommandFailure.nothingToEncrypt }
            return S3Encryption.key(word == "aws/s3" || word == "alias/aws/s3" ? nil : word)
        }
        destination = try words[Self.destination].map {
            try SharedPlaces.place($0, of: "--cache-to", aws, encryption: encryption ?? .bucketDefault)
        }
        size = try words[Self.size].map(CacheVerbOptions.size)
    }

    func apply(to request: inout BuildRequest, in store: BuildStore) throws {
        request.findsCachePlaces = suggests
        guard !isOff else { return }
        var use = CacheUse(
            store: CacheStore(directory: store.directory.appending("cache")),
            namespace: try namespace(of: request))
        use.mode = mode
        use.saving = saving
        // Neither is worth a build.
        use.didLook = { lookup, build in
            let uuid = build.split(separator: ":").last.map(String.init) ?? build
            try? lookup.write(to: store.buildDirectory(uuid))
        }
        let size = size
        use.size = size
        use.didSave = { _ in CacheUpkeep.startInBackground(stateDirectory: store.directory, size: size) }
        // Not in the background: the record of this very build may be what there is no room for.
        use.didNotSave = { _ = try? store.caches.collectLayers(store.layerTools) }
        (use.source, use.destination) = (source, destination)
        request.caches = use
    }

    /// Whose caches the build has. A name that a checkout chose counts below the directory's own: whoever writes a
    /// repository must not reach the caches of another.
    private func namespace(of request: BuildRequest) throws -> String {
        let name = try namespace ?? request.projectName().description
        var source: FilePath?
        if case .directory(let path) = request.source.location { source = path }
        let option = namespace == nil ? "project" : Self.namespace.specification.name
        guard let checkout = settings?.checkout(naming: option, source: source) else { return name }
        let own = try BuildRequest(source: SourceRequest(location: .directory(checkout))).projectName().description
        return own == name ? name : "\(own)/\(name)"
    }
}

extension CommandFailure {
    fileprivate static let nothingToEncrypt = CommandFailure(
        .wrongUse, "`--cache-kms-key` has nothing to encrypt: no `--cache-to` names a place in S3",
        hints: ["name one as `--cache-to s3://BUCKET/PREFIX`"])
}
