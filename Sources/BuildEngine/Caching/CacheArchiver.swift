// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildCache
public import BuildModel
import Diagnostics
import Files
import Glibc
import Sandbox
import Secrets
public import SystemPackage
import Wire

/// Packs entries of a store into archives, and makes entries of archives.
///
/// Both in a sandbox without a network, as its root: files of a cache may belong to ids that nobody outside has, and an archive may be
/// anyone's. What is packed goes from the sandbox's program straight into the file, and what is unpacked the other way.
public struct CacheArchiver {
    private let store: CacheStore
    /// Where sandboxes keep what is written in them; on the store's file system.
    private let sandboxes: FilePath
    private let launcher: FilePath
    private let isCancelled: () -> Bool

    /// - Parameter isCancelled: asked ten times a second.
    public init(
        _ store: CacheStore, sandboxes: FilePath, launcher: FilePath, isCancelled: @escaping () -> Bool = { false }
    ) {
        self.store = store
        self.sandboxes = sandboxes
        self.launcher = launcher
        self.isCancelled = isCancelled
    }

    // MARK: Packing

    /// Writes an entry as a tar.zst archive, its record first.
    /// - Parameter output: a file or a pipe.
    /// - Returns: what was left out, as sentences.
    public func pack(_ hit: CacheHit, into output: FileDescriptor) throws(EngineError) -> [String] {
        let layers = zip(hit.layers, hit.entry.layers).map { directory, layer in
            SandboxSettings.Caches.Layer(
                directory: directory, rootUser: layer.rootUser, rootGroup: layer.rootGroup)
        }
        let view = SandboxSettings.LayerView(layers: layers, record: CacheManifest(hit.entry).bytes)
        defer { withExtendedLifetime(hit.pin) {} }
        return try inSandbox(view) { (sandbox) throws(EngineError) in
            let words = ["pack"] + view.layerPlaces + ["--record", SandboxSettings.LayerView.recordPlace]
            let result = try run(words, in: sandbox, output: output)
            guard case .exited(0) = result.ending else { throw .notPacked(Self.complaint(result)) }
            return Self.sentences(result.errors)
        }
    }

    // MARK: Unpacking

    /// What becomes of an archive that is the caller's word: what is nil is as the archive's record says.
    public struct Wish {
        public var namespace: String?
        public var key: String?
        /// As a buildspec's `cache.paths` would say them; empty for those of the record.
        public var paths: [String] = []

        public init(namespace: String? = nil, key: String? = nil, paths: [String] = []) {
            self.namespace = namespace
            self.key = key
            self.paths = paths
        }
    }

    public enum Outcome: Sendable {
        /// And what was left out, as sentences.
        case imported(CacheEntry, [String])
        /// An entry with a key is never replaced, one without only by a newer one.
        case alreadyThere(CacheEntry)
    }

    /// Makes an archive an entry of the store: with the ids of this caller, whoever packed it.
    /// - Parameters:
    ///   - archive: a file, read from its beginning.
    ///   - shown: what it is called.
    ///   - expected: what its record has to say, where somebody else's word is to be kept.
    public func unpack(
        _ archive: FileDescriptor, shown: String, as wish: Wish = Wish(), expected: CacheManifest? = nil, now: Timestamp
    ) throws(EngineError) -> Outcome {
        try inSandbox(SandboxSettings.LayerView()) { (sandbox) throws(EngineError) in
            let read = try run(["record"], in: sandbox, input: archive)
            var manifest: CacheManifest?
            if case .exited(0) = read.ending {
                manifest = CacheManifest(read.output)
                guard manifest != nil else { throw .foreignRecord(shown) }
            } else if Self.status(read) != .noRecord {
                throw .unreadable(shown, read)
            } else if wish.paths.isEmpty || wish.namespace == nil {
                throw .noRecord(shown, Self.complaint(read))
            }
            if let expected, manifest.map({ !expected.isSame(as: $0) }) ?? true { throw .foreignRecord(shown) }
            let (request, below) = try request(manifest, wish, shown)
            let created = manifest?.created ?? now
            if let there = try existing(request), request.key != nil || there.created >= created {
                return .alreadyThere(there)
            }
            let words =
                ["unpack", SandboxSettings.LayerView.place, "--limit", "\(room)", "--home", "root/root", "--below"]
                + below
            let result = try run(words, in: sandbox, input: archive)
            guard case .exited(0) = result.ending else { throw .unreadable(shown, result) }
            let entry = try publish(sandbox, request, manifest, created: created, now)
            guard let entry else {
                guard let there = try existing(request) else { throw .refused(shown, "another build was saving it") }
                return .alreadyThere(there)
            }
            return .imported(entry, Self.sentences(result.errors))
        }
    }

    private func request(
        _ manifest: CacheManifest?, _ wish: Wish, _ shown: String
    ) throws(EngineError) -> (CacheRequest, below: [String]) {
        var patterns: [CachePattern] = []
        for path in wish.paths.isEmpty ? manifest?.paths ?? [] : wish.paths {
            do throws(CachePattern.Problem) {
                patterns.append(try CachePattern(path, home: "/root", source: Self.source))
            } catch { throw .undeclarable(path, error, isRecord: wish.paths.isEmpty, shown) }
        }
        let request = CacheRequest(
            namespace: wish.namespace ?? manifest?.namespace ?? "", identity: .current, paths: patterns.map(\.name),
            key: wish.key ?? manifest?.key)
        return (request, patterns.map(\.memberPath))
    }

    /// Relative paths are all that counts of the source's place.
    private static let source: FilePath = "/codebuild/output/src/src"

    private func existing(_ request: CacheRequest) throws(EngineError) -> CacheEntry? {
        do throws(CacheError) { return try store.find(request, warn: { _ in })?.entry } catch {
            throw EngineError(error)
        }
    }

    private func publish(
        _ sandbox: Sandbox, _ request: CacheRequest, _ manifest: CacheManifest?, created: Timestamp, _ now: Timestamp
    ) throws(EngineError) -> CacheEntry? {
        do {
            try sandbox.quiesce()
            let incoming = try store.begin()
            let saved = try sandbox.saveLayerView(to: incoming.directory)
            let layer = CacheLayer(
                id: incoming.id, byteCount: saved.byteCount, fileCount: saved.fileCount, rootUser: saved.rootUser,
                rootGroup: saved.rootGroup, isDelta: false)
            return try store.publish(
                incoming, layer: layer, for: request, over: nil, isWhole: true, inputs: manifest?.inputs ?? [],
                build: manifest?.build ?? "", now: now, created: created)
        } catch let error as SandboxError {
            throw EngineError(error)
        } catch let error as CacheError {
            throw EngineError(error)
        } catch {
            throw EngineError(.internalFault, "\(error)", context: PhaseContext())
        }
    }

    /// What an archive may become: it must not fill the disk.
    private var room: UInt64 {
        var status = statvfs()
        guard sandboxes.withPlatformString({ statvfs($0, &status) }) == 0 else { return 1 << 40 }
        let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        return free / 10 * 9
    }

    // MARK: The sandbox

    private func inSandbox<Value>(
        _ view: SandboxSettings.LayerView, _ body: (Sandbox) throws(EngineError) -> Value
    ) throws(EngineError) -> Value {
        let sandbox: Sandbox
        do throws(SandboxError) {
            var settings = SandboxSettings(
                image: .host, network: .none, sources: [],
                environment: [
                    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C.UTF-8"),
                ],
                scratchDirectory: sandboxes.appending("cache-\(UInt64.random(in: .min ... .max))"), launcher: launcher)
            settings.layerView = view
            sandbox = try Sandbox.start(try PreparedSandbox.prepare(settings))
        } catch { throw EngineError(error) }
        // What is left of it goes before we do: the caller may be removing the whole place next.
        defer {
            try? sandbox.close()
            sandbox.waitUntilRemoved()
        }
        return try body(sandbox)
    }

    private func run(
        _ words: [String], in sandbox: Sandbox, input: FileDescriptor? = nil, output: FileDescriptor? = nil
    ) throws(EngineError) -> ProgramResult {
        if let input { _ = try? input.seek(offset: 0, from: .start) }
        let result: ProgramResult
        do throws(SandboxError) {
            result = try sandbox.runProgram(
                [SandboxSettings.LayerView.program] + words, input: input, output: output, isCancelled: isCancelled)
        } catch { throw EngineError(error) }
        if isCancelled() { throw EngineError(CacheError.cancelled) }
        return result
    }

    /// What the program said by ending; nil where it was ended.
    fileprivate static func status(_ result: ProgramResult) -> ArchiveStatus? {
        if case .exited(let number) = result.ending { ArchiveStatus(rawValue: Int32(number)) } else { nil }
    }

    /// Why the program ended, in its words or for want of them in ours.
    fileprivate static func complaint(_ result: ProgramResult) -> String {
        if case .failed(let error) = result.ending { return error.message }
        if let last = sentences(result.errors).last { return last }
        return switch result.ending {
        case .signaled(let number): "the program was killed by signal \(number)"
        case .exited(let status): "the program ended with \(status)"
        case .failed(let error): error.message
        }
    }

    /// What the program wrote, without its name.
    private static func sentences(_ errors: [UInt8]) -> [String] {
        errors.split(separator: UInt8(ascii: "\n")).map { line in
            let text = String(decoding: line, as: UTF8.self)
            let name = "drydock-archive: "
            return text.hasPrefix(name) ? String(text.dropFirst(name.count)) : text
        }
    }
}

extension CacheManifest {
    /// Whether an archive's record is of the entry that its index tells of.
    fileprivate func isSame(as record: CacheManifest) -> Bool {
        namespace == record.namespace && paths == record.paths && key == record.key && created == record.created
    }
}

extension EngineError {
    public init(_ error: CacheError) {
        let meaning: ExitMeaning =
            switch error.code {
            case .place, .damaged: .inputUnavailable
            default: .machineUnable
            }
        self.init(meaning, error.message, hints: error.hints, context: PhaseContext())
    }

    fileprivate static func notPacked(_ reason: String) -> EngineError {
        EngineError(.machineUnable, "the cache cannot be packed: \(reason)", context: PhaseContext())
    }

    fileprivate static func refused(_ archive: String, _ reason: String) -> EngineError {
        EngineError(.inputUnavailable, "`\(archive)` cannot be imported: \(reason)", context: PhaseContext())
    }

    fileprivate static func unreadable(_ archive: String, _ result: ProgramResult) -> EngineError {
        var error = refused(archive, CacheArchiver.complaint(result))
        if CacheArchiver.status(result) == .damaged { error.hints = ["fetch the archive again, or export it again"] }
        return error
    }

    fileprivate static func foreignRecord(_ archive: String) -> EngineError {
        refused(archive, "its record is damaged, or of another version of drydock")
    }

    fileprivate static func noRecord(_ archive: String, _ reason: String) -> EngineError {
        var error = refused(archive, reason)
        error.hints = [
            "for an archive that drydock did not make, as CodeBuild's own, say what it is with `--project NAME`, "
                + "`--path PATH` and `--key KEY`"
        ]
        return error
    }

    fileprivate static func undeclarable(
        _ path: String, _ problem: CachePattern.Problem, isRecord: Bool, _ archive: String
    ) -> EngineError {
        let shown = DisplayText.escaped(path)
        if isRecord { return refused(archive, "its path `\(shown)` \(problem.words)") }
        return EngineError(
            .wrongUse, "`--path \(shown)` cannot be cached: it \(problem.words)", context: PhaseContext())
    }
}
