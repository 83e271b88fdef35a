// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel

/// Advice on a failed command, as far as what it printed tells why it failed.
struct FailureHints {
    var command: String
    var end: CommandEnd
    /// The end of what the command printed.
    var output: String
    var shell: String
    var imageIsHost: Bool
    var networkIsHost: Bool
    var callerIsRoot: Bool
    /// Whether directories that lie in a cache are among what the build sees, and whether the next build copies them if need be.
    var cacheMode: CacheUse.Mode?
    /// Where a program of that name lies in the build's root file system, in one of the usual directories.
    var place: (_ program: String) -> String?

    /// The advice that fits, the likeliest first, at most two.
    var hints: [String] {
        var found: [String] = []
        if let hint = memory { found.append(hint) }
        if let hint = bashSyntax { found.append(hint) } else if let hint = missingProgram { found.append(hint) }
        if let hint = cachedDirectory { found.append(hint) } else if let hint = hostFiles { found.append(hint) }
        if let hint = foreignOwner { found.append(hint) }
        if let hint = processes { found.append(hint) }
        if let hint = singleIdentity { found.append(hint) }
        if let hint = network { found.append(hint) }
        if let hint = notExecutable { found.append(hint) }
        if let hint = service { found.append(hint) }
        return Array(found.prefix(2))
    }

    private var memory: String? {
        switch end {
        case .outOfMemory(let limit?, _):
            "the build used up its memory limit of \(Self.size(limit)); `--memory` or `--compute` raises it"
        case .outOfMemory: "the machine has no more memory; nothing limits the build but the machine itself"
        case .signaled(9):
            "the shell got SIGKILL: from a command of the build, from outside, or from the kernel for want of memory"
        default: nil
        }
    }

    /// A size in bytes as a person writes it: `4 GiB`, `512 MiB`.
    static func size(_ bytes: Int) -> String {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] where bytes >= 1 << shift {
            let tenths = (bytes * 10) >> shift
            return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "\(bytes) bytes"
    }

    /// Whether the shell is a plain POSIX one, as far as its name tells.
    private var isPlainShell: Bool {
        let name = shell.split(separator: "/").last ?? "sh"
        return name == "sh" || name == "dash"
    }

    /// What dash says to a script written for bash.
    private var bashSyntax: String? {
        guard isPlainShell else { return nil }
        let signs = [
            "[[: not found", "Bad substitution", "\"(\" unexpected", "Illegal option -o pipefail", "source: not found",
            "pushd: not found", "popd: not found", "shopt: not found", "declare: not found", "function: not found",
            "redirection unexpected",
        ]
        guard signs.contains(where: output.contains) else { return nil }
        return "this is bash, and the shell is `\(shell)`: set `shell: bash` below `env:` in the buildspec"
    }

    private var missingProgram: String? {
        guard end == .exited(127), let name = missingName, !name.isEmpty else { return nil }
        if name.contains("/") {
            return "there is no file `\(name)`, or its interpreter (the `#!` line) is missing; a command starts in the "
                + "directory that the one before left"
        }
        if let place = place(String(name)) {
            return "`\(name)` is there as `\(place)`, in a directory that the build's `PATH` does not name"
        }
        return imageIsHost
            ? "`\(name)` is not installed on this machine, whose programs `--image host` shows"
            : "`\(name)` is not in the image"
    }

    /// The word before `: not found` (dash) or `: command not found` (bash).
    private var missingName: Substring? {
        for line in output.split(separator: "\n").reversed() {
            guard line.hasSuffix("not found") else { continue }
            let parts = line.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count >= 2 else { continue }
            return parts[parts.count - 2].drop { $0 == " " }
        }
        return nil
    }

    /// What a rename of a directory that lies in a lower layer of an overlay ends with
    /// (Documentation/filesystems/overlayfs.rst, "Renaming directories"). Most programs copy then; these do not.
    var isRenameRefused: Bool {
        let signs = ["cross-device", "EXDEV", "CrossesDevices", "different filesystem", "different file system"]
        return cacheMode != nil && signs.contains(where: output.contains)
    }

    private var cachedDirectory: String? {
        guard isRenameRefused else { return nil }
        return
            "a directory that lay in the cache cannot be renamed in one step, and this program does not copy it then: "
            + (cacheMode == .automatic
                ? "run it again, the next build begins with a copy of it"
                : "`--cache-mode copy` begins with a copy of the cache")
    }

    /// Files of the host belong to a root that a build without root is not.
    private var hostFiles: String? {
        guard imageIsHost, !callerIsRoot else { return nil }
        let denied = [
            "Permission denied", "Operation not permitted", "are you root?", "Read-only file system",
            "Invalid argument",
            "requires superuser privilege", "Invalid cross-device link", "do not have permission", "cannot lock",
        ]
        guard denied.contains(where: output.contains) else { return nil }
        let managers = [
            "apt-get", "apt ", "dpkg", "yum ", "dnf ", "apk ", "zypper", "npm install -g", "useradd", "chown",
        ]
        guard
            managers.contains(where: command.contains) || output.contains("/usr/") || output.contains("/etc/")
                || output.contains("/var/")
        else { return nil }
        return "with `--image host` and without root a build cannot change the system's own files, so nothing can be "
            + "installed there: see `drydock doctor`"
    }

    /// What the kernel says of a change to a file whose owner has no id in the sandbox.
    private var foreignOwner: String? {
        guard output.contains("Value too large for defined data type") else { return nil }
        return "the file belongs to a user or group that has no id in the sandbox: see `drydock doctor`"
    }

    private var processes: String? {
        let signs = [
            "Cannot fork", "fork: retry", "fork: Resource temporarily unavailable", "Resource temporarily unavailable",
        ]
        guard signs.contains(where: output.contains) else { return nil }
        return "the build's limit of processes may be used up; `--pids` raises it"
    }

    private var singleIdentity: String? {
        guard !imageIsHost, !callerIsRoot, output.contains("setgroups"), command.contains("apt") else { return nil }
        return "apt changes to a user of its own, which takes a range of ids: see `drydock doctor`, or "
            + "`-o APT::Sandbox::User=root`"
    }

    private var network: String? {
        guard !networkIsHost else { return nil }
        let signs = [
            "Could not resolve", "Temporary failure in name resolution", "Temporary failure resolving",
            "Network is unreachable", "Name or service not known", "getaddrinfo",
            "Failed to establish a new connection",
        ]
        guard signs.contains(where: output.contains) else { return nil }
        return "the build has no network (`--network none`); `--network host` gives it the machine's"
    }

    private var notExecutable: String? {
        guard end == .exited(126) else { return nil }
        return
            "the file is not executable, or its interpreter is missing: `chmod +x` it, or run it with its interpreter"
    }

    private var service: String? {
        if output.contains("Cannot connect to the Docker daemon") || output.contains("docker.sock") {
            return "there is no Docker daemon in the sandbox"
        }
        if output.contains("Unable to locate credentials") || output.contains("NoCredentialProviders") {
            return "the build has no AWS credentials: give them with `-e AWS_ACCESS_KEY_ID=…` or `--env-file`"
        }
        return nil
    }
}
