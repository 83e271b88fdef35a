// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel

/// What a running build shows: its phase, the running command with its place, and the last lines it printed.
///
///     ○ build          command 3                       12.3s (last time 48.2s)
///       buildspec.yml:12  npm test                      3.1s (last time 12.0s)
///         ok 17 parses numbers
///
/// A value without clock or terminal, so that each size of window is a test.
struct LiveView {
    var style: Style
    var size: TerminalSize
    /// The phase's name as it is shown.
    var phase: String
    /// What stands beside the name while no command runs.
    var detail: String
    var elapsed: Int
    var lastTime: Int?
    var command: Command?
    /// The end of the command's output.
    var tail: [ArraySlice<UInt8>]

    struct Command {
        /// Its first line, made safe.
        var text: String
        /// Which command of its phase it is, from 1.
        var number: Int
        var path: String?
        var line: Int
        var elapsed: Int
        var lastTime: Int?
    }

    /// At most so many lines of output.
    static let tailLines = 6
    static let nameWidth = 15

    /// As many lines as the window has room for: its last row is the cursor's.
    var lines: [LiveArea.Line] {
        let rows = size.rows - 1
        guard rows >= 1 else { return [] }
        guard let command else { return [phaseLine(detail)] }
        guard rows >= 2 else { return [phaseLine(command.text)] }
        var lines = [phaseLine(command.number > 1 ? "command \(command.number)" : ""), commandLine(command)]
        for line in tail.suffix(max(0, min(Self.tailLines, rows - 2))) {
            let text = SafeText.line(line.suffix(4096), unicode: style.hasUnicode)
            let cut = SafeText.cut(text, to: room - 4, ellipsis: style.ellipsis)
            lines.append(LiveArea.Line("    " + style.dim(cut), width: 4 + SafeText.width(cut)))
        }
        return lines
    }

    /// The last column stays empty.
    private var room: Int { min(size.columns, 100) - 1 }

    private func phaseLine(_ detail: String) -> LiveArea.Line {
        let name = SafeText.pad(phase, to: Self.nameWidth)
        return fitted(
            [(name + detail, 20), (phase, 1)], after: style.running + " ", width: 2,
            times: Self.times(elapsed, lastTime))
    }

    private func commandLine(_ command: Command) -> LiveArea.Line {
        var lefts: [(String, Int)] = []
        if let path = command.path {
            let place = "\(path):\(command.line)"
            let short = "\(path.split(separator: "/").last ?? ""):\(command.line)"
            if SafeText.width(place) <= room / 3 { lefts.append(("\(place)  \(command.text)", 24)) }
            if SafeText.width(short) <= room / 3 { lefts.append(("\(short)  \(command.text)", 24)) }
            lefts.append(("\(command.line)  \(command.text)", 12))
        }
        lefts.append((command.text, 1))
        return fitted(lefts, after: "  ", width: 2, times: Self.times(command.elapsed, command.lastTime))
    }

    /// The times that may stand at the right, the fullest first.
    private static func times(_ elapsed: Int, _ lastTime: Int?) -> [String] {
        let now = CodeBuildLog.durationText(elapsed)
        guard let lastTime else { return [now] }
        let last = CodeBuildLog.durationText(lastTime)
        return ["\(now) (last time \(last))", "\(now) (\(last))", now]
    }

    /// A line of the first left and right parts that fit beside each other; a left part asks for so many columns, but not
    /// for more than it fills.
    private func fitted(
        _ lefts: [(text: String, wish: Int)], after sign: String, width: Int, times: [String]
    ) -> LiveArea.Line {
        for left in lefts {
            for time in times {
                let rest = room - width - 1 - time.count
                guard rest >= min(left.wish, SafeText.width(left.text)) else { continue }
                let cut = SafeText.cut(left.text, to: rest, ellipsis: style.ellipsis)
                return LiveArea.Line(
                    "\(sign)\(SafeText.pad(cut, to: rest)) \(style.dim(time))", width: width + rest + 1 + time.count)
            }
        }
        let cut = SafeText.cut(lefts.last?.text ?? "", to: max(room - width, 0), ellipsis: style.ellipsis)
        return LiveArea.Line(sign + cut, width: width + SafeText.width(cut))
    }
}
