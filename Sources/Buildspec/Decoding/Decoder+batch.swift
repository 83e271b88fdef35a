// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

extension Decoder {
    static let batchKinds = ["build-list", "build-graph", "build-matrix", "build-fanout"]
    static let taskEnvironmentKeys = ["compute-type", "fleet", "image", "privileged-mode", "type", "variables"]

    mutating func batch(_ section: Node.Entry) -> Buildspec.Batch? {
        var fastFail = false
        var kind: (kind: Buildspec.Batch.Kind, key: Buildspec.Text)?
        var hasKind = false
        let entries = map(section, named: "batch")
        for entry in entries {
            let key = text(of: entry.key)
            switch key.value {
            case "fast-fail": fastFail = boolean(entry)
            case "build-list", "build-graph", "build-matrix", "build-fanout":
                hasKind = true
                guard let decoded = batchKind(entry, key.value) else { break }
                if let kind {
                    reject(.twoBatchKinds(key, first: kind.key))
                } else {
                    kind = (decoded, key)
                }
            default: unknown(entry, in: "batch", known: ["fast-fail"] + Self.batchKinds)
            }
        }
        if !hasKind, !entries.isEmpty { reject(.noBatchKind(at: span(section.key))) }
        return kind.map { Buildspec.Batch(fastFail: fastFail, kind: $0.kind, span: span(section.key)) }
    }

    private mutating func batchKind(_ entry: Node.Entry, _ key: String) -> Buildspec.Batch.Kind? {
        switch key {
        case "build-list": return tasks(entry, isGraph: false).map { .list($0) }
        case "build-graph":
            guard let tasks = tasks(entry, isGraph: true) else { return nil }
            checkDependencies(tasks)
            return .graph(tasks)
        case "build-matrix": return matrix(entry).map { .matrix($0) }
        default: return fanout(entry).map { .fanout($0) }
        }
    }

    // MARK: Lists and graphs

    private mutating func tasks(_ section: Node.Entry, isGraph: Bool) -> [Buildspec.Batch.Task]? {
        let key = section.key.scalar?.text ?? ""
        guard let items = section.value.items else {
            reject(.wrongType(section.value, in: source, named: key, expected: "a list of builds"))
            return nil
        }
        var result: [Buildspec.Batch.Task] = []
        var first: [String: Buildspec.Text] = [:]
        for item in items {
            guard let entries = item.entries else {
                if item.isNull {
                    warn(.nullItem(key, at: itemSpan(item, in: section.value)))
                } else {
                    reject(.wrongType(item, in: source, named: "an item of `\(key)`", expected: "a map"))
                }
                continue
            }
            guard let task = task(entries, item, in: key, isGraph: isGraph) else { continue }
            if let earlier = first[task.identifier.value] {
                reject(.identifierTwice(task.identifier, first: earlier))
            } else {
                first[task.identifier.value] = task.identifier
            }
            result.append(task)
        }
        return result
    }

    private mutating func task(
        _ entries: [Node.Entry], _ item: Node, in key: String, isGraph: Bool
    ) -> Buildspec.Batch.Task? {
        var identifier: Buildspec.Text?
        var task = Buildspec.Batch.Task(identifier: Buildspec.Text("", span: span(item)))
        for entry in entries {
            switch entry.key.scalar?.text ?? "" {
            case "identifier": identifier = text(entry)
            case "buildspec": task.buildspec = text(entry)
            case "ignore-failure": task.ignoreFailure = boolean(entry)
            case "debug-session": task.debugSession = boolean(entry)
            case "env": task.environment = taskEnvironment(entry, in: "batch/\(key)/env")
            case "depend-on" where isGraph: task.dependOn = dependencies(entry)
            default:
                unknown(
                    entry, in: "batch/\(key)",
                    known: ["identifier", "buildspec", "ignore-failure", "debug-session", "env"]
                        + (isGraph ? ["depend-on"] : []))
            }
        }
        guard let identifier else {
            reject(.missingIdentifier(at: entries.first.map { span($0.key) } ?? span(item)))
            return nil
        }
        if identifier.value.isEmpty || !identifier.value.utf8.allSatisfy(Self.isIdentifierByte) {
            reject(.invalidBatchIdentifier(identifier))
        }
        task.identifier = identifier
        return task
    }

    private static func isIdentifierByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
    }

    /// Unlike elsewhere, a scalar in the list's place is rejected.
    private mutating func dependencies(_ entry: Node.Entry) -> [Buildspec.Text] {
        guard entry.value.items != nil else {
            let place = entry.value.isNull ? entry.key : entry.value
            reject(.dependOnIsNoList(entry.value, at: span(place)))
            return []
        }
        return texts(entry)
    }

    private mutating func checkDependencies(_ tasks: [Buildspec.Batch.Task]) {
        var indexes: [String: Int] = [:]
        for (index, task) in tasks.enumerated() { indexes[task.identifier.value] = index }
        for task in tasks {
            for dependency in task.dependOn where indexes[dependency.value] == nil {
                reject(.unknownDependency(dependency, known: tasks.prefix(500).map(\.identifier.value)))
            }
        }
        if let cycle = Self.cycle(in: tasks, indexes) { reject(.dependencyCycle(cycle)) }
    }

    /// The first cycle in file order, as the `depend-on` items that close it; walks without recursion.
    private static func cycle(in tasks: [Buildspec.Batch.Task], _ indexes: [String: Int]) -> [Buildspec.Text]? {
        enum State { case new, open, done }
        var states = Array(repeating: State.new, count: tasks.count)
        for root in tasks.indices where states[root] == .new {
            var path: [(task: Int, next: Int)] = [(root, 0)]
            states[root] = .open
            while let top = path.last {
                guard top.next < tasks[top.task].dependOn.count else {
                    states[top.task] = .done
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                guard let index = indexes[tasks[top.task].dependOn[top.next].value] else { continue }
                if states[index] == .open {
                    let start = path.firstIndex { $0.task == index } ?? 0
                    return path[start...].map { tasks[$0.task].dependOn[$0.next - 1] }
                }
                if states[index] == .new {
                    states[index] = .open
                    path.append((index, 0))
                }
            }
        }
        return nil
    }

    // MARK: Environments, matrices, fan-outs

    private mutating func taskEnvironment(_ section: Node.Entry, in name: String) -> Buildspec.Batch.TaskEnvironment {
        var environment = Buildspec.Batch.TaskEnvironment()
        for entry in map(section, named: "env") {
            switch entry.key.scalar?.text ?? "" {
            case "compute-type": environment.computeType = text(entry)
            case "fleet": environment.fleet = text(entry)
            case "image": environment.image = text(entry)
            case "type": environment.type = text(entry)
            case "privileged-mode": environment.privilegedMode = boolean(entry)
            case "variables": environment.variables = variables(entry)
            default: unknown(entry, in: name, known: Self.taskEnvironmentKeys)
            }
        }
        return environment
    }

    private mutating func matrix(_ section: Node.Entry) -> Buildspec.Batch.Matrix? {
        guard section.value.entries != nil else {
            reject(.wrongType(section.value, in: source, named: "build-matrix", expected: "a map"))
            return nil
        }
        var matrix = Buildspec.Batch.Matrix()
        for entry in map(section, named: "build-matrix") {
            switch entry.key.scalar?.text ?? "" {
            case "static":
                for item in map(entry, named: "static") {
                    switch item.key.scalar?.text ?? "" {
                    case "ignore-failure": matrix.ignoreFailure = boolean(item)
                    case "env": matrix.environment = taskEnvironment(item, in: "batch/build-matrix/static/env")
                    default: unknown(item, in: "batch/build-matrix/static", known: ["ignore-failure", "env"])
                    }
                }
            case "dynamic":
                for item in map(entry, named: "dynamic") {
                    switch item.key.scalar?.text ?? "" {
                    case "buildspec": matrix.buildspecs = texts(item)
                    case "env": decodeAxes(item, into: &matrix)
                    default: unknown(item, in: "batch/build-matrix/dynamic", known: ["buildspec", "env"])
                    }
                }
            default: unknown(entry, in: "batch/build-matrix", known: ["static", "dynamic"])
            }
        }
        return matrix
    }

    private mutating func decodeAxes(_ section: Node.Entry, into matrix: inout Buildspec.Batch.Matrix) {
        for entry in map(section, named: "env") {
            switch entry.key.scalar?.text ?? "" {
            case "compute-type": matrix.computeTypes = texts(entry)
            case "image": matrix.images = texts(entry)
            case "variables":
                for axis in map(entry, named: "variables") {
                    matrix.variables.append(Buildspec.Batch.Axis(name: text(of: axis.key), values: texts(axis)))
                }
            default:
                unknown(entry, in: "batch/build-matrix/dynamic/env", known: ["compute-type", "image", "variables"])
            }
        }
    }

    private mutating func fanout(_ section: Node.Entry) -> Buildspec.Batch.Fanout? {
        var fanout = Buildspec.Batch.Fanout(parallelism: 0)
        var hasParallelism = false
        for entry in map(section, named: "build-fanout") {
            switch entry.key.scalar?.text ?? "" {
            case "parallelism":
                hasParallelism = true
                guard let text = text(entry) else { break }
                fanout.parallelism = Int(text.value) ?? 0
                if fanout.parallelism < 1 { reject(.invalidParallelism(text)) }
            case "ignore-failure": fanout.ignoreFailure = boolean(entry)
            default: unknown(entry, in: "batch/build-fanout", known: ["parallelism", "ignore-failure"])
            }
        }
        if !hasParallelism { reject(.missingParallelism(at: span(section.key))) }
        return fanout.parallelism > 0 ? fanout : nil
    }
}
