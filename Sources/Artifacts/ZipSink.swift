// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Archives
internal import Files
internal import SystemPackage

/// An artifact as one ZIP file, written beside its place and renamed when it is whole.
final class ZipSink: ArtifactSink {
    private let location: FilePath
    private let file: AtomicFile
    private let writer: ZipWriter

    init(_ name: FilePath, in destination: Directory, time: Int?) throws(ArtifactsError) {
        location = destination.path.pushing(name)
        do throws(FilesError) { file = try AtomicFile(replacing: name, in: destination) } catch {
            throw .output(location, error.underlying)
        }
        writer = ZipWriter(to: file.descriptor, path: location, time: time ?? 0)
    }

    func put(
        _ file: FileDescriptor, _ status: FileStatus, at output: [UInt8], room: Int, shown: () -> String,
        isCancelled: () -> Bool
    ) throws(ArtifactsError) -> PutOutcome {
        // Holes become content here.
        if status.size > room { return .noRoom }
        do throws(ArchivesError) {
            return .put(
                try writer.addFile(
                    name: output, mode: status.mode, size: status.size, from: file, shouldGoOn: { !isCancelled() }))
        } catch { return try outcome(error, shown) }
    }

    func put(link target: [UInt8], at output: [UInt8]) throws(ArtifactsError) -> PutOutcome {
        do throws(ArchivesError) {
            try writer.addLink(name: output, target: target)
            return .put(0)
        } catch { return try outcome(error) { FilePath.displayed(output) } }
    }

    func finish() throws(ArtifactsError) -> (location: FilePath, md5: String?, sha256: String?) {
        let summary: ZipWriter.Summary
        do throws(ArchivesError) { summary = try writer.finish() } catch { throw .output(location, error.underlying) }
        do throws(FilesError) { try file.commit() } catch { throw .output(location, error.underlying) }
        return (location, summary.md5, summary.sha256)
    }

    private func outcome(_ error: ArchivesError, _ shown: () -> String) throws(ArtifactsError) -> PutOutcome {
        switch error.code {
        case .read: return .unreadable(error.underlying)
        case .name: return .pathTooLong
        case .readPartly:
            throw error.underlying == nil ? .cancelled : .readPartly(shown(), error.underlying)
        default: throw .output(location, error.underlying)
        }
    }
}
