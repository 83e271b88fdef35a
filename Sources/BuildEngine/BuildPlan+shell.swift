// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
import Buildspec
public import CommandExecution
public import Files
import Sandbox

// What a person's shell in a sandbox of the plan has to know.
extension BuildPlan {
    /// The user that a phase's `run-as` names, or that of the whole buildspec; nil is root.
    /// - Parameter phase: nil before any phase.
    public func user(in phase: PhaseType?) -> String? {
        guard let planned = phase.flatMap({ self[$0] }) else { return buildspec.runAs?.value }
        return planned.runAs
    }

    /// A user of the sandbox, by name or number; nil when the image does not know it.
    public static func identity(of name: String, in tree: any TreeOpener) -> CommandRequest.UserIdentity? {
        UserDatabase(in: tree).identity(of: name)
    }
}
