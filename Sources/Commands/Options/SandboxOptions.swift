// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax
internal import Sandbox
internal import SystemPackage

/// What the build runs in.
struct SandboxOptions {
    static var group: OptionGroup { OptionGroup("Sandbox", withoutTime + [timeout]) }
    /// For a shell, which may stay as long as its user likes.
    static var shellGroup: OptionGroup { OptionGroup("Sandbox", withoutTime) }

    private static var withoutTime: [any OptionKey] {
        [mountSource, ImageOption.option, network, memory, cpus, pids, compute]
    }

    private static let mountSource = Flag(
        "mount-source", short: "m",
        help: "Let the build write into the source directory itself instead of a copy-on-write view.")
    private static let network = ValueOption(
        "network", placeholder: "network", words: SandboxSettings.Network.allCases.map(\.rawValue),
        help: "The network of the build: `host` (the default) or `none`.")
    private static let memory = ValueOption(
        "memory", placeholder: "size", help: "The most memory, as `512M` or `4G`.")
    private static let cpus = ValueOption(
        "cpus", placeholder: "number", help: "The most processor time, in processors; fractions are allowed.")
    private static let pids = ValueOption("pids", placeholder: "number", help: "The most processes.")
    private static let compute = ValueOption(
        "compute", aliases: ["compute-type-override"], placeholder: "type",
        help: "Memory and processors of a CodeBuild compute type, as `BUILD_GENERAL1_SMALL`.")
    private static let timeout = ValueOption(
        "timeout", aliases: ["timeout-in-minutes-override"], placeholder: "minutes",
        help: "The build's time, in minutes; fractions are allowed (default: 60).")

    private let mountSource: Bool
    let image: ImageOption
    private let network: SandboxSettings.Network
    private let memory: String?
    private let cpus: String?
    private let pids: String?
    private let compute: String?
    private let timeout: String?

    init(_ words: ParsedWords) {
        mountSource = words[Self.mountSource]
        image = ImageOption(words)
        network = words[Self.network].flatMap(SandboxSettings.Network.init) ?? .host
        memory = words[Self.memory]
        cpus = words[Self.cpus]
        pids = words[Self.pids]
        compute = words[Self.compute]
        timeout = words[Self.timeout]
    }

    func apply(to request: inout BuildRequest) throws {
        if mountSource {
            guard case .directory = request.source.location, request.source.version == nil else {
                throw CommandFailure.mountOfCheckout
            }
            request.mountsSource = true
        }
        try image.apply(to: &request)
        request.network = network
        for (name, word) in [("memory", memory), ("cpus", cpus), ("pids", pids), ("timeout", timeout)] {
            guard let word, let expected = Self.expected(name, word) else { continue }
            throw CommandFailure.wrongNumber("--\(name)", word, expected: expected)
        }
        request.limits.memoryBytes = memory.flatMap(Self.size)
        request.limits.cpus = cpus.flatMap { Self.number($0, in: Self.processors) }
        request.limits.processes = pids.flatMap(Self.processes)
        if let compute {
            guard let type = ComputeType(compute) else {
                throw CommandFailure.unknownWord("--compute", compute, ComputeType.all.map(\.name))
            }
            request.computeType = type
        }
        if let minutes = timeout.flatMap({ Self.number($0, in: Self.minutes) }) { request.timeoutMinutes = minutes }
    }

    /// What the value of a limit should be; nil when it is right, or no limit's.
    static func expected(_ name: String, _ word: String) -> String? {
        switch name {
        case "memory": size(word) == nil ? "a size such as `512M` or `4G`, at least 1M" : nil
        case "cpus": number(word, in: processors) == nil ? "a number of processors such as `2` or `0.5`" : nil
        case "pids": processes(word) == nil ? "a number of processes from 1 to 4194304" : nil
        case "timeout": number(word, in: minutes) == nil ? "a number of minutes such as `30` or `0.5`" : nil
        default: nil
        }
    }

    private static let processors = 0.01...10_000
    private static let minutes = 0.0001...525_600

    private static func number(_ word: String, in range: ClosedRange<Double>) -> Double? {
        guard let value = Double(word), range.contains(value),
            word.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") })
        else { return nil }
        return value
    }

    private static func processes(_ word: String) -> Int? {
        Int(word).flatMap { (1...4_194_304).contains($0) ? $0 : nil }
    }

    /// `512M`, `4G`, `4GiB`, `1.5g`, or bytes. Units are powers of 1024, as the kernel counts memory.
    private static func size(_ word: String) -> Int? {
        let digits = word.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let shifts: [String: Int] = ["": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40]
        var unit = word.dropFirst(digits.count).lowercased()
        if unit.hasSuffix("ib") {
            unit.removeLast(2)
        } else if unit.count == 2, unit.hasSuffix("b") {
            unit.removeLast()
        }
        guard let number = Double(digits), let shift = shifts[unit] else { return nil }
        let bytes = number * Double(1 << shift)
        guard bytes >= 1_048_576, bytes < 1e18 else { return nil }
        return Int(bytes)
    }
}
