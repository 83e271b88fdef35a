// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Files
import Glibc
public import SystemPackage

/// Where artifacts go, opened before a build begins: one that may write to the directories around it must not decide
/// where they lead by its end.
public struct ArtifactDestination {
    /// An extended attribute on a directory that was made for a source: only such a one is written to again.
    private static let mark = "drydock.artifacts"

    public let directory: Directory
    /// Whether a file of the source chose it, which may come from anyone.
    let isSourcesOwn: Bool

    /// A directory that the user named, made where it is missing.
    public static func open(_ path: FilePath) throws(FilesError) -> ArtifactDestination {
        ArtifactDestination(directory: try Directory.make(path), isSourcesOwn: false)
    }

    /// A directory that a file of the source named.
    ///
    /// It must be one of its own, so that nothing that is there is replaced: not there yet, empty, or made by an earlier
    /// call. No link may lead to it, and nothing of it is git's.
    /// - Parameter path: begins with the source's own, unless that is `.`.
    public static func openOwn(
        _ path: FilePath, in source: FilePath
    ) throws(ArtifactsError) -> ArtifactDestination {
        var below = path
        let isBelow = source == "." || below.removePrefix(source)
        let components = below.components.filter { $0.kind != .currentDirectory }
        guard isBelow, below.root == nil, !components.isEmpty, components.allSatisfy({ $0.kind == .regular }) else {
            throw .notOwn(path, "it is not below the source")
        }
        if below.holdsGitDirectory { throw .notOwn(path, "it belongs to git") }
        var directory: Directory
        var reached = source == "." ? FilePath() : source
        var isMade = false
        do throws(FilesError) { directory = try Directory(source) } catch { throw .output(error) }
        for component in components {
            let name = FilePath(root: nil, [component])
            reached.append(component)
            let next: Directory
            do throws(FilesError) {
                isMade = try Self.make(name, in: directory)
                next = Directory(
                    adopting: try directory.open(name, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
                    path: reached)
            } catch {
                guard error.underlying == .notDirectory || error.underlying == .tooManySymbolicLinkLevels else {
                    throw .output(error)
                }
                throw .notOwn(path, "`\(reached.displayed)` is no directory")
            }
            // Under whatever name the file system takes for it.
            if let git = try? directory.status(".git"),
                let own = try? FileStatus(of: next.descriptor, path: next.path), git.isSameFile(as: own)
            {
                throw .notOwn(path, "it belongs to git")
            }
            directory = next
        }
        if !isMade, !directory.hasMark(Self.mark) {
            let entries: [DirectoryEntry]
            do throws(FilesError) { entries = try directory.entries() } catch { throw .output(error) }
            guard entries.isEmpty else { throw .notOwn(path, "it is there already, and drydock did not make it") }
        }
        _ = directory.setMark(Self.mark)
        return ArtifactDestination(directory: directory, isSourcesOwn: true)
    }

    /// - Returns: whether it was missing.
    private static func make(_ name: FilePath, in directory: Directory) throws(FilesError) -> Bool {
        do throws(FilesError) {
            try directory.makeDirectory(name)
            return true
        } catch {
            guard error.underlying == .fileExists else { throw error }
            return false
        }
    }
}
