// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Archives
import Files
import Glibc
import SystemPackage

/// Finds the files that patterns match, and makes one digest of them.
///
/// Everything is reached by descriptors below the source directory; no link leads out of it. A link to a file counts as that
/// file. A pattern without wildcards goes through links to directories, a walk does not: what a pattern matches must not
/// depend on the patterns beside it.
struct Hashing {
    private let directory: Directory
    private let patterns: [[UInt8]]
    private var files: [HashedFile] = []
    private var buffer = [UInt8](repeating: 0, count: 128 * 1024)

    /// - Parameter patterns: relative to the source directory, or absolute and below it; raw bytes.
    init(sourceDirectory: FilePath, patterns: [[UInt8]]) throws(HashingFailure) {
        do { directory = try Directory(sourceDirectory) } catch { throw HashingFailure("\(error)") }
        self.patterns = patterns
    }

    /// Of all files: lower-case hexadecimal digits.
    var digest: String {
        var sum = SHA256()
        for file in files { file.digest.withUnsafeBytes { sum.update($0) } }
        return sum.finish()
    }

    /// - Parameter complain: told what is left out.
    mutating func run(_ complain: (String) -> Void) throws(HashingFailure) {
        var walked: [Glob] = []
        for pattern in patterns {
            guard let components = relative(pattern) else { continue }
            let glob = Glob(components: components)
            if glob.isLiteral { try take(path(of: glob), complain) } else { walked.append(glob) }
        }
        if !walked.isEmpty { try walk(GlobSet(walked), complain) }
        files.sort { $0.path.precedes($1.path) }
        var last: [UInt8]?
        files.removeAll { file in
            defer { last = file.path }
            return file.path == last
        }
        guard !files.isEmpty else { throw .nothingFound(patterns, below: directory.path) }
    }

    // MARK: Patterns

    /// The pattern's components below the source directory; nil where it leads elsewhere and so matches nothing.
    private func relative(_ pattern: [UInt8]) -> [[UInt8]]? {
        var components = Glob.split(pattern)
        if pattern.first == UInt8(ascii: "/") {
            guard let place = places.first(where: { components.starts(with: $0) }) else { return nil }
            components.removeFirst(place.count)
        }
        return components.isEmpty || components.first == Array("..".utf8) ? nil : components
    }

    /// The components of the source directory's path, as it is named and as the kernel knows it.
    private var places: [[[UInt8]]] {
        let known = directory.path.withPlatformString { realpath($0, nil) }
        defer { free(known) }
        let paths = [directory.path] + (known.map { [FilePath(platformString: $0)] } ?? [])
        return paths.filter(\.isAbsolute).map { Glob.split($0.bytes) }
    }

    /// The only path that a pattern without wildcards names.
    private func path(of glob: Glob) -> [UInt8] {
        let set = GlobSet([glob])
        var state = set.start
        var path: [UInt8] = []
        while let name = set.onlyNames(state)?.first {
            if !path.isEmpty { path.append(UInt8(ascii: "/")) }
            path += name
            state = set.step(state, name)
        }
        return path
    }

    // MARK: Files

    private mutating func walk(_ set: GlobSet, _ complain: (String) -> Void) throws(HashingFailure) {
        let tree = DirectoryTree(root: directory.descriptor)
        let walk = TreeWalk<GlobSet.State>(tree: tree, root: "/")
        try walk.run(
            set.start, names: set.onlyNames(set.start),
            unreadable: { (error) throws(HashingFailure) in
                switch error.underlying {
                // Gone since it was listed, or spelled out and not there.
                case .noSuchFileOrDirectory, .notDirectory: break
                case .improperLink: complain("`\(shown(error.path))` is another file system, and left out")
                default: throw HashingFailure(error, at: shown(error.path))
                }
            },
            visit: { (visit) throws(HashingFailure) in
                let next = set.step(visit.state, visit.name)
                switch visit.kind {
                case .directory: return set.canMatchBelow(next) ? .enter(next, names: set.onlyNames(next)) : .pass
                case .symbolicLink where set.isAccepted(next): try take(visit.path, complain)
                case .regular where set.isAccepted(next):
                    let path = visit.path
                    let file: FileDescriptor
                    do {
                        file = try tree.openEntry(
                            visit.name, in: visit.directory, path: { FilePath(bytes: path) }, directory: false)
                    } catch { throw HashingFailure(error, at: FilePath.displayed(path)) }
                    try add(file, path)
                default: break
                }
                return .pass
            })
    }

    /// Adds the file at a path, through links as long as they stay below the source directory.
    private mutating func take(_ path: [UInt8], _ complain: (String) -> Void) throws(HashingFailure) {
        let shown = FilePath.displayed(path)
        let file: FileDescriptor
        do { file = try directory.openInside(FilePath(bytes: path)) } catch {
            switch error.underlying {
            case .noSuchFileOrDirectory, .notDirectory: return
            // Of a socket, which is no file.
            case .noSuchAddressOrDevice: return
            case .improperLink: return complain("`\(shown)` leads out of the source directory, and is left out")
            default: throw HashingFailure(error, at: shown)
            }
        }
        try add(file, path)
    }

    private mutating func add(_ file: FileDescriptor, _ path: [UInt8]) throws(HashingFailure) {
        defer { try? file.close() }
        do {
            guard try FileStatus(of: file, path: "").kind == .regular else { return }
            var sum = SHA256()
            while true {
                let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
                if count == 0 { break }
                buffer.withUnsafeBytes { sum.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            }
            files.append(HashedFile(path: path, hexadecimal: sum.finish()))
        } catch { throw HashingFailure(error, at: FilePath.displayed(path)) }
    }

    private func shown(_ path: FilePath) -> String {
        FilePath.displayed(path.bytes.drop { $0 == UInt8(ascii: "/") })
    }

    // MARK: The log

    /// Appends a line for each file, in the form of sha256sum(1): a name with a newline or a backslash has them escaped, and
    /// a backslash before its line.
    /// - Parameter destination: a file, made where it is missing, or the number of a descriptor.
    func writeLog(to destination: FilePath) throws(HashingFailure) {
        var text: [UInt8] = []
        for file in files {
            let name = file.path.flatMap { byte in
                switch byte {
                case UInt8(ascii: "\\"): Array("\\\\".utf8)
                case UInt8(ascii: "\n"): Array("\\n".utf8)
                default: [byte]
                }
            }
            if name.count > file.path.count { text.append(UInt8(ascii: "\\")) }
            text += file.hexadecimal.utf8
            text += "  ".utf8
            text += name
            text.append(UInt8(ascii: "\n"))
        }
        do {
            if let number = Int32(destination.string) { return _ = try FileDescriptor(rawValue: number).writeAll(text) }
            let file = try FileDescriptor.open(
                destination, .writeOnly, options: [.append, .create, .closeOnExec], permissions: [.ownerReadWrite])
            try file.closeAfter { _ = try file.writeAll(text) }
        } catch { throw HashingFailure("could not write the log `\(destination.displayed)`: \(reason(error))") }
    }
}

/// A file that matched.
struct HashedFile {
    /// Relative to the source directory.
    let path: [UInt8]
    /// SHA-256 of its content, in digits and in bytes.
    let hexadecimal: String
    let digest: [UInt8]

    init(path: [UInt8], hexadecimal: String) {
        self.path = path
        self.hexadecimal = hexadecimal
        let digits = hexadecimal.utf8.map { $0 >= UInt8(ascii: "a") ? $0 - UInt8(ascii: "a") + 10 : $0 & 15 }
        digest = stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

/// Why there is no digest.
struct HashingFailure: Error {
    let message: String
    /// The patterns were in order, and match no file.
    var isNothingFound = false

    init(_ message: String) { self.message = message }

    init(_ error: any Error, at path: String) {
        self.init("could not read `\(path)`: \(reason((error as? FilesError)?.underlying ?? error))")
    }

    static func nothingFound(_ patterns: [[UInt8]], below directory: FilePath) -> HashingFailure {
        let names = patterns.map { "`\(FilePath.displayed($0))`" }.joined(separator: " or ")
        var failure = HashingFailure("no file below `\(directory.displayed)` matches \(names)")
        failure.isNothingFound = true
        return failure
    }
}

private func reason(_ error: any Error) -> String { (error as? Errno)?.words ?? "\(error)" }
