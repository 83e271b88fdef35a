// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics

/// Gathers what is found in one file, within a bound: a file made of mistakes must not cost more than its reading.
///
/// A class, so that a finding is made only when there is room for it, by code that is at work on the rest.
final class Findings {
    /// Beyond these a reader is not helped by more.
    static let maximumCount = 200

    private(set) var all: [Diagnostic] = []
    /// Whether CodeBuild would reject the file for a single build.
    private(set) var isRejected = false
    /// Errors below `batch` do not reject the file for a single build.
    var isInBatch = false
    private var errorCount = 0
    private(set) var droppedCount = 0

    /// Errors have a room of their own: no number of warnings hides them.
    func reject(_ diagnostic: () -> Diagnostic) {
        if !isInBatch { isRejected = true }
        guard errorCount < Self.maximumCount else {
            droppedCount += 1
            return
        }
        errorCount += 1
        all.append(diagnostic())
    }

    func warn(_ diagnostic: () -> Diagnostic) {
        guard all.count - errorCount < Self.maximumCount else {
            droppedCount += 1
            return
        }
        all.append(diagnostic())
    }
}
