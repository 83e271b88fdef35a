// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CommandExecution
import Files
import Glibc
import Processes
import Sandbox
import Secrets
import SystemPackage
import TestSupport
import Testing

/// A sandbox over a small source tree, and what its commands wrote.
final class SandboxFixture: OutputSink {
    let sandbox: Sandbox
    let source: FilePath
    let scratch: FilePath
    let notices: [SandboxNotice]
    /// What `--print-sandbox` shows.
    let plan: String
    private(set) var bytes: [UInt8] = []
    var stopRequest: StopRequest?

    static let inside: FilePath = "/codebuild/output/src1/src"

    init(
        tree: TemporaryTree, image: SandboxSettings.Image = .host, network: SandboxSettings.Network = .host,
        limits: SandboxSettings.Limits = .init(), writable: Bool = false, timing: StopTiming = StopTiming(grace: 1),
        launcher: FilePath = BuiltProgram.path("drydock-init"), reopening: SandboxSettings.Reopening? = nil,
        caches: SandboxSettings.Caches? = nil, name: String = "one", isStopped: () -> Bool = { false }
    ) throws {
        source = try tree.directory("source")
        scratch = try reopening?.place.directory ?? tree.directory("sandboxes").appending(name)
        var settings = SandboxSettings(
            image: image, network: network,
            sources: [.init(hostPath: source, path: Self.inside, isWritable: writable)], limits: limits,
            environment: [("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"), ("HOME", "/root")],
            scratchDirectory: scratch, launcher: launcher)
        settings.reopening = reopening
        settings.caches = caches
        let prepared = try PreparedSandbox.prepare(settings)
        notices = prepared.notices
        plan = "\(prepared.plan)"
        sandbox = try Sandbox.start(prepared, timing: timing, isStopped: isStopped)
    }

    static func with(
        image: SandboxSettings.Image = .host, network: SandboxSettings.Network = .host,
        limits: SandboxSettings.Limits = .init(), writable: Bool = false, test: String = #function,
        _ body: (SandboxFixture) throws -> Void
    ) throws {
        try TemporaryTree.with(test) { tree in
            let fixture = try SandboxFixture(
                tree: tree, image: image, network: network, limits: limits, writable: writable)
            defer { try? fixture.close() }
            try body(fixture)
        }
    }

    func run(
        _ text: String, shell: String = "sh", user: CommandRequest.UserIdentity? = nil, seconds: Double = 60
    ) throws -> CommandOutcome {
        bytes = []
        return try sandbox.run(
            CommandRequest(script: .carryingState(text), shell: shell, user: user), deadline: .now() + seconds,
            sink: self)
    }

    /// Ends the sandbox and waits until nothing of it is left.
    func close() throws {
        try sandbox.close()
        sandbox.waitUntilRemoved()
    }

    var output: String { String(decoding: bytes, as: UTF8.self) }

    func receive(_ piece: UnsafeRawBufferPointer) { bytes += piece }
    var blockedDescriptor: Int32? { nil }
    func resume() {}
    func tick() {}
    var stopDescriptor: Int32? { nil }
}

extension Trait where Self == ConditionTrait {
    /// Skips, loudly, where this machine cannot make a sandbox; with `REQUIRE_SANDBOX=1` (in CI) the tests run and fail.
    static var sandboxed: ConditionTrait {
        .enabled("this machine cannot make a sandbox: see `drydock doctor`") {
            if getenv("REQUIRE_SANDBOX") != nil { return true }
            return try TemporaryTree.with("probe") { tree in
                HostCapabilities.examine(launcher: BuiltProgram.path("drydock-init"), sandboxes: tree.path).canIsolate
            }
        }
    }
}
