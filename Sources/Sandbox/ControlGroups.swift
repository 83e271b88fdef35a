// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Glibc
internal import SystemPackage

/// The control groups that hold a build to its limits, of version 1, 2 or both, where this user may make them.
struct ControlGroups {
    /// Directories made for this build.
    private(set) var directories: [FilePath] = []
    /// Limits that nothing enforces, with the reason.
    private(set) var notices: [SandboxNotice] = []
    private var memory: FilePath?
    private var isVersion2 = false
    private let memoryLimit: Int?
    private var killsAtStart = 0

    init(limits: SandboxSettings.Limits, name: String) {
        memoryLimit = limits.memoryBytes
        guard limits.memoryBytes != nil || limits.cpus != nil || limits.processes != nil else { return }
        let table = ControlGroupTable.read()
        if let bytes = limits.memoryBytes { enforceMemory(bytes, table, name) }
        if let cpus = limits.cpus { enforceProcessors(cpus, table, name) }
        if let processes = limits.processes { enforceProcesses(processes, table, name) }
        killsAtStart = killCount
    }

    /// How many processes the kernel has killed for memory since the start.
    var memoryKills: Int { killCount - killsAtStart }
    var enforcedMemoryLimit: Int? { memory == nil ? nil : memoryLimit }

    /// The most memory that was in use, in bytes, where the kernel counted it.
    var memoryPeak: Int? {
        guard let memory else { return nil }
        let file = isVersion2 ? "memory.peak" : "memory.max_usage_in_bytes"
        return SmallFile.read(memory.appending(file)).flatMap { Int($0.filter(\.isNumber)) }
    }

    /// Removes the groups when no sandbox was started after all; otherwise the launcher does it.
    func remove() { for directory in directories { _ = directory.withPlatformString { rmdir($0) } } }

    private var killCount: Int {
        guard let memory else { return 0 }
        let file = isVersion2 ? "memory.events" : "memory.oom_control"
        for line in (SmallFile.read(memory.appending(file)) ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 2, fields[0] == "oom_kill" { return Int(fields[1]) ?? 0 }
        }
        return 0
    }

    private mutating func enforceMemory(_ bytes: Int, _ table: ControlGroupTable, _ name: String) {
        guard let group = make("memory", table, name) else { return notEnforced("memory", table.refusal("memory")) }
        let files = group.isVersion2 ? ["memory.max"] : ["memory.limit_in_bytes"]
        for file in files where !SmallFile.write(group.directory.appending(file), "\(bytes)") {
            return notEnforced("memory", "`\(group.directory.appending(file))` cannot be written")
        }
        // Swap would let the build go on, at a crawl, past the limit that CodeBuild kills it at.
        _ = SmallFile.write(
            group.directory.appending(group.isVersion2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes"),
            group.isVersion2 ? "0" : "\(bytes)")
        memory = group.directory
        isVersion2 = group.isVersion2
    }

    private mutating func enforceProcessors(_ cpus: Double, _ table: ControlGroupTable, _ name: String) {
        guard let group = make("cpu", table, name) else { return notEnforced("cpu", table.refusal("cpu")) }
        let period = 100_000
        let quota = max(1000, Int(cpus * Double(period)))
        let done =
            group.isVersion2
            ? SmallFile.write(group.directory.appending("cpu.max"), "\(quota) \(period)")
            : SmallFile.write(group.directory.appending("cpu.cfs_quota_us"), "\(quota)")
        if !done { notEnforced("cpu", "`\(group.directory)` cannot be written") }
    }

    private mutating func enforceProcesses(_ count: Int, _ table: ControlGroupTable, _ name: String) {
        // Without the controller the per-user limit of the plan still holds; that is no full substitute only for builds
        // that run as several users, so it is not worth a warning.
        guard let group = make("pids", table, name) else { return }
        _ = SmallFile.write(group.directory.appending("pids.max"), "\(count)")
    }

    private mutating func make(
        _ controller: String, _ table: ControlGroupTable, _ name: String
    ) -> (directory: FilePath, isVersion2: Bool)? {
        guard let parent = table.parent(for: controller) else { return nil }
        let directory = parent.directory.appending(name)
        if !directories.contains(directory) {
            guard directory.withPlatformString({ mkdir($0, 0o755) }) == 0 else { return nil }
            directories.append(directory)
        }
        return (directory, parent.isVersion2)
    }

    private mutating func notEnforced(_ limit: String, _ reason: String) {
        notices.append(
            SandboxNotice(
                message: "the \(limit) limit is not enforced: \(reason)",
                hint: "`drydock doctor` says what this machine can limit", isGrave: true))
    }
}

/// Which hierarchies there are, and where in them this process is allowed to make a group (cgroups(7)).
struct ControlGroupTable {
    private var mountPoints: [String: FilePath] = [:]
    private var paths: [String: String] = [:]

    static func read() -> ControlGroupTable {
        var table = ControlGroupTable()
        for line in (SmallFile.read("/proc/self/mounts") ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 3 else { continue }
            if fields[2] == "cgroup2" {
                table.mountPoints[""] = FilePath(String(fields[1]))
            } else if fields[2] == "cgroup" {
                for option in fields[3].split(separator: ",") {
                    table.mountPoints[String(option)] = FilePath(String(fields[1]))
                }
            }
        }
        for line in (SmallFile.read("/proc/self/cgroup") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
                table.paths[String(controller)] = String(fields[2])
            }
        }
        return table
    }

    /// The directory that a group with this controller can be made in; nil when there is none that we may use.
    func parent(for controller: String) -> (directory: FilePath, isVersion2: Bool)? {
        if let mount = mountPoints[controller] {
            let own = mount.pushing(relative(paths[controller]))
            return access(own, W_OK) ? (own, false) : nil
        }
        guard let mount = mountPoints[""] else { return nil }
        let path = relative(paths[""])
        // A group with processes of its own cannot pass controllers on, so the new group becomes our neighbour.
        let parent = path.components.isEmpty ? mount : mount.pushing(path.removingLastComponent())
        guard access(parent, W_OK), access(parent.appending("cgroup.procs"), W_OK) else { return nil }
        if !enables(parent, controller) {
            _ = SmallFile.write(parent.appending("cgroup.subtree_control"), "+\(controller)")
        }
        return enables(parent, controller) ? (parent, true) : nil
    }

    /// Whether version 2 is the only one, as on a machine that systemd runs today.
    var hasVersion2Only: Bool { mountPoints.keys.allSatisfy(\.isEmpty) && !mountPoints.isEmpty }

    func refusal(_ controller: String) -> String {
        if mountPoints[controller] == nil, mountPoints[""] == nil { return "no cgroup file system is mounted" }
        return geteuid() == 0
            ? "the controller `\(controller)` is not available here"
            : "the controller `\(controller)` is not delegated to this user"
    }

    private func enables(_ directory: FilePath, _ controller: String) -> Bool {
        (SmallFile.read(directory.appending("cgroup.subtree_control")) ?? "")
            .split(whereSeparator: \.isWhitespace).contains { $0 == controller }
    }

    private func relative(_ path: String?) -> FilePath {
        FilePath(String((path ?? "/").drop { $0 == "/" }))
    }

    private func access(_ path: FilePath, _ mode: Int32) -> Bool {
        path.withPlatformString { Glibc.access($0, mode) } == 0
    }
}

/// Something the user should know about the sandbox although it works.
public struct SandboxNotice: Sendable, Equatable {
    public var message: String
    public var hint: String?
    /// Whether the build is less than was asked for; said even to whoever wants to hear of the result alone.
    public var isGrave: Bool

    public init(message: String, hint: String? = nil, isGrave: Bool = false) {
        self.message = message
        self.hint = hint
        self.isGrave = isGrave
    }
}
