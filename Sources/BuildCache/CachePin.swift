// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files

/// Keeps layers from being removed as long as it lives, however its process ends.
public final class CachePin: Sendable {
    private let locks: [FileLock]

    init(_ locks: [FileLock]) { self.locks = locks }
}
