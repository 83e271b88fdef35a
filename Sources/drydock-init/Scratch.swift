// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// The directories on the host that take what the build writes.
struct Scratch {
    let plan: SandboxPlan

    /// Makes an upper and a work directory for every overlay, owned by the sandbox's root.
    func create() throws(SetUpFailure) {
        let owner = plan.identity.method == .privileged ? plan.identity.users.first?.outside : nil
        let group = plan.identity.method == .privileged ? plan.identity.groups.first?.outside : nil
        if let owner, let group {
            try check(plan.scratch.withCString { chown($0, owner, group) }, .makeMountPoint, plan.scratch)
        }
        if plan.reopening != nil, plan.scratch.withCString({ access($0, F_OK) }) != 0 {
            throw SetUpFailure(.reopen, errno: errno, path: plan.scratch)
        }
        for operation in plan.operations {
            switch operation {
            case .scratchDirectory(let source, _, let mode): try make(source, mode: mode, owner, group)
            case .overlay(let overlay) where !overlay.staysInMemory:
                // An overlay's top directory has the upper's mode, so the upper gets that of the directory it covers.
                var status = stat()
                if overlay.mode == nil {
                    try check(overlay.named.withCString { stat($0, &status) }, .cloneTree, overlay.named)
                }
                try make(overlay.upper, mode: (overlay.mode ?? status.st_mode) & 0o1777, owner, group)
                try make(overlay.work, mode: 0o700, owner, group)
            default: continue
            }
        }
    }

    private func make(_ path: KernelText, mode: UInt32, _ owner: UInt32?, _ group: UInt32?) throws(SetUpFailure) {
        // The caller may have set any umask, and none applies to the build's own directories.
        umask(0)
        if path.withCString({ mkdir($0, mode) }) < 0 {
            if plan.reopening != nil, errno == EEXIST { return }
            throw SetUpFailure(.makeMountPoint, errno: errno, path: path)
        }
        if let owner, let group { try check(path.withCString { chown($0, owner, group) }, .makeMountPoint, path) }
    }
}

/// Removes what outlives the namespaces: the scratch directory and the control groups.
struct CleanUp {
    let plan: SandboxPlan
    let userNamespace: Int32

    func removeControlGroups() {
        for group in plan.controlGroups { remove(controlGroup: group) }
    }

    func removeScratch() -> TreeRemoval.Leftover {
        becomeOwner()
        return TreeRemoval.remove(plan.scratch)
    }

    /// The build may have left files of other ids, or directories without permissions; inside its user namespace, which we
    /// made and may therefore enter, they are root's.
    func becomeOwner() {
        guard plan.identity.method == .single || plan.identity.method == .subordinate, userNamespace >= 0,
            linux_setns(userNamespace, Int32(LINUX_CLONE_NEWUSER)) == 0
        else { return }
        _ = linux_setresgid(0)
        _ = linux_setresuid(0)
    }

    /// The kernel counts a dead process out of its group a moment after it was waited for.
    private func remove(controlGroup: KernelText) {
        for _ in 0..<200 {
            if controlGroup.withCString({ rmdir($0) }) == 0 || errno != EBUSY { return }
            usleep(1000)
        }
    }
}
