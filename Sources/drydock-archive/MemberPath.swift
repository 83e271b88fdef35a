// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import SystemPackage

/// The path of a member, which somebody else wrote, in components: none of them `.`, `..` or empty.
struct MemberPath {
    let components: [[UInt8]]

    /// Far more than any file system's longest path, and little beside the memory there is.
    private static let limit = 64 * 1024

    /// - Throws: where the path leads upwards, is absolute, or is none. `.` gives no components.
    init(_ text: [UInt8], of member: [UInt8]) throws(ArchiveFailure) {
        guard !text.isEmpty else { throw .refused(member, "has no name") }
        guard text.count <= Self.limit else {
            throw .refused(Array(member.prefix(200)), "has a path too long to be one")
        }
        guard text.first != UInt8(ascii: "/") else { throw .refused(member, "has an absolute path") }
        components = text.split(separator: UInt8(ascii: "/")).map(Array.init).filter { $0 != [UInt8(ascii: ".")] }
        guard !components.contains(Array("..".utf8)) else { throw .refused(member, "leads upwards") }
    }

    init(components: [[UInt8]]) { self.components = components }

    /// With `/` between the components.
    var bytes: [UInt8] { Array(components.joined(separator: [UInt8(ascii: "/")])) }
}

/// The paths that an archive may write to.
struct DeclaredPaths {
    private let paths: [[[UInt8]]]

    /// - Parameter paths: as members of an archive are called; `.` allows everything.
    init(_ paths: [[UInt8]]) throws(ArchiveFailure) {
        var read: [[[UInt8]]] = []
        for path in paths {
            do throws(ArchiveFailure) { read.append(try MemberPath(path, of: path).components) } catch {
                throw .usage("`--below` takes paths of members, and `\(FilePath.displayed(path))` can be none")
            }
        }
        self.paths = read
    }

    /// Whether a member is one of the paths or lies below one.
    func hold(_ member: [[UInt8]]) -> Bool { paths.contains { member.starts(with: $0) } }

    /// Whether a member is a directory on the way to one of the paths.
    func lieBelow(_ member: [[UInt8]]) -> Bool { paths.contains { $0.starts(with: member) } }
}
