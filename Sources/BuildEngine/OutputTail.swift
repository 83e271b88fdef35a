// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// The last bytes of an output of any length.
struct OutputTail {
    private let limit: Int
    private var bytes: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    mutating func append(_ chunk: UnsafeRawBufferPointer) {
        if chunk.count >= limit {
            bytes.removeAll(keepingCapacity: true)
            bytes.append(contentsOf: chunk.suffix(limit))
            return
        }
        // Old bytes are dropped once there are as many as are kept, so that a byte is moved at most once.
        if bytes.count + chunk.count > 2 * limit { bytes.removeFirst(bytes.count + chunk.count - limit) }
        bytes.append(contentsOf: chunk)
    }

    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    var text: String { String(decoding: bytes.suffix(limit), as: UTF8.self) }
}
