// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CommandExecution
import Files
import SystemPackage

/// The users that a build's own `/etc/passwd` and `/etc/group` know.
///
/// Read by hand: the host's name service knows other users, and asking it for the sandbox's would load the sandbox's
/// libraries into drydock.
struct UserDatabase {
    private let passwd: String
    private let group: String

    init(passwd: String, group: String) {
        self.passwd = passwd
        self.group = group
    }

    /// Reads both files of a tree; one that is missing or unreadable has no entries.
    init(in tree: any TreeOpener) {
        self.init(passwd: Self.text(of: "/etc/passwd", in: tree), group: Self.text(of: "/etc/group", in: tree))
    }

    private static func text(of path: FilePath, in tree: any TreeOpener) -> String {
        guard let file = try? tree.open(path, directory: false) else { return "" }
        defer { try? file.close() }
        guard let bytes = try? FileContents.read(file, path: path, limit: 16 << 20) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The user of that name, or of that number when no name fits. Source of the format: passwd(5), group(5).
    func identity(of user: String) -> CommandRequest.UserIdentity? {
        let entries = lines(of: passwd, fields: 4)
        guard let entry = entries.first(where: { $0[0] == user }) ?? entries.first(where: { $0[2] == user }),
            let identifier = UInt32(entry[2]), let primary = UInt32(entry[3])
        else { return nil }
        let groups = lines(of: group, fields: 4).compactMap { fields -> UInt32? in
            guard let number = UInt32(fields[2]), number != primary else { return nil }
            return fields[3].split(separator: ",").contains(entry[0]) ? number : nil
        }
        return CommandRequest.UserIdentity(
            userIdentifier: identifier, groupIdentifier: primary, supplementaryGroups: groups)
    }

    private func lines(of text: String, fields: Int) -> [[Substring]] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let parts = line.split(separator: ":", omittingEmptySubsequences: false)
            return parts.count >= fields && !line.hasPrefix("#") ? parts : nil
        }
    }
}
