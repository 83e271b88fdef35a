// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Wire

/// The plan's wire form: a version byte, then the fields in order. Both ends are built together; the version only turns a
/// mixed installation into a clear message.
extension SandboxPlan {
    static let wireVersion: UInt8 = 4

    public func encode(to wire: inout WireEncoder) {
        wire.append(Self.wireVersion)
        identity.encode(to: &wire)
        wire.append(hasOwnNetwork)
        wire.append(hostname)
        wire.append(scratch)
        wire.append(controlGroups)
        wire.appendList(operations) { $1.encode(to: &$0) }
        wire.append(openFilesLimit)
        wire.append(processesLimit)
        wire.append(capabilities)
        wire.append(environment)
        wire.append(workingDirectory)
        wire.append(stateDirectory)
        wire.append(readAhead)
        wire.append(reopening != nil)
        if let reopening {
            wire.append(reopening.sources)
            wire.append(reopening.directory)
        }
    }

    public init(from wire: inout WireDecoder) throws(WireDecoder.Malformed) {
        guard try wire.number(UInt8.self) == Self.wireVersion else { throw WireDecoder.Malformed() }
        identity = try Identity(from: &wire)
        hasOwnNetwork = try wire.flag()
        hostname = try wire.text()
        scratch = try wire.text()
        controlGroups = try wire.texts()
        operations = try wire.list { wire throws(WireDecoder.Malformed) in try Operation(from: &wire) }
        openFilesLimit = try wire.number()
        processesLimit = try wire.number()
        capabilities = try wire.number()
        environment = try wire.texts()
        workingDirectory = try wire.text()
        stateDirectory = try wire.text()
        readAhead = try wire.texts()
        reopening = try wire.flag() ? Reopening(sources: try wire.texts(), directory: try wire.text()) : nil
    }
}

extension SandboxPlan.Identity {
    public func encode(to wire: inout WireEncoder) {
        wire.append(method.rawValue)
        for ranges in [users, groups] {
            wire.appendList(ranges) {
                $0.append($1.inside)
                $0.append($1.outside)
                $0.append($1.count)
            }
        }
    }

    public init(from wire: inout WireDecoder) throws(WireDecoder.Malformed) {
        guard let method = Method(rawValue: try wire.number()) else { throw WireDecoder.Malformed() }
        self.method = method
        users = try Self.ranges(&wire)
        groups = try Self.ranges(&wire)
    }

    private static func ranges(_ wire: inout WireDecoder) throws(WireDecoder.Malformed) -> [Range] {
        try wire.list { wire throws(WireDecoder.Malformed) in
            Range(inside: try wire.number(), outside: try wire.number(), count: try wire.number())
        }
    }
}

extension SandboxPlan.Operation {
    func encode(to wire: inout WireEncoder) {
        switch self {
        case .root: wire.append(UInt8(0))
        case .scratchDirectory(let source, let target, let mode):
            wire.append(UInt8(12))
            wire.append(source)
            wire.append(target)
            wire.append(mode)
        case .overlay(let overlay):
            wire.append(UInt8(1))
            for path in [overlay.lower, overlay.upper, overlay.work, overlay.target] { wire.append(path) }
            wire.append(overlay.staysInMemory)
            wire.append(overlay.ownedDirectories)
            wire.appendList(overlay.layers) { $1.encode(to: &$0) }
            wire.append(overlay.mode ?? .max)
        case .bind(let source, let target, let access):
            wire.append(UInt8(2))
            wire.append(source)
            wire.append(target)
            wire.append(access.rawValue)
        case .temporaryFileSystem(let target, let size, let mode):
            wire.append(UInt8(3))
            wire.append(target)
            wire.append(size)
            wire.append(mode)
        case .processes(let target):
            wire.append(UInt8(4))
            wire.append(target)
        case .system(let target):
            wire.append(UInt8(5))
            wire.append(target)
        case .devices(let target):
            wire.append(UInt8(6))
            wire.append(target)
        case .directory(let target, let mode):
            wire.append(UInt8(7))
            wire.append(target)
            wire.append(mode)
        case .symbolicLink(let target, let destination):
            wire.append(UInt8(8))
            wire.append(target)
            wire.append(destination)
        case .file(let target, let contents, let mode):
            wire.append(UInt8(9))
            wire.append(target)
            wire.append(contents)
            wire.append(mode)
        case .mask(let target):
            wire.append(UInt8(10))
            wire.append(target)
        case .readOnly(let target):
            wire.append(UInt8(11))
            wire.append(target)
        case .restore(let layers, let target):
            wire.append(UInt8(13))
            wire.appendList(layers) { $1.encode(to: &$0) }
            wire.append(target)
        case .layer(let layer, let target):
            wire.append(UInt8(14))
            layer.encode(to: &wire)
            wire.append(target)
        }
    }

    init(from wire: inout WireDecoder) throws(WireDecoder.Malformed) {
        switch try wire.number(UInt8.self) {
        case 0: self = .root
        case 12:
            self = .scratchDirectory(source: try wire.text(), target: try wire.text(), mode: try wire.number())
        case 1:
            var overlay = Overlay(
                lower: try wire.text(), upper: try wire.text(), work: try wire.text(), target: try wire.text(),
                staysInMemory: try wire.flag(), ownedDirectories: try wire.texts())
            overlay.layers = try Self.layers(&wire)
            let mode: UInt32 = try wire.number()
            overlay.mode = mode == .max ? nil : mode
            self = .overlay(overlay)
        case 2:
            let (source, target) = (try wire.text(), try wire.text())
            guard let access = Access(rawValue: try wire.number()) else { throw WireDecoder.Malformed() }
            self = .bind(source: source, target: target, access: access)
        case 3:
            self = .temporaryFileSystem(target: try wire.text(), size: try wire.number(), mode: try wire.number())
        case 4: self = .processes(target: try wire.text())
        case 5: self = .system(target: try wire.text())
        case 6: self = .devices(target: try wire.text())
        case 7: self = .directory(target: try wire.text(), mode: try wire.number())
        case 8: self = .symbolicLink(target: try wire.text(), destination: try wire.text())
        case 9: self = .file(target: try wire.text(), contents: try wire.text(), mode: try wire.number())
        case 10: self = .mask(target: try wire.text())
        case 11: self = .readOnly(target: try wire.text())
        case 13: self = .restore(layers: try Self.layers(&wire), target: try wire.text())
        case 14: self = .layer(try Layer(from: &wire), target: try wire.text())
        default: throw WireDecoder.Malformed()
        }
    }

    private static func layers(_ wire: inout WireDecoder) throws(WireDecoder.Malformed) -> [Layer] {
        try wire.list { wire throws(WireDecoder.Malformed) in try Layer(from: &wire) }
    }
}
