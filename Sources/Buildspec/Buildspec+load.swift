// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
import Glibc

extension Buildspec {
    /// Reads a file that may hold a buildspec, whatever it is: never more than `maximumBytes` and one byte, and never
    /// longer than a pipe without a writer deserves.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - name: how findings call it; the path when nil.
    ///   - waitMilliseconds: how long a pipe may stay silent.
    /// - Returns: the text, or the finding that says why there is none.
    public static func load(
        _ path: String, as name: String? = nil, waitMilliseconds: Int32 = 5000
    ) -> Result<SourceText, UnreadableFile> {
        let name = name ?? path
        // Without O_NONBLOCK the opening of a fifo waits for a writer.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else {
            return .failure(errno == ENOENT ? .missing(name) : .unreadable(name, String(cString: strerror(errno))))
        }
        defer { close(descriptor) }
        return load(descriptor: descriptor, as: name, waitMilliseconds: waitMilliseconds)
    }

    /// Reads an open file, such as standard input; leaves it open.
    public static func load(
        descriptor: Int32, as name: String, waitMilliseconds: Int32 = 5000
    ) -> Result<SourceText, UnreadableFile> {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            return .failure(.unreadable(name, String(cString: strerror(errno))))
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .failure(.unreadable(name, "it is a directory"))
        case S_IFREG where status.st_size > maximumBytes:
            // One byte over the limit is as good as all of them: the reader refuses it by its size.
            return .success(SourceText(path: name, bytes: Array(repeating: 0x20, count: maximumBytes + 1)))
        default: break
        }
        var bytes: [UInt8] = []
        let expected = status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) + 1 : 65536
        var chunk = [UInt8](repeating: 0, count: min(65536, max(4096, expected)))
        while bytes.count <= maximumBytes {
            let count = Glibc.read(descriptor, &chunk, min(chunk.count, maximumBytes + 1 - bytes.count))
            if count > 0 {
                bytes += chunk[..<count]
            } else if count == 0 {
                break
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&waiting, 1, waitMilliseconds) > 0 else {
                    return .failure(.unreadable(name, "nothing came for \(waitMilliseconds / 1000) seconds"))
                }
            } else if errno != EINTR {
                return .failure(.unreadable(name, String(cString: strerror(errno))))
            }
        }
        return .success(SourceText(path: name, bytes: bytes))
    }

    /// Why a file could not be read.
    public struct UnreadableFile: Error, Sendable, Equatable {
        public var diagnostic: Diagnostic

        static func missing(_ path: String) -> UnreadableFile {
            var diagnostic = Diagnostic.spec(
                .fileMissing, .error, "there is no file `\(path)`", at: nil,
                hints: ["name the file, or create `buildspec.yml`"], verdict: "YAML file does not exist")
            diagnostic.file = path
            return UnreadableFile(diagnostic: diagnostic)
        }

        static func unreadable(_ path: String, _ reason: String) -> UnreadableFile {
            var diagnostic = Diagnostic.spec(
                .fileUnreadable, .error, "cannot read `\(path)`: \(reason)", at: nil)
            diagnostic.codeBuild = nil
            diagnostic.file = path
            return UnreadableFile(diagnostic: diagnostic)
        }
    }
}
