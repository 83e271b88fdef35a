// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

extension SandboxPlan: CustomStringConvertible {
    /// The plan as text, a step a line, in the order of execution. Values of variables are left out: they may be secret.
    public var description: String {
        var lines = ["namespaces  user mount pid ipc uts cgroup" + (hasOwnNetwork ? " network" : "")]
        lines += identity.users.map { "user ids    \($0)" }
        lines += identity.groups.map { "group ids   \($0)" }
        lines.append("id mapping  \(identity.method)")
        lines.append("hostname    \(hostname)")
        lines += controlGroups.map { "cgroup      \($0)" }
        lines += operations.map(\.description)
        lines.append("limits      open files \(openFilesLimit), processes \(processesLimit), no core dumps")
        lines.append("privileges  capabilities 0x\(String(capabilities, radix: 16)), no new privileges, seccomp")
        lines.append("environment \(environment.map(Self.name).joined(separator: " "))")
        lines.append("directory   \(workingDirectory)")
        lines += readAhead.map { "read ahead  names in \($0)" }
        let end = reopening == nil ? "removed at the end" : "kept from an earlier build"
        lines.append("scratch     \(scratch) (\(end))")
        return lines.joined(separator: "\n")
    }

    private static func name(_ assignment: KernelText) -> String {
        KernelText(Array(assignment.bytes.prefix { $0 != UInt8(ascii: "=") })).description
    }
}

extension SandboxPlan.Identity.Range: CustomStringConvertible {
    public var description: String {
        "\(inside)–\(inside + (count - 1)) are \(outside)–\(outside + (count - 1)) outside"
    }
}

extension SandboxPlan.Operation: CustomStringConvertible {
    public var description: String {
        switch self {
        case .root: "root        / is empty, in memory"
        case .scratchDirectory(let source, let target, let mode):
            "scratch     \(target) = \(source), mode \(String(mode, radix: 8))"
        case .overlay(let overlay):
            "overlay     \(overlay.target) = "
                + (overlay.layers.map(\.path) + (overlay.lower.isEmpty ? [] : [overlay.lower]))
                .map(\.description).joined(separator: " over ") + ", writes to "
                + (overlay.staysInMemory ? "memory" : overlay.upper.description)
        case .bind(let source, let target, let access):
            "bind        \(target) = \(source)\(access == .readOnly ? ", read-only" : "")"
        case .temporaryFileSystem(let target, let size, let mode):
            "tmpfs       \(target), \(size >> 20) MiB, mode \(String(mode, radix: 8))"
        case .processes(let target): "proc        \(target)"
        case .system(let target): "sys         \(target), read-only"
        case .devices(let target): "devices     \(target)"
        case .directory(let target, let mode): "directory   \(target), mode \(String(mode, radix: 8))"
        case .symbolicLink(let target, let destination): "link        \(target) -> \(destination)"
        case .file(let target, let contents, _): "file        \(target), \(contents.bytes.count) bytes"
        case .mask(let target): "mask        \(target)"
        case .readOnly(let target): "read-only   \(target)"
        case .restore(let layers, let target):
            "restore     \(target) = copy of \(layers.map(\.path.description).joined(separator: " over "))"
        case .layer(let layer, let target): "layer       \(target) = \(layer.path), read-only"
        }
    }
}
