// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A command to type after a build, and what for.
public struct NextCommand: Sendable, Equatable {
    public var words: String
    public var purpose: String

    public init(_ words: String, _ purpose: String) {
        self.words = words
        self.purpose = purpose
    }

    /// The commands below each other, what they are for beside them where there is room.
    static func list(_ commands: [NextCommand], columns: Int, _ style: Style) -> String {
        let label = "next: "
        let width = commands.map { SafeText.width($0.words) }.max() ?? 0
        let purposes = commands.map { SafeText.width($0.purpose) }.max() ?? 0
        let hasRoom = label.count + width + 2 + purposes < columns
        return commands.enumerated().map { index, command in
            let start = index == 0 ? style.cyan("next:") + " " : String(repeating: " ", count: label.count)
            guard hasRoom else { return start + command.words + "\n" }
            return "\(start)\(SafeText.pad(command.words, to: width))  \(style.dim(command.purpose))\n"
        }.joined()
    }
}
