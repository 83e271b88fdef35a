// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import Console
internal import Files
internal import Glibc
internal import Processes
internal import Sandbox
internal import SystemPackage
internal import Watch

/// Builds, waits for a change of the source, and builds again, until a signal ends it.
struct WatchSession {
    /// What each build is begun with.
    var session: BuildSession

    /// Editors write several times: the next build waits until nothing has come for so long, but never longer than the
    /// second figure.
    private static let quietMilliseconds: Int32 = 10
    private static let mostSeconds = 0.05
    /// git holds its lock while it writes many files; an older one was left over, and holds nothing up.
    private static let gitSeconds = 10.0

    private var request: BuildRequest { session.request }
    private var terminal: Terminal { session.terminal }

    func run() throws -> ExitMeaning {
        let roots = try roots()
        let signals = StopSignals(output: terminal.output)
        let watch: SourceWatch
        do throws(WatchError) { watch = try makeWatch(roots) } catch { throw CommandFailure(error) }
        let stop = WatchStop(signals: signals, watch: watch, listens: !buildChangesSource(roots))
        var launcher = session.launcher
        while true {
            let meaning = build(stop, launcher)
            launcher = nil
            stop.buildEnded()
            if stop.isSignalled { return signals.meaning }
            if stop.look() == nil, stop.failure == nil {
                say("\(words(for: meaning)); waiting for a change")
                // The next build finds its launcher ready.
                launcher = try? SandboxLauncher(Caller.launcher)
                while stop.look() == nil, stop.failure == nil {
                    stop.wait(milliseconds: -1)
                    if stop.isSignalled { return signals.meaning }
                }
            }
            settle(stop, roots)
            if let failure = stop.failure { throw CommandFailure(failure) }
            if let change = stop.take() { say("\(words(for: change)); building again") }
        }
    }

    private func build(_ stop: WatchStop, _ launcher: SandboxLauncher?) -> ExitMeaning {
        do {
            var session = session
            session.launcher = launcher
            session.watch = stop
            return try session.run()
        } catch {
            // What cannot be built now may be after the next change.
            let failure = error as? CommandFailure ?? CommandFailure(.internalFault, "\(error)")
            terminal.show(failure)
            return failure.meaning
        }
    }

    /// Waits for the end of what belongs to one change.
    private func settle(_ stop: WatchStop, _ roots: [Root]) {
        var limit = MonotonicTime.now() + Self.mostSeconds
        var count = -1
        while !stop.isSignalled, stop.failure == nil {
            let seen = stop.look()?.count ?? 0
            let now = MonotonicTime.now()
            if roots.contains(where: \.isWrittenByGit) {
                limit = now + Self.mostSeconds
            } else if seen == count || now >= limit {
                return
            }
            count = seen
            stop.wait(milliseconds: Self.quietMilliseconds)
        }
    }

    // MARK: What is watched

    private struct Root {
        /// As the user named it.
        var path: FilePath
        /// Absolute, without links.
        var place: FilePath
        var ignores: IgnoreSources

        var isWrittenByGit: Bool {
            guard let workTree = ignores.workTree,
                let lock = try? Directory(workTree).status(".git/index.lock")
            else { return false }
            return Caller.now.seconds - Double(lock.modificationSeconds) < WatchSession.gitSeconds
        }
    }

    private func roots() throws -> [Root] {
        let environment = request.gitEnvironment.map { "\($0.key)=\($0.value)" }
        var roots: [Root] = []
        for (index, source) in ([request.source] + request.secondarySources).enumerated() {
            // A checkout is of a version, which does not change here.
            guard case .directory(let path) = source.location, source.version == nil else {
                if index == 0 { throw CommandFailure.watchOfCheckout }
                continue
            }
            guard let place = Self.place(path) else {
                throw CommandFailure(.inputUnavailable, "the source `\(path.displayed)` is not there to be watched")
            }
            roots.append(
                Root(path: path, place: place, ignores: IgnoreSources(git: place, environment: environment)))
        }
        return roots
    }

    private func makeWatch(_ roots: [Root]) throws(WatchError) -> SourceWatch {
        let scopes = roots.map { root in
            var scope = SourceWatch.Scope(root: root.path)
            scope.ignores = root.ignores
            return scope
        }
        var files: [FilePath] = request.variables.compactMap { if case .file(let path) = $0 { path } else { nil } }
        switch request.buildspec {
        case .standard: files.append(roots[0].path == "." ? "buildspec.yml" : roots[0].path.appending("buildspec.yml"))
        case .file(let path): files.append(path.isAbsolute || roots[0].path == "." ? path : roots[0].path.pushing(path))
        case .inline: break
        }
        return try SourceWatch(scopes, excluding: written, files: files)
    }

    /// What drydock itself writes, absolute and without links.
    private var written: [FilePath] {
        [request.artifactsDirectory, session.store.directory, session.progress.eventsPath].compactMap {
            $0.flatMap(Self.place)
        }
    }

    /// Whether a build's own writing cannot be told from a change.
    private func buildChangesSource(_ roots: [Root]) -> Bool {
        request.mountsSource
            || roots.contains { root in written.contains { $0 == root.place || root.place.starts(with: $0) } }
    }

    /// A path without links; of one that is not there yet as far as it is.
    private static func place(_ path: FilePath) -> FilePath? {
        if let resolved = realpath(path.string, nil) {
            defer { free(resolved) }
            return FilePath(platformString: resolved)
        }
        guard let name = path.lastComponent, name.kind == .regular else { return nil }
        let parent = path.removingLastComponent()
        return place(parent.isEmpty ? "." : parent)?.appending(name)
    }

    // MARK: Words

    /// On standard error: standard output holds what builds say, and nothing between.
    private func say(_ text: String) {
        let style = terminal.style(isTerminal: terminal.errorsAreTerminal)
        terminal.errors.write("\(style.cyan("watch:")) \(text)\n")
    }

    private func words(for change: SourceChange) -> String {
        // What an editor only passed through is gone by now.
        let first = change.paths.first { access($0.string, F_OK) == 0 } ?? change.paths.first
        guard let first else { return "many files changed" }
        let others = change.paths.count - 1
        let more = others == 0 ? "" : others == 1 ? " and another" : " and \(others) others"
        return "`\(first.displayed)`\(more) changed"
    }

    private func words(for meaning: ExitMeaning) -> String {
        switch meaning {
        case .succeeded: "the build succeeded"
        case .timedOut: "the build timed out"
        case .wrongUse, .inputUnavailable, .machineUnable: "nothing was built"
        default: "the build failed"
        }
    }
}

extension CommandFailure {
    init(_ error: WatchError) {
        self.init(error.code == .rootGone ? .inputUnavailable : .machineUnable, error.message, hints: error.hints)
    }

    static let watchOfCheckout = CommandFailure(
        .wrongUse, "`--watch` needs a directory, and this source is checked out by git")
}
