// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CommandExecution
internal import Glibc
internal import Processes
internal import SandboxPlan
internal import Secrets
public import SystemPackage

/// What this machine and this user can do for a build, found by trying rather than by reading version numbers.
public struct HostCapabilities: Sendable {
    public var findings: [Finding]

    /// Whether a build can run at all.
    public var canIsolate: Bool { !findings.contains { $0.state == .missing } }

    public struct Finding: Sendable, Equatable {
        public var name: String
        public var state: State
        public var detail: String
        /// The command that mends it, to be typed as it is.
        public var remedy: String?

        public enum State: String, Sendable {
            /// Works.
            case available
            /// A build runs, with less; the detail says what it cannot do.
            case limited
            /// No build can run.
            case missing
        }

        init(_ name: String, _ state: State, _ detail: String, remedy: String? = nil) {
            self.name = name
            self.state = state
            self.detail = detail
            self.remedy = remedy
        }
    }

    /// - Parameters:
    ///   - launcher: the program that becomes a sandbox.
    ///   - sandboxes: an existing directory that sandboxes are made in; a trial one is made there and removed.
    public static func examine(launcher: FilePath, sandboxes: FilePath) -> HostCapabilities {
        var findings = [kernel()]
        let identity = IdentityChoice.choose(slot: 0)
        findings.append(ids(identity))
        findings += trial(launcher: launcher, sandboxes: sandboxes)
        findings.append(packages(identity))
        let table = ControlGroupTable.read()
        for (name, controller) in [("memory limit", "memory"), ("cpu limit", "cpu")] {
            findings.append(limit(name, controller, table))
        }
        findings.append(processLimit(table))
        findings.append(git())
        return HostCapabilities(findings: findings)
    }

    private static func kernel() -> Finding {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        let isNewEnough = numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 12)
        return Finding(
            "kernel", isNewEnough ? .available : .missing,
            "Linux \(release)" + (isNewEnough ? "" : ", and builds need 5.12 or newer"))
    }

    private static func ids(_ identity: SandboxPlan.Identity) -> Finding {
        let range = identity.users.last
        switch identity.method {
        case .privileged:
            return Finding(
                "user ids", .available,
                "as root: ids from \(range?.outside ?? 0) on stand for the build's; the host's root is not among them")
        case .inherited:
            return Finding("user ids", .available, "as root of a container: its ids are the build's too")
        case .subordinate:
            return Finding(
                "user ids", .available, "a range of \((range?.count ?? 0)) ids from \(range?.outside ?? 0) on")
        case .single:
            let detail = "a single id: `run-as` and `chown` to another user cannot work"
            if let remedy = IdentityChoice.capabilityRemedy {
                return Finding("user ids", .limited, detail, remedy: remedy)
            }
            if !IdentityChoice.mapperIsInstalled {
                return Finding("user ids", .limited, detail, remedy: "sudo apt-get install uidmap")
            }
            return Finding(
                "user ids", .limited, detail,
                remedy: IdentityChoice.rangeRemedy)
        }
    }

    /// A real sandbox, made and removed: says more than any list of kernel options.
    private static func trial(launcher: FilePath, sandboxes: FilePath) -> [Finding] {
        do throws(SandboxError) {
            let compromises = try tryOut(launcher: launcher, sandboxes: sandboxes)
            return [Finding("sandbox", .available, "a trial sandbox ran a command and left nothing")]
                + compromises.map { Finding("sandbox", .limited, $0.words, remedy: $0.remedy) }
        } catch {
            return [Finding("sandbox", .missing, error.message, remedy: error.hints.first)]
        }
    }

    /// Why no sandbox can be made here; nil when one can.
    public static func refusal(launcher: FilePath, sandboxes: FilePath) -> SandboxError? {
        do throws(SandboxError) {
            _ = try tryOut(launcher: launcher, sandboxes: sandboxes)
            return nil
        } catch { return error }
    }

    private static func tryOut(
        launcher: FilePath, sandboxes: FilePath
    ) throws(SandboxError) -> [Compromise] {
        let scratch = sandboxes.appending("trial-\(getpid())")
        let source = sandboxes.appending("trial-\(getpid())-source")
        guard source.withPlatformString({ mkdir($0, 0o700) }) == 0 else {
            throw .scratch(sandboxes, Errno(rawValue: errno))
        }
        defer { _ = source.withPlatformString { rmdir($0) } }
        let settings = SandboxSettings(
            sources: [.init(hostPath: source, path: "/codebuild/output/src0/src")],
            environment: [("PATH", "/usr/bin:/bin")], scratchDirectory: scratch, launcher: launcher)
        let sandbox = try Sandbox.start(try PreparedSandbox.prepare(settings))
        let outcome = try sandbox.run(
            CommandRequest(script: .isolated("exit 42")), deadline: .now() + 10, sink: Silence())
        try sandbox.close()
        guard outcome == .exited(42) else { throw .launcherFailed("a trial command ended with \(outcome)") }
        return Compromise.all(sandbox.prepared.plan, sandbox.compromises)
    }

    /// Files of a root that is not mapped cannot be changed by anyone inside.
    private static func packages(_ identity: SandboxPlan.Identity) -> Finding {
        switch identity.method {
        case .privileged, .inherited:
            return Finding(
                "system files", .available, "a build may change them in its own copy: `apt-get install` works")
        case .single, .subordinate:
            return Finding(
                "system files", .limited,
                "with `--image host` they belong to the host's root, so a build cannot change them: no `apt-get install`",
                remedy: "drydock image build images/debian, then --image debian")
        }
    }

    private static func limit(_ name: String, _ controller: String, _ table: ControlGroupTable) -> Finding {
        if let parent = table.parent(for: controller) {
            return Finding(name, .available, "cgroup version \(parent.isVersion2 ? 2 : 1) at `\(parent.directory)`")
        }
        return Finding(name, .limited, "not enforced: \(table.refusal(controller))", remedy: limitRemedy(table))
    }

    private static func limitRemedy(_ table: ControlGroupTable) -> String? {
        // Version 1 cannot be delegated, and without a manager of the user's own nobody delegates.
        if geteuid() != 0, table.hasVersion2Only, access("/run/user/\(geteuid())/systemd/private", F_OK) == 0 {
            return "systemd-run --user --scope -p Delegate=yes drydock run"
        }
        // Root of a container has no more of its control groups than another.
        if let enclosure = Enclosure.detect() { return enclosure.limits }
        return geteuid() == 0 ? nil : "run drydock as root"
    }

    private static func processLimit(_ table: ControlGroupTable) -> Finding {
        if let parent = table.parent(for: "pids") {
            return Finding(
                "process limit", .available, "cgroup version \(parent.isVersion2 ? 2 : 1) at `\(parent.directory)`")
        }
        return Finding(
            "process limit", .available, "for each of the build's users, by a resource limit of the kernel's")
    }

    private static func git() -> Finding {
        guard let path = HostProcess.find("git", searchPath: "/usr/local/bin:/usr/bin:/bin") else {
            return Finding(
                "git", .limited, "not installed: sources can only be directories", remedy: "sudo apt-get install git")
        }
        return Finding("git", .available, "`\(path)`")
    }
}

/// Takes output and does nothing with it.
private final class Silence: OutputSink {
    func receive(_ bytes: UnsafeRawBufferPointer) {}
    var blockedDescriptor: Int32? { nil }
    func resume() {}
    func tick() {}
    var stopRequest: StopRequest? { nil }
    var stopDescriptor: Int32? { nil }
}
