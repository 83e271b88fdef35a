// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SandboxPlan

/// Where a sandbox mounts something, to be asked which mount a path lies in.
///
/// In bytes, and made once: three dozen places are asked for at the end of each build, of a hundred mounts.
struct MountTable {
    struct Mount {
        /// Of the operation.
        let index: Int
        let target: [UInt8]
        /// The directory below the scratch directory that has what a build writes to it; nil where there is none on the disk.
        let upper: KernelText?

        /// What of a path lies below the target, with the `/` before it; empty for the target itself.
        func below(_ path: [UInt8]) -> ArraySlice<UInt8> { path.dropFirst(target == [0x2F] ? 0 : target.count) }
    }

    /// The longest targets first.
    private let mounts: [Mount]

    init(_ operations: [SandboxPlan.Operation]) {
        let mounts = operations.enumerated().compactMap { index, operation -> Mount? in
            guard let target = operation.mountTarget?.bytes else { return nil }
            let upper: KernelText? =
                switch operation {
                case .overlay(let view) where !view.staysInMemory: view.upper
                case .scratchDirectory(let source, _, _): source
                default: nil
                }
            return Mount(index: index, target: target, upper: upper)
        }
        // A later one lies over an earlier one at the same place.
        self.mounts = mounts.sorted { ($0.target.count, $0.index) > ($1.target.count, $1.index) }
    }

    /// Nil where the kernel's own file systems are, or nothing.
    func mount(of path: [UInt8]) -> Mount? { mounts.first { $0.target.isPath(above: path) } }
}

extension SandboxPlan.Operation {
    /// Where it mounts something; nil when it does not, or only covers what is there.
    var mountTarget: KernelText? {
        switch self {
        case .root: "/"
        case .overlay(let view): view.target
        case .scratchDirectory(_, let target, _), .bind(_, let target, _), .temporaryFileSystem(let target, _, _),
            .processes(let target), .system(let target), .devices(let target), .layer(_, let target):
            target
        case .directory, .symbolicLink, .file, .mask, .readOnly, .restore: nil
        }
    }
}
