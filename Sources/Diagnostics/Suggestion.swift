// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Finds the word that a mistyped one was meant to be.
public enum Suggestion {
    /// The candidate nearest to `word`, or nil when none is near enough to be meant.
    ///
    /// Case, `-`, `_` and a plural `s` do not count; otherwise a third of the letters may differ, swaps counting once.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        let plain = normalized(word)
        guard !plain.isEmpty else { return nil }
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let other = normalized(candidate)
            guard abs(other.count - plain.count) <= 3 else { continue }
            let distance = plain == other ? 0 : editDistance(plain, other)
            let limit = min(3, max(1, max(plain.count, other.count) / 3))
            // Something of the word has to be left.
            if distance <= limit, distance < min(plain.count, other.count), distance < best?.distance ?? .max {
                best = (candidate, distance)
            }
        }
        return best?.candidate
    }

    private static func normalized(_ word: String) -> [UInt8] {
        var letters = word.utf8.prefix(64).compactMap { byte -> UInt8? in
            switch byte {
            case 0x2D, 0x5F, 0x20: nil
            case 0x41...0x5A: byte | 0x20
            default: byte
            }
        }
        if letters.count > 3, letters.last == 0x73 { letters.removeLast() }
        return letters
    }

    /// Optimal string alignment distance.
    private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 1...left.count {
            var current = [row]
            for column in 1...right.count {
                var value = min(last[column] + 1, current[column - 1] + 1)
                value = min(value, last[column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1))
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    value = min(value, beforeLast[column - 2] + 1)
                }
                current.append(value)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
