// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Glibc
internal import SandboxPlan
internal import SystemPackage

/// The operations that make `/` of a sandbox, and everything in it that is not the build's own.
struct RootFileSystem {
    let scratch: FilePath
    let sharesNetwork: Bool
    /// Whether the sandbox's root may read what the host's root may.
    let showsRootFiles: Bool
    /// All that changes has to stay in memory, because the scratch directory cannot hold an overlay's upper layer.
    let staysInMemory: Bool
    /// `codebuild-hash-files` of the host, where it is installed.
    let hashProgram: FilePath?

    init(
        scratch: FilePath, sharesNetwork: Bool, showsRootFiles: Bool, staysInMemory: Bool = false,
        hashProgram: FilePath? = nil
    ) {
        self.scratch = scratch
        self.sharesNetwork = sharesNetwork
        self.showsRootFiles = showsRootFiles
        self.staysInMemory = staysInMemory
        self.hashProgram = hashProgram
    }

    static let stateDirectory = "/codebuild/output/tmp"
    static let hostname = "build"

    func operations(image: SandboxSettings.Image, sources: [SandboxSettings.SourceMount]) -> [Operation] {
        var operations =
            switch image {
            case .host: host()
            case .directory(let path), .named(_, let path): [overlay(lower: path, target: "/")] + Self.needed
            case .unfinished(let path):
                [.bind(source: kernelText(path), target: "/", access: .readWrite)] + Self.needed
            }
        operations += kernelFileSystems()
        operations += networkFiles(image: image)
        if image == .host { operations += Self.pythonMarkers.map { .mask(target: KernelText($0)) } }
        if image == .host { operations += accounts() }
        if image == .host, showsRootFiles { operations += hostSecrets() }
        if image == .host, sources.contains(where: belongsToAnother) { operations.append(trustingGit()) }
        for path in ["/codebuild/output", "/codebuild/readonly", Breakpoint.programs, "/codebuild/output/tmp"] {
            operations.append(.directory(target: KernelText(path), mode: 0o755))
        }
        // In memory, because a shell's saved state holds its secrets; writable to whomever `run-as` names.
        operations.append(
            .temporaryFileSystem(target: KernelText(Self.stateDirectory), size: 256 << 20, mode: 0o1777))
        operations.append(.file(target: KernelText(Self.stateDirectory + "/env.sh"), contents: "", mode: 0o644))
        operations += BreakpointPrograms.operations(stateDirectory: Self.stateDirectory)
        if let hashProgram {
            let target = KernelText(Breakpoint.programs + "/codebuild-hash-files")
            operations.append(.bind(source: kernelText(hashProgram), target: target, access: .readOnly))
        }
        for source in sources {
            operations.append(mount(source))
            operations += ownState(in: source)
        }
        return operations
    }

    typealias Operation = SandboxPlan.Operation

    /// What every build needs and an image may lack.
    private static let needed: [Operation] = [
        .directory(target: "/root", mode: 0o700), .directory(target: "/tmp", mode: 0o1777),
    ]

    // MARK: The host as an image

    /// The host's root is assembled from parts and never shown whole: home directories, `/run` with its sockets, `/tmp`
    /// and drydock's own state stay out because nothing puts them in.
    private func host() -> [Operation] {
        var operations: [Operation] = [.root]
        for (path, mode) in Self.plainDirectories {
            operations.append(.directory(target: KernelText(path), mode: mode))
        }
        for (path, mode) in Self.diskDirectories {
            let source = scratch.appending(path.replacing("/", with: "-"))
            operations.append(
                .scratchDirectory(source: kernelText(source), target: KernelText(path), mode: mode))
        }
        for name in Self.systemDirectories {
            let path = FilePath("/").appending(name)
            if let destination = link(path) {
                // Debian's /bin is a link to usr/bin; it is one in the sandbox too.
                operations.append(.symbolicLink(target: kernelText(path), destination: destination))
            } else if isDirectory(path) {
                operations.append(systemView(path, owned: name == "usr" ? localDirectories() : []))
            }
        }
        for path in Self.packageState where isDirectory(path) { operations.append(systemView(path)) }
        return operations
    }

    /// Programs may come in any amount where the build is root over the host's files (`apt-get install`), and go to disk.
    /// All else that changes here is small, and memory is quicker to begin with and to be rid of.
    private func systemView(_ path: FilePath, owned: [KernelText] = []) -> Operation {
        let view = overlay(lower: path, target: path)
        if showsRootFiles, Self.programDirectories.contains(path) { return view }
        guard case .overlay(var view) = view else { return view }
        view.staysInMemory = true
        view.ownedDirectories = owned
        return .overlay(view)
    }

    /// `make install` and `pip install` put their files below /usr/local, whose directories belong to a root that a
    /// rootless sandbox does not have; in its view they belong to the build's.
    private func localDirectories() -> [KernelText] {
        var names = ["bin", "etc", "games", "include", "lib", "sbin", "share", "share/man", "src"].map { "local/" + $0 }
        for entry in (try? Directory("/usr/local/lib").entries()) ?? [] {
            let name = String(decoding: entry.name, as: UTF8.self)
            if name.hasPrefix("python3") { names.append("local/lib/\(name)/dist-packages") }
        }
        return names.map { KernelText($0) }
    }

    private static let systemDirectories = [
        "usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "nix", "gnu",
    ]
    private static let programDirectories: [FilePath] = ["/usr"]
    /// What `dpkg` and `apt-get` read and change.
    private static let packageState: [FilePath] = ["/var/lib/dpkg", "/var/lib/apt"]
    /// With this file a distribution tells pip to keep its hands off the system's Python (PEP 668). Here the system is the
    /// build's own copy, and in CodeBuild's images `pip install` works.
    private static let pythonMarkers = (11...16).map { "/usr/lib/python3.\($0)/EXTERNALLY-MANAGED" }
    private static let plainDirectories: [(String, UInt32)] = [
        ("/run", 0o755), ("/run/lock", 0o1777), ("/mnt", 0o755), ("/media", 0o755), ("/srv", 0o755), ("/var", 0o755),
        ("/var/log/apt", 0o755), ("/var/lib/misc", 0o755), ("/var/spool", 0o755),
    ]
    /// Where builds write much: homes with their package caches, and temporary files.
    private static let diskDirectories: [(String, UInt32)] = [
        ("/root", 0o700), ("/home", 0o755), ("/tmp", 0o1777), ("/var/tmp", 0o1777), ("/var/cache", 0o755),
    ]

    // MARK: Kernel file systems

    private func kernelFileSystems() -> [Operation] {
        var operations: [Operation] = [
            .processes(target: "/proc"), .system(target: "/sys"), .devices(target: "/dev"),
        ]
        operations += Self.maskedPaths.map { .mask(target: KernelText($0)) }
        operations += Self.readOnlyPaths.map { .readOnly(target: KernelText($0)) }
        return operations
    }

    /// The union of what runc, Docker and podman hide, and what else names the host's kernel memory.
    private static let maskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/config.gz", "/proc/interrupts", "/proc/kallsyms", "/proc/kcore",
        "/proc/keys", "/proc/kmsg", "/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/slabinfo", "/proc/timer_list", "/proc/timer_stats",
        "/proc/vmallocinfo", "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux", "/sys/kernel",
        "/sys/power",
    ]
    private static let readOnlyPaths = [
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
    ]

    // MARK: Files

    /// Names must resolve as on the host, and the sandbox's own name must resolve at all.
    private func networkFiles(image: SandboxSettings.Image) -> [Operation] {
        var operations: [Operation] = []
        let hosts = SmallFile.bytes("/etc/hosts") ?? Array("127.0.0.1 localhost\n::1 localhost\n".utf8)
        let own = Array("\n127.0.1.1 \(Self.hostname)\n".utf8)
        operations.append(.file(target: "/etc/hosts", contents: KernelText(hosts + own), mode: 0o644))
        guard sharesNetwork, let resolver = SmallFile.bytes("/etc/resolv.conf") else { return operations }
        // A link into /run (systemd-resolved) leads nowhere inside, so its contents become a file.
        if image != .host || link("/etc/resolv.conf") != nil {
            operations.append(.file(target: "/etc/resolv.conf", contents: KernelText(resolver), mode: 0o644))
        }
        return operations
    }

    /// The account files, which `useradd` and package scripts change: as files of the build's own, because the host's
    /// belong to a root that a build without root is not, and without passwords, which nobody needs in a build.
    private func accounts() -> [Operation] {
        func withoutPasswords(_ file: FilePath, _ rest: String) -> KernelText {
            let names = (SmallFile.read(file) ?? "").split(separator: "\n")
                .compactMap { $0.split(separator: ":", omittingEmptySubsequences: false).first }
            return KernelText(names.map { "\($0):*:\(rest)\n" }.joined())
        }
        var operations: [Operation] = [
            .file(target: "/etc/shadow", contents: withoutPasswords("/etc/passwd", "19000:0:99999:7:::"), mode: 0o640),
            .file(target: "/etc/gshadow", contents: withoutPasswords("/etc/group", ":"), mode: 0o640),
        ]
        guard !showsRootFiles else { return operations }
        for path in ["/etc/passwd", "/etc/group", "/etc/subuid", "/etc/subgid"] {
            guard let contents = SmallFile.bytes(FilePath(path)) else { continue }
            operations.append(.file(target: KernelText(path), contents: KernelText(contents), mode: 0o644))
        }
        // The lock, and the copies that are made before a change.
        for path in ["/etc/.pwd.lock"] + Self.accountFiles.map({ $0 + "-" }) where exists(FilePath(path)) {
            operations.append(.file(target: KernelText(path), contents: "", mode: 0o600))
        }
        return operations
    }

    private static let accountFiles = [
        "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid",
    ]

    /// Run by root, a build is root over its view of the host's /etc, and could read keys and password hashes there.
    /// Whoever writes such a file anew, as `useradd` does its backups, may: a file is covered by an empty one of the build's.
    private func hostSecrets() -> [Operation] {
        Self.secretPaths.compactMap { path in
            let place = FilePath(path)
            if isDirectory(place) { return .mask(target: KernelText(path)) }
            return exists(place) ? .file(target: KernelText(path), contents: "", mode: 0o600) : nil
        }
    }

    private static let secretPaths = [
        "/etc/shadow-", "/etc/gshadow-", "/etc/ssl/private", "/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key",
        "/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_dsa_key", "/etc/krb5.keytab", "/etc/wireguard",
        "/etc/NetworkManager/system-connections", "/etc/letsencrypt", "/etc/kubernetes", "/etc/rancher",
        "/etc/docker/key.json", "/etc/sudoers.d", "/etc/ppp/chap-secrets", "/etc/ppp/pap-secrets",
        "/etc/netplan", "/etc/wpa_supplicant",
    ]

    /// In CodeBuild the source belongs to root, who runs the build. A source that belongs to somebody else here (`sudo`, a
    /// CI checkout) would make git refuse it as dubious.
    private func trustingGit() -> Operation {
        let configuration = SmallFile.bytes("/etc/gitconfig") ?? []
        let trust = Array("\n[safe]\n\tdirectory = *\n".utf8)
        return .file(target: "/etc/gitconfig", contents: KernelText(configuration + trust), mode: 0o644)
    }

    /// drydock's own records, logs and sandboxes, when they lie inside the source: not for the build to see, least of all to
    /// change where the source is mounted writable.
    private func ownState(in source: SandboxSettings.SourceMount) -> [Operation] {
        let state = scratch.removingLastComponent().removingLastComponent()
        guard var below = Self.canonical(state), let top = Self.canonical(source.hostPath), below.removePrefix(top)
        else { return [] }
        return ["builds", "checkouts", "images", "kept", "projects", "sandboxes"].map {
            .mask(target: kernelText(source.path.pushing(below).appending($0)))
        }
    }

    private static func canonical(_ path: FilePath) -> FilePath? {
        path.withPlatformString { realpath($0, nil) }.map { resolved in
            defer { free(resolved) }
            return FilePath(platformString: resolved)
        }
    }

    private func belongsToAnother(_ source: SandboxSettings.SourceMount) -> Bool {
        var status = stat()
        return source.hostPath.withPlatformString { stat($0, &status) } == 0 && status.st_uid != geteuid()
    }

    private func mount(_ source: SandboxSettings.SourceMount) -> Operation {
        if source.isWritable {
            return .bind(source: kernelText(source.hostPath), target: kernelText(source.path), access: .readWrite)
        }
        return overlay(lower: source.hostPath, target: source.path)
    }

    /// Its layers are named after what they change, so that a kept state is put together the same way again.
    private func overlay(lower: FilePath, target: FilePath) -> Operation {
        let name = target.string.replacing("/", with: "-")
        return .overlay(
            .init(
                lower: kernelText(lower), upper: kernelText(scratch.appending("upper" + name)),
                work: kernelText(scratch.appending("work" + name)), target: kernelText(target),
                staysInMemory: staysInMemory))
    }

    private func link(_ path: FilePath) -> KernelText? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = path.withPlatformString { readlink($0, &buffer, buffer.count) }
        return count > 0 ? KernelText(buffer[..<count].map { UInt8(bitPattern: $0) }) : nil
    }

    private func exists(_ path: FilePath) -> Bool {
        var status = stat()
        return path.withPlatformString { lstat($0, &status) } == 0
    }

    private func isDirectory(_ path: FilePath) -> Bool {
        var status = stat()
        return path.withPlatformString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

/// The path's own bytes; a path need not be UTF-8.
func kernelText(_ path: FilePath) -> KernelText {
    KernelText(path.bytes)
}
