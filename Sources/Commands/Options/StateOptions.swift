// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import ArgumentParser
internal import BuildStore

/// Where builds are kept.
struct StateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where builds are kept (default: $XDG_STATE_HOME/drydock, ~/.local/state/drydock; /var/lib/drydock for root).",
            valueName: "directory"))
    var stateDir: String?

    func store() throws -> BuildStore {
        try Option.requireText(stateDir, "--state-dir")
        return BuildStore(directory: try Caller.stateDirectory(stateDir))
    }
}
