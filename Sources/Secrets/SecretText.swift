// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Glibc

/// Text that nobody may see by accident: printed, described, interpolated, reflected or encoded it is `***`.
///
/// The one way to the text is `exposed()`, or `withExposedBytes` where no copy is wanted. The bytes lie in memory that is
/// wiped when the last copy goes; a `String` made of them is beyond our reach, so callers make them late and drop them
/// early.
public struct SecretText: Sendable, Hashable {
    private let storage: Storage

    public init(_ text: String) {
        var text = text
        storage = text.withUTF8 { Storage(UnsafeRawBufferPointer($0)) }
    }

    /// Copies the bytes; the original is the caller's to wipe.
    public init(bytes: UnsafeRawBufferPointer) { storage = Storage(bytes) }

    public init(bytes: [UInt8]) { storage = bytes.withUnsafeBytes { Storage($0) } }

    /// The text itself; bytes that are not UTF-8 become U+FFFD.
    public func exposed() -> String { withExposedBytes { String(decoding: $0, as: UTF8.self) } }

    /// The bytes are valid during the call only.
    public func withExposedBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(storage) { try body(UnsafeRawBufferPointer(storage.bytes)) }
    }

    /// In bytes of UTF-8.
    public var count: Int { storage.bytes.count }
    public var isEmpty: Bool { storage.bytes.isEmpty }

    public static func == (left: SecretText, right: SecretText) -> Bool {
        left.withExposedBytes { left in
            right.withExposedBytes { right in
                // In the same time wherever the first difference is.
                left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
            }
        }
    }

    public func hash(into hasher: inout Hasher) { withExposedBytes { hasher.combine(bytes: $0) } }

    /// Immutable after `init`, so that it may be shared between threads.
    private final class Storage: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer

        init(_ source: UnsafeRawBufferPointer) {
            bytes = .allocate(byteCount: source.count, alignment: 1)
            bytes.copyMemory(from: source)
        }

        deinit {
            if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
            bytes.deallocate()
        }
    }
}

extension SecretText: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What stands in a secret's place, as in CodeBuild's logs.
    public static let replacement = "***"

    public var description: String { Self.replacement }
    public var debugDescription: String { Self.replacement }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension SecretText: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Self.replacement)
    }
}

extension SecretText: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) { self.init(text) }
}
