// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Buildspec
import Diagnostics
import Files
import Glibc
import SystemPackage

/// Finds the buildspec and reads its text.
struct BuildspecLocator {
    /// The primary source on the host.
    var root: FilePath
    /// The primary source as the user wrote it, for paths in messages; empty where it is the current directory.
    var displayedRoot: String
    /// The primary source inside the sandbox.
    var inside: String

    struct Found {
        var text: SourceText
        /// Where the build would see it, as CodeBuild's log names it.
        var location: String
        var warnings: [Warning] = []
    }

    /// Where CodeBuild puts a buildspec that is no file of the source.
    static let inlineLocation = "/codebuild/readonly/buildspec.yml"

    func find(_ choice: BuildspecChoice) throws(EngineError) -> Found {
        switch choice {
        case .inline(let document):
            return Found(text: SourceText(path: "<inline>", text: document), location: Self.inlineLocation)
        case .standard:
            return try findStandard()
        case .file(let path) where path.isAbsolute:
            do {
                let bytes = try FileContents.read(path, limit: Buildspec.maximumBytes + 1)
                return Found(text: SourceText(path: path.displayed, bytes: bytes), location: location(ofHost: path))
            } catch {
                throw failure(error, inside: path.displayed, displayed: path.displayed, isStandard: false)
            }
        case .file(let path):
            return try read(path, isStandard: false)
        }
    }

    private func findStandard() throws(EngineError) -> Found {
        do {
            return try read("buildspec.yml", isStandard: true)
        } catch {
            guard error.isMissingFile, var other = try? read("buildspec.yaml", isStandard: true) else { throw error }
            other.warnings.append(.standardNameIsYAML(other.text.path))
            return other
        }
    }

    /// Reads a file below the source; links are followed as far as they stay in it, as in the build itself.
    private func read(_ path: FilePath, isStandard: Bool) throws(EngineError) -> Found {
        let displayed = displayedRoot.isEmpty ? path.displayed : "\(displayedRoot)/\(path.displayed)"
        let location = "\(inside)/\(path.displayed)"
        do {
            let directory = try Directory(root)
            // O_NONBLOCK: a fifo of that name must not make drydock wait.
            let file = try directory.open(path, flags: O_RDONLY | O_NONBLOCK)
            defer { try? file.close() }
            let bytes = try FileContents.read(file, path: path, limit: Buildspec.maximumBytes + 1)
            return Found(text: SourceText(path: displayed, bytes: bytes), location: location)
        } catch {
            throw failure(error, inside: location, displayed: displayed, isStandard: isStandard)
        }
    }

    private func failure(
        _ error: FilesError, inside: String, displayed: String, isStandard: Bool
    ) -> EngineError {
        guard error.underlying == .noSuchFileOrDirectory || error.underlying == .notDirectory else {
            return .buildspecUnreadable(inside: inside, displayed: displayed, error)
        }
        return .buildspecMissing(inside: inside, displayed: displayed, isStandard: isStandard)
    }

    /// A file of the host that lies in the source is seen there by the build too.
    private func location(ofHost path: FilePath) -> String {
        var rest = path.lexicallyNormalized()
        guard rest.removePrefix(root), !rest.isEmpty else { return Self.inlineLocation }
        return "\(inside)/\(rest.displayed)"
    }
}

extension EngineError {
    /// Whether the buildspec is not there, rather than unreadable.
    fileprivate var isMissingFile: Bool { context.message.hasPrefix("stat ") }
}
