// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Workflow commands of GitHub Actions: lines that the runner reads instead of showing them.
///
/// Source: GitHub Docs, "Workflow commands for GitHub Actions", and the escaping of the actions toolkit's `command.ts`.
enum GitHubCommand {
    /// `::name key=value,key=value::data` and a newline.
    static func line(_ name: String, _ properties: [(String, String)] = [], _ data: String = "") -> String {
        let list = properties.map { "\($0.0)=\(property($0.1))" }.joined(separator: ",")
        return "::\(name)\(list.isEmpty ? "" : " ")\(list)::\(self.data(data))\n"
    }

    private static func data(_ text: String) -> String {
        escape(text, ["%": "%25", "\r": "%0D", "\n": "%0A"])
    }

    private static func property(_ text: String) -> String {
        escape(text, ["%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"])
    }

    private static func escape(_ text: String, _ escapes: [Unicode.Scalar: String]) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if let escape = escapes[scalar] { result += escape } else { result.unicodeScalars.append(scalar) }
        }
        return result
    }
}

/// The repository of a workflow, below which GitHub looks for the files that annotations name.
public struct GitHubWorkspace: Sendable, Equatable {
    private let root: String
    private let directory: String

    /// - Parameters:
    ///   - root: `GITHUB_WORKSPACE`; nil or empty leaves paths as they are.
    ///   - directory: where drydock was started, to which the paths of findings are relative.
    public init(root: String?, directory: String) {
        self.root = root ?? ""
        self.directory = directory
    }

    /// A path as an annotation names it: from the top of the repository. One outside it stays as it is.
    public func path(_ path: String) -> String {
        guard !root.isEmpty, !path.hasPrefix("<") else { return path }
        let absolute = Self.normal(path.hasPrefix("/") ? path : directory + "/" + path)
        let top = Self.normal(root)
        return absolute.count > top.count && absolute.starts(with: top)
            ? absolute.dropFirst(top.count).joined(separator: "/") : path
    }

    /// A path from the top of the repository, or from the root where it lies outside; never one with `..`, which nobody
    /// else could follow.
    public func reference(_ path: String) -> String {
        let below = self.path(path)
        guard below.hasPrefix("../") || below == ".." else { return below }
        return "/" + Self.normal(directory + "/" + path).joined(separator: "/")
    }

    /// The names of a path, without `.` and with `..` taken back.
    private static func normal(_ path: String) -> [Substring] {
        path.split(separator: "/").reduce(into: []) { names, name in
            switch name {
            case ".": break
            case "..": _ = names.popLast()
            default: names.append(name)
            }
        }
    }
}
