// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// Whom drydock runs as in a test: the caller, or an ordinary user that `.ci/make-test-users` made.
struct TestUser: Sendable, CustomTestStringConvertible {
    /// Nil is whoever runs the tests.
    var name: String?

    /// The caller, and each user of `DRYDOCK_TEST_USERS`.
    static let all: [TestUser] = {
        let names = ProcessInfo.processInfo.environment["DRYDOCK_TEST_USERS"] ?? ""
        return [TestUser()] + names.split(separator: " ").map { TestUser(name: String($0)) }
    }()

    var testDescription: String { name.map { "as \($0)" } ?? "as the caller" }

    /// Whether `/etc/subuid` gives the user a range, without which a sandbox has a single id. Root needs none.
    var hasRange: Bool {
        guard let name = name ?? (getuid() == 0 ? nil : NSUserName()) else { return true }
        let ranges = (try? String(contentsOfFile: "/etc/subuid", encoding: .utf8)) ?? ""
        return ranges.split(separator: "\n").contains { $0.hasPrefix("\(name):") }
    }

    /// The words that start a program as this user.
    func command(_ program: FilePath, _ arguments: [String]) -> (String, [String]) {
        guard let name else { return (program.string, arguments) }
        return (
            "setpriv", ["--reuid", name, "--regid", name, "--init-groups", "--", program.string] + arguments
        )
    }

    /// Gives a directory and everything in it to the user.
    func own(_ path: FilePath) throws {
        guard let name else { return }
        let result = try runTool("chown", ["-R", "\(name):", path.string])
        #expect(result.status == 0, "\(result.errors)")
    }
}
