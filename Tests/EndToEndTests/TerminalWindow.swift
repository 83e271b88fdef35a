// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// A window of a real terminal (tmux) with a shell in it, to type into and to look at.
final class TerminalWindow {
    private let socket: FilePath
    private let directory: FilePath

    /// - Parameter environment: what the shell finds beside what it needs; an empty value unsets.
    init(_ drydock: Drydock, columns: Int = 80, rows: Int = 24, environment: [String: String] = [:]) throws {
        // A socket's path must be short (unix(7)).
        socket = FilePath("/tmp/drydock-tmux.\(UInt32.random(in: 0 ... .max))")
        directory = drydock.directory
        let variables = drydock.environment.merging(environment) { $1 }
        let configuration = try drydock.tree.write("tmux.conf", "set -g escape-time 0\nset -g history-limit 5000\n")
        try tmux(
            ["-f", configuration.string, "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "env", "-i"]
                + variables.filter { !$0.value.isEmpty || $0.key == "TERM" }.map { "\($0.key)=\($0.value)" }
                + (environment["TERM"] == nil ? ["TERM=screen-256color", "TMUX=yes"] : [])
                + ["PS1=$ ", "bash", "--norc", "--noprofile"])
        try tmux(["set-option", "-g", "window-size", "manual"])
        guard wait(for: { $0.contains("$") }) != nil else {
            throw Errno.timedOut
        }
    }

    deinit {
        _ = try? tmux(["kill-server"])
        unlink(socket.string)
    }

    /// Whether tmux is here; says so where it is not, and fails under `REQUIRE_SANDBOX=1`.
    static func isAvailable(sourceLocation: SourceLocation = #_sourceLocation) -> Bool {
        if hasTool("tmux") { return true }
        if Drydock.sandboxIsRequired {
            Issue.record("there is no tmux", sourceLocation: sourceLocation)
        } else {
            _ = try? FileDescriptor.standardError.writeAll("SKIPPED: there is no tmux\n".utf8)
        }
        return false
    }

    @discardableResult
    private func tmux(_ words: [String]) throws -> ToolResult {
        let result = try runTool("tmux", ["-u", "-S", socket.string] + words, in: directory)
        if result.status != 0 { throw Errno.invalidArgument }
        return result
    }

    func type(_ keys: String...) throws { try tmux(["send-keys"] + keys) }

    func resize(columns: Int, rows: Int) throws {
        try tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
    }

    /// What the window shows, blank lines at its end left out.
    func screen() -> [String] { capture(["capture-pane", "-p"]) }

    /// What the window shows and what scrolled out of it.
    func history() -> [String] { capture(["capture-pane", "-p", "-S", "-"]) }

    private func capture(_ words: [String]) -> [String] {
        var lines = ((try? tmux(words))?.output ?? "").components(separatedBy: "\n")
        while let last = lines.last, last.allSatisfy({ $0 == " " }) { lines.removeLast() }
        return lines
    }

    /// Waits until the window looks so; nil when it does not within the time.
    func wait(seconds: Double = 20, for condition: (String) -> Bool) -> [String]? {
        let deadline = Date().addingTimeInterval(seconds)
        while Date() < deadline {
            let lines = screen()
            if condition(lines.joined(separator: "\n")) { return lines }
            usleep(30_000)
        }
        return nil
    }
}
