// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Writes values for another of drydock's programs: fixed-width little-endian numbers, length-prefixed bytes.
public struct WireEncoder: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func append(_ flag: Bool) { append(UInt8(flag ? 1 : 0)) }

    /// Any bytes, with their number before them.
    public mutating func append(bytes more: some Collection<UInt8>) {
        append(UInt32(more.count))
        bytes += more
    }

    public mutating func appendList<Element>(
        _ elements: [Element], _ body: (inout WireEncoder, Element) -> Void
    ) {
        append(UInt32(elements.count))
        for element in elements { body(&self, element) }
    }
}

/// Reads what `WireEncoder` wrote.
public struct WireDecoder: Sendable {
    private let bytes: [UInt8]
    private var position = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The bytes end too early or say something the reader does not know: the two programs are of different builds.
    public struct Malformed: Error {
        public init() {}
    }

    public mutating func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws(Malformed) -> Number {
        let size = MemoryLayout<Number>.size
        guard bytes.count - position >= size else { throw Malformed() }
        var number = Number(0)
        for index in 0..<size {
            number |= Number(truncatingIfNeeded: bytes[position + index]) << Number(8 * index)
        }
        position += size
        return number
    }

    public mutating func flag() throws(Malformed) -> Bool { try number(UInt8.self) != 0 }

    /// What `append(bytes:)` wrote.
    public mutating func byteString() throws(Malformed) -> [UInt8] {
        let count = Int(try number(UInt32.self))
        guard count <= bytes.count - position else { throw Malformed() }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    public mutating func list<Element>(
        _ body: (inout WireDecoder) throws(Malformed) -> Element
    ) throws(Malformed) -> [Element] {
        let count = Int(try number(UInt32.self))
        // Every element takes at least a byte, so a larger count is a lie that must not reserve memory.
        guard count <= bytes.count - position else { throw Malformed() }
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try body(&self)) }
        return elements
    }

    public var isAtEnd: Bool { position == bytes.count }
}
