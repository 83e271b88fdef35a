// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc

/// What a terminal can show, and how drydock uses it.
public struct Style: Sendable, Equatable {
    /// Whether to colour.
    public var hasColour: Bool
    /// Whether to use signs outside ASCII.
    public var hasUnicode: Bool

    public init(hasColour: Bool, hasUnicode: Bool) {
        self.hasColour = hasColour
        self.hasUnicode = hasUnicode
    }

    /// Neither colour nor signs: for files and programs that read.
    public static let plain = Style(hasColour: false, hasUnicode: false)

    /// What suits a descriptor.
    ///
    /// Where the user's variables say nothing, a terminal has colour unless `TERM` is missing or `dumb`. Signs need a UTF-8
    /// locale, by the precedence of locale(7).
    public init(isTerminal: Bool, environment: (String) -> String?) {
        let terminal = environment("TERM") ?? ""
        hasColour = Self.wishedColour(environment) ?? (isTerminal && !terminal.isEmpty && terminal != "dumb")
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(environment).first { !$0.isEmpty } ?? ""
        let lower = locale.lowercased()
        hasUnicode = lower.contains("utf-8") || lower.contains("utf8")
    }

    /// The style of a log that a web page shows: all of them know colours and Unicode, whatever the job's locale says.
    public init(ofLogIn environment: (String) -> String?) {
        self.init(hasColour: Self.wishedColour(environment) ?? true, hasUnicode: true)
    }

    /// What the user's variables say about colour; nil when they say nothing.
    ///
    /// `NO_COLOR` (https://no-color.org) forbids it; `CLICOLOR_FORCE` (https://bixense.com/clicolors) and `FORCE_COLOR`
    /// (https://force-color.org) ask for it wherever output goes; `FORCE_COLOR=0`, as node has it, and `CLICOLOR=0` turn it
    /// off.
    private static func wishedColour(_ environment: (String) -> String?) -> Bool? {
        let refusals = ["0", "false"]
        func asks(_ name: String) -> Bool {
            let value = environment(name) ?? ""
            return !value.isEmpty && !refusals.contains(value)
        }
        if !(environment("NO_COLOR") ?? "").isEmpty { return false }
        if asks("CLICOLOR_FORCE") || asks("FORCE_COLOR") { return true }
        return refusals.contains(environment("FORCE_COLOR") ?? "") || environment("CLICOLOR") == "0" ? false : nil
    }

    public func bold(_ text: String) -> String { wrap(text, "1") }
    public func dim(_ text: String) -> String { wrap(text, "2") }
    public func red(_ text: String) -> String { wrap(text, "31") }
    public func green(_ text: String) -> String { wrap(text, "32") }
    public func yellow(_ text: String) -> String { wrap(text, "33") }
    public func cyan(_ text: String) -> String { wrap(text, "36") }

    /// The same for a line that need not be text.
    func red(_ bytes: [UInt8]) -> [UInt8] { wrap(bytes, "31") }
    func green(_ bytes: [UInt8]) -> [UInt8] { wrap(bytes, "32") }

    private func wrap(_ bytes: [UInt8], _ code: String) -> [UInt8] {
        hasColour && !bytes.isEmpty ? Array("\u{1B}[\(code)m".utf8) + bytes + Array("\u{1B}[0m".utf8) : bytes
    }

    private func wrap(_ text: String, _ code: String) -> String {
        hasColour && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }

    var success: String { green(hasUnicode ? "●" : "*") }
    var failure: String { red(hasUnicode ? "✗" : "x") }
    var running: String { cyan(hasUnicode ? "○" : "o") }
    var gutter: String { hasUnicode ? "│" : "|" }
    var separator: String { hasUnicode ? " · " : " - " }
    var ellipsis: String { hasUnicode ? "…" : ">" }
}

/// A terminal's size in characters.
public struct TerminalSize: Sendable, Equatable {
    public var columns: Int
    public var rows: Int

    public init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }

    /// The size of the terminal behind a descriptor; 80 by 24 where it does not say. Absurd sizes are made usable.
    public static func of(_ descriptor: Int32) -> TerminalSize {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 else { return TerminalSize(columns: 80, rows: 24) }
        return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row)).usable
    }

    /// More columns help nobody.
    public static let widest = 500

    /// Zero means unknown.
    var usable: TerminalSize {
        TerminalSize(columns: columns <= 0 ? 80 : min(columns, Self.widest), rows: rows <= 0 ? 24 : min(rows, 1000))
    }
}

/// How a build is shown.
public enum ProgressForm: String, Sendable, CaseIterable {
    case auto
    case tty
    case plain
    case json
    case github
    case gitlab

    /// Whether it is made for the runner of a job, which obeys what it reads.
    public var isOfJob: Bool { self == .github || self == .gitlab }

    /// The form that `auto` stands for: `tty` on a terminal that can move its cursor, that of the job's system where its
    /// runner reads the output, `plain` elsewhere.
    /// - Parameter isFile: whether output goes to a file, which no runner reads.
    public func resolved(
        isTerminal: Bool, isFile: Bool = false, environment: (String) -> String?
    ) -> ProgressForm {
        guard self == .auto else { return self }
        if isTerminal {
            let terminal = environment("TERM") ?? ""
            return !terminal.isEmpty && terminal != "dumb" ? .tty : .plain
        }
        if isFile { return .plain }
        if environment("GITHUB_ACTIONS") == "true" { return .github }
        return environment("GITLAB_CI") == "true" ? .gitlab : .plain
    }
}

/// How much is shown.
public enum Verbosity: Sendable {
    /// The result, and what failed.
    case quiet
    case normal
    /// Everything that a command prints, also on a terminal.
    case verbose
}
