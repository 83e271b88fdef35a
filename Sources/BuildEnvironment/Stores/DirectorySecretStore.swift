// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
public import Secrets
public import SystemPackage

/// `dir:PATH`: a directory with a file for each secret, as Docker and Kubernetes mount them.
///
/// A name with slashes is a path below the directory, or a file's name with `.`, `_` or `-` in the place of the slashes,
/// since neither of the two knows slashes in names; at last the file may be named like the variable. One line end at a
/// file's end does not belong to the value. Who may read the files is the affair of whoever mounted them.
///
/// Sources: "Manage sensitive data with Docker secrets", Docker documentation (`/run/secrets/NAME`); "Secrets", Kubernetes
/// documentation (keys of letters, digits, `-`, `_` and `.`, each a link into a directory of the mount).
public struct DirectorySecretStore: SecretStore {
    private let path: FilePath

    public init(path: FilePath) { self.path = path }

    public var name: String { "dir:\(path.displayed)" }

    public func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
        let directory: Directory
        do throws(FilesError) { directory = try Directory(path) } catch {
            let failure = SecretFailure(
                "the store `\(name)` cannot be read: \(error.underlying?.words ?? error.code.verb)")
            return requests.map { _ in .failed(failure) }
        }
        return requests.map { answer(to: $0, in: directory) }
    }

    private func answer(to request: SecretRequest, in directory: Directory) -> SecretAnswer {
        let names = request.localNames
        if names.isEmpty { return .unknown }
        for candidate in names.flatMap(Self.fileNames) + [request.variable] {
            // A reference comes from a buildspec and leads nowhere else: `..` is left out, links stay inside.
            let place = FilePath(root: nil, FilePath(candidate).components.filter { $0.kind == .regular })
            guard !place.isEmpty else { continue }
            let displayed = path.appending(place.components).displayed
            do throws(FilesError) {
                let file = try directory.open(place, flags: O_RDONLY | O_NONBLOCK)
                defer { try? file.close() }
                guard try FileStatus(of: file, path: place).kind == .regular else { continue }
                var bytes = try FileContents.read(file, path: place, limit: SecretFile.maximumBytes)
                if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
                if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
                return .value(SecretText(bytes: bytes), from: "dir:\(displayed)")
            } catch {
                if error.underlying == .noSuchFileOrDirectory || error.underlying == .notDirectory { continue }
                return .failed(
                    SecretFailure("`\(displayed)` cannot be read: \(error.underlying?.words ?? error.code.verb)"))
            }
        }
        return .unknown
    }

    private static func fileNames(_ name: String) -> [String] {
        let plain = String(name.drop { $0 == "/" })
        guard plain.contains("/") else { return [plain] }
        return [plain] + [".", "_", "-"].map { plain.replacing("/", with: $0) }
    }
}
