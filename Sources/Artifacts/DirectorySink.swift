// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
import Glibc
internal import SystemPackage

/// An artifact as a directory, filled beside its place.
final class DirectorySink: ArtifactSink {
    /// An extended attribute on directories made here: only such a one is replaced as a whole.
    private static let mark = "drydock.artifact"

    private let name: FilePath
    private let destination: Directory
    private let temporaryName: FilePath
    private let root: Directory
    private let time: Int?
    private let warn: (String) -> Void
    /// The directory that the last file went to.
    private var current: (path: [UInt8], directory: Directory)?

    init(
        _ name: FilePath, in destination: Directory, time: Int?, warn: @escaping (String) -> Void
    ) throws(ArtifactsError) {
        (self.name, self.destination, self.time, self.warn) = (name, destination, time, warn)
        do throws(FilesError) {
            (temporaryName, _) = try TemporaryName.create(beside: name) { (candidate) throws(FilesError) in
                try destination.makeDirectory(candidate)
            }
            root = try destination.directory(temporaryName)
        } catch { throw .output(error) }
    }

    /// Whatever bears the temporary name now is of no use: what was not finished, or what was replaced.
    deinit { try? Self.remove(temporaryName, in: destination) }

    func put(
        _ file: FileDescriptor, _ status: FileStatus, at output: [UInt8], room: Int, shown: () -> String,
        isCancelled: () -> Bool
    ) throws(ArtifactsError) -> PutOutcome {
        // Holes stay holes, so that what counts is what takes room.
        if min(status.size, status.allocatedSize) > room { return .noRoom }
        let slash = output.lastIndex(of: UInt8(ascii: "/"))
        let directoryPath = slash.map { Array(output[..<$0]) } ?? []
        let name = Array(output[(slash.map { $0 + 1 } ?? 0)...])
        let target: FileDescriptor
        do throws(FilesError) {
            target = try directory(directoryPath).open(
                FilePath(bytes: name), flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        } catch {
            if error.underlying == .fileNameTooLong { return .pathTooLong }
            throw .output(location(output), error.underlying)
        }
        defer { try? target.close() }
        var isTooLong = false
        do throws(FileCopy.Failure) {
            let copied = try FileCopy.copy(file, status, to: target) { bytes in
                isTooLong = bytes > room
                return !isTooLong && !isCancelled()
            }
            try FileCopy.setAttributes(
                target, mode: status.mode & 0o777, seconds: time ?? status.modificationSeconds,
                nanoseconds: time == nil ? status.modificationNanoseconds : 0)
            return .put(copied)
        } catch {
            switch error {
            case .stopped where isTooLong: return .noRoom
            case .stopped: throw .cancelled
            case .writing(let reason): throw .output(location(output), reason)
            case .reading(let reason):
                do throws(FilesError) { try directory(directoryPath).remove(FilePath(bytes: name)) } catch {
                    throw .output(error)
                }
                return .unreadable(reason)
            }
        }
    }

    func put(link target: [UInt8], at output: [UInt8]) throws(ArtifactsError) -> PutOutcome {
        preconditionFailure("links are kept in a ZIP file only")
    }

    func finish() throws(ArtifactsError) -> (location: FilePath, md5: String?, sha256: String?) {
        current = nil
        let place = destination.path.pushing(name)
        do throws(FilesError) {
            switch try kindOfPlace() {
            case .free:
                _ = root.setMark(Self.mark)
                try destination.rename(temporaryName, to: name)
            case .ours:
                _ = root.setMark(Self.mark)
                try destination.exchange(temporaryName, with: name)
                do throws(FilesError) { try Self.remove(temporaryName, in: destination) } catch {
                    warn(ArtifactWarning.oldDirectoryStays(destination.path.pushing(temporaryName), error))
                }
            case .somebodyElses: try merge()
            case .notADirectory: throw FilesError(.rename, path: place, underlying: .notDirectory)
            }
        } catch { throw .output(place, error.underlying) }
        return (place, nil, nil)
    }

    // MARK: The place

    private enum Place { case free, ours, somebodyElses, notADirectory }

    private func kindOfPlace() throws(FilesError) -> Place {
        let status: FileStatus
        do throws(FilesError) { status = try destination.status(name) } catch {
            guard error.underlying == .noSuchFileOrDirectory else { throw error }
            return .free
        }
        guard status.kind == .directory else { return .notADirectory }
        let directory = try destination.directory(name)
        // An empty directory gives way to a rename.
        if try directory.entries().isEmpty { return .free }
        return directory.hasMark(Self.mark) ? .ours : .somebodyElses
    }

    /// Moves each file to its place, in place of one that is there; all else there stays.
    private func merge() throws(FilesError) {
        try TreeWalk<Void>(tree: DirectoryTree(root: root.descriptor), root: "/").run(
            (), unreadable: { (error) throws(FilesError) in throw error },
            visit: { (visit) throws(FilesError) in
                let path = FilePath(bytes: visit.path)
                // What the build made must not become the hooks and helpers of a repository that is there.
                if path.lastComponent?.isGitDirectory == true,
                    (try? destination.status(name.pushing(path))) != nil
                {
                    warn(ArtifactWarning.gitStays(destination.path.pushing(name).pushing(path)))
                    return .pass
                }
                guard visit.kind == .directory else {
                    try destination.rename(temporaryName.pushing(path), to: name.pushing(path))
                    return .pass
                }
                do throws(FilesError) { try destination.makeDirectory(name.pushing(path)) } catch {
                    guard error.underlying == .fileExists else { throw error }
                }
                return .enter(())
            })
    }

    private static func remove(_ name: FilePath, in destination: Directory) throws(FilesError) {
        guard let last = name.lastComponent else { return }
        let parent = name.removingLastComponent()
        let directory = parent.isEmpty ? destination : try destination.directory(parent)
        try directory.removeTree(FilePath(root: nil, [last]))
    }

    // MARK: Directories inside

    private func directory(_ path: [UInt8]) throws(FilesError) -> Directory {
        if path.isEmpty { return root }
        if let current, current.path == path { return current.directory }
        if path.count > 4000 { throw FilesError(.create, path: "", underlying: .fileNameTooLong) }
        let below = FilePath(bytes: path)
        do throws(FilesError) { try root.makeDirectory(below) } catch {
            // Mostly the one above is there; where it is not, all are made.
            if error.underlying == .noSuchFileOrDirectory {
                try root.makeDirectories(below)
            } else if error.underlying != .fileExists {
                throw error
            }
        }
        let directory = try root.directory(below)
        current = (path, directory)
        return directory
    }

    private func location(_ output: [UInt8]) -> FilePath {
        destination.path.pushing(name).pushing(FilePath(bytes: output))
    }
}
