// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildCache
internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import Glibc
internal import SystemPackage

/// `drydock cache export`.
struct CacheExportCommand: Action {
    static let name = "export"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Write a cache as a tar.zst archive",
            discussion: """
                With its modes, owners and times; `drydock cache import` makes a cache of it again, on another machine or for \
                another user. Secrets were looked for when the cache was saved.
                """,
            operands: Operands(
                "key", help: CacheVerbOptions.keyHelp, count: 1...1, completion: CacheListCommand.keys),
            groups: [
                OptionGroup("Options", [file, CacheVerbOptions.project, OutputOptions.json]), StateOptions.group,
            ])
    }

    private static let file = ValueOption(
        "output", short: "o", placeholder: "file", completion: .files,
        help: "The archive (default: `KEY.tar.zst` here); `-` is standard output.")

    private let key: String
    private let file: String?
    private let project: String?
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        key = words.operands.first ?? ""
        file = words[Self.file]
        project = words[CacheVerbOptions.project]
        json = words[OutputOptions.json]
        state = StateOptions(words)
        if file == "" { throw CommandFailure.emptyOption("--output") }
        if file == "-", json { throw CommandFailure.conflict("--output -", "--json") }
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let builds = try state.store()
        let entry = try builds.caches.allEntries(terminal).single(key, project: project)
        let session = CacheSession(builds, terminal)
        let hit = try session.hit(entry)
        let path = file.map(Arguments.path) ?? FilePath(Self.fileName(of: entry))
        if file == "-" || OutputFile.leads(path, to: .standardOutput) {
            if json { throw CommandFailure.conflict("--output -", "--json") }
            guard !terminal.outputIsTerminal else { throw CommandFailure.archiveOnTerminal }
            try session.perform { archiver throws(EngineError) in
                for sentence in try archiver.pack(hit, into: .standardOutput) { terminal.warn(sentence) }
            }
            return terminal.meaning()
        }
        let bytes: Int?
        do {
            let made = try OutputFile(path, isCancelled: session.isCancelled)
            try session.perform { archiver throws(EngineError) in
                for sentence in try archiver.pack(hit, into: made.descriptor) { terminal.warn(sentence) }
            }
            bytes = try made.commit()
        } catch let error as FilesError {
            if session.stop.request != nil { throw CommandFailure(session.stop.meaning, "it was interrupted") }
            throw CommandFailure.noPlaceForArchive(error)
        }
        if json {
            terminal.print(Self.json(entry, path, bytes))
        } else {
            let size = bytes.map { ": \(ByteCount.words(UInt64($0))) of \(ByteCount.words(UInt64(entry.byteCount)))" }
            terminal.print("exported \(entry.words) to `\(path.displayed)`\(size ?? "")\n")
        }
        return terminal.meaning()
    }

    /// The key as far as it is harmless in a file's name.
    static func fileName(of entry: CacheEntry) -> String {
        let isHarmless: (UInt8) -> Bool = { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "-._".utf8.contains(byte)
        }
        var name = (entry.key ?? "").utf8.prefix(120).map { isHarmless($0) ? $0 : UInt8(ascii: "_") }
        if name.first == UInt8(ascii: ".") || name.first == UInt8(ascii: "-") { name[0] = UInt8(ascii: "_") }
        if name.isEmpty { name = Array(entry.shortHash.utf8) }
        return String(decoding: name, as: UTF8.self) + ".tar.zst"
    }

    private static func json(_ entry: CacheEntry, _ path: FilePath, _ bytes: Int?) -> [UInt8] {
        var writer = JSONWriter(isIndented: true, reservingCapacity: 512)
        writer.object { writer in
            writer.member("v", 1)
            writer.member("file", String(decoding: path.bytes, as: UTF8.self))
            if let bytes { writer.member("bytes", bytes) }
            writer.object("entry") { entry.write(into: &$0) }
        }
        writer.newline()
        return writer.bytes
    }
}

/// A verb that packs or unpacks a cache: it can be interrupted, and leaves nothing then.
struct CacheSession {
    private let builds: BuildStore
    private let terminal: Terminal
    let stop: StopSignals

    init(_ builds: BuildStore, _ terminal: Terminal) {
        self.builds = builds
        self.terminal = terminal
        stop = StopSignals(output: terminal.output)
    }

    var isCancelled: () -> Bool { { stop.request != nil } }

    /// The entry with its files, kept from being removed.
    func hit(_ entry: CacheEntry) throws -> CacheHit {
        guard entry.identity == .current else { throw CommandFailure.cacheOfOther(entry) }
        let request = CacheRequest(
            namespace: entry.namespace, identity: entry.identity, paths: entry.paths, key: entry.key)
        let hit: CacheHit?
        do throws(CacheError) {
            hit = try builds.caches.find(request) { terminal.warn($0.message, hint: $0.hint) }
        } catch { throw CommandFailure(error) }
        guard let hit else { throw CommandFailure.noCache(entry.key ?? entry.hash, known: []) }
        return hit
    }

    func perform<Value>(_ body: (CacheArchiver) throws(EngineError) -> Value) throws -> Value {
        do throws(BuildStoreError) { try builds.prepare() } catch { throw CommandFailure(error) }
        let archiver = CacheArchiver(
            builds.caches, sandboxes: builds.directory.appending("sandboxes"), launcher: Caller.launcher,
            isCancelled: isCancelled)
        do throws(EngineError) { return try body(archiver) } catch {
            if stop.request != nil { throw CommandFailure(stop.meaning, "it was interrupted") }
            throw CommandFailure(error)
        }
    }
}

extension CommandFailure {
    static let archiveOnTerminal = CommandFailure(
        .wrongUse, "an archive is nothing to write to a terminal", hints: ["name a file with `--output FILE`"])

    /// The place of an archive could not be had; a full disk is the machine's matter.
    static func noPlaceForArchive(_ error: FilesError) -> CommandFailure {
        var failure = cannotWrite(error)
        if failure.meaning == .wrongUse { failure.meaning = .inputUnavailable }
        return failure
    }

    static func cacheOfOther(_ entry: CacheEntry) -> CommandFailure {
        CommandFailure(
            .machineUnable, "\(entry.words) was saved by \(entry.identity.words), whose files you may not read",
            hints: ["export it as whoever saved it; anybody can import it"])
    }
}
