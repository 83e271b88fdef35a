// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Archives
internal import BuildModel
internal import Diagnostics
internal import YAML

/// An entry as it lies on the disk: one JSON object, whose first line holds the checksum of all that follows.
///
///     {"v":1,"checksum":"<sha256>",
///     "boot":"…","namespace":"…",…}
struct CacheRecord: Equatable {
    var entry: CacheEntry
    /// The boot in which it was written, until the disk is known to have it; after another boot it may hold anything.
    var boot: String?

    /// Larger files are not ours.
    static let maximumSize = 4 << 20
    /// So many files of inputs are remembered; what changed beyond them is told without its name.
    static let maximumFiles = 5000
    /// So many bytes of names are written of what patterns selected, and as many of inputs' files: a record that holds both
    /// is smaller than its reader takes.
    static let maximumNameBytes = 1 << 20

    private static let head = Array("{\"v\":1,\"checksum\":\"".utf8)
    private static let headEnd = Array("\",\n".utf8)
    private static var headLength: Int { head.count + 64 + headEnd.count }

    // MARK: Writing

    var bytes: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 2048)
        writer.object { write(into: &$0) }
        writer.newline()
        // What follows the object's `{`, which stands in the head already.
        let body = writer.bytes.dropFirst()
        return Self.head + Array(Self.checksum(body).utf8) + Self.headEnd + body
    }

    private func write(into writer: inout JSONWriter) {
        writer.member("boot", ifPresent: boot.map(Self.plain))
        writer.member("namespace", Self.plain(entry.namespace))
        writer.member("identity", Self.plain(entry.identity.text))
        writer.member("identityWords", Self.plain(entry.identity.words))
        writer.array("paths", of: entry.paths.map(Self.plain))
        writer.member("key", ifPresent: entry.key.map(Self.plain))
        writer.member("created", epoch: entry.created)
        writer.member("build", Self.plain(entry.build))
        writer.array("layers") { writer in
            for layer in entry.layers {
                writer.object { writer in
                    writer.member("id", layer.id)
                    writer.member("bytes", layer.byteCount)
                    writer.member("files", layer.fileCount)
                    writer.member("user", Int(layer.rootUser))
                    writer.member("group", Int(layer.rootGroup))
                    writer.member("delta", layer.isDelta)
                }
            }
        }
        if let selected = entry.selected, selected.count <= Self.maximumFiles {
            let names = selected.map(Self.plain)
            if Self.byteCount(names) <= Self.maximumNameBytes { writer.array("selected", of: names) }
        }
        Self.write(entry.inputs, into: &writer)
    }

    /// What texts take at most where each is written: quotes and `\` take two bytes.
    private static func byteCount(_ texts: [String]) -> Int {
        texts.reduce(0) { sum, text in
            text.utf8.reduce(sum + 3) { $0 + ($1 == UInt8(ascii: "\"") || $1 == UInt8(ascii: "\\") ? 2 : 1) }
        }
    }

    static func write(_ inputs: [KeyInput], into writer: inout JSONWriter) {
        writer.array("inputs") { writer in
            var (room, byteRoom) = (maximumFiles, maximumNameBytes)
            for input in inputs {
                writer.object { writer in
                    writer.member("name", plain(input.name))
                    writer.member("value", plain(input.value))
                    guard let files = input.files, files.count <= room else { return }
                    let texts = files.map { [plain($0.path), plain($0.digest)] }
                    let bytes = texts.reduce(0) { $0 + byteCount($1) }
                    guard bytes <= byteRoom else { return }
                    room -= files.count
                    byteRoom -= bytes
                    writer.array("files") { writer in
                        for pair in texts {
                            writer.array { writer in pair.forEach { writer.element($0) } }
                        }
                    }
                }
            }
        }
    }

    // MARK: Reading

    /// Reads what `bytes` wrote; nil when it is something else, or what another version wrote.
    /// - Parameters:
    ///   - hash: the name it was found under, which must be its own.
    ///   - lastUsed: not part of the record: the file's own time says it.
    init?(_ bytes: [UInt8], hash: String, lastUsed: Timestamp) {
        guard bytes.count > Self.headLength, bytes.starts(with: Self.head),
            bytes[..<Self.headLength].suffix(Self.headEnd.count).elementsEqual(Self.headEnd)
        else { return nil }
        let checksum = bytes[Self.head.count..<(Self.head.count + 64)]
        guard checksum.elementsEqual(Self.checksum(bytes[Self.headLength...]).utf8) else { return nil }
        guard let root = Self.document(bytes) else { return nil }
        func text(_ key: String) -> String? { (root[key]?.scalar?.text).map(Self.original) }
        guard let namespace = text("namespace"), let identity = text("identity"), let words = text("identityWords"),
            let paths = root["paths"]?.items?.map({ Self.original($0.scalar?.text ?? "") }),
            let created = text("created").flatMap(Self.time), let build = text("build"),
            let layerNodes = root["layers"]?.items, let inputs = root["inputs"]?.items?.map(Self.input)
        else { return nil }
        let layers = layerNodes.compactMap(Self.layer)
        guard !layers.isEmpty, layers.count == layerNodes.count else { return nil }
        let version = CacheRequest.version(of: paths)
        entry = CacheEntry(
            hash: hash, namespace: namespace, identity: CacheIdentity(text: identity, words: words), paths: paths,
            key: text("key"), version: version, layers: layers, created: created, lastUsed: lastUsed, build: build,
            inputs: inputs)
        entry.selected = root["selected"]?.items?.map { Self.original($0.scalar?.text ?? "") }
        boot = text("boot")
        guard
            hash
                == CacheRequest.hash(identity: identity, namespace: namespace, version: version, key: entry.key)
        else { return nil }
    }

    /// A moment that a calendar has: from 1970 to the end of the year 9999.
    static func time(_ text: String) -> Timestamp? {
        Double(text).flatMap { (0...253_402_300_799).contains($0) ? Timestamp(seconds: $0) : nil }
    }

    static func document(_ bytes: [UInt8]) -> Node? {
        var limits = YAMLLimits()
        limits.bytes = maximumSize
        return try? YAMLDocument(json: SourceText(path: "record.json", bytes: bytes), limits: limits).root
    }

    init(entry: CacheEntry, boot: String?) {
        self.entry = entry
        self.boot = boot
    }

    private static func layer(_ node: Node) -> CacheLayer? {
        func number(_ key: String) -> Int? { (node[key]?.scalar?.text).flatMap { Int($0) } }
        guard let id = node["id"]?.scalar?.text, CacheLayer.isIdentifier(id), let bytes = number("bytes"),
            let files = number("files"), bytes >= 0, files >= 0,
            let user = number("user").flatMap({ UInt32(exactly: $0) }),
            let group = number("group").flatMap({ UInt32(exactly: $0) }), let delta = node["delta"]?.scalar?.text
        else { return nil }
        return CacheLayer(
            id: id, byteCount: bytes, fileCount: files, rootUser: user, rootGroup: group, isDelta: delta == "true")
    }

    static func input(_ node: Node) -> KeyInput {
        let files = node["files"]?.items?.compactMap { pair -> KeyInput.File? in
            guard let words = pair.items, words.count == 2 else { return nil }
            return KeyInput.File(
                path: original(words[0].scalar?.text ?? ""), digest: original(words[1].scalar?.text ?? ""))
        }
        return KeyInput(
            name: original(node["name"]?.scalar?.text ?? ""), value: original(node["value"]?.scalar?.text ?? ""),
            files: files)
    }

    // MARK: Texts

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> String {
        var sum = SHA256()
        bytes.withUnsafeBytes { sum.update($0) }
        return sum.finish()
    }

    /// Printable ASCII, other bytes as `%XX`: a key may hold what the reader of JSON refuses, as NUL.
    static func plain(_ text: String) -> String {
        let isPlain: (UInt8) -> Bool = { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "%") }
        if text.utf8.allSatisfy(isPlain) { return text }
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if isPlain(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func original(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
