// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Glibc
internal import SandboxPlan
internal import SystemPackage

/// Whose ids the build's root and users are on the host. Host root itself is never mapped into a sandbox.
enum IdentityChoice {
    /// Ids of one sandbox as root: as many as Debian's users need.
    static let rangeSize: UInt32 = 65_536
    /// Where ranges begin when /etc/subuid has no entry for `drydock`: far above what distributions hand out.
    private static let fallbackBase: UInt32 = 0x7000_0000

    /// - Parameter slot: number of this sandbox among those that run now; each has a range of its own as root.
    static func choose(slot: Int) -> SandboxPlan.Identity {
        let (user, group) = (geteuid(), getegid())
        if user == 0 {
            guard ownsAllIds, canMapMounts else { return passedOn() }
            let base = rootBase + UInt32(slot) * rangeSize
            let range = SandboxPlan.Identity.Range(inside: 0, outside: base, count: rangeSize)
            return SandboxPlan.Identity(users: [range], groups: [range], method: .privileged)
        }
        let name = userName(user)
        if mapperIsInstalled, mapperMayWork,
            let users = SubordinateRange.find("/etc/subuid", name: name, identifier: user),
            let groups = SubordinateRange.find("/etc/subgid", name: name, identifier: user),
            ownsEveryId || hasIds(users, "/proc/self/uid_map") && hasIds(groups, "/proc/self/gid_map")
        {
            return SandboxPlan.Identity(
                users: ranges(own: user, users), groups: ranges(own: group, groups), method: .subordinate)
        }
        return single(user, group)
    }

    private static func single(_ user: UInt32, _ group: UInt32) -> SandboxPlan.Identity {
        SandboxPlan.Identity(
            users: [.init(inside: 0, outside: user, count: 1)], groups: [.init(inside: 0, outside: group, count: 1)],
            method: .single)
    }

    /// Whether this root may show files under other ids, which takes a root's whole power over mounts and a file system that
    /// can: overlayfs, which containers stand on, cannot.
    static var canMapMounts: Bool {
        linux_effective_capabilities() >> 21 & 1 == 1 && linux_file_system_type_at("/") != LINUX_OVERLAY_MAGIC
    }

    /// Root of a container: our ids become the build's, as far as we may hand them on.
    private static func passedOn() -> SandboxPlan.Identity {
        // SETGID and SETUID.
        let handing: UInt64 = 1 << 6 | 1 << 7
        return linux_effective_capabilities() & handing == handing ? inherited() : single(0, getegid())
    }

    /// Set-uid programs do nothing where a container forbids gaining privileges.
    static var mapperMayWork: Bool { linux_may_gain_privileges(1 << 6 | 1 << 7) == 1 }

    /// The machine's own user namespace, by the number that the kernel gives it (PROC_USER_INIT_INO).
    private static var ownsEveryId: Bool {
        var status = stat()
        return stat("/proc/self/ns/user", &status) == 0 && status.st_ino == 0xEFFF_FFFD
    }

    /// Whether a range is among the ids that there are here; in a container there may be few.
    private static func hasIds(_ range: SubordinateRange, _ file: FilePath) -> Bool {
        let fields = (SmallFile.read(file) ?? "").split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) }
        let end = UInt64(range.start) + UInt64(range.count)
        for index in stride(from: 0, to: fields.count - 2, by: 3) {
            let limit = UInt64(fields[index]) + UInt64(fields[index + 2])
            if fields[index] <= range.start, end <= limit { return true }
        }
        return false
    }

    private static func ranges(own: UInt32, _ range: SubordinateRange) -> [SandboxPlan.Identity.Range] {
        [
            .init(inside: 0, outside: own, count: 1),
            .init(inside: 1, outside: range.start, count: min(range.count, rangeSize)),
        ]
    }

    /// Root of the machine, rather than of a user namespace somebody else made (a rootless container).
    static var ownsAllIds: Bool {
        guard let text = SmallFile.read("/proc/self/uid_map") else { return false }
        return text.split(whereSeparator: \.isWhitespace).map(String.init) == ["0", "0", "4294967295"]
    }

    private static var rootBase: UInt32 {
        guard let range = SubordinateRange.find("/etc/subuid", name: "drydock", identifier: nil),
            range.count >= rangeSize
        else { return fallbackBase }
        return range.start
    }

    /// The ids we have are passed on one to one; our root is somebody's ordinary id outside already.
    private static func inherited() -> SandboxPlan.Identity {
        func identityRanges(_ file: FilePath) -> [SandboxPlan.Identity.Range] {
            let fields = (SmallFile.read(file) ?? "").split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) }
            return stride(from: 0, to: fields.count - 2, by: 3).map {
                .init(inside: fields[$0], outside: fields[$0], count: fields[$0 + 2])
            }
        }
        return SandboxPlan.Identity(
            users: identityRanges("/proc/self/uid_map"), groups: identityRanges("/proc/self/gid_map"),
            method: .inherited)
    }

    /// What gives root back the capabilities that handing on ids takes; nil for a user, and where none is missing.
    static var capabilityRemedy: String? {
        guard geteuid() == 0 else { return nil }
        let held = linux_effective_capabilities()
        let lacking = [("SETGID", 6), ("SETUID", 7), ("SETFCAP", 31)].filter { held >> UInt64($0.1) & 1 == 0 }
        guard !lacking.isEmpty else { return nil }
        return "start the container with " + lacking.map { "--cap-add \($0.0)" }.joined(separator: " ")
    }

    /// The command that gives this user a range, above every range that is given out already.
    static var rangeRemedy: String {
        let name = userName(getuid()) ?? String(getuid())
        let start = max(SubordinateRange.end(of: "/etc/subuid"), SubordinateRange.end(of: "/etc/subgid"))
        let range = "\(start)-\(start + rangeSize - 1)"
        return "sudo usermod --add-subuids \(range) --add-subgids \(range) \(name)"
    }

    static var mapperIsInstalled: Bool {
        let places: [FilePath] = ["/usr/bin/newuidmap", "/bin/newuidmap", "/usr/local/bin/newuidmap"]
        return places.contains { $0.withPlatformString { access($0, X_OK) } == 0 }
    }

    /// From /etc/passwd rather than through the name service, which loads libraries and may ask a network.
    static func userName(_ identifier: UInt32) -> String? {
        for line in (SmallFile.read("/etc/passwd") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, UInt32(fields[2]) == identifier { return String(fields[0]) }
        }
        return nil
    }
}

extension SandboxPlan.Identity {
    /// Whether the sandbox's root is the caller's root, or sees files as it does.
    var readsRootFiles: Bool { method == .privileged || passesRootOn }

    /// Whether the root that calls is the sandbox's too.
    var passesRootOn: Bool { users.contains { $0.inside == 0 && $0.outside == 0 } }
}

/// A line of /etc/subuid or /etc/subgid (subuid(5)).
struct SubordinateRange: Equatable {
    var start: UInt32
    var count: UInt32

    static func find(_ file: FilePath, name: String?, identifier: UInt32?) -> SubordinateRange? {
        for line in (SmallFile.read(file) ?? "").split(separator: "\n") {
            guard let (owner, range) = parse(line) else { continue }
            if owner == name || (identifier.map { owner == String($0) } ?? false) { return range }
        }
        return nil
    }

    /// Where the ids begin that the file gives to nobody; 100000 at least, as useradd(8) has it.
    static func end(of file: FilePath) -> UInt32 {
        let ranges = (SmallFile.read(file) ?? "").split(separator: "\n").compactMap { parse($0)?.range }
        // Ranges beyond what distributions hand out leave room below.
        return ranges.map { $0.start + $0.count }.filter { $0 < 1 << 30 }.reduce(100_000, max)
    }

    private static func parse(_ line: Substring) -> (owner: String, range: SubordinateRange)? {
        let fields = line.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 3, let start = UInt32(fields[1]), let count = UInt32(fields[2]), count > 0,
            start.addingReportingOverflow(count).overflow == false
        else { return nil }
        return (String(fields[0]), SubordinateRange(start: start, count: count))
    }
}

/// Reads the small text files of /etc and /proc that decide how a sandbox is made; nil when there is nothing to read.
enum SmallFile {
    static func read(_ path: FilePath) -> String? { bytes(path).map { String(decoding: $0, as: UTF8.self) } }

    static func bytes(_ path: FilePath, limit: Int = 1 << 20) -> [UInt8]? {
        guard let file = try? FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking]) else {
            return nil
        }
        defer { try? file.close() }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count < limit {
            guard let count = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// Writes to an existing file of the kernel's, all at once.
    static func write(_ path: FilePath, _ text: String) -> Bool {
        guard let file = try? FileDescriptor.open(path, .writeOnly, options: .closeOnExec) else { return false }
        defer { try? file.close() }
        return (try? file.writeAll(text.utf8)) == text.utf8.count
    }
}
