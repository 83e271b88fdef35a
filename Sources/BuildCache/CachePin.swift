// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
public import SystemPackage

/// Keeps layers from being removed as long as it lives, however its process ends.
public final class CachePin: Sendable {
    private let locks: [FileLock]

    init(_ locks: [FileLock]) { self.locks = locks }

    /// What holds the layers: a process that is given these descriptors, and goes on after drydock, holds them as well.
    public var descriptors: [FileDescriptor] { locks.map(\.descriptor) }
}
