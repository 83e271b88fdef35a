// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

/// Where a build's artifacts go besides a directory of this machine, and who takes them there.
public struct ArtifactUpload: Sendable {
    /// Of artifacts that have no place of their own; nil leaves those on this machine.
    public var common: UploadPlace?
    public var primary: UploadPlace?
    /// By identifier.
    public var secondary: [String: UploadPlace] = [:]
    public var receiver: any ArtifactReceiver

    public init(receiver: any ArtifactReceiver) { self.receiver = receiver }

    /// For people.
    var displayPlaces: [String] {
        ([common, primary].compactMap { $0 } + secondary.sorted { $0.key < $1.key }.map(\.value)).reduce(into: []) {
            let place = "s3://\($1.bucket)" + ($1.path.isEmpty ? "" : "/\(UploadPlace.trimmed($1.path))")
            if !$0.contains(place) { $0.append(place) }
        }
    }

    func place(_ identifier: String?) -> UploadPlace? { (identifier.map { secondary[$0] } ?? primary) ?? common }
}

/// A place in a bucket, as a project defines one.
///
/// Source: `ProjectArtifacts`, AWS CodeBuild API Reference.
public struct UploadPlace: Sendable, Equatable {
    public var bucket: String
    public var path = ""
    /// Whether the build's identifier is a part of the path.
    public var hasBuildIdentifier = false
    /// What the project calls the artifact, `/` for the place itself; nil where the build names it.
    public var name: String?
    /// Whether names are those of the files here; otherwise they are taken as they are given.
    public var keepsFileNames = false
    public var encryption = Encryption.bucketDefault
    public var ownerAccess = OwnerAccess.none

    public init(bucket: String) { self.bucket = bucket }

    public enum Encryption: Sendable, Equatable {
        case bucketDefault
        /// With a key of KMS; nil for the account's own for S3.
        case key(String?)
    }

    /// `bucketOwnerAccess`.
    public enum OwnerAccess: Sendable, Equatable { case none, read, full }

    /// The key of an artifact's ZIP file, or what the keys of its files begin with; empty for the bucket itself.
    /// - Parameters:
    ///   - name: what the build calls it, nil for nothing.
    ///   - fileName: of the local copy, below its directory.
    ///   - prefix: the buildspec's `s3-prefix`, which counts beside the build's identifier alone.
    func key(name: String?, fileName: String, prefix: String?, build: String, isZip: Bool) -> String {
        var last = self.name ?? name ?? fileName
        if keepsFileNames { last = fileName }
        let isPlaceItself = last.allSatisfy { $0 == "/" }
        if isPlaceItself { last = "" }
        var parts = [path] + (hasBuildIdentifier ? [build] : []) + [last]
        if hasBuildIdentifier, let prefix, !prefix.isEmpty {
            if isZip, !isPlaceItself, !last.hasSuffix(".zip") { last += ".zip" }
            parts = [prefix, build, last]
        }
        let key = parts.map(Self.trimmed).filter { !$0.isEmpty }.joined(separator: "/")
        // An object has to have a name.
        return key.isEmpty && isZip ? fileName : key
    }

    fileprivate static func trimmed(_ part: String) -> String {
        var part = part[...]
        while part.first == "/" { part.removeFirst() }
        while part.last == "/" { part.removeLast() }
        return String(part)
    }
}

/// Takes finished artifacts away. The engine does not know where to.
public protocol ArtifactReceiver: Sendable {
    /// Finds out, before a build begins, what would fail at its end: no such place, nobody who may ask for it.
    /// - Parameter isCancelled: asked ten times a second.
    func check(_ place: UploadPlace, isCancelled: @escaping () -> Bool) throws(ArtifactRefusal)

    /// Takes all files of an artifact, or fails.
    /// - Parameter isCancelled: asked ten times a second.
    /// - Returns: how the record names the place: an ARN.
    func take(
        _ delivery: ArtifactDelivery, isCancelled: @escaping () -> Bool
    ) throws(ArtifactRefusal) -> String
}

/// The files of one artifact, and where each goes.
public struct ArtifactDelivery: Sendable {
    public var place: UploadPlace
    /// The ZIP file's, or what those of the files begin with.
    public var key: String
    public var files: [File]
    /// What is stored beside each, by name.
    public var metadata: [String: String]

    public struct File: Sendable, Equatable {
        public var path: FilePath
        public var key: String
    }
}

/// Why an artifact was not taken.
public struct ArtifactRefusal: Error, Sendable {
    public var message: String
    public var hints: [String]
    /// As CodeBuild would say it; nil for the same.
    public var codeBuildMessage: String?

    public init(_ message: String, hints: [String] = [], codeBuildMessage: String? = nil) {
        self.message = message
        self.hints = hints
        self.codeBuildMessage = codeBuildMessage
    }
}
