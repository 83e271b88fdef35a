// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Glibc
internal import Secrets
public import SystemPackage

/// Looks for secrets in files that are about to leave the build.
///
/// What is looked for is what a log would hide, but for values of fewer than six bytes: in a large file those occur by
/// chance. Inside compressed or encrypted files nothing is found.
public struct SecretSearch: Sendable {
    private static let minimumLength = 6
    private static let chunk = 256 << 10

    private let secrets: [(name: String, value: SecretText)]
    private let areDisguisesHidden: Bool
    private let patterns: PatternTable

    /// Where a file holds a secret first, and whose.
    public struct Hit: Sendable, Equatable {
        /// From 1.
        public var line: Int
        public var names: [String]
    }

    public init(_ environment: ResolvedEnvironment) {
        secrets = environment.secrets.filter { $0.value.count >= Self.minimumLength }
        areDisguisesHidden = environment.areDisguisesHidden
        var forms = SecretForms(areDisguisesHidden: areDisguisesHidden)
        for secret in secrets { _ = forms.add(secret.value) }
        patterns = PatternTable(forms.list)
        forms.wipe()
    }

    /// Whether there is nothing to look for.
    public var isEmpty: Bool { patterns.isEmpty }

    /// The first place of a file that holds a secret. The file's offset stays; what cannot be read holds none.
    public func firstHit(in file: FileDescriptor, isCancelled: () -> Bool) -> Hit? {
        var buffer = [UInt8](repeating: 0, count: PatternTable.longest + Self.chunk)
        // The end of what was looked at, where a secret may begin that goes on.
        var kept = 0
        var line = 1
        var offset: off_t = 0
        defer { buffer.withUnsafeMutableBytes { if let start = $0.baseAddress { explicit_bzero(start, $0.count) } } }
        while !isCancelled() {
            let count = buffer.withUnsafeMutableBytes { bytes in
                pread(file.rawValue, bytes.baseAddress.map { $0 + kept }, Self.chunk, offset)
            }
            guard count > 0 else { return nil }
            offset += off_t(count)
            let end = kept + count
            let hit = buffer.withUnsafeBytes { bytes -> Hit? in
                let text = UnsafeRawBufferPointer(rebasing: bytes[..<end])
                guard let match = patterns.matches(in: text).first else { return nil }
                let before = UnsafeRawBufferPointer(rebasing: text[..<match.start])
                let found = UnsafeRawBufferPointer(rebasing: text[match.start..<match.end])
                return Hit(line: line + Self.lines(in: before), names: owners(of: found))
            }
            if let hit { return hit }
            let rest = min(end, PatternTable.longest - 1)
            line += buffer.withUnsafeBytes { Self.lines(in: UnsafeRawBufferPointer(rebasing: $0[..<(end - rest)])) }
            buffer.withUnsafeMutableBytes { bytes in
                if let start = bytes.baseAddress { memmove(start, start + (end - rest), rest) }
            }
            kept = rest
        }
        return nil
    }

    /// Whose secrets stand in a text, as far as the first place of it tells.
    public func names(in text: String) -> [String] {
        names(in: Array(text.utf8))
    }

    /// The same of any bytes.
    public func names(in bytes: [UInt8]) -> [String] {
        bytes.withUnsafeBytes { bytes in
            guard let match = patterns.matches(in: bytes).first else { return [] }
            return owners(of: UnsafeRawBufferPointer(rebasing: bytes[match.start..<match.end]))
        }
    }

    private static func lines(in text: UnsafeRawBufferPointer) -> Int { text.count { $0 == UInt8(ascii: "\n") } }

    /// Several secrets may share what was found.
    private func owners(of found: UnsafeRawBufferPointer) -> [String] {
        secrets.filter { secret in
            var forms = SecretForms(areDisguisesHidden: areDisguisesHidden)
            _ = forms.add(secret.value)
            defer { forms.wipe() }
            return !PatternTable(forms.list).matches(in: found).isEmpty
        }.map(\.name)
    }
}
