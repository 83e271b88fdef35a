// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

/// A size as it is given on the command line: `20G`, `500M`, `1.5T`, or a number of bytes.
public struct CacheSize: Sendable, Equatable {
    public var bytes: Int

    /// No build's caches fit into less, so less is a slip of the pen, as `10` for `10G`, that would cost everybody's.
    public static let least = 1 << 20

    public init(bytes: Int) { self.bytes = bytes }

    /// - Parameter word: at least ``least``; a number and one of K, M, G and T, each 1024 times the one before; `iB` or `B` may follow.
    public init(_ word: String) throws(CacheError) {
        var text = Substring(word.lowercased())
        var factor = 1.0
        let isBinary = text.hasSuffix("ib")
        if text.hasSuffix("b") { text.removeLast(isBinary ? 2 : 1) }
        let letters: [Character] = ["k", "m", "g", "t"]
        if let last = text.last, let unit = letters.firstIndex(of: last) {
            for _ in 0...unit { factor *= 1024 }
            text.removeLast()
        } else if isBinary {
            throw .invalid(size: word)
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isNumber =
            (1...2).contains(parts.count)
            && parts.allSatisfy {
                !$0.isEmpty && $0.utf8.count < 16 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }
        guard isNumber, let number = Double(text), let bytes = Int(exactly: (number * factor).rounded()) else {
            throw .invalid(size: word)
        }
        guard bytes >= Self.least else {
            throw .tooSmall(size: word, isBare: factor == 1 && text.utf8.count == word.utf8.count)
        }
        self.bytes = bytes
    }

    /// How much all caches together take where nobody says: 20 GiB, but never more than a quarter of the file system.
    /// - Parameter store: the store's directory, which need not be there.
    public static func standard(for store: FilePath) -> CacheSize {
        let bound = 20 << 30
        guard let space = DiskSpace(of: store) else { return CacheSize(bytes: bound) }
        return CacheSize(bytes: min(bound, space.total / 4))
    }

    /// How much of the disk stays free of caches: a twentieth of it, but at most 2 GiB. Low, because a disk that others
    /// have filled must not cost all caches.
    public static func standardFloor(for store: FilePath) -> CacheSize {
        guard let space = DiskSpace(of: store) else { return CacheSize(bytes: 0) }
        return CacheSize(bytes: min(2 << 30, space.total / 20))
    }
}
