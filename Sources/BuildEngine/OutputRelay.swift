// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
import BuildModel
import CommandExecution

/// Carries what commands print to those who watch the build, secrets hidden, and keeps the end of it.
final class OutputRelay: OutputSink {
    private let observers: [any BuildObserver]
    private let stop: any StopSource
    private let clock: BuildClock
    /// Replaced once the build's secrets are known; nothing is printed before.
    var mask = SecretMask()
    /// The end of the running command's output, for hints.
    private(set) var commandTail = OutputTail(limit: 8 << 10)
    /// The end of the running phase's output, for `on-failure: RETRY-<regex>`; nil when nobody asks for it.
    var phaseTail: OutputTail?

    init(observers: [any BuildObserver], stop: any StopSource, clock: BuildClock) {
        self.observers = observers
        self.stop = stop
        self.clock = clock
    }

    func commandWillStart() { commandTail.clear() }

    /// Hands on what the mask held back as a possible beginning of a secret.
    func commandDidEnd() {
        guard !mask.isEmpty else { return }
        mask.flush { deliver($0) }
    }

    func receive(_ bytes: UnsafeRawBufferPointer) {
        if mask.isEmpty { deliver(bytes) } else { mask.feed(bytes) { deliver($0) } }
    }

    private func deliver(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        commandTail.append(bytes)
        phaseTail?.append(bytes)
        for observer in observers { observer.output(bytes) }
    }

    var blockedDescriptor: Int32? {
        for observer in observers {
            if let descriptor = observer.blockedDescriptor { return descriptor }
        }
        return nil
    }

    func resume() {
        for observer in observers where observer.blockedDescriptor != nil { observer.resume() }
    }

    func tick() {
        let now = clock.now
        for observer in observers { observer.tick(at: now) }
    }

    var stopRequest: StopRequest? { stop.request }
    var stopDescriptor: Int32? { stop.descriptor }
}

/// Takes an answer of drydock's own question to the shell.
final class AnswerSink: OutputSink {
    private(set) var bytes: [UInt8] = []
    private let limit: Int
    private let stop: any StopSource

    init(limit: Int = 1 << 20, stop: any StopSource) {
        self.limit = limit
        self.stop = stop
    }

    func receive(_ bytes: UnsafeRawBufferPointer) {
        self.bytes.append(contentsOf: bytes.prefix(max(0, limit - self.bytes.count)))
    }

    var blockedDescriptor: Int32? { nil }
    func resume() {}
    func tick() {}
    var stopRequest: StopRequest? { stop.request }
    var stopDescriptor: Int32? { stop.descriptor }
}
