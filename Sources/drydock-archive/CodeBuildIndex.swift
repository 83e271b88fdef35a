// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CArchive
import Diagnostics
import Files
import Glibc
import SystemPackage
import YAML

/// The index of a cache that CodeBuild has saved: a JSON file at the top of a ZIP file, which says of each path what it is
/// relative to.
///
///     {"version":"1.0","content":{"files":[{"path":"test_folder/test_file","rel":"home"}]}}
///
/// Source: a cache of 2020 as its user showed it; what else there is in such a file is not documented.
struct CodeBuildIndex {
    /// What becomes of a member.
    enum Place {
        case member(MemberPath)
        /// A directory above what is listed: it comes with what is in it.
        case above
        /// The index.
        case itself
        case unknown
    }

    private let name: [[UInt8]]
    /// Where the listed paths go.
    private var places: [[[UInt8]]: [[UInt8]]] = [:]
    private var aboves: Set<[[UInt8]]> = []

    private static let limit = 16 << 20

    /// Nil where there is no index: the members then lie as drydock lays them.
    /// - Parameter home: where what is relative to the home directory goes.
    static func find(in input: ArchiveInput, home: MemberPath) throws(ArchiveFailure) -> CodeBuildIndex? {
        guard input.kind == .zip else { return nil }
        let reader = try ArchiveReader(input)
        while let entry = try reader.next() {
            let name = try reader.name(of: entry)
            guard !name.contains(UInt8(ascii: "/")), archive_entry_filetype(entry) == S_IFREG else { continue }
            if name == Record.name { return nil }
            guard archive_entry_size(entry) <= limit else { continue }
            let contents = try reader.contents(of: entry, limit: limit)
            guard contents.first == UInt8(ascii: "{"), let files = Self.files(contents) else { continue }
            return try CodeBuildIndex(name: name, files: files, home: home)
        }
        return nil
    }

    private static func files(_ contents: [UInt8]) -> [Node]? {
        var limits = YAMLLimits()
        limits.bytes = limit
        let document = try? YAMLDocument(json: SourceText(path: "index", bytes: contents), limits: limits)
        return document?.root?["content"]?["files"]?.items
    }

    private init(name: [UInt8], files: [Node], home: MemberPath) throws(ArchiveFailure) {
        self.name = [name]
        for file in files {
            guard let path = file["path"]?.scalar?.text, let relation = file["rel"]?.scalar?.text else {
                throw .refused(name, "lists something without a path")
            }
            let bytes = Array(path.utf8)
            let base: [[UInt8]]
            switch relation {
            case "home": base = home.components
            case "source", "src", "": base = [Array("source".utf8)]
            case "root", "/": base = [Array("root".utf8)]
            default: throw .refused(bytes, "is relative to `\(FilePath.displayed(relation.utf8))`, which is not known")
            }
            // An absolute path says by itself what it is relative to.
            let isAbsolute = bytes.first == UInt8(ascii: "/")
            let relative = isAbsolute ? Array(bytes.drop { $0 == UInt8(ascii: "/") }) : bytes
            let components = try MemberPath(relative, of: bytes).components
            places[components] = (isAbsolute ? [Array("root".utf8)] : base) + components
            for count in components.indices { aboves.insert(Array(components.prefix(count))) }
        }
    }

    /// Where a member goes: it is listed, or lies in a directory that is.
    func place(of member: MemberPath) -> Place {
        let components = member.components
        if components == name { return .itself }
        for count in stride(from: components.count, through: 1, by: -1) {
            guard let place = places[Array(components.prefix(count))] else { continue }
            return .member(MemberPath(components: place + components.dropFirst(count)))
        }
        return aboves.contains(components) ? .above : .unknown
    }
}
