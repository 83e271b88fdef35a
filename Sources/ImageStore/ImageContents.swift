// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// What lies in an image, read from its own files.
public struct ImageContents: Sendable {
    public var packages: [Package]
    public var users: [User]

    public struct Package: Sendable, Equatable {
        public var name: String
        public var version: String
    }

    public struct User: Sendable, Equatable {
        public var name: String
        public var identifier: Int
        public var home: String
        public var shell: String
    }

    public init(_ image: StoredImage) throws(ImageStoreError) {
        do throws(FilesError) {
            // The image's own links lead nowhere but into the image.
            let root = try Directory(image.root)
            let status = try root.read("var/lib/dpkg/status", limit: 64 << 20)
            packages = Self.packages(String(decoding: status, as: UTF8.self))
            let accounts = try root.read("etc/passwd", limit: 16 << 20)
            users = Self.users(String(decoding: accounts, as: UTF8.self))
        } catch { throw .damaged(image.record.name) }
    }

    /// The packages that are installed, by name. Source of the format: deb-control(5), dpkg-query(1).
    static func packages(_ status: String) -> [Package] {
        var packages: [Package] = []
        var name = ""
        var version = ""
        var isInstalled = false
        func finish() {
            if isInstalled, !name.isEmpty { packages.append(Package(name: name, version: version)) }
            (name, version, isInstalled) = ("", "", false)
        }
        for line in status.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty {
                finish()
            } else if line.hasPrefix("Package: ") {
                name = String(line.dropFirst(9))
            } else if line.hasPrefix("Version: ") {
                version = String(line.dropFirst(9))
            } else if line.hasPrefix("Status: ") {
                isInstalled = line.hasSuffix(" installed")
            }
        }
        finish()
        return packages.sorted { $0.name < $1.name }
    }

    /// Source of the format: passwd(5).
    static func users(_ text: String) -> [User] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 7, let identifier = Int(fields[2]) else { return nil }
            return User(name: fields[0], identifier: identifier, home: fields[5], shell: fields[6])
        }
    }
}
