// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CArchive
import Files
import Glibc
import SystemPackage

/// What this process may give a file.
struct Rights {
    let isRoot: Bool
    /// Bits that let whoever runs a file become its owner: only for the root of a user namespace, who gives away no more than
    /// what is its own.
    let keepsSetIdentity: Bool

    init() {
        isRoot = geteuid() == 0
        let map = try? FileContents.read("/proc/self/uid_map", limit: 64 * 1024)
        let words = map.map { String(decoding: $0, as: UTF8.self).split { " \n".contains($0) } }
        keepsSetIdentity = isRoot && words != nil && words != ["0", "0", "4294967295"]
    }
}

/// Mode, owner and time of a member.
struct Metadata {
    private let mode: UInt32
    private let owner: UInt32
    private let group: UInt32
    /// Access and modification; nil leaves them.
    private let times: [timespec]?

    init(_ entry: OpaquePointer, _ member: [UInt8]) throws(ArchiveFailure) {
        mode = UInt32(archive_entry_perm(entry))
        // The largest number means nobody.
        guard let owner = UInt32(exactly: archive_entry_uid(entry)), owner < UInt32.max,
            let group = UInt32(exactly: archive_entry_gid(entry)), group < UInt32.max
        else { throw .refused(member, "has an owner that no system knows") }
        (self.owner, self.group) = (owner, group)
        if archive_entry_mtime_is_set(entry) != 0 {
            let time = timespec(tv_sec: archive_entry_mtime(entry), tv_nsec: archive_entry_mtime_nsec(entry))
            times = [time, time]
        } else {
            times = nil
        }
    }

    func apply(to file: FileDescriptor, _ member: [UInt8], _ rights: Rights) throws(ArchiveFailure) {
        let isOwned = try own(fchown(file.rawValue, owner, group), member, rights)
        try check(fchmod(file.rawValue, permissions(rights, isOwned: isOwned)), "set the mode of", member)
        if let times { try check(futimens(file.rawValue, times), "set the time of", member) }
    }

    /// For what cannot be opened: a link or a pipe.
    func applyToName(
        _ name: [UInt8], in parent: FileDescriptor, _ member: [UInt8], _ rights: Rights, isLink: Bool
    ) throws(ArchiveFailure) {
        let isOwned = try own(
            withName(name) { fchownat(parent.rawValue, $0, owner, group, AT_SYMLINK_NOFOLLOW) }, member, rights)
        if !isLink {
            let mode = permissions(rights, isOwned: isOwned)
            try check(withName(name) { fchmodat(parent.rawValue, $0, mode, 0) }, "set the mode of", member)
        }
        if let times {
            let result = withName(name) { utimensat(parent.rawValue, $0, times, AT_SYMLINK_NOFOLLOW) }
            try check(result, "set the time of", member)
        }
    }

    private func permissions(_ rights: Rights, isOwned: Bool) -> UInt32 {
        mode & (rights.keepsSetIdentity && isOwned ? 0o7777 : 0o1777)
    }

    /// Whether the file has its owner now. An id that the user namespace does not have cannot be given; the file is root's.
    private func own(
        _ result: @autoclosure () -> Int32, _ member: [UInt8], _ rights: Rights
    ) throws(ArchiveFailure) -> Bool {
        guard rights.isRoot else { return false }
        if result() == 0 { return true }
        guard errno == EINVAL || errno == EPERM else { throw .system(errno, "set the owner of", member) }
        return false
    }
}
