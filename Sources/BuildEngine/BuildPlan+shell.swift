// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Buildspec
public import Files
public import Sandbox

// What a person's shell in a sandbox of the plan has to know.
extension BuildPlan {
    /// The user that the buildspec's own `run-as` names; nil is root.
    public var user: String? { buildspec.runAs?.value }

    /// A user of the sandbox, by name or number; nil when the image does not know it.
    public static func identity(of name: String, in tree: any TreeOpener) -> CommandRequest.UserIdentity? {
        UserDatabase(in: tree).identity(of: name)
    }
}
