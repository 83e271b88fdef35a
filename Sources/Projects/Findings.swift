// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Gathers what is found in one project, each finding once: a template's value may be read several times.
final class Findings {
    /// Beyond these a reader is not helped by more.
    private static let maximumCount = 200

    private(set) var all: [Diagnostic] = []
    private(set) var isRejected = false

    func add(_ diagnostic: Diagnostic) {
        if diagnostic.severity == .error { isRejected = true }
        guard all.count < Self.maximumCount, !all.contains(diagnostic) else { return }
        all.append(diagnostic)
    }

    /// By place; of findings at one place the first found stays first.
    var sorted: [Diagnostic] {
        all.enumerated().sorted { left, right in
            if let first = left.element.span?.start, let second = right.element.span?.start, first != second {
                return first < second
            }
            return left.offset < right.offset
        }.map(\.element)
    }
}
