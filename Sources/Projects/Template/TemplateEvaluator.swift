// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// Works out the intrinsic functions of a template, each when its value is read: what no project needs is not looked at,
/// and a function that only a deployed stack can answer is told of only where its answer matters.
final class TemplateEvaluator {
    let template: Template
    private(set) var findings: Findings
    private let facts: StackFacts
    private let given: [String: String]
    /// The values that were asked for, of those given.
    private(set) var usedNames: Set<String> = []
    private var names: [String: (value: String, isSecret: Bool, isStandIn: Bool)] = [:]
    /// Values of parameters that are not to be shown, by name, as far as they were asked for.
    private(set) var secrets: [String: String] = [:]
    /// How often one was asked for: it tells whether a value was made with one.
    private(set) var secretReads = 0
    /// The same for what stands in the place of something that is not known.
    private(set) var standInReads = 0
    /// Resources and conditions that are being worked out: one that leads back to itself is a cycle.
    private var open: [String] = []
    var conditions: [String: Bool] = [:]
    /// Bytes of text that functions may still make.
    private var budget = 16 << 20

    init(_ template: Template, parameters: [ProjectParameter], facts: StackFacts, findings: Findings) {
        self.template = template
        self.facts = facts
        self.findings = findings
        given = parameters.reduce(into: [:]) { $0[$1.name] = $1.value }
    }

    /// A node's value: itself unless it is a call. Its children are not looked at.
    /// - Returns: nil for `AWS::NoValue`, and for what is wrong, which is then among the findings.
    func resolve(_ node: Node) -> Node? {
        guard let call = TemplateCall(node) else { return node }
        switch call.function {
        case "Ref": return reference(call)
        case "Sub": return substitution(call)
        case "GetAtt": return attribute(call)
        case "Join": return join(call)
        case "If": return choice(call)
        case "FindInMap": return mapping(call)
        case "Select": return selection(call)
        case "Split": return split(call)
        case "ImportValue":
            return text(of: call.argument, in: call).flatMap { make(standIn($0, call, words: "an export"), call) }
        case "Base64": return text(of: call.argument, in: call).flatMap { make(Base64Text.encode($0), call) }
        default:
            let isCondition = TemplateCall.ofConditions.contains(call.function)
            reject(
                isCondition ? .conditionOutside(call.function, at: span(node)) : .unknownFunction(call, at: span(node)))
            return nil
        }
    }

    /// The value of what changes nothing here: whether it is there at all. What is wrong with it is nobody's matter.
    func resolveQuietly(_ node: Node) -> Node? {
        let (loud, known) = (findings, names)
        findings = Findings()
        let value = resolve(node)
        let isRejected = findings.isRejected
        (findings, names) = (loud, known)
        return isRejected ? node : value
    }

    func reject(_ diagnostic: Diagnostic) { findings.add(diagnostic) }

    func span(_ node: Node) -> SourceSpan { node.span(in: template.path) }

    // MARK: Arguments

    /// A node's text; a call is worked out first.
    func text(of node: Node, in call: TemplateCall) -> String? {
        guard let value = resolve(node) else { return nil }
        guard let scalar = value.scalar else {
            reject(.argument(call.function, "text", value, at: span(node)))
            return nil
        }
        return scalar.text
    }

    func items(of node: Node, in call: TemplateCall) -> [Node]? {
        guard let value = resolve(node) else { return nil }
        guard let items = value.items else {
            reject(.argument(call.function, "a list", value, at: span(node)))
            return nil
        }
        return items
    }

    /// The arguments of a function that takes several.
    func arguments(_ call: TemplateCall, _ count: ClosedRange<Int>) -> [Node]? {
        guard let items = call.argument.items, count.contains(items.count) else {
            reject(.arguments(call.function, count, at: span(call.node)))
            return nil
        }
        return items
    }

    private func make(_ text: String, _ call: TemplateCall) -> Node? {
        budget -= text.utf8.count
        guard budget >= 0 else {
            reject(.templateTooLarge(at: span(call.node)))
            return nil
        }
        return Node(
            content: .scalar(Scalar(text: text, style: .doubleQuoted)), start: call.node.start, end: call.node.end)
    }

    // MARK: References

    private func reference(_ call: TemplateCall) -> Node? {
        guard let name = call.argument.scalar?.text else {
            reject(.argument("Ref", "a name", call.argument, at: span(call.node)))
            return nil
        }
        return reference(name, call)
    }

    private func reference(_ name: String, _ call: TemplateCall) -> Node? {
        if name == "AWS::NoValue" { return nil }
        if let node = template.parameter(name) { return parameter(TemplateParameter(name, node), call) }
        if let value = givenValue(name) { return make(value, call) }
        if let value = facts.pseudoParameter(name) {
            // An account's number is made up where nobody gives it, and the name of a bucket often has it.
            if !["AWS::Partition", "AWS::URLSuffix"].contains(name) { standInReads += 1 }
            return make(value, call)
        }
        if name == "AWS::NotificationARNs" {
            return Node(content: .list([]), start: call.node.start, end: call.node.end)
        }
        guard let resource = template.resource(name) else {
            let known = template.keys("Parameters") + template.keys("Resources") + StackFacts.pseudoParameters
            reject(.unknownReference(name, known: known, isSub: call.function == "Sub", at: span(call.node)))
            return nil
        }
        return physicalName(name, resource, call).flatMap { make($0, call) }
    }

    private func givenValue(_ name: String) -> String? {
        guard let value = given[name] else { return nil }
        usedNames.insert(name)
        return value
    }

    private func parameter(_ parameter: TemplateParameter, _ call: TemplateCall) -> Node? {
        let name = parameter.name
        let place = keySpan(name, of: "Parameters")
        let own = givenValue(name)
        guard let value = own ?? parameter.standard else {
            reject(.parameterMissing(name, at: place, usedAt: span(call.node)))
            return nil
        }
        if parameter.isSecret {
            secretReads += 1
            secrets[name] = value
        }
        if parameter.isStored, own == nil {
            return make(standIn(value, call, words: "a stored parameter", name: name), call)
        }
        switch parameter.judge(value) {
        case .allowed: break
        case .patternNotRead(let reason): findings.add(.patternNotChecked(name, reason, at: place))
        case .refused(let fault):
            reject(.parameterNotAllowed(name, fault, at: place))
            return nil
        }
        guard parameter.isList else { return make(value, call) }
        let items = TemplateParameter.items(value).compactMap { make($0, call) }
        return Node(content: .list(items), start: call.node.start, end: call.node.end)
    }

    /// What `Ref` gives for a resource: the name that the template sets, or the logical id in its place.
    private func physicalName(_ name: String, _ resource: Node, _ call: TemplateCall) -> String? {
        if let known = names[name] {
            if known.isSecret { secretReads += 1 }
            if known.isStandIn { standInReads += 1 }
            return known.value
        }
        let reads = secretReads
        let standIns = standInReads
        guard enter("resource \(name)", call) else { return nil }
        defer { open.removeLast() }
        var result: String?
        if let property = Template.physicalNames[resource["Type"]?.scalar?.text ?? ""],
            let node = resource["Properties"]?[property]
        {
            result = text(of: node, in: call)
            // What is wrong with the name has been said; a stand-in would be one word more.
            if result == nil, findings.isRejected { return nil }
        }
        let value = result ?? standIn(name, call, words: "the name of a resource")
        names[name] = (value, secretReads > reads, standInReads > standIns)
        return value
    }

    private func attribute(_ call: TemplateCall) -> Node? {
        var parts: [String] = []
        if let scalar = call.argument.scalar {
            parts = [scalar.text]
        } else {
            for item in call.argument.items ?? [] {
                guard let part = text(of: item, in: call) else { return nil }
                parts.append(part)
            }
        }
        return attribute(parts.joined(separator: "."), call)
    }

    private func attribute(_ name: String, _ call: TemplateCall) -> Node? {
        guard let dot = name.firstIndex(of: "."), name[dot...].count > 1 else {
            reject(.attributeWithoutResource(at: span(call.node)))
            return nil
        }
        let resource = String(name[..<dot])
        guard template.resource(resource) != nil else {
            reject(
                .unknownReference(
                    resource, known: template.keys("Resources"), isSub: call.function == "Sub", at: span(call.node)))
            return nil
        }
        return make(standIn(name, call, words: "an attribute of a resource"), call)
    }

    /// A value that nobody here can know: what was given for it, or its name, of which the user is told.
    private func standIn(_ text: String, _ call: TemplateCall, words: String, name: String? = nil) -> String {
        if let value = givenValue(name ?? text) { return value }
        standInReads += 1
        findings.add(.standIn(text, name: name ?? text, words: words, at: span(call.node)))
        return text
    }

    /// Notes what is being worked out.
    func enter(_ name: String, _ call: TemplateCall) -> Bool {
        if open.contains(name) {
            reject(.cycle(name, at: span(call.node)))
            return false
        }
        // Each level takes a few frames of the stack.
        guard open.count < 64 else {
            reject(.chainTooLong(at: span(call.node)))
            return false
        }
        open.append(name)
        return true
    }

    func leave() { open.removeLast() }

    func keySpan(_ name: String, of section: String) -> SourceSpan? {
        template.root[section]?.entries?.first { $0.key.scalar?.text == name }.map { span($0.key) }
    }

    // MARK: Functions

    private func substitution(_ call: TemplateCall) -> Node? {
        var node = call.argument
        var values: [Node.Entry] = []
        if let items = call.argument.items {
            guard items.count == 2, let entries = items[1].entries else {
                reject(.arguments("Sub", 2...2, at: span(call.node)))
                return nil
            }
            node = items[0]
            values = entries
        }
        guard let text = node.scalar?.text else {
            reject(.argument("Sub", "text", node, at: span(call.node)))
            return nil
        }
        switch SubstitutedText.pieces(text) {
        case .failure(let fault):
            reject(.invalidSubstitution(fault.name, at: span(node)))
            return nil
        case .success(let pieces):
            var result = ""
            for piece in pieces {
                switch piece {
                case .text(let text): result += text
                case .reference(let name):
                    let value: Node?
                    if let entry = values.first(where: { $0.key.scalar?.text == name }) {
                        value = resolve(entry.value)
                    } else {
                        value = name.contains(".") ? attribute(name, call) : reference(name, call)
                    }
                    guard let value else { return nil }
                    guard let text = value.scalar?.text else {
                        reject(.argument("Sub", "text for `\(name)`", value, at: span(node)))
                        return nil
                    }
                    result += text
                }
                guard result.utf8.count <= budget else { return make(result, call) }
            }
            return make(result, call)
        }
    }

    private func join(_ call: TemplateCall) -> Node? {
        guard let arguments = arguments(call, 2...2), let separator = text(of: arguments[0], in: call),
            let items = items(of: arguments[1], in: call)
        else { return nil }
        var result = ""
        var isFirst = true
        for item in items {
            guard let value = resolve(item) else { continue }
            guard let text = value.scalar?.text else {
                reject(.argument("Join", "text", value, at: span(item)))
                return nil
            }
            if !isFirst { result += separator }
            isFirst = false
            result += text
            guard result.utf8.count <= budget else { break }
        }
        return make(result, call)
    }

    private func choice(_ call: TemplateCall) -> Node? {
        guard let arguments = arguments(call, 3...3) else { return nil }
        guard let name = arguments[0].scalar?.text else {
            reject(.argument("If", "a condition's name", arguments[0], at: span(arguments[0])))
            return nil
        }
        guard let holds = condition(name, call) else { return nil }
        return resolve(holds ? arguments[1] : arguments[2])
    }

    private func mapping(_ call: TemplateCall) -> Node? {
        guard let arguments = arguments(call, 3...3) else { return nil }
        var node = template.root["Mappings"]
        for argument in arguments {
            guard let key = text(of: argument, in: call) else { return nil }
            guard let next = node?[key] else {
                reject(
                    .notInMap(
                        key, known: node?.entries?.compactMap { $0.key.scalar?.text } ?? [], at: span(argument)))
                return nil
            }
            node = next
        }
        return node
    }

    private func selection(_ call: TemplateCall) -> Node? {
        guard let arguments = arguments(call, 2...2), let word = text(of: arguments[0], in: call),
            let items = items(of: arguments[1], in: call)
        else { return nil }
        guard let index = Int(word), items.indices.contains(index) else {
            reject(.notInList(word, count: items.count, at: span(arguments[0])))
            return nil
        }
        return resolve(items[index])
    }

    private func split(_ call: TemplateCall) -> Node? {
        guard let arguments = arguments(call, 2...2), let separator = text(of: arguments[0], in: call),
            let text = text(of: arguments[1], in: call)
        else { return nil }
        guard !separator.isEmpty else {
            reject(.argument("Split", "a separator", arguments[0], at: span(arguments[0])))
            return nil
        }
        let items = SplitText.split(text, at: separator).compactMap { make($0, call) }
        return Node(content: .list(items), start: call.node.start, end: call.node.end)
    }
}
