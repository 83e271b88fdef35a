// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// Finds out what a symbolic link leads to, inside the tree.
struct LinkResolver {
    enum Target {
        /// A regular file: its path, absolute inside the tree, with no link in the last component.
        case file([UInt8])
        /// The caller closes it.
        case directory(FileDescriptor)
        case special(FileKind)
        case missing
        case kernelFile
        case failure(Errno?)
    }

    let tree: any TreeOpener

    /// - Parameters:
    ///   - directory: where the link is, absolute inside the tree.
    ///   - target: what is written in the link.
    func resolve(_ target: [UInt8], from directory: [UInt8]) -> Target {
        var directory = directory
        var target = target
        // As many links in a row as the kernel follows (path_resolution(7)).
        for _ in 0..<40 {
            let path = target.first == UInt8(ascii: "/") ? target : joined(directory, target)
            guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return .missing }
            directory = Array(path[..<slash])
            let name = Array(path[(slash + 1)...])
            if name.isEmpty || name == [0x2E] || name == [0x2E, 0x2E] { return openDirectory(path) }
            do throws(FilesError) {
                let parent = try tree.open(FilePath(bytes: directory + Array("/.".utf8)), directory: true)
                defer { try? parent.close() }
                let whole = { FilePath(bytes: path) }
                let status = try tree.status(of: name, in: parent, path: whole)
                switch status.kind {
                case .regular: return parent.isOnKernelFileSystem ? .kernelFile : .file(path)
                case .directory: return openDirectory(path)
                case .symbolicLink: target = try tree.readLink(name, in: parent, path: whole)
                default: return .special(status.kind)
                }
            } catch { return Self.failure(error) }
        }
        return .missing
    }

    private func openDirectory(_ path: [UInt8]) -> Target {
        do throws(FilesError) {
            let descriptor = try tree.open(FilePath(bytes: path + Array("/.".utf8)), directory: true)
            if !descriptor.isOnKernelFileSystem { return .directory(descriptor) }
            try? descriptor.close()
            return .kernelFile
        } catch { return Self.failure(error) }
    }

    private static func failure(_ error: FilesError) -> Target {
        switch error.underlying {
        // ELOOP also stands for the kernel's own links (`/proc/self/fd/3`), which lead out of any tree.
        case .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels: .missing
        default: .failure(error.underlying)
        }
    }
}
