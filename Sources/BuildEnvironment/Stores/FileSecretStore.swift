// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Files
internal import Glibc
internal import Processes
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
    private let seconds: Double

    /// - Parameters:
    ///   - user: the caller's id. A file of somebody else's, or one that others may read, is refused.
    ///   - seconds: how long a pipe is waited for.
    public init(path: FilePath, user: UInt32, seconds: Double = 60) {
        self.path = path
        self.user = user
        self.seconds = seconds
    }

    public var name: String { "file:\(path.displayed)" }

    public func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
        switch read(isCancelled) {
        case .failure(let failure): return requests.map { _ in .failed(failure) }
        case .success(let table):
            return requests.map { request in
                if request.currentName != request.reference, let entry = table[request.reference] {
                    return .selected(entry.value, from: place(entry))
                }
                guard let entry = request.localNames.lazy.compactMap({ table[$0] }).first else { return .unknown }
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

    private func read(_ isCancelled: () -> Bool) -> Result<[String: Entry], SecretFailure> {
        var bytes: [UInt8]
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
            defer { try? file.close() }
            let status = try FileStatus(of: file, path: path)
            if status.kind == .regular {
                if let refusal = refusal(status) { return .failure(refusal) }
                bytes = try FileContents.read(file, path: path, limit: SecretFile.maximumBytes)
            } else {
                bytes = []
                if let failure = try gather(from: file, into: &bytes, isCancelled) { return .failure(failure) }
            }
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

    /// A pipe, as in `file:<(decrypt)`, is never on a disk, and welcome; but who should write it may never come.
    private func gather(
        from pipe: FileDescriptor, into bytes: inout [UInt8], _ isCancelled: () -> Bool
    ) throws -> SecretFailure? {
        let limit = MonotonicTime.now() + seconds
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        defer { buffer.withUnsafeMutableBytes { if let start = $0.baseAddress { explicit_bzero(start, $0.count) } } }
        while true {
            if isCancelled() { return SecretFailure("the store `\(name)` was not waited for") }
            if MonotonicTime.now() >= limit {
                return SecretFailure("the store `\(name)` did not come to its end within \(Int(seconds)) s")
            }
            var polled = pollfd(fd: pipe.rawValue, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 100) > 0 else { continue }
            let count = buffer.withUnsafeMutableBytes { Glibc.read(pipe.rawValue, $0.baseAddress, $0.count) }
            if count == 0 { return nil }
            if count < 0 {
                if errno == EAGAIN || errno == EINTR { continue }
                throw Errno(rawValue: errno)
            }
            bytes += buffer[..<count]
            if bytes.count > SecretFile.maximumBytes {
                return SecretFailure(
                    "the store `\(name)` cannot be read: it is larger than \(SecretFile.maximumBytes >> 20) MiB")
            }
        }
    }

    private func refusal(_ status: FileStatus) -> SecretFailure? {
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
