// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

extension Sandbox {
    /// The directory in which the next command would begin; nil before a command has saved one.
    ///
    /// The build can write what it likes into that file, so it is read as anybody's text.
    public var savedDirectory: String? {
        let path = FilePath(RootFileSystem.stateDirectory).appending("dir.txt")
        guard let tree = try? tree(), let file = try? tree.open(path, directory: false) else { return nil }
        defer { try? file.close() }
        guard var bytes = try? FileContents.read(file, path: path, limit: 4096), bytes.popLast() == UInt8(ascii: "\n"),
            bytes.first == UInt8(ascii: "/")
        else { return nil }
        return FilePath.displayed(bytes)
    }
}
