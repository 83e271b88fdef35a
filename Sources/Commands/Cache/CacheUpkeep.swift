// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildCache
internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import Console
internal import Diagnostics
internal import Processes
internal import Sandbox
internal import SystemPackage

/// Keeps all caches within their size and flat, and makes them safe from power cuts.
struct CacheUpkeep {
    let builds: BuildStore
    /// Nil for the usual one.
    var size: CacheSize?
    var unusedSeconds: Double?

    /// Removes first: on a full disk only that is possible.
    func perform(isTrial: Bool, now: Timestamp) throws(CommandFailure) -> CacheReport {
        let store = builds.caches
        let tools = builds.layerTools
        let limits = CacheLimits(
            size: size ?? .standard(for: store.directory), floor: .standardFloor(for: store.directory),
            unusedSince: unusedSeconds.map { Timestamp(seconds: now.seconds - $0) })
        do throws(CacheError) {
            var removal = try store.evict(limits, tools, isTrial: isTrial, now: now)
            guard !isTrial else { return CacheReport(removal: removal, isTrial: true, now: now) }
            // Others' layers are theirs to merge.
            let identity = CacheIdentity.current
            let count = try store.flatten(
                where: { $0.identity.text == identity.text }, warn: { removal.warnings.append($0) }, Self.merge)
            var marked = 0
            // What cannot be marked now is marked by the next.
            do throws(CacheError) { marked = try store.sync() } catch {
                if error.code == .storage { removal.warnings.append(CacheWarning(error)) }
            }
            // Only now nobody needs what was there before.
            if count > 0 || marked > 0 {
                let old = try store.collectLayers(tools)
                removal.layerCount += old.layerCount
                removal.byteCount = removal.byteCount.addingSaturated(old.byteCount)
                removal.warnings += old.warnings
            }
            return CacheReport(removal: removal, isTrial: false, now: now)
        } catch { throw CommandFailure(error) }
    }

    private static func merge(_ layers: [CacheStore.PlacedLayer], into place: FilePath) throws -> CacheLayer {
        let merged = try SandboxSettings.Caches.merge(
            layers.map {
                .init(directory: $0.directory, rootUser: $0.layer.rootUser, rootGroup: $0.layer.rootGroup)
            }, into: place, launcher: Caller.launcher)
        return CacheLayer(
            id: "", byteCount: merged.byteCount, fileCount: merged.fileCount, rootUser: merged.rootUser,
            rootGroup: merged.rootGroup, isDelta: false)
    }

    /// Starts a drydock that does all this and that nobody waits for, after a build has saved something.
    ///
    /// syncfs(2) takes as long as the disk takes, and which entries go is known only from all records: neither is worth
    /// any of a build's time. A process of its own also outlives a build that is killed.
    /// Where it cannot be started, the next one makes up for it.
    static func startInBackground(stateDirectory: FilePath, size: CacheSize?) {
        let words =
            ["cache", "prune", "--state-dir", stateDirectory.string]
            + (size.map { ["--cache-size", "\($0.bytes)"] } ?? [])
        background = try? ChildProcess.spawn(
            executable: "/proc/self/exe", arguments: words, environment: [], descriptors: [], workingDirectory: "/")
    }

    // One thread starts it and waits for it.
    nonisolated(unsafe) private static var background: ChildProcess?

    /// To be called before drydock ends: the first process of a container takes all others with it.
    static func settle() {
        if Caller.processIdentifier == 1 { _ = background?.wait() }
    }
}

/// What was removed, in words and as JSON.
struct CacheReport {
    var removal: CacheRemoval
    var isTrial: Bool
    var now: Timestamp

    var meaning: ExitMeaning { removal.warnings.isEmpty ? .succeeded : .machineUnable }

    var lines: String {
        let verb = isTrial ? "would remove" : "removed"
        var text = ""
        for entry in removal.entries {
            text += "\(verb) \(entry.words), last used \(HistoryTable.ago(entry.lastUsed, now))\n"
        }
        for path in removal.damaged { text += "\(verb) the damaged cache `\(DisplayText.escaped(path.string))`\n" }
        let named = Set(removal.entries.flatMap(\.layers).map(\.id)).count
        if removal.layerCount > named {
            let count = removal.layerCount - named
            text += "\(verb) \(count) director\(count == 1 ? "y" : "ies") that no cache needs\n"
        }
        return text
    }

    func total(_ bytes: Int) -> String { "\(isTrial ? "would free" : "freed") \(ByteCount.words(UInt64(bytes)))\n" }

    func warn(_ terminal: Terminal) {
        for entry in removal.busy {
            terminal.warn(
                "\(entry.words) is used by a running build, or by one whose state is being put aside, and stays")
        }
        for warning in removal.warnings { terminal.warn(warning.message, hint: warning.hint) }
    }

    var json: [UInt8] {
        var writer = JSONWriter(isIndented: true, reservingCapacity: 1024)
        writer.object { writer in
            writer.member("v", 1)
            writer.member("isDryRun", isTrial)
            writer.array("removed") { writer in
                for entry in removal.entries { writer.object { entry.write(into: &$0) } }
            }
            writer.array("inUse") { writer in
                for entry in removal.busy { writer.object { entry.write(into: &$0) } }
            }
            writer.array("damaged", of: removal.damaged.map(\.string))
            writer.member("layers", removal.layerCount)
            writer.member("bytes", removal.byteCount)
        }
        writer.newline()
        return writer.bytes
    }
}

extension CacheEntry {
    /// The entry in a sentence.
    var words: String {
        let size = ByteCount.words(UInt64(byteCount))
        let name = key.map { "`\(DisplayText.escaped(Self.shortened($0, to: 80)))`" } ?? "without a key"
        return "the cache \(name) of `\(DisplayText.escaped(namespace))` (\(size))"
    }
}
