// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// Why directories cannot be watched.
public struct WatchError: Error, Sendable, Equatable {
    public enum Code: Sendable {
        /// The watched directory is not there, or not any more.
        case rootGone
        /// This machine does not let so much be watched.
        case limit
    }

    public var code: Code
    public var message: String
    public var hints: [String] = []

    static func rootGone(_ root: FilePath) -> WatchError {
        WatchError(code: .rootGone, message: "the directory `\(root.displayed)` is not there to be watched")
    }

    static func cannotStart(_ reason: Errno) -> WatchError {
        WatchError(
            code: .limit, message: "nothing can be watched: \(reason.words)",
            hints: reason == .tooManyOpenFiles
                ? ["allow more watchers a user: sysctl fs.inotify.max_user_instances=1024"] : [])
    }

    static func tooManyDirectories(_ count: Int) -> WatchError {
        WatchError(
            code: .limit, message: "the source has more directories than may be watched; \(count) are",
            hints: [
                "allow more: sysctl fs.inotify.max_user_watches=1048576",
                "directories that git ignores are not watched",
            ])
    }
}
