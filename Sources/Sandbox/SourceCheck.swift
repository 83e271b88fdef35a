// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Glibc
internal import SandboxPlan
internal import SystemPackage

/// What of a source the build will not see or cannot change, found before it wonders.
struct SourceCheck {
    let identity: SandboxPlan.Identity

    func notices(of sources: [SandboxSettings.SourceMount]) -> [SandboxNotice] {
        let mounts = Self.mountPoints()
        return sources.flatMap { source in
            [ownership(of: source), hiddenMounts(in: source, mounts)].compactMap { $0 }
        }
    }

    /// A file whose owner or group has no id in the sandbox belongs to nobody there, and nobody's files stay as they are.
    private func ownership(of source: SandboxSettings.SourceMount) -> SandboxNotice? {
        var status = stat()
        guard source.hostPath.withPlatformString({ stat($0, &status) }) == 0 else { return nil }
        let user = has(status.st_uid, identity.users)
        let group = has(status.st_gid, identity.groups)
        if user && group { return nil }
        let who = user ? "group \(status.st_gid)" : "user \(status.st_uid)"
        return SandboxNotice(
            message: "the source `\(source.hostPath)` belongs to the \(who), who has no id in the sandbox: "
                + "the build cannot change its files",
            hint: user
                ? "`chgrp -R` it to your own group, or mount it with `--mount-source`"
                : "run drydock as that user, or give the user's files to the one who runs it")
    }

    private func has(_ identifier: UInt32, _ ranges: [SandboxPlan.Identity.Range]) -> Bool {
        // As root every file is shown through an id-mapped mount, whose ids are those inside.
        if identity.method == .privileged {
            return ranges.contains { $0.inside <= identifier && identifier - $0.inside < $0.count }
        }
        return ranges.contains { $0.outside <= identifier && identifier - $0.outside < $0.count }
    }

    private func hiddenMounts(in source: SandboxSettings.SourceMount, _ mounts: [String]) -> SandboxNotice? {
        guard !source.isWritable else { return nil }
        let prefix = source.hostPath.string.hasSuffix("/") ? source.hostPath.string : source.hostPath.string + "/"
        guard prefix != "/", let first = mounts.first(where: { $0.hasPrefix(prefix) }) else { return nil }
        return SandboxNotice(
            message: "what is mounted at `\(first)` is not part of the build's view of the source",
            hint: "`--mount-source` shows the directory itself, with what is mounted in it")
    }

    private static func mountPoints() -> [String] {
        (SmallFile.read("/proc/self/mounts") ?? "").split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            return fields.count > 1 ? String(fields[1]).replacing("\\040", with: " ") : nil
        }
    }
}
