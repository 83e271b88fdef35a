// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Crypto
internal import HTTP
internal import SystemPackage

/// What is known of a content by reading it once, a piece at a time.
struct ContentDigest {
    /// In 64 lower-case hexadecimal digits.
    var sha256: String
    var md5: [UInt8]
    /// Of the pieces that it is sent in.
    var parts: [Part]

    struct Part: Equatable {
        var offset: Int
        var count: Int
        var md5: [UInt8]
        var sha256: String
    }

    /// - Parameters:
    ///   - partSize: bytes of each piece but the last; there is always one.
    ///   - isCancelled: asked for each megabyte.
    init(
        _ content: HTTPRequest.FilePart, partSize: Int = .max, isCancelled: () -> Bool
    ) throws(AWSFailure) {
        var whole = (SHA256(), Insecure.MD5())
        var part = (SHA256(), Insecure.MD5())
        var partStart = 0
        var position = 0
        var parts: [Part] = []
        let isParted = partSize < content.count
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        func end(_ start: Int, _ end: Int) {
            let digests = isParted ? part : whole
            parts.append(
                Part(
                    offset: content.offset + start, count: end - start, md5: Array(digests.1.finalize()),
                    sha256: hexadecimal(Array(digests.0.finalize()))))
        }
        while position < content.count {
            if isCancelled() { throw .stopped }
            let wanted = min(buffer.count, content.count - position, isParted ? partStart + partSize - position : .max)
            let count: Int
            do {
                count = try content.file.read(
                    fromAbsoluteOffset: Int64(content.offset + position),
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
            } catch { throw .unreadableContent("\(error)") }
            if count == 0 { throw .unreadableContent("it became shorter") }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            whole.0.update(bufferPointer: bytes)
            whole.1.update(bufferPointer: bytes)
            position += count
            guard isParted else { continue }
            part.0.update(bufferPointer: bytes)
            part.1.update(bufferPointer: bytes)
            if position == partStart + partSize, position < content.count {
                end(partStart, position)
                part = (SHA256(), Insecure.MD5())
                partStart = position
            }
        }
        end(partStart, position)
        sha256 = hexadecimal(Array(whole.0.finalize()))
        md5 = Array(whole.1.finalize())
        self.parts = parts
    }

    /// The entity tag of an object that was sent in these pieces and is not encrypted with a key.
    var entityTag: String {
        guard parts.count > 1 else { return hexadecimal(md5) }
        return hexadecimal(Array(Insecure.MD5.hash(data: parts.flatMap(\.md5)))) + "-\(parts.count)"
    }

    static func md5(_ bytes: [UInt8]) -> [UInt8] { Array(Insecure.MD5.hash(data: bytes)) }

    static func sha256(_ bytes: [UInt8]) -> String { hexadecimal(Array(SHA256.hash(data: bytes))) }

    /// As headers have it.
    ///
    /// Source: RFC 4648, section 4.
    static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let piece = bytes[start..<min(start + 3, bytes.count)]
            var bits = UInt32(0)
            for (index, byte) in piece.enumerated() { bits |= UInt32(byte) << UInt32(16 - 8 * index) }
            for index in 0..<4 {
                text.append(
                    index <= piece.count ? digits[Int(bits >> UInt32(18 - 6 * index)) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
