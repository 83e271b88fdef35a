// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import SandboxPlan
public import SystemPackage

/// The user ids that a sandbox of this caller's has, for those who make and remove files that belong to them.
public enum UserIdentifiers {
    /// Debian gives its own users and groups ids below 1000.
    private static let fewest = 1000

    /// Whether an image can be made and used: its files belong to users of its own, and its package manager becomes one.
    /// - Returns: nil, or the command that gives this user what is missing.
    public static var remedyForSingleIdentifier: String? {
        let identity = IdentityChoice.choose(slot: 0)
        switch identity.method {
        case .privileged, .inherited: return nil
        case .subordinate:
            let least = min(identity.users.last?.count ?? 0, identity.groups.last?.count ?? 0)
            return least >= fewest ? nil : IdentityChoice.rangeRemedy
        case .single:
            return IdentityChoice.mapperIsInstalled
                ? IdentityChoice.rangeRemedy : "sudo apt-get install uidmap && \(IdentityChoice.rangeRemedy)"
        }
    }

    /// Removes a directory with files that a sandbox made, as the ids that they belong to.
    /// - Returns: whether nothing of it is left.
    public static func removeTree(_ directory: FilePath, launcher: FilePath) -> Bool {
        Leftover(directory: directory, slot: 0, launcher: launcher).remove()
    }
}
