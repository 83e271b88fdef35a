// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc

/// Forms of secrets, one behind the other, before they become patterns.
struct FormList {
    private(set) var bytes: [UInt8] = []
    private(set) var ranges: [Form] = []

    struct Form {
        var offset: Int
        var length: Int
        /// A piece of a longer form, but the first.
        var continues: Bool
    }

    /// Adds what the closure appends, unless it is too short to be hidden or what the form of the same number already is.
    /// - Parameter other: the number of a form that this one often equals.
    mutating func add(unless other: Int? = nil, _ append: (inout [UInt8]) -> Void) {
        let offset = bytes.count
        append(&bytes)
        let length = bytes.count - offset
        if length < SecretForms.minimumLength || other.map({ isSame(ranges[$0], offset, length) }) ?? false {
            bytes.removeLast(length)
            return
        }
        // Pieces of nearly equal length, none below half of the longest.
        let count = (length + PatternTable.longest - 1) / PatternTable.longest
        var start = 0
        for piece in 1...count {
            let end = length * piece / count
            ranges.append(Form(offset: offset + start, length: end - start, continues: piece > 1))
            start = end
        }
    }

    private func isSame(_ form: Form, _ offset: Int, _ length: Int) -> Bool {
        form.length == length
            && bytes.withUnsafeBytes { bytes in
                bytes.baseAddress.map { memcmp($0 + form.offset, $0 + offset, length) == 0 } ?? false
            }
    }

    /// Overwrites the bytes, which are copied by now.
    mutating func wipe() {
        bytes.withUnsafeMutableBytes { bytes in
            if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
        }
    }
}
