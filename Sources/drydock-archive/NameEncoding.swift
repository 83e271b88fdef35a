// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc

/// What libarchive takes names for. To drydock they are bytes; to libarchive they are text, which it converts between the archive
/// and the locale, and the locale is all that it can be told about that.
enum NameEncoding {
    /// Names go into an archive as they are, where they are UTF-8: without such a locale each that is not ASCII would be
    /// marked as bytes of no known meaning, of which GNU tar warns. Nor could ZIP files be read that have other names besides.
    /// - Returns: whether there is such a locale; a locale of the user's own may be of any characters.
    @discardableResult
    static func setText() -> Bool {
        setlocale(LC_ALL, "C.UTF-8") != nil || setlocale(LC_ALL, "C.utf8") != nil
    }

    /// Names come out of a tar archive as they are. In a locale of UTF-8 what an archive says to be UTF-8 would be composed
    /// (Unicode's form NFC): two files would become one, and links would lead elsewhere. What the locale has no
    /// characters for libarchive cannot convert, and hands out as it stands there.
    static func setBytes() { setlocale(LC_ALL, "C") }

    /// Whether a name holds what UTF-8 never does, and libarchive takes for a part of a character in CESU-8: half of a pair of
    /// surrogates. It would write the character instead.
    static func holdsSurrogates(_ name: UnsafePointer<CChar>?) -> Bool {
        guard var position = name else { return false }
        while position.pointee != 0 {
            // A NUL ends the text, so there always is a next byte.
            let next = position.advanced(by: 1)
            if UInt8(bitPattern: position.pointee) == 0xED, UInt8(bitPattern: next.pointee) >= 0xA0 { return true }
            position = next
        }
        return false
    }
}
