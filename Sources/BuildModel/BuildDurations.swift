// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// How long the phases and commands of an earlier build took, in milliseconds.
public struct BuildDurations: Sendable, Equatable {
    public var phases: [PhaseType: Int]
    public var commands: [Command: Int]

    public init(phases: [PhaseType: Int] = [:], commands: [Command: Int] = [:]) {
        self.phases = phases
        self.commands = commands
    }

    /// A command as another build has it again: its position may change, its text says what it does.
    public struct Command: Sendable, Hashable {
        public var phase: PhaseType
        public var isFinally: Bool
        public var text: String

        public init(phase: PhaseType, isFinally: Bool, text: String) {
            self.phase = phase
            self.isFinally = isFinally
            self.text = text
        }
    }

    /// How long that command took, if the earlier build had it.
    public subscript(command: CommandReference) -> Int? {
        commands[Command(phase: command.phase, isFinally: command.isFinally, text: command.text)]
    }
}
