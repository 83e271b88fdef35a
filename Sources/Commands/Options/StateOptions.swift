// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildStore
internal import CommandSyntax

/// Where builds are kept.
struct StateOptions {
    static var group: OptionGroup { OptionGroup("State", [directory]) }

    private static let directory = ValueOption(
        "state-dir", placeholder: "directory", completion: .directories,
        help:
            "Where builds are kept (default: $XDG_STATE_HOME/drydock, ~/.local/state/drydock; /var/lib/drydock for root)."
    )

    /// As it was given, if it was.
    let directory: String?

    init(_ words: ParsedWords) { directory = words[Self.directory] }

    func store() throws -> BuildStore { BuildStore(directory: try Caller.stateDirectory(directory)) }
}
