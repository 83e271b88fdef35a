// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// Looks for what CodeBuild accepts and is surely not meant.
struct Linter {
    let source: SourceText
    let root: Node
    let partial: Buildspec
    var diagnostics: [Diagnostic] = []

    init(source: SourceText, root: Node, partial: Buildspec) {
        self.source = source
        self.root = root
        self.partial = partial
    }

    mutating func run() -> [Diagnostic] {
        diagnostics
    }
}
