// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Glibc
import SystemPackage
import Wire

/// The program that packs caches and unpacks them, from standard input or to standard output. What several directories hold is
/// packed as overlayfs would show it, the first on top.
///
///     drydock-archive pack DIRECTORY… [--record FILE] [--level N] [--threads N]
///     drydock-archive unpack DIRECTORY --below PATH… [--record FILE] [--limit BYTES] [--home PATH]
///     drydock-archive record
///
/// It is a program of its own because libarchive is nothing to link statically, and because it runs in the sandbox: files of
/// a cache belong to ids that only the sandbox's root has. It ends with an ``ArchiveStatus``.
@main
enum DrydockArchive {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        let words = (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            CommandLine.unsafeArgv[index].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        }
        do throws(ArchiveFailure) {
            try Arguments(words).perform()
            exit(ArchiveStatus.done.rawValue)
        } catch {
            complain(error.message)
            if error.status == .wrongUse { complain("usage: \(Arguments.usage)") }
            exit(error.status.rawValue)
        }
    }

    static func complain(_ message: String) {
        _ = try? FileDescriptor.standardError.writeAll("drydock-archive: \(message)\n".utf8)
    }
}

/// The command line.
private struct Arguments {
    private var verb: [UInt8] = []
    private var directories: [FilePath] = []
    private var options: [String: [UInt8]] = [:]
    private var below: [[UInt8]] = []

    static let usage = "pack DIRECTORY… | unpack DIRECTORY --below PATH… | record"

    private static let verbs: [String: Set<String>] = [
        "pack": ["--record", "--level", "--threads"], "unpack": ["--record", "--below", "--limit", "--home"],
        "record": [],
    ]

    init(_ words: [[UInt8]]) throws(ArchiveFailure) {
        var rest = words[...]
        guard let first = rest.popFirst(), let known = Self.verbs[String(decoding: first, as: UTF8.self)] else {
            throw .usage("a verb is wanted first")
        }
        verb = first
        while let word = rest.popFirst() {
            guard word.starts(with: Array("--".utf8)) else {
                guard verb == Array("pack".utf8) || directories.isEmpty && verb == Array("unpack".utf8) else {
                    throw .usage("one directory is enough")
                }
                directories.append(FilePath(bytes: word))
                continue
            }
            let name = String(decoding: word, as: UTF8.self)
            guard known.contains(name) else { throw .usage("`\(FilePath.displayed(word))` is not known here") }
            guard let value = rest.popFirst() else { throw .usage("`\(name)` wants a value") }
            guard name == "--below" else {
                options[name] = value
                continue
            }
            below.append(value)
            while let next = rest.first, !next.starts(with: Array("--".utf8)) {
                below.append(next)
                rest.removeFirst()
            }
        }
        if directories.isEmpty, verb != Array("record".utf8) { throw .usage("a directory is wanted") }
    }

    func perform() throws(ArchiveFailure) {
        guard let first = directories.first else { return try printRecord() }
        if verb == Array("pack".utf8) { try pack() } else { try unpack(first) }
    }

    private func pack() throws(ArchiveFailure) {
        var record: [UInt8]?
        if let file = options["--record"] { record = try read(file) }
        let level = try number("--level", 1...19) ?? 3
        let threads = try number("--threads", 1...256) ?? min(16, Self.processors)
        var layers: [Directory] = []
        for directory in directories { layers.append(try open(directory)) }
        let output = try CompressedOutput(.standardOutput, level: level, threads: threads)
        try TreePacker(output, complain: DrydockArchive.complain).pack(layers, record: record)
    }

    private func unpack(_ path: FilePath) throws(ArchiveFailure) {
        guard !below.isEmpty else { throw .usage("`--below` is wanted: the paths that may be written") }
        let declared = try DeclaredPaths(below)
        let home = try MemberPath(options["--home"] ?? Array("root/root".utf8), of: Array("--home".utf8))
        let limit = try number("--limit", 0...Int.max).map(UInt64.init)
        var record: FileDescriptor?
        if let text = options["--record"] { record = try create(text) }
        let directory = try open(path)
        let names: [DirectoryEntry]
        do { names = try directory.entries() } catch { throw ArchiveFailure(error) }
        guard names.isEmpty else { throw .notEmpty(path) }
        do throws(ArchiveFailure) {
            let input = try ArchiveInput(.standardInput, spool: directory.descriptor)
            try TreeUnpacker(
                into: directory, declared: declared, limit: limit, record: record, complain: DrydockArchive.complain
            ).unpack(input, home: home)
        } catch {
            // Refused as a whole: what came before the member at fault goes with it.
            for entry in (try? directory.entries()) ?? [] { try? directory.removeTree(FilePath(bytes: entry.name)) }
            throw error
        }
    }

    private func printRecord() throws(ArchiveFailure) {
        let input = try ArchiveInput(.standardInput, spool: nil)
        let reader = try ArchiveReader(input)
        guard let entry = try reader.next(), try reader.name(of: entry) == Record.name else { throw .noRecord }
        let record = try reader.contents(of: entry, limit: Record.limit)
        do { _ = try FileDescriptor.standardOutput.writeAll(record) } catch {
            throw ArchiveFailure("could not hand on the record: \((error as? Errno)?.words ?? "\(error)")")
        }
    }

    // MARK: Values

    private func number(_ option: String, _ range: ClosedRange<Int>) throws(ArchiveFailure) -> Int? {
        guard let text = options[option] else { return nil }
        guard let number = Int(String(decoding: text, as: UTF8.self)), range.contains(number) else {
            throw .usage("`\(option)` wants a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private func open(_ path: FilePath) throws(ArchiveFailure) -> Directory {
        do { return try Directory(path) } catch { throw ArchiveFailure(error) }
    }

    /// A file, or the number of a descriptor.
    private func read(_ text: [UInt8]) throws(ArchiveFailure) -> [UInt8] {
        do throws(FilesError) {
            guard let number = Int32(String(decoding: text, as: UTF8.self)) else {
                return try FileContents.read(FilePath(bytes: text), limit: Record.limit, regularOnly: false)
            }
            return try FileContents.read(
                FileDescriptor(rawValue: number), path: FilePath(bytes: text), limit: Record.limit, regularOnly: false)
        } catch { throw ArchiveFailure(error) }
    }

    /// A file, made anew, or the number of a descriptor.
    private func create(_ text: [UInt8]) throws(ArchiveFailure) -> FileDescriptor {
        if let number = Int32(String(decoding: text, as: UTF8.self)) { return FileDescriptor(rawValue: number) }
        let path = FilePath(bytes: text)
        let number = path.withPlatformString { Glibc.open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600) }
        guard number >= 0 else { throw .system(errno, "write", text) }
        return FileDescriptor(rawValue: number)
    }

    /// How many this process may use.
    private static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
