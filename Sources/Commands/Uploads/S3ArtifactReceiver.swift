// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import AWS
internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import Files
internal import HTTP
internal import SystemPackage

/// Puts artifacts into buckets of S3.
struct S3ArtifactReceiver: ArtifactReceiver {
    /// Each time a client of its own is made of it: `drydock-http` need not run as long as a build does.
    let aws: AWSOptions

    func check(_ place: UploadPlace, isCancelled: @escaping () -> Bool) throws(ArtifactRefusal) {
        do throws(AWSFailure) {
            let bucket = bucket(place, 60, isCancelled)
            try bucket.check()
            // Artifacts are never gone on with: the next ones are of another build. Caches may be.
            bucket.tidy(keepsResumable: true)
        } catch { throw ArtifactRefusal(error) }
    }

    func take(
        _ delivery: ArtifactDelivery, isCancelled: @escaping () -> Bool
    ) throws(ArtifactRefusal) -> String {
        let bucket = bucket(delivery.place, 3600, isCancelled)
        var options = S3PutOptions()
        options.metadata = delivery.metadata
        if case .key(let key) = delivery.place.encryption { options.encryption = .key(key) }
        switch delivery.place.ownerAccess {
        case .none: break
        case .read: options.ownerAccess = .read
        case .full: options.ownerAccess = .full
        }
        do throws(AWSFailure) {
            try bucket.put(delivery.files.map { ($0.key, $0.path) }, options: options)
        } catch { throw ArtifactRefusal(error) }
        return S3Location.resourceName(bucket: bucket.name, key: delivery.key, region: bucket.region)
    }

    private func bucket(_ place: UploadPlace, _ seconds: Double, _ isCancelled: @escaping () -> Bool) -> S3Bucket {
        S3Bucket(
            place.bucket, configuration: aws.configuration, client: aws.client, journal: aws.journal,
            timeLimit: seconds, isCancelled: isCancelled)
    }
}

extension ArtifactRefusal {
    fileprivate init(_ failure: AWSFailure) {
        self.init(failure.message, hints: failure.hints, codeBuildMessage: failure.sdkText)
    }
}

/// The local copies of artifacts that nobody asked to have here.
struct StagedArtifacts {
    let directory: FilePath

    /// Removes them, unless one of them could not be put where it should be: then it is all that there is of it.
    func clear(_ record: BuildRecord) {
        let artifacts = [record.artifacts].compactMap { $0 } + record.secondaryArtifacts
        guard !artifacts.contains(where: { $0.location.hasPrefix(directory.string) }),
            let name = directory.lastComponent
        else { return }
        try? Directory(directory.removingLastComponent()).removeTree(FilePath(root: nil, [name]))
    }

    /// Removes those of builds whose drydock was killed. Those that could not be uploaded stay.
    static func removeAbandoned(in store: BuildStore) {
        guard let builds = try? Directory(store.buildDirectory("any").removingLastComponent()),
            let entries = try? builds.entries()
        else { return }
        for entry in entries {
            let staged = FilePath(bytes: entry.name).appending("artifacts")
            guard (try? builds.status(staged))?.kind == .directory,
                (try? store.find(String(decoding: entry.name, as: UTF8.self)))?.state == .interrupted
            else { continue }
            try? builds.directory(FilePath(bytes: entry.name)).removeTree("artifacts")
        }
    }
}

extension BuildStore {
    /// Where a build's artifacts lie until they are uploaded.
    func stagedArtifacts(_ uuid: String) -> FilePath { buildDirectory(uuid).appending("artifacts") }
}
