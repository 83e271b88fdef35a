// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
import Glibc
internal import SystemPackage

/// Reads the files of an artifact one after the other and hands them to where they go.
struct ArtifactPacker {
    let tree: any TreeOpener
    let request: ArtifactRequest
    let layout: ArtifactLayout
    let shown: ([UInt8]) -> String
    let warn: (String) -> Void
    let isCancelled: () -> Bool

    func pack(_ name: ArtifactName) throws(ArtifactsError) -> ArtifactResult {
        try inspect()
        let destination: Directory
        do throws(FilesError) {
            if let opened = request.openedDestination {
                destination = opened.directory
            } else {
                destination = try Directory.make(request.destination)
            }
            try destination.makeDirectories(name.path.removingLastComponent())
        } catch { throw .output(error) }
        let sink: any ArtifactSink =
            switch request.packaging {
            case .zip: try ZipSink(name.path, in: destination, time: request.sourceDateEpoch)
            case .directory: try DirectorySink(name.path, in: destination, time: request.sourceDateEpoch, warn: warn)
            }
        var outputPaths: [[UInt8]] = []
        let (count, bytes) = try fill(sink) { if request.packaging == .directory { outputPaths.append($0) } }
        let (location, md5, sha256) = try sink.finish()
        return ArtifactResult(
            location: location, md5: md5, sha256: sha256, outputPaths: outputPaths, fileCount: count, byteCount: bytes)
    }

    /// Before the destination is touched: what is refused leaves nothing there.
    private func inspect() throws(ArtifactsError) {
        guard let inspection = request.inspection else { return }
        var parent: (path: [UInt8], descriptor: FileDescriptor)?
        defer { try? parent?.descriptor.close() }
        for file in layout.selection.files {
            if isCancelled() { throw .cancelled }
            if case .link = file.source { continue }
            let path = layout.selection.path(of: file)
            guard case .success(let (descriptor, _)) = open(file, path, &parent) else { continue }
            defer { try? descriptor.close() }
            inspection.inspect(descriptor, path: shown(path))
        }
        if let (message, hints) = inspection.refusal() { throw .refused(message, hints: hints) }
    }

    /// A repository that a build made would run its hooks and helpers when somebody looks at it with git, and here nobody
    /// but the source said that it should lie in the work tree.
    private var leavesOutGit: Bool {
        request.packaging == .directory && request.openedDestination?.isSourcesOwn == true
    }

    private func fill(
        _ sink: any ArtifactSink, didPut: ([UInt8]) -> Void
    ) throws(ArtifactsError) -> (count: Int, bytes: Int) {
        var count = 0
        var bytes = 0
        var gitDirectories = 0
        var firstFailure: (path: String, reason: Errno?)?
        // Files of one directory come one after the other, so it is opened once for all of them.
        var parent: (path: [UInt8], descriptor: FileDescriptor)?
        defer { try? parent?.descriptor.close() }
        for file in layout.selection.files {
            if isCancelled() { throw .cancelled }
            let path = layout.selection.path(of: file)
            let output = layout.outputPath(of: file)
            if leavesOutGit, FilePath(bytes: output).holdsGitDirectory {
                gitDirectories += 1
                continue
            }
            let outcome: PutOutcome
            if case .link(let target) = file.source {
                outcome = try sink.put(link: target, at: output)
            } else {
                switch open(file, path, &parent) {
                case .success(let (descriptor, status)):
                    defer { try? descriptor.close() }
                    outcome = try sink.put(
                        descriptor, status, at: output, room: request.maximumBytes - bytes,
                        shown: { shown(path) }, isCancelled: isCancelled)
                case .failure(let error): outcome = .unreadable(error.underlying)
                }
            }
            switch outcome {
            case .put(let size):
                count += 1
                bytes += size
                didPut(output)
            case .noRoom: throw .tooLarge(shown(path), limit: request.maximumBytes)
            case .pathTooLong: warn(ArtifactWarning.pathTooLong(shown(path)))
            case .unreadable(let reason):
                if firstFailure == nil { firstFailure = (shown(path), reason) }
                warn(ArtifactWarning.unreadable(shown(path), reason))
            }
        }
        if gitDirectories > 0 { warn(ArtifactWarning.gitLeftOut(gitDirectories)) }
        // An empty artifact would look like success.
        if count == 0, let (path, reason) = firstFailure {
            throw .nothingReadable(path, reason?.words ?? "it changed while it was collected")
        }
        return (count, bytes)
    }

    private func open(
        _ file: ArtifactFile, _ path: [UInt8], _ parent: inout (path: [UInt8], descriptor: FileDescriptor)?
    ) -> Result<(FileDescriptor, FileStatus), FilesError> {
        do throws(FilesError) {
            let descriptor: FileDescriptor
            if case .linkedFile(let target) = file.source {
                descriptor = try tree.open(FilePath(bytes: target), directory: false)
            } else {
                let directory = joined(layout.selection.roots[file.root], file.directory)
                if parent?.path != directory {
                    try? parent?.descriptor.close()
                    parent = nil
                    let place = FilePath(bytes: directory + Array("/.".utf8))
                    parent = (directory, try tree.open(place, directory: true))
                }
                guard let parent else { throw FilesError(.open, path: "") }
                descriptor = try tree.openEntry(
                    file.name, in: parent.descriptor, path: { FilePath(bytes: path) }, directory: false)
            }
            do throws(FilesError) {
                let status = try FileStatus(of: descriptor, path: "")
                guard status.kind == .regular else { throw FilesError(.notRegular, path: "") }
                return .success((descriptor, status))
            } catch {
                try? descriptor.close()
                throw error
            }
        } catch { return .failure(error) }
    }
}
