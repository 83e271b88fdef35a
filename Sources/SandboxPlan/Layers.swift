// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Wire

extension SandboxPlan.Operation {
    /// A directory that an earlier build filled, to be seen through a copy-on-write view and never changed.
    public struct Layer: Sendable, Equatable {
        /// Where the layer is, of the host; nothing in it is a build's.
        public var root: KernelText
        /// What of it is shown, relative; empty for all of it. Builds made this, links among it lead nowhere.
        public var below: KernelText
        /// The host's ids that were root's in the sandbox that filled it: its files belong to these and those that follow.
        public var rootUser: UInt32
        public var rootGroup: UInt32

        public init(root: KernelText, below: KernelText = "", rootUser: UInt32, rootGroup: UInt32) {
            self.root = root
            self.below = below
            self.rootUser = rootUser
            self.rootGroup = rootGroup
        }

        func encode(to wire: inout WireEncoder) {
            wire.append(root)
            wire.append(below)
            wire.append(rootUser)
            wire.append(rootGroup)
        }

        /// As a person reads it.
        public var path: KernelText {
            below.isEmpty ? root : KernelText(root.bytes + [UInt8(ascii: "/")] + below.bytes)
        }

        init(from wire: inout WireDecoder) throws(WireDecoder.Malformed) {
            root = try wire.text()
            below = try wire.text()
            rootUser = try wire.number()
            rootGroup = try wire.number()
        }
    }
}

/// What of a build's own files becomes a layer for later builds.
///
/// The launcher moves it when nothing of the build lives any more: no file is read or copied.
public struct LayerPublication: Sendable, Equatable {
    /// A directory of the host, not there yet; the one that it is in must be.
    public var destination: KernelText
    public var trees: [Tree]

    public init(destination: KernelText, trees: [Tree]) {
        self.destination = destination
        self.trees = trees
    }

    /// A directory or file below a place that the build wrote to.
    public struct Tree: Sendable, Equatable {
        /// The place: a directory of the host below the scratch directory.
        public var source: KernelText
        /// Relative to the place; empty is the place itself.
        public var path: KernelText
        /// Where the place's own directory is in the layer, relative.
        public var target: KernelText
        public var relation: Relation

        public init(source: KernelText, path: KernelText, target: KernelText, relation: Relation) {
            self.source = source
            self.path = path
            self.target = target
            self.relation = relation
        }

        /// What a tree is to layers of earlier builds.
        public enum Relation: UInt8, Sendable {
            /// There are none below it: marks that hide what is below are left out.
            case whole
            /// It says what changed over them.
            case change
            /// They are below it, and it takes the place of what they have there.
            case replacement
        }
    }

    func encode(to wire: inout WireEncoder) {
        wire.append(destination)
        wire.appendList(trees) {
            for text in [$1.source, $1.path, $1.target] { $0.append(text) }
            $0.append($1.relation.rawValue)
        }
    }

    init(from wire: inout WireDecoder) throws(WireDecoder.Malformed) {
        destination = try wire.text()
        trees = try wire.list { wire throws(WireDecoder.Malformed) in
            let (source, path, target) = (try wire.text(), try wire.text(), try wire.text())
            guard let relation = Tree.Relation(rawValue: try wire.number()) else { throw WireDecoder.Malformed() }
            return Tree(source: source, path: path, target: target, relation: relation)
        }
    }
}

/// A file or directory of the sandbox that pid 1 copies beside what else becomes a layer.
public struct GatheredPath: Sendable, Equatable {
    /// Absolute, inside.
    public var path: KernelText
    /// Where it comes to lie in the layer, relative: as many components of it as `path` has besides are directories that are
    /// made as they are in the sandbox.
    public var target: KernelText
    /// Where an upper layer that goes with the build has it, if the build wrote it: relative to the scratch directory; empty
    /// where there is no such layer, or where it stays.
    public var upper: KernelText

    public init(path: KernelText, target: KernelText, upper: KernelText = "") {
        self.path = path
        self.target = target
        self.upper = upper
    }

    func encode(to wire: inout WireEncoder) {
        wire.append(path)
        wire.append(target)
        wire.append(upper)
    }

    init(from wire: inout WireDecoder) throws(WireDecoder.Malformed) {
        path = try wire.text()
        target = try wire.text()
        upper = try wire.text()
    }
}

/// What became of a publication.
public struct PublishedLayer: Sendable, Equatable {
    public enum TreeState: UInt8, Sendable {
        /// The build changed nothing of it: the layer holds nothing of it either.
        case unchanged
        case published
        /// The build removed it, or it never was.
        case absent
    }

    /// In the order of the publication.
    public var trees: [TreeState]
    /// Bytes on the disk.
    public var byteCount: UInt64
    public var fileCount: UInt64

    public init(trees: [TreeState], byteCount: UInt64, fileCount: UInt64) {
        self.trees = trees
        self.byteCount = byteCount
        self.fileCount = fileCount
    }

    func encode(to wire: inout WireEncoder) {
        wire.appendList(trees) { $0.append($1.rawValue) }
        wire.append(byteCount)
        wire.append(fileCount)
    }

    init(from wire: inout WireDecoder) throws(WireDecoder.Malformed) {
        trees = try wire.list { wire throws(WireDecoder.Malformed) in
            guard let state = TreeState(rawValue: try wire.number()) else { throw WireDecoder.Malformed() }
            return state
        }
        byteCount = try wire.number()
        fileCount = try wire.number()
    }
}
