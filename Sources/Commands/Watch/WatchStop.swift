// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CLinux
internal import Glibc
internal import Sandbox
internal import Watch

/// Ends a build on a signal, as ever, and when its source has changed.
final class WatchStop: StopSource {
    let signals: StopSignals
    private let watch: SourceWatch
    /// Whether changes count while a build runs.
    private let listens: Bool
    private let waitSet: Int32
    /// What has changed since it was taken last.
    private var change: SourceChange?
    /// Why nothing more can be watched.
    private(set) var failure: WatchError?

    /// - Parameter listens: false where the build itself changes what is watched.
    init(signals: StopSignals, watch: SourceWatch, listens: Bool) {
        self.signals = signals
        self.watch = watch
        self.listens = listens
        let descriptors = [signals.descriptor ?? -1, watch.descriptor].filter { $0 >= 0 }
        waitSet = linux_wait_set(descriptors, Int32(descriptors.count))
    }

    deinit { close(waitSet) }

    var descriptor: Int32? { waitSet >= 0 ? waitSet : nil }

    var request: StopRequest? {
        if let request = signals.request { return request }
        look()
        if !listens {
            // Read all the same: what is not taken would keep the descriptor readable.
            change = nil
            return failure == nil ? nil : .politely
        }
        return change == nil && failure == nil ? nil : .politely
    }

    /// A build that a change ends ends as one that was asked to.
    var meaning: ExitMeaning { isSignalled ? signals.meaning : .interrupted(signal: SIGTERM) }

    /// Whether someone wants all of it to end, and not just a build.
    var isSignalled: Bool { signals.request != nil }

    var isReplaced: Bool { change != nil && !isSignalled }

    /// Reads what has happened; the change that is known by now, if any.
    @discardableResult
    func look() -> SourceChange? {
        guard failure == nil else { return change }
        do throws(WatchError) {
            if let more = try watch.changes() { change = change.map { $0.adding(more) } ?? more }
        } catch { failure = error }
        return change
    }

    /// What the build itself has changed is no reason for another.
    func buildEnded() {
        guard !listens else { return }
        look()
        change = nil
    }

    /// Waits until something happens, or the time is up.
    func wait(milliseconds: Int32) {
        var entry = pollfd(fd: waitSet, events: Int16(POLLIN), revents: 0)
        _ = poll(&entry, 1, milliseconds)
    }

    func take() -> SourceChange? {
        defer { change = nil }
        return change
    }
}

extension SourceChange {
    fileprivate func adding(_ other: SourceChange) -> SourceChange {
        var sum = self
        sum.add(other)
        return sum
    }
}
