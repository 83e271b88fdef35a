// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The terminal below a live view, asked at each drawing because it changes while a build runs.
public struct TerminalSurface {
    public var size: () -> TerminalSize
    /// Whether others may have written to the terminal since this was last asked: drydock was suspended and goes on.
    public var wasLeft: () -> Bool
    /// Whether drydock may draw over what stands there: in the background the terminal belongs to the shell.
    public var isForeground: () -> Bool
    /// Whether the terminal breaks lines anew when its window becomes narrower.
    public var reflows: Bool

    public init(
        size: @escaping () -> TerminalSize, wasLeft: @escaping () -> Bool = { false },
        isForeground: @escaping () -> Bool = { true }, reflows: Bool = true
    ) {
        self.size = size
        self.wasLeft = wasLeft
        self.isForeground = isForeground
        self.reflows = reflows
    }

    /// Whether the terminal that an environment names breaks lines anew. Those that cut them are the console, xterm, rxvt
    /// and GNU screen; most others do it, and say that they are an xterm.
    public static func reflows(_ environment: (String) -> String?) -> Bool {
        let terminal = environment("TERM") ?? ""
        if terminal.hasPrefix("screen") { return environment("TMUX") != nil }
        let cuts = ["linux", "rxvt", "vt1", "vt2"].contains { terminal.hasPrefix($0) }
        return !cuts && environment("XTERM_VERSION") == nil
    }
}
