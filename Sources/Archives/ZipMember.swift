// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// What a ZIP archive says of one member, in its three places.
struct ZipMember {
    var name: [UInt8]
    /// The upper half is a Unix mode with its file type.
    var attributes: UInt32
    var dosTime: UInt32
    /// Where its header begins.
    var offset = 0
    var checksum: UInt32 = 0
    var size = 0
    var compressedSize = 0
    var isDeflated = false
    /// Checksum and sizes come behind the content.
    var isStreamed = false
    /// Sizes may need 64 bits.
    var isLarge = false

    private var flags: Int {
        let isUTF8 = name.contains { $0 >= 0x80 } && String(validating: name, as: UTF8.self) != nil
        return (isStreamed ? 1 << 3 : 0) | (isUTF8 ? 1 << 11 : 0)
    }

    private var method: Int { isDeflated ? 8 : 0 }

    /// What stands before the content.
    var header: ZipRecord {
        var header = ZipRecord()
        header.add32(0x0403_4b50)
        header.add16(isLarge ? 45 : 20)
        header.add16(flags)
        header.add16(method)
        header.add32(Int(dosTime))
        header.add32(isStreamed ? 0 : Int(checksum))
        if isLarge {
            header.add32(ZipRecord.limit32)
            header.add32(ZipRecord.limit32)
        } else {
            header.add32(isStreamed ? 0 : compressedSize)
            header.add32(isStreamed ? 0 : size)
        }
        header.add16(name.count)
        header.add16(isLarge ? 20 : 0)
        header.bytes += name
        if isLarge {
            header.add16(1)
            header.add16(16)
            header.add64(0)
            header.add64(0)
        }
        return header
    }

    /// What stands behind the content of a streamed member.
    var descriptor: ZipRecord {
        var record = ZipRecord()
        record.add32(0x0807_4b50)
        record.add32(Int(checksum))
        if isLarge {
            record.add64(compressedSize)
            record.add64(size)
        } else {
            record.add32(compressedSize)
            record.add32(size)
        }
        return record
    }

    /// What stands in the directory at the archive's end.
    var directoryRecord: [UInt8] {
        var extra = ZipRecord()
        if isLarge {
            extra.add64(size)
            extra.add64(compressedSize)
        }
        if offset >= ZipRecord.limit32 { extra.add64(offset) }
        let needs64 = !extra.bytes.isEmpty
        var record = ZipRecord()
        record.add32(0x0201_4b50)
        record.add16(ZipRecord.madeByUnix | (needs64 ? 45 : 20))
        record.add16(needs64 ? 45 : 20)
        record.add16(flags)
        record.add16(method)
        record.add32(Int(dosTime))
        record.add32(Int(checksum))
        record.add32(isLarge ? ZipRecord.limit32 : compressedSize)
        record.add32(isLarge ? ZipRecord.limit32 : size)
        record.add16(name.count)
        record.add16(needs64 ? extra.bytes.count + 4 : 0)
        record.add16(0)
        record.add32(0)
        record.add32(Int(attributes))
        record.add32(min(offset, ZipRecord.limit32))
        record.bytes += name
        if needs64 {
            record.add16(1)
            record.add16(extra.bytes.count)
            record.bytes += extra.bytes
        }
        return record.bytes
    }
}

/// Little-endian numbers, one after the other.
struct ZipRecord {
    var bytes: [UInt8] = []

    /// A field of 32 bits that says so means: see the one of 64.
    static let limit32 = 0xFFFF_FFFF
    static let madeByUnix = 3 << 8

    mutating func add16(_ value: Int) {
        bytes.append(UInt8(truncatingIfNeeded: value))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
    }

    mutating func add32(_ value: Int) {
        add16(value)
        add16(value >> 16)
    }

    mutating func add64(_ value: Int) {
        add32(value)
        add32(value >> 32)
    }

    /// What ends an archive.
    /// - Parameters:
    ///   - start: where the directory begins.
    ///   - size: of the directory.
    static func end(memberCount: Int, start: Int, size: Int) -> ZipRecord {
        var end = ZipRecord()
        if memberCount >= 0xFFFF || start >= limit32 || size >= limit32 {
            end.add32(0x0606_4b50)
            end.add64(44)
            end.add16(madeByUnix | 45)
            end.add16(45)
            end.add64(0)
            end.add64(memberCount)
            end.add64(memberCount)
            end.add64(size)
            end.add64(start)
            end.add32(0x0706_4b50)
            end.add32(0)
            end.add64(start + size)
            end.add32(1)
        }
        end.add32(0x0605_4b50)
        end.add32(0)
        end.add16(min(memberCount, 0xFFFF))
        end.add16(min(memberCount, 0xFFFF))
        end.add32(min(size, limit32))
        end.add32(min(start, limit32))
        end.add16(0)
        return end
    }
}
