// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Processes
public import SystemPackage

/// A git repository at a version, to be checked out with the host's git.
///
/// The repository may be anybody's. Its hooks are not run, helper transports and file system monitors are off, and nothing
/// of its own configuration is used; git's own guards stay on. Submodules are fetched only when they are asked for, and
/// never from the host's own files: the repository says where they are.
public struct GitSource: Sendable {
    /// What was checked out.
    public struct Result: Sendable, Equatable {
        /// 40 or 64 hexadecimal digits.
        public var commit: String
        /// Without credentials.
        public var location: String
    }

    public var location: GitLocation
    /// Nil is the repository's default branch.
    public var version: GitVersion?
    /// How many commits of history; nil, 0 and more than 25 mean all, as CodeBuild reads `gitCloneDepth`.
    public var depth: Int?
    /// Whether submodules are checked out too, and theirs.
    public var fetchesSubmodules = false

    public init(location: GitLocation, version: GitVersion? = nil, depth: Int? = nil) {
        self.location = location
        // What git itself calls the commit that a repository stands at is what it gives when nothing is asked for.
        self.version = version?.text == "HEAD" ? nil : version
        self.depth = depth
    }

    /// Checks out into a directory, with a detached HEAD as CodeBuild leaves it.
    ///
    /// What a failure leaves in the directory is the caller's to remove.
    /// - Parameters:
    ///   - directory: made when it is missing; must be empty.
    ///   - environment: of git: `HOME`, `PATH`, and what credential helpers and ssh need.
    ///   - isCancelled: asked ten times a second; once it says so git is killed, which is an error like any other.
    public func checkOut(
        into directory: FilePath, environment: [String: String], isCancelled: @escaping () -> Bool = { false }
    ) throws(CheckoutError) -> Result {
        let isEmpty: Bool
        do throws(FilesError) { isEmpty = try Directory.make(directory).entries().isEmpty } catch {
            throw .destination(directory, "\(error)")
        }
        guard isEmpty else { throw .destination(directory, "it is not empty") }
        let git = Git(directory: directory, environment: environment, isCancelled: isCancelled)
        let prepared = try git.run(["init", "--quiet"])
        guard prepared.succeeded else { throw .destination(directory, git.lastWords(prepared)) }
        // Without credentials: the build sees this file.
        _ = try git.run(["config", "--local", "remote.origin.url", location.withoutCredentials])
        _ = try git.run(["config", "--local", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"])

        let commit: String
        if let shallow = try fetchShallow(git) { commit = shallow } else { commit = try fetchAll(git) }
        let done = try git.run(["checkout", "--quiet", "--detach", "--no-recurse-submodules", commit, "--"])
        guard done.succeeded else { throw .checkoutFailed(commit, git.lastWords(done)) }
        if fetchesSubmodules {
            let updated = try git.run(
                ["submodule", "--quiet", "update", "--init", "--recursive", "--checkout"],
                protocols: "https:http:ssh:git")
            guard updated.succeeded else { throw .submodulesFailed(git.lastWords(updated, hiding: location)) }
        }
        return Result(commit: commit, location: location.withoutCredentials)
    }

    // MARK: Fetching

    /// The wanted commit with some history; nil where all is wanted, or the server does not give commits by name.
    private func fetchShallow(_ git: Git) throws(CheckoutError) -> String? {
        guard let depth, (1...25).contains(depth) else { return nil }
        // With a reference and a commit of it, how deep the commit lies is not known.
        if version?.reference != nil, version?.commit != nil { return nil }
        let wanted = version.map { $0.reference ?? $0.text } ?? "HEAD"
        let fetched = try fetch(git, ["--no-tags", "--depth", String(depth)], [wanted])
        if fetched.succeeded { return try git.commit("FETCH_HEAD") }
        // An abbreviated commit, or a server that gives only what a branch points at.
        if version != nil { return nil }
        throw .fetchFailed(location, git.lastWords(fetched, hiding: location))
    }

    private func fetchAll(_ git: Git) throws(CheckoutError) -> String {
        var references = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
        let wanted = version?.reference
        if let wanted, version?.commit != nil {
            references = ["+\(wanted):refs/remotes/origin/drydock"]
        } else if let wanted, !wanted.hasPrefix("refs/heads/"), !wanted.hasPrefix("refs/tags/") {
            references.append("+\(wanted):refs/remotes/origin/drydock")
        }
        if version == nil { references.append("+HEAD:refs/remotes/origin/HEAD") }
        let fetched = try fetch(git, ["--no-tags"], references)
        guard fetched.succeeded else {
            let said = git.lastWords(fetched, hiding: location)
            if let version, said.contains("couldn't find remote ref") { throw .noSuchVersion(version.text, location) }
            throw .fetchFailed(location, said)
        }
        for candidate in candidates {
            if let commit = try git.commit(candidate) { return commit }
        }
        throw .noSuchVersion(version?.text ?? "HEAD", location)
    }

    /// Where the wanted commit may be found after all has been fetched, most likely first.
    private var candidates: [String] {
        guard let version else { return ["refs/remotes/origin/HEAD"] }
        if let commit = version.commit { return [commit] }
        if let reference = version.reference {
            if reference.hasPrefix("refs/heads/") {
                return ["refs/remotes/origin/" + reference.dropFirst("refs/heads/".count)]
            }
            return reference.hasPrefix("refs/tags/") ? [reference] : ["refs/remotes/origin/drydock"]
        }
        let isAbbreviated = (7..<40).contains(version.text.utf8.count) && version.text.utf8.allSatisfy(isHexadecimal)
        return ["refs/remotes/origin/\(version.text)", "refs/tags/\(version.text)"]
            + (isAbbreviated ? [version.text] : [])
    }

    private func fetch(
        _ git: Git, _ options: [String], _ references: [String]
    ) throws(CheckoutError) -> HostProcess.Result {
        try git.run(
            ["fetch", "--quiet", "--no-recurse-submodules", "--no-write-commit-graph", "--no-auto-maintenance"]
                + options
                + ["--end-of-options", location.text] + references)
    }
}

/// Runs git in one work tree.
private struct Git {
    let directory: FilePath
    let environment: [String: String]
    let isCancelled: () -> Bool

    func run(
        _ arguments: [String], protocols: String = "https:http:ssh:git:file"
    ) throws(CheckoutError) -> HostProcess.Result {
        var environment = environment
        for (name, value) in Self.guards { environment[name] = value }
        environment["GIT_ALLOW_PROTOCOL"] = protocols
        // Set by a caller that runs in a hook: they would send git elsewhere.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
            environment[name] = nil
        }
        do throws(ProcessError) {
            return try HostProcess.run(
                "git", arguments: Self.settings + arguments, environment: environment.map { "\($0.key)=\($0.value)" },
                searchPath: environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin", workingDirectory: directory,
                isCancelled: isCancelled)
        } catch { throw .git(error) }
    }

    /// The commit that an expression stands for, or nil.
    func commit(_ expression: String) throws(CheckoutError) -> String? {
        let answer = try run(["rev-parse", "--verify", "--quiet", "--end-of-options", "\(expression)^{commit}"])
        guard answer.succeeded else { return nil }
        let name = String(decoding: answer.standardOutput, as: UTF8.self).trimmed
        // --end-of-options is echoed by some versions.
        return name.split(separator: "\n").last.map(String.init)
    }

    /// The last thing that git complained of, on one line.
    func lastWords(_ result: HostProcess.Result, hiding location: GitLocation? = nil) -> String {
        var said = String(decoding: result.standardError, as: UTF8.self)
        if let location { said = said.replacing(location.text, with: location.withoutCredentials) }
        let lines = said.split(whereSeparator: \.isNewline).map(\.trimmed)
        let line = lines.first { $0.hasPrefix("fatal: ") } ?? lines.last ?? "git said nothing"
        let text = line.hasPrefix("fatal: ") ? String(line.dropFirst("fatal: ".count)) : line
        return FilePath.displayed(Array(text.utf8))
    }

    private static let settings = [
        "core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.ext.allow=never", "transfer.bundleURI=false",
        "gc.auto=0", "maintenance.auto=false", "advice.detachedHead=false", "init.defaultBranch=main",
        "init.templateDir=", "submodule.recurse=false",
    ].flatMap { ["-c", $0] }

    private static let guards = [
        "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
    ]
}
