// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SandboxPlan
internal import SystemPackage

/// The links that the sandbox itself has: where `/lib` is a link to `usr/lib`, `/lib/x` is `/usr/lib/x`.
struct SystemLinks {
    private let links: [(bytes: [UInt8], path: FilePath, destination: FilePath)]

    init(_ operations: [SandboxPlan.Operation]) {
        links = operations.compactMap { operation in
            guard case .symbolicLink(let target, let destination) = operation else { return nil }
            let path = FilePath(bytes: target.bytes)
            return (target.bytes, path, path.removingLastComponent().pushing(FilePath(bytes: destination.bytes)))
        }
    }

    /// A path as it is when they are followed.
    func resolved(_ path: FilePath) -> FilePath {
        var path = path
        // No image has a longer chain of them at its top.
        for _ in 0..<8 {
            let bytes = path.bytes
            guard let link = links.first(where: { $0.bytes.isPath(above: bytes) }) else { return path }
            var below = path
            _ = below.removePrefix(link.path)
            path = link.destination.pushing(below).lexicallyNormalized()
        }
        return path
    }
}

extension [UInt8] {
    /// Whether this absolute path is another one, or a directory above it. By bytes: paths as such take a tenth of a
    /// millisecond each to compare.
    func isPath(above other: [UInt8]) -> Bool {
        other.starts(with: self) && (count <= 1 || other.count == count || other[count] == UInt8(ascii: "/"))
    }
}
