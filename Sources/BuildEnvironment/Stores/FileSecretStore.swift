// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Files
internal import Glibc
public import Secrets
public import SystemPackage

/// `file:PATH`: a file that maps names of parameters and secrets to values: JSON, YAML, or a `NAME=VALUE` a line.
///
/// A value that is a map or a list is what a secret of JSON would be, for references with a `json-key`. A whole reference
/// may stand as a name too, and counts before the name alone: so a version that is not the current one can be had.
public struct FileSecretStore: SecretStore {
    private let path: FilePath
    /// Who may own the file, besides root.
    private let user: UInt32

    /// - Parameter user: the caller's id. A file of somebody else's, or one that others may read, is refused.
    public init(path: FilePath, user: UInt32) {
        self.path = path
        self.user = user
    }

    public var name: String { "file:\(path.displayed)" }

    public func answers(to requests: [SecretRequest]) -> [SecretAnswer] {
        switch read() {
        case .failure(let failure): return requests.map { _ in .failed(failure) }
        case .success(let table):
            return requests.map { request in
                if request.currentName != request.reference, let entry = table[request.reference] {
                    return .selected(entry.value, from: place(entry))
                }
                guard let name = request.currentName, let entry = table[name] else { return .unknown }
                return .value(entry.value, from: place(entry))
            }
        }
    }

    private func place(_ entry: Entry) -> String { "\(name):\(entry.line)" }

    private struct Entry {
        var value: SecretText
        var line: Int
    }

    // MARK: Reading

    private func read() -> Result<[String: Entry], SecretFailure> {
        let bytes: [UInt8]
        do {
            // A pipe, as in `file:<(decrypt)`, is never on a disk, and welcome.
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
            defer { try? file.close() }
            let status = try FileStatus(of: file, path: path)
            if let refusal = refusal(status) { return .failure(refusal) }
            bytes = try FileContents.read(file, path: path, limit: SecretFile.maximumBytes, regularOnly: false)
        } catch {
            let reason = (error as? FilesError)?.underlying?.words ?? (error as? Errno)?.words ?? "\(error)"
            return .failure(SecretFailure("the store `\(name)` cannot be read: \(reason)"))
        }
        return SecretFile.parse(bytes, path: path, subject: "the store `\(name)`").map { entries in
            entries.reduce(into: [:]) { table, entry in
                if let value = entry.value { table[entry.name] = Entry(value: value, line: entry.line) }
            }
        }
    }

    private func refusal(_ status: FileStatus) -> SecretFailure? {
        guard status.kind == .regular else { return nil }
        if status.owner != user, status.owner != 0 {
            return SecretFailure(
                "the store `\(name)` belongs to another user, who decides what is in it",
                hints: ["copy it, so that it is yours, or read it as its owner"])
        }
        if status.mode & 0o077 != 0 {
            let mode = String(status.mode & 0o777, radix: 8)
            return SecretFailure(
                "the store `\(name)` can be read by others (mode \(mode))",
                hints: ["`chmod 600 \(path.displayed)` makes it yours alone"])
        }
        return nil
    }
}
