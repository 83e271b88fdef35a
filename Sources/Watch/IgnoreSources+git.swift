// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Processes
public import SystemPackage

extension IgnoreSources {
    /// Asks git what it would ignore in a directory. Without git, or outside of a work tree, only the `.gitignore` files
    /// of the directory itself count.
    /// - Parameters:
    ///   - directory: absolute, without links.
    ///   - environment: of git, `NAME=VALUE`.
    public init(git directory: FilePath, environment: [String]) {
        func git(_ arguments: String...) -> [UInt8]? {
            let result = try? HostProcess.run(
                "git", arguments: Self.settings + arguments, environment: environment, workingDirectory: directory)
            guard let result, result.succeeded else { return nil }
            return result.standardOutput
        }
        guard let place = git("rev-parse", "--show-toplevel").map(Self.path), !place.isEmpty else { return }
        workTree = place
        if let file = git("config", "--type=path", "--get", "core.excludesFile").map(Self.path) {
            files.append(file)
        } else {
            // Source: gitignore(5): $XDG_CONFIG_HOME/git/ignore, or ~/.config/git/ignore.
            let values = environment.reduce(into: [String: String]()) { values, entry in
                guard let end = entry.firstIndex(of: "=") else { return }
                values[String(entry[..<end])] = String(entry[entry.index(after: end)...])
            }
            let home = values["HOME"].map { $0 + "/.config" }
            if let base = values["XDG_CONFIG_HOME"].flatMap({ $0.isEmpty ? nil : $0 }) ?? home {
                files.append(FilePath(base).appending("git/ignore"))
            }
        }
        if let file = git("rev-parse", "--git-path", "info/exclude").map(Self.path) {
            files.append(file.isAbsolute ? file : directory.pushing(file))
        }
        let tracked = git("ls-files", "-z", "--cached", "--ignored", "--exclude-standard") ?? []
        trackedPaths = tracked.split(separator: 0).map(Array.init)
    }

    /// The repository's configuration may name programs that git starts; none of them is.
    private static let settings = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]

    /// One line of output.
    private static func path(_ output: [UInt8]) -> FilePath {
        FilePath(bytes: output.last == UInt8(ascii: "\n") ? output.dropLast() : output[...])
    }
}
