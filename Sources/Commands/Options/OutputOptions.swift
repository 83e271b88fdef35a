// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CommandSyntax

/// What commands that print facts have in common.
enum OutputOptions {
    static let json = Flag("json", help: "Write JSON.")
}
