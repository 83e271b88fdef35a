// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildCache
import BuildModel
import Files
import Glibc
import SystemPackage

// Saves and takes entries of a cache until it is killed, as many builds would, and ends with 1 when what it takes is not
// what was saved. Each layer holds some files with the same text, which begins with the key of the entry.
//
//     CacheSaver DIRECTORY ROUNDS

let store = CacheStore(directory: FilePath(CommandLine.arguments[1]))
let rounds = Int(CommandLine.arguments[2]) ?? 0
let tools = LayerTools(remove: { directory in
    guard let name = directory.lastComponent else { return }
    try Directory(directory.removingLastComponent()).removeTree(FilePath(root: nil, [name]))
})
let names = ["a", "b", "c/d", "e"]

func fail(_ message: String) -> Never {
    _ = try? FileDescriptor.standardError.writeAll("\(getpid()): \(message)\n".utf8)
    exit(1)
}

func check(_ hit: CacheHit) throws {
    var texts: [String] = []
    for layer in hit.layers {
        let found = try names.map {
            String(
                decoding: try FileContents.read(layer.appending("root").pushing(FilePath($0)), limit: 1000),
                as: UTF8.self)
        }
        guard Set(found).count == 1, let text = found.first else { fail("a layer is mixed: \(found)") }
        texts.append(text)
    }
    let key = hit.entry.key ?? "none"
    if texts.first?.hasPrefix(key + " ") != true { fail("\(key) has \(texts)") }
}

func save(_ request: CacheRequest, over base: CacheHit?) throws {
    let incoming = try store.begin()
    let text = "\(request.key ?? "none") \(getpid()) \(UInt32.random(in: 0 ... .max))"
    for name in names {
        let path = incoming.directory.appending("files/root").pushing(FilePath(name))
        _ = try Directory.make(path.removingLastComponent())
        try AtomicFile.write(Array(text.utf8), to: path)
    }
    _ = try store.publish(
        incoming,
        layer: CacheLayer(id: "", byteCount: 100, fileCount: 4, rootUser: 0, rootGroup: 0, isDelta: base != nil),
        for: request, over: base, isWhole: (base?.layers.count ?? 0) > 6,
        inputs: [KeyInput(name: "$A", value: text)], build: "saver:\(getpid())", now: Timestamp(seconds: 1))
}

let identity = CacheIdentity(text: "single", words: "the test")
_ = try FileDescriptor.standardOutput.writeAll("ready\n".utf8)
var round = 0
while rounds == 0 || round < rounds {
    round += 1
    let number = Int.random(in: 0..<6)
    let request = CacheRequest(
        namespace: "n", identity: identity, paths: ["/x"], key: number == 0 ? nil : "key-\(number)",
        fallbackKeys: ["key-"])
    do {
        let hit = try store.find(request) { fail("warned: \($0.message)") }
        if let hit { try check(hit) }
        try save(request, over: hit)
        switch Int.random(in: 0..<8) {
        case 0: _ = try store.collectLayers(tools)
        case 1: _ = try store.evict(CacheLimits(size: CacheSize(bytes: 900)), tools, now: Timestamp(seconds: 2))
        case 2: _ = try store.remove([request.hash], tools, now: Timestamp(seconds: 2))
        case 3: try store.sync()
        default: break
        }
    } catch { fail("\(error)") }
}
