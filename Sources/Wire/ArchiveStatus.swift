// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What the program that packs caches and unpacks them ends with.
public enum ArchiveStatus: Int32, Sendable {
    case done = 0
    /// Words that it does not understand.
    case wrongUse = 2
    /// All else, and an archive that is refused for what it wants.
    case failed = 3
    /// The archive ends too early, or is not what was written once.
    case damaged = 4
    /// An archive as others make them.
    case noRecord = 5
}
