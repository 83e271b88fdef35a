// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Glibc
import SystemPackage

/// `codebuild-hash-files PATTERN…`: a digest of files of the source, for the key of a cache.
///
/// CodeBuild has a command of this name; how it makes one digest of several files is not published. Here it is the SHA-256 of
/// the files' own SHA-256 digests, as bytes, one behind the other in the order of their paths, as `hashFiles` of GitHub
/// Actions does. Source: AWS CodeBuild User Guide, "Amazon S3 caching", codebuild-hash-files.
///
/// It runs inside a build, so it is static and needs nothing of the image.
@main
enum CodebuildHashFiles {
    static func main() {
        var words = (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            // As they were written: a FilePath would take `a//b` for `a/b`.
            CommandLine.unsafeArgv[index].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        }
        if words == [Array("--help".utf8)] { end(0, output: usage) }
        if words.first == Array("--".utf8) { words.removeFirst() }
        guard !words.isEmpty else { end(2, errors: usage) }
        do throws(HashingFailure) {
            var hashing = try Hashing(sourceDirectory: sourceDirectory, patterns: words)
            try hashing.run { complain($0) }
            if let log = getenv("DRYDOCK_HASH_FILES_LOG") {
                do { try hashing.writeLog(to: FilePath(platformString: log)) } catch { complain(error.message) }
            }
            end(0, output: hashing.digest + "\n")
        } catch {
            complain(error.message)
            end(error.isNothingFound ? 1 : 2)
        }
    }

    private static var sourceDirectory: FilePath {
        guard let text = getenv("CODEBUILD_SRC_DIR"), text.pointee != 0 else { return "." }
        return FilePath(platformString: text)
    }

    private static let usage = """
        usage: codebuild-hash-files PATTERN…
        Prints the SHA-256 of the files below the source directory that match; `**` stands for any directories.

        """

    private static func complain(_ message: String) {
        write("codebuild-hash-files: \(message)\n", to: .standardError)
    }

    private static func end(_ status: Int32, output: String = "", errors: String = "") -> Never {
        write(errors, to: .standardError)
        // A digest that did not arrive must not look like an empty one.
        exit(write(output, to: .standardOutput) ? status : 2)
    }

    @discardableResult
    private static func write(_ text: String, to file: FileDescriptor) -> Bool {
        (try? file.writeAll(text.utf8)) != nil
    }
}
