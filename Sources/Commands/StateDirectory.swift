// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SystemPackage

/// Where builds are kept when the command line does not say.
///
/// The usual place is the first that can be written of `~/.local/state` (XDG Base Directory Specification), or `/var/lib`
/// for root. A CI job's container may have no home, a home that belongs to somebody else, or a root file system that
/// nobody may write to; there a directory of the user's own below `/var/tmp` or `/tmp` does as well.
enum StateDirectory {
    static func find() throws(CommandFailure) -> FilePath {
        // A relative path in a variable of the specification is to be ignored.
        if let state = Caller.variable("XDG_STATE_HOME"), state.hasPrefix("/") {
            return FilePath(state).appending("drydock")
        }
        var tried: [FilePath] = []
        if let usual {
            if canBeMade(usual) { return usual }
            tried.append(usual)
        }
        for parent in ["/var/tmp", "/tmp"] as [FilePath] {
            let place = parent.appending("drydock-\(geteuid())")
            if canBeMade(place), !belongsToAnother(place) { return place }
            tried.append(place)
        }
        throw .noStateDirectory(tried)
    }

    private static var usual: FilePath? {
        if Caller.isRoot { return "/var/lib/drydock" }
        if let home = Caller.variable("HOME"), home.hasPrefix("/") {
            return FilePath(home).appending(".local/state/drydock")
        }
        return homeOfRecord?.appending(".local/state/drydock")
    }

    /// As /etc/passwd has it: the name service is not asked, which would load the machine's libraries.
    static var homeOfRecord: FilePath? {
        guard let bytes = try? FileContents.read("/etc/passwd", limit: 16 << 20) else { return nil }
        let user = String(geteuid())
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = String(decoding: line, as: UTF8.self).split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 5, fields[2] == user, fields[5].hasPrefix("/") { return FilePath(String(fields[5])) }
        }
        return nil
    }

    /// Whether the directory is there and can be written, or the nearest one above it that is there can.
    private static func canBeMade(_ path: FilePath) -> Bool {
        var place = path
        while place.withPlatformString({ access($0, F_OK) }) != 0 {
            guard errno == ENOENT, place.removeLastComponent() else { return false }
        }
        return place.withPlatformString { access($0, W_OK | X_OK) } == 0
    }

    /// In a directory that everybody may write to, somebody else may have taken the name.
    private static func belongsToAnother(_ path: FilePath) -> Bool {
        var status = stat()
        guard path.withPlatformString({ lstat($0, &status) }) == 0 else { return false }
        return status.st_mode & S_IFMT != S_IFDIR || status.st_uid != geteuid() || status.st_mode & 0o022 != 0
    }
}
