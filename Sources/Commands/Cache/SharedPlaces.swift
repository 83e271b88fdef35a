// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import AWS
internal import BuildCache
internal import BuildEngine
internal import BuildModel
internal import CommandSyntax
internal import Diagnostics
internal import HTTP
internal import SystemPackage

/// A place for caches as the user names it: a directory, or `s3://bucket/prefix`.
enum SharedPlaces {
    /// - Parameter encryption: of what is put into a bucket.
    static func place(
        _ word: String, of option: String, _ aws: AWSOptions, encryption: S3Encryption = .bucketDefault
    ) throws -> any SharedPlace {
        guard !word.isEmpty else { throw CommandFailure.emptyOption(option) }
        guard S3Location.isMeant(by: word) else {
            if let scheme = Arguments.scheme(word) { throw CommandFailure.otherScheme(scheme, option, word) }
            let path = Arguments.path(word)
            return DirectoryPlace(path.isAbsolute ? path : try Caller.currentDirectory().pushing(path))
        }
        var place = try bucket(word, of: option, aws)
        place.encryption = encryption
        return place
    }

    static func bucket(_ word: String, of option: String, _ aws: AWSOptions) throws -> BucketPlace {
        guard let location = S3Location(word) else { throw CommandFailure.noPlaceInS3(option, word) }
        return BucketPlace(
            location: location, configuration: aws.configuration, client: aws.client, journal: aws.journal)
    }
}

/// A place in a bucket of S3.
struct BucketPlace: SharedPlace {
    let location: S3Location
    let configuration: AWSConfiguration
    let client: HTTPClient
    let journal: UploadJournal?
    var encryption = S3Encryption.bucketDefault

    var name: String { "\(location)" }
    /// As CodeBuild's agent calls it.
    var title: String { "S3 cache" }

    func open(isCancelled: @escaping () -> Bool) -> any SharedObjects {
        BucketObjects(bucket: bucket(isCancelled), location: location, encryption: encryption)
    }

    func bucket(_ isCancelled: @escaping () -> Bool) -> S3Bucket {
        S3Bucket(
            location.bucket, configuration: configuration, client: client, journal: journal, isCancelled: isCancelled)
    }
}

/// One for a build, so that credentials and the bucket's region are found once.
private struct BucketObjects: SharedObjects {
    let bucket: S3Bucket
    let location: S3Location
    let encryption: S3Encryption

    func list(_ prefix: String) throws(CacheError) -> [SharedObject] {
        let start = location.key(prefix)
        do throws(AWSFailure) {
            return try bucket.list(start).compactMap { object in
                guard object.key.utf8.starts(with: start.utf8) else { return nil }
                let name = String(decoding: object.key.utf8.dropFirst(start.utf8.count), as: UTF8.self)
                return SharedObject(name: name, modified: object.modified ?? Timestamp(seconds: 0))
            }
        } catch { throw CacheError(error) }
    }

    func has(_ name: String, sha256: String, byteCount: Int) throws(CacheError) -> Bool {
        do throws(AWSFailure) {
            guard let object = try bucket.head(location.key(name)) else { return false }
            return object.byteCount == byteCount && object.sha256 ?? sha256 == sha256
        } catch { throw CacheError(error) }
    }

    func read(_ name: String, limit: Int) throws(CacheError) -> SharedContent? {
        do throws(AWSFailure) {
            guard let content = try bucket.content(location.key(name), limit: limit) else { return nil }
            return SharedContent(bytes: content.bytes, version: content.entityTag ?? "")
        } catch {
            if error.code == .tooLarge { return SharedContent(bytes: nil, version: "") }
            throw CacheError(error)
        }
    }

    func fetch(_ name: String, _ archive: CacheManifest.Archive, into file: FileDescriptor) throws(CacheError) -> Bool {
        do throws(AWSFailure) {
            _ = try bucket.get(
                location.key(name), to: file, sha256: archive.sha256, byteCount: archive.byteCount)
            return true
        } catch {
            if error.code == .missing { return false }
            if error.code == .damaged { throw .damagedArchive("s3://\(location.bucket)/\(location.key(name))") }
            throw CacheError(error)
        }
    }

    func store(_ name: String, from file: FileDescriptor) throws(CacheError) {
        var options = S3PutOptions()
        options.contentType = "application/zstd"
        options.encryption = encryption
        // Its name is of its content, so parts that a killed build has sent are parts of this one.
        options.resumesUpload = true
        do throws(AWSFailure) { try bucket.put(location.key(name), from: file, options: options) } catch {
            throw CacheError(error)
        }
    }

    func store(_ name: String, bytes: [UInt8], over before: SharedContent?) throws(CacheError) -> Bool {
        var options = S3PutOptions()
        options.contentType = "application/json"
        options.encryption = encryption
        let condition = before.map { S3Condition.entityTag($0.version) } ?? .absent
        do throws(AWSFailure) {
            return try bucket.put(location.key(name), bytes: bytes, options: options, over: condition)
        } catch { throw CacheError(error) }
    }

    /// Another cache's upload may still be gone on with.
    func tidy(_ scope: String) { bucket.tidy(keepsResumable: true, below: location.key(scope)) }

    func remove(_ names: [String]) throws(CacheError) {
        do throws(AWSFailure) { try bucket.delete(names.map(location.key)) } catch { throw CacheError(error) }
    }
}

extension CacheError {
    fileprivate init(_ failure: AWSFailure) {
        self = failure.code == .cancelled ? .cancelled : .place(failure.message, hints: failure.hints)
    }
}

extension CommandFailure {
    static func otherScheme(_ scheme: String, _ option: String, _ word: String) -> CommandFailure {
        CommandFailure(
            .wrongUse,
            "`\(option)` cannot be `\(Arguments.displayed(word))`: a place is a directory, or `s3://BUCKET/PREFIX`",
            hints: ["a directory of such a name is written `./\(scheme):`"])
    }

    static func noPlaceInS3(_ option: String, _ word: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "`\(option)` cannot be `\(Arguments.displayed(word))`: that is no place in S3",
            hints: ["write it as `s3://BUCKET/PREFIX`; a directory of such a name as `./s3:`"])
    }
}
