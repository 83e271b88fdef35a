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
    let configuration: AWSConfiguration
    let client: HTTPClient

    func take(
        _ delivery: ArtifactDelivery, isCancelled: @escaping () -> Bool
    ) throws(ArtifactRefusal) -> String {
        let bucket = S3Bucket(
            delivery.place.bucket, configuration: configuration, client: client, isCancelled: isCancelled)
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
        } catch {
            throw ArtifactRefusal(error.message, hints: error.hints, codeBuildMessage: error.sdkText)
        }
        return S3Location.resourceName(bucket: bucket.name, key: delivery.key, region: bucket.region)
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
}

extension BuildStore {
    /// Where a build's artifacts lie until they are uploaded.
    func stagedArtifacts(_ uuid: String) -> FilePath { buildDirectory(uuid).appending("artifacts") }
}
