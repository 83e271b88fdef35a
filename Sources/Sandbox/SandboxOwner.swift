// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Glibc
internal import SandboxPlan

/// Whose ids the files of this caller's sandboxes have on the disk: what one caller's sandbox wrote another's cannot use.
public struct SandboxOwner: Sendable, Equatable {
    /// The same exactly where the ids are: `root`, `range 1000 100000+65536`, `single 1000`.
    public let text: String
    /// For people: `root`.
    public let words: String

    /// Of sandboxes that this process makes.
    public static func current() -> SandboxOwner { SandboxOwner(IdentityChoice.choose(slot: 0)) }

    init(_ identity: SandboxPlan.Identity) {
        let own = identity.users.first?.outside ?? 0
        let range = identity.users.dropFirst().first.map { "\($0.outside)+\($0.count)" } ?? ""
        switch identity.method {
        // Each sandbox has a range of its own, and layers are shown through mounts that translate.
        case .privileged: (text, words) = ("root", "root")
        case .single: (text, words) = ("single \(own)", "user \(own) without subordinate ids")
        case .subordinate:
            (text, words) = ("range \(own) \(range)", "user \(own) with the subordinate ids \(range)")
        case .inherited: (text, words) = ("inherited \(own) \(range)", "root of a container")
        }
    }
}
