// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Glibc
internal import SecretVault
internal import Secrets
internal import SystemPackage

/// Room for one value that is on its way from the user into the store; wiped when it goes.
final class SecretBuffer {
    private let bytes: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init() {
        // A line end, and one byte more that proves it too long.
        bytes = .allocate(byteCount: SecretVault.maximumValueBytes + 3, alignment: 1)
    }

    deinit {
        clear()
        bytes.deallocate()
    }

    var isFull: Bool { count == bytes.count }
    var last: UInt8? { count > 0 ? bytes[count - 1] : nil }
    var text: SecretText { SecretText(bytes: content) }
    private var content: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<count]) }
    var holdsControl: Bool { content.contains { ($0 < 0x20 && $0 != UInt8(ascii: "\t")) || $0 == 0x7F } }

    /// Does nothing once it is full.
    func append(_ byte: UInt8) {
        guard !isFull else { return }
        bytes[count] = byte
        count += 1
    }

    func removeLast() {
        guard count > 0 else { return }
        count -= 1
        bytes[count] = 0
    }

    /// Takes away a character, however many bytes it has.
    func removeCharacter() {
        while let byte = last, byte & 0xC0 == 0x80 { removeLast() }
        removeLast()
    }

    func removeLineEnd() {
        guard last == UInt8(ascii: "\n") else { return }
        removeLast()
        if last == UInt8(ascii: "\r") { removeLast() }
    }

    func clear() {
        if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
        count = 0
    }

    /// Reads on until the end, or until there is no more room.
    func fill(from file: FileDescriptor) throws {
        do {
            while !isFull {
                let more = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
                if more == 0 { return }
                count += more
            }
        } catch { throw CommandFailure.cannotReadInput(error as? Errno ?? .ioError) }
    }
}
