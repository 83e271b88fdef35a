// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
internal import SandboxPlan
internal import SystemPackage

/// A step of a sandbox that the kernel refused, and who stands behind the refusal: the kernel's own word, mostly "operation
/// not permitted", names neither the filter, the module nor the setting.
struct Refusal {
    var step: SetUpStep
    var errno: Errno
    var path: KernelText
    var facts = Facts.read()

    /// What is known about the limits that this process lives under.
    struct Facts: Equatable {
        var enclosure: Enclosure?
        /// A system call filter is installed: the container's seccomp profile.
        var isFiltered = false
        /// The AppArmor profile that confines us, or nil.
        var profile: String?
        var capabilities: UInt64 = 0
        var isRoot = false
        /// `user.max_user_namespaces`, the value of our own user namespace.
        var mostUserNamespaces: Int?
        /// `kernel.unprivileged_userns_clone` (Debian) is 0.
        var forbidsUsers = false
        /// `kernel.apparmor_restrict_unprivileged_userns` (Ubuntu) is 1.
        var restrictsUsers = false

        /// Read only once something was refused.
        static func read() -> Facts {
            func number(_ file: FilePath) -> Int? {
                SmallFile.read(file).flatMap { Int($0.filter { $0.isNumber || $0 == "-" }) }
            }
            let status = (SmallFile.read("/proc/self/status") ?? "").split(separator: "\n")
            let filter = status.first { $0.hasPrefix("Seccomp:") }
            let label =
                SmallFile.read("/proc/self/attr/apparmor/current") ?? SmallFile.read("/proc/self/attr/current") ?? ""
            let profile = label.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
            return Facts(
                enclosure: .detect(), isFiltered: filter?.hasSuffix("2") ?? false,
                // Without AppArmor the file holds another module's label, or nothing.
                profile: label.contains("(enforce)") ? profile : nil,
                capabilities: linux_effective_capabilities(), isRoot: geteuid() == 0,
                mostUserNamespaces: number("/proc/sys/user/max_user_namespaces"),
                forbidsUsers: number("/proc/sys/kernel/unprivileged_userns_clone") == 0,
                restrictsUsers: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
        }

        func has(_ capability: UInt64) -> Bool { capabilities >> capability & 1 == 1 }
    }

    /// Who refused, in words, and what to do about it; nil when it was no refusal of this kind.
    struct Cause: Equatable {
        var words: String
        var remedy: String
    }

    var error: SandboxError {
        var error = SandboxError.setUp(step, errno, path)
        guard error.code == .cannotIsolate else { return error }
        if let cause {
            error.message += ": " + cause.words
            error.hints = [cause.remedy]
        }
        return error
    }

    var cause: Cause? {
        switch (step, errno) {
        case (.createNamespaces, .noSpace): return noneLeft
        case (.createNamespaces, .notPermitted), (.createNamespaces, .permissionDenied):
            if facts.forbidsUsers, !facts.has(21) {
                return setting("kernel.unprivileged_userns_clone", is: "0", should: "1")
            }
            return filtered ?? confined
        case (.createNamespaces, .noFunction): return filtered
        case (.mapUsers, .notPermitted), (.mapGroups, .notPermitted):
            // Since Linux 5.12 root's id is handed on only by whoever may set file capabilities.
            guard facts.isRoot, !facts.has(31), path.description.hasPrefix("/proc/") else { return nil }
            return Cause(
                words: "root lacks the capability SETFCAP here",
                remedy: "start the container with `--cap-add SETFCAP`, or as another user, with `--user 1000`")
        case (_, .notPermitted), (_, .permissionDenied): return isMount ? confined ?? filtered : nil
        // Filters that are older than these calls answer as a kernel without them does.
        case (_, .noFunction): return isMount ? filtered : nil
        default: return nil
        }
    }

    private var isMount: Bool {
        switch step {
        case .privateMounts, .cloneTree, .mountOverlay, .mountProcesses, .mountSystem, .mountTemporary, .attachMount,
            .pivotRoot, .devices, .mask, .readOnly, .readOnlyLauncher, .becomeRoot:
            true
        default: false
        }
    }

    private var noneLeft: Cause {
        if facts.mostUserNamespaces == 0 {
            return setting("user.max_user_namespaces", is: "0", should: "15000")
        }
        return Cause(
            words: "as many user namespaces as `user.max_user_namespaces` allows, or 32 within each other, are in use",
            remedy: "raise it with `sudo sysctl user.max_user_namespaces=\((facts.mostUserNamespaces ?? 7500) * 2)`")
    }

    private func setting(_ name: String, is value: String, should wanted: String) -> Cause {
        Cause(
            words: "the setting `\(name)` is \(value)",
            remedy: facts.enclosure == nil
                ? "sudo sysctl \(name)=\(wanted)"
                : "on the machine that runs the container: sudo sysctl \(name)=\(wanted)")
    }

    private var filtered: Cause? {
        guard facts.isFiltered else { return nil }
        guard let enclosure = facts.enclosure else {
            return Cause(
                words: "a seccomp filter refuses it",
                remedy: "whoever started drydock set the filter; a build cannot start a build")
        }
        return Cause(words: "the container's seccomp filter refuses it", remedy: enclosure.remedy)
    }

    private var confined: Cause? {
        if let profile = facts.profile, profile != "unconfined" {
            return Cause(
                words: "the AppArmor profile `\(profile)` refuses it",
                remedy: facts.enclosure?.remedy ?? "sudo aa-disable \(profile)")
        }
        if facts.restrictsUsers {
            return setting("kernel.apparmor_restrict_unprivileged_userns", is: "1", should: "0")
        }
        return nil
    }
}

/// What kind of container drydock itself runs in, as far as it shows.
enum Enclosure: String, Equatable {
    case docker, podman, kubernetes, container

    static func detect() -> Enclosure? {
        func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
        if exists("/run/secrets/kubernetes.io") || exists("/var/run/secrets/kubernetes.io") { return .kubernetes }
        if exists("/run/.containerenv") { return .podman }
        if exists("/.dockerenv") { return .docker }
        return exists("/run/systemd/container") || linux_file_system_type_at("/") == LINUX_OVERLAY_MAGIC
            ? .container : nil
    }

    /// What lets a build have namespaces in it, to be typed or written as it is.
    var remedy: String {
        switch self {
        case .podman: "podman run --security-opt seccomp=unconfined"
        case .kubernetes:
            "in the pod's `securityContext`: `seccompProfile: {type: Unconfined}`, `appArmorProfile: {type: Unconfined}`"
        case .docker, .container:
            "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
                + "(GitHub Actions: the same words in `container: options:`; GitLab runner: "
                + "`security_opt = [\"seccomp=unconfined\", \"apparmor=unconfined\"]` in config.toml)"
        }
    }

    /// What lets a build have a `/proc` of its own.
    var unmasking: String {
        switch self {
        case .podman: "podman run --security-opt unmask=ALL"
        case .kubernetes: "in the pod's `securityContext`: `procMount: Unmasked`"
        case .docker, .container: "docker run --security-opt systempaths=unconfined"
        }
    }

    /// What limits a build by limiting all of the container.
    var limits: String {
        switch self {
        case .podman, .docker: "\(rawValue) run --memory 4g --cpus 2, which limits the container"
        case .kubernetes: "in the container's `resources`: `limits: {memory: 4Gi, cpu: 2}`"
        case .container: "limit the container itself"
        }
    }

    /// What gives the state directory a disk.
    var volume: String {
        switch self {
        case .podman, .docker: "\(rawValue) run -v drydock-state:/state, then --state-dir /state"
        case .kubernetes, .container: "--state-dir on a volume, as an `emptyDir`"
        }
    }
}

/// What a sandbox goes without, that is made all the same.
struct Compromise {
    /// To be read after "the sandbox does with less:".
    var words: String
    /// What gives it back, where something does.
    var remedy: String?

    static func all(_ plan: SandboxPlan, _ compromises: SetUpCompromises) -> [Compromise] {
        let enclosure = Enclosure.detect()
        var all: [Compromise] = []
        if plan.identity.passesRootOn {
            all.append(Compromise(words: "its root is the root of this container, not somebody else"))
        }
        if compromises.contains(.sharedProcesses) {
            all.append(
                Compromise(
                    words: "it can list this container's processes, with their command lines",
                    remedy: enclosure?.unmasking))
        }
        if compromises.contains(.sharedDevices) {
            all.append(Compromise(words: "it can list this container's network devices", remedy: enclosure?.unmasking))
        }
        if compromises.contains(.wholeDirectories) {
            all.append(Compromise(words: "system directories with something mounted in them cannot be changed"))
        }
        let staysInMemory = plan.operations.contains {
            if case .overlay(let view) = $0 { view.staysInMemory && view.lower != view.target } else { false }
        }
        if staysInMemory {
            all.append(
                Compromise(
                    words:
                        "what it changes of the source stays in memory, and is not kept after a failure, because the "
                        + "state directory is on a file system that cannot hold it",
                    remedy: enclosure?.volume ?? "--state-dir on a local disk"))
        }
        return all
    }

    static func notice(_ plan: SandboxPlan, _ compromises: SetUpCompromises) -> SandboxNotice? {
        let all = all(plan, compromises)
        guard !all.isEmpty else { return nil }
        return SandboxNotice(
            message: "here the sandbox does with less: " + all.map(\.words).joined(separator: "; "),
            hint: all.contains { $0.remedy != nil } ? "`drydock doctor` shows what gives it back" : nil)
    }
}
