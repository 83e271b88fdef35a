// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// The built program, run as a user would run it: in a directory, with a state directory of its own.
struct Drydock {
    let tree: TemporaryTree
    let user: TestUser
    /// Where it keeps builds and images.
    var state: FilePath
    /// Where it is started.
    var directory: FilePath
    var environment: [String: String]

    /// The program under test: `DRYDOCK_PROGRAM`, or the one that was built beside the tests.
    static var program: FilePath {
        ProcessInfo.processInfo.environment["DRYDOCK_PROGRAM"].map { FilePath($0) } ?? BuiltProgram.path("drydock")
    }

    init(in tree: TemporaryTree, user: TestUser = TestUser()) throws {
        self.tree = tree
        self.user = user
        directory = try tree.directory("source")
        state = tree.path("state")
        environment = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            "HOME": try tree.directory("home").string,
        ]
        try tree.directory("state")
        try tree.directory("artifacts")
        for name in ["home", "state", "artifacts"] { try user.own(tree.path(FilePath(name))) }
    }

    /// Runs it to its end. `--state-dir` is added behind the verbs that have it.
    func callAsFunction(_ arguments: String...) throws -> ToolResult { try run(arguments) }

    func run(_ arguments: [String], input: String = "") throws -> ToolResult {
        let (program, words) = user.command(Self.program, Self.withState(arguments, state))
        return try runTool(program, words, environment: environment, in: directory, input: Array(input.utf8))
    }

    /// Runs a script in a mount namespace of its own, with `$PROGRAM` and, to be mounted over, `$STATE`.
    func inOwnMounts(_ script: String) throws -> ToolResult {
        var environment = environment
        environment["STATE"] = state.string
        environment["PROGRAM"] = Self.program.string
        return try runTool(
            "unshare", ["-m", "--propagation", "private", "bash", "-c", script], environment: environment,
            in: directory)
    }

    static func withState(_ arguments: [String], _ state: FilePath) -> [String] {
        let verbs = ["run", "env", "doctor", "history", "show", "logs", "shell", "attach", "gc", "warm"]
        if ["cache", "image"].contains(arguments.first), arguments.count > 1 {
            return arguments.prefix(2) + ["--state-dir", state.string] + arguments.dropFirst(2)
        }
        guard let verb = arguments.first, verbs.contains(verb) else { return arguments }
        return [verb, "--state-dir", state.string] + arguments.dropFirst()
    }

    /// Whether this machine can sandbox a build for a user. Asked once a user.
    static func canRun(_ user: TestUser) -> Bool {
        capabilities.withLock { known in
            let key = user.name ?? ""
            if let answer = known[key] { return answer }
            let answer =
                (try? TemporaryTree.with("doctor") { tree in try Drydock(in: tree, user: user)("doctor").status == 0 })
                ?? false
            known[key] = answer
            return answer
        }
    }

    /// Whether a machine that cannot sandbox a build fails the tests.
    static var sandboxIsRequired: Bool { ProcessInfo.processInfo.environment["REQUIRE_SANDBOX"] == "1" }

    private static let capabilities = Locked<[String: Bool]>([:])

    /// Leaves a test where no sandbox can be made: loudly, and as a failure under `REQUIRE_SANDBOX=1`.
    static func requireSandbox(_ user: TestUser, sourceLocation: SourceLocation = #_sourceLocation) -> Bool {
        if canRun(user) { return true }
        if sandboxIsRequired {
            Issue.record("no sandbox can be made \(user.testDescription)", sourceLocation: sourceLocation)
        } else {
            let line = "SKIPPED: no sandbox can be made \(user.testDescription); `drydock doctor` says why\n"
            _ = try? FileDescriptor.standardError.writeAll(line.utf8)
        }
        return false
    }
}

/// A value that several tests share.
final class Locked<Value>: @unchecked Sendable {
    // The lock guards every access to the value.
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body(&value)
    }
}
