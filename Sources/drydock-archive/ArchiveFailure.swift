// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CArchive
import Files
import SystemPackage
import Wire

/// Why an archive could not be written or read, as one sentence.
struct ArchiveFailure: Error {
    let message: String
    let status: ArchiveStatus

    init(_ message: String, _ status: ArchiveStatus = .failed) { (self.message, self.status) = (message, status) }

    init(_ error: FilesError) { self.init("\(error)") }
}

extension ArchiveFailure {
    static func usage(_ message: String) -> ArchiveFailure {
        ArchiveFailure(message, .wrongUse)
    }

    /// What libarchive says.
    static func library(_ archive: OpaquePointer?, _ doing: String) -> ArchiveFailure {
        ArchiveFailure("could not \(doing): \(reason(archive))")
    }

    private static func reason(_ archive: OpaquePointer?) -> String {
        let said = archive.flatMap { archive_error_string($0) }.map { String(cString: $0) } ?? "no reason is known"
        return FilePath.displayed(said.utf8)
    }

    static func system(_ number: Int32, _ doing: String, _ path: [UInt8]) -> ArchiveFailure {
        ArchiveFailure("could not \(doing) `\(FilePath.displayed(path))`: \(Errno(rawValue: number).words)")
    }

    // MARK: Packing

    static func otherFileSystem(_ path: [UInt8]) -> ArchiveFailure {
        ArchiveFailure("`\(FilePath.displayed(path))` is another file system, and would be missing")
    }

    static func changed(_ path: [UInt8]) -> ArchiveFailure {
        ArchiveFailure("`\(FilePath.displayed(path))` changed while it was read")
    }

    static func reserved(_ name: [UInt8]) -> ArchiveFailure {
        ArchiveFailure("`\(FilePath.displayed(name))` is the name of the record, and no file may have it")
    }

    // MARK: Unpacking

    /// The archive is refused as a whole for one of its members.
    static func refused(_ member: [UInt8], _ reason: String) -> ArchiveFailure {
        ArchiveFailure("the archive is refused: `\(FilePath.displayed(member))` \(reason)")
    }

    static func unreadable(_ number: Int32) -> ArchiveFailure {
        ArchiveFailure("could not read the archive: \(Errno(rawValue: number).words)")
    }

    /// Libarchive cannot go on in an archive of a kind that it knows.
    static func damaged(_ archive: OpaquePointer) -> ArchiveFailure {
        ArchiveFailure("the archive is incomplete or damaged: \(reason(archive))", .damaged)
    }

    static func notEmpty(_ directory: FilePath) -> ArchiveFailure {
        ArchiveFailure("`\(directory.displayed)` is not empty, and only into an empty directory is unpacked")
    }

    static func tooLarge(_ member: [UInt8], limit: UInt64) -> ArchiveFailure {
        .refused(member, "passes the limit of \(limit) bytes")
    }

    static let noArchive = ArchiveFailure("this is no archive of a kind that is read: tar, tar.zst or ZIP")
    static let noEnd = ArchiveFailure("the archive is cut short: it ends before its end mark", .damaged)
    static let nothingInside = ArchiveFailure("the archive is empty: nothing of it belongs to a cache")
    static let noRecord = ArchiveFailure("the archive has no record, which its first member would be", .noRecord)
}
