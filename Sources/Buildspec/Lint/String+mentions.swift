// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

extension String {
    /// Whether the bytes of `part` occur in this text's.
    ///
    /// `contains` of the standard library goes by characters and brings its generic machinery into each start, which
    /// costs a lint more than all its rules.
    func mentions(_ part: String) -> Bool {
        let found = utf8.withContiguousStorageIfAvailable { text -> Bool? in
            part.utf8.withContiguousStorageIfAvailable { wanted -> Bool in
                guard let first = wanted.first else { return true }
                guard text.count >= wanted.count else { return false }
                for start in 0...text.count - wanted.count where text[start] == first {
                    if wanted.indices.allSatisfy({ text[start + $0] == wanted[$0] }) { return true }
                }
                return false
            }
        }
        return (found ?? nil) ?? contains(part)
    }
}
