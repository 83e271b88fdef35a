// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SystemPackage

/// The file that holds the key: a remark, and one line `drydock-secrets-key-1 <64 hexadecimal digits>`.
///
/// The line's first word is there for programs that look for secrets in what is about to be published.
enum KeyFile {
    private static let remark =
        "# The key of drydock's local store of secrets: keep it to yourself, and apart from the store.\n"
    private static let mark = "drydock-secrets-key-1 "
    private static let maximumBytes = 4096

    /// - Returns: nil where there is no such file.
    static func read(_ path: FilePath) throws(SecretVaultError) -> VaultKey? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: maximumBytes, alignment: 1)
        defer {
            if let start = buffer.baseAddress { explicit_bzero(start, buffer.count) }
            buffer.deallocate()
        }
        guard let count = try fill(buffer, path) else { return nil }
        guard let key = parse(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { throw .keyMalformed(path) }
        return key
    }

    /// - Returns: how many bytes there are, as far as there is room; nil where there is no such file.
    private static func fill(_ buffer: UnsafeMutableRawBufferPointer, _ path: FilePath) throws(SecretVaultError) -> Int?
    {
        let file: FileDescriptor
        do {
            // A link may lead to a stick or a keyring's mount; what counts is what it leads to.
            file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            let reason = error as? Errno
            if reason == .noSuchFileOrDirectory { return nil }
            throw .keyUnreadable(path, reason?.words ?? "\(error)")
        }
        defer { try? file.close() }
        let status: FileStatus
        do throws(FilesError) { status = try FileStatus(of: file, path: path) } catch {
            throw .keyUnreadable(path, error.underlying?.words ?? "\(error)")
        }
        guard status.kind == .regular else { throw .keyUnreadable(path, "it is \(status.kind.words)") }
        guard status.owner == geteuid() else { throw .keyOfAnother(path) }
        guard status.mode & 0o077 == 0 else { throw .keyOpenToOthers(path, mode: status.mode) }
        var count = 0
        do {
            while count < buffer.count {
                let more = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
                if more == 0 { break }
                count += more
            }
        } catch { throw .keyUnreadable(path, (error as? Errno)?.words ?? "\(error)") }
        return count
    }

    private static func parse(_ text: UnsafeRawBufferPointer) -> VaultKey? {
        var rest = text[...]
        while rest.first == UInt8(ascii: "#"), let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            rest = rest[(end + 1)...]
        }
        if rest.last == UInt8(ascii: "\n") { rest.removeLast() }
        guard rest.starts(with: mark.utf8), rest.count == mark.utf8.count + 2 * VaultKey.byteCount,
            var secret = Hexadecimal.bytes(rest.dropFirst(mark.utf8.count))
        else { return nil }
        return secret.withUnsafeMutableBytes { bytes in
            defer { if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) } }
            return VaultKey(secret: UnsafeRawBufferPointer(bytes))
        }
    }

    /// Makes a new key; the disk has it when this returns, since what it seals would be lost without it.
    /// - Parameter makingDirectory: whether the directory is made where it is missing.
    /// - Returns: nil when somebody else's key is there first.
    static func make(_ path: FilePath, makingDirectory: Bool) throws(SecretVaultError) -> VaultKey? {
        var text: [UInt8] = []
        // Of its final size from the start, so that no copy is left behind unwiped.
        text.reserveCapacity(maximumBytes)
        text += (remark + mark).utf8
        let key = VaultKey.withNewSecret { secret in
            Hexadecimal.append(secret, to: &text)
            return VaultKey(secret: secret)
        }
        text.append(UInt8(ascii: "\n"))
        defer { text.withUnsafeMutableBytes { if let start = $0.baseAddress { explicit_bzero(start, $0.count) } } }
        do throws(FilesError) {
            if makingDirectory { _ = try Directory.make(path.removingLastComponent(), mode: 0o700) }
            do throws(FilesError) {
                try AtomicFile.write(text, to: path, mode: 0o600, synchronizing: true, replacing: false)
            } catch {
                guard error.underlying == .invalidArgument else { throw error }
                // NFS and some others cannot refuse to replace (renameat2(2)). The store's lock is held, so only the first
                // writer of another store with the same key could come between.
                try AtomicFile.write(text, to: path, mode: 0o600, synchronizing: true)
            }
        } catch {
            if error.underlying == .fileExists { return nil }
            throw .keyNotMade(path, error)
        }
        return key
    }
}
