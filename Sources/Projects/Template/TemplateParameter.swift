// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import TextPatterns
import YAML

/// A parameter that a template declares, and what its value must be.
///
/// Source: "Parameters", AWS CloudFormation User Guide.
struct TemplateParameter {
    let name: String
    let type: String
    /// Whether the value is not to be shown.
    let isSecret: Bool
    let standard: String?
    private let node: Node

    init(_ name: String, _ node: Node) {
        self.name = name
        self.node = node
        type = node["Type"]?.scalar?.text ?? "String"
        isSecret = node["NoEcho"]?.scalar?.text.lowercased() == "true"
        standard = node["Default"]?.scalar?.text
    }

    var isStored: Bool { type.hasPrefix("AWS::SSM::Parameter::Value") }
    var isList: Bool { type == "CommaDelimitedList" || type.hasPrefix("List<") }

    /// The items of a list.
    static func items(_ value: String) -> [String] {
        value.split(separator: ",", omittingEmptySubsequences: false).map { item in
            var item = item.drop { $0 == " " }
            while item.last == " " { item.removeLast() }
            return String(item)
        }
    }

    /// What is not right with a value: the words that follow `parameter X`, and a hint.
    struct Fault {
        var words: String
        var hint: String?
    }

    enum Judgement {
        case allowed
        case refused(Fault)
        /// The pattern is none that can be searched for here, and why.
        case patternNotRead(String)
    }

    func judge(_ value: String) -> Judgement {
        let allowed = node["AllowedValues"]?.items?.compactMap { $0.scalar?.text } ?? []
        for item in isList ? Self.items(value) : [value] where !allowed.isEmpty && !allowed.contains(item) {
            return refused(
                "cannot be \(shown(item))",
                hint: "allowed: " + allowed.prefix(20).map(DisplayText.escaped).joined(separator: ", "))
        }
        if isStored { return .allowed }
        if let fault = fault(ofNumber: value) ?? fault(ofLength: value) { return fault }
        return judgePattern(value)
    }

    private func fault(ofNumber value: String) -> Judgement? {
        guard type == "Number" || type == "List<Number>" else { return nil }
        for item in type == "Number" ? [value] : Self.items(value) {
            guard let number = Double(item) else { return refused("must be a number, not \(shown(item))") }
            if let least = bound("MinValue"), number < least { return refused("must be at least \(text("MinValue"))") }
            if let most = bound("MaxValue"), number > most { return refused("must be at most \(text("MaxValue"))") }
        }
        return nil
    }

    private func fault(ofLength value: String) -> Judgement? {
        guard type == "String" else { return nil }
        let count = Double(value.unicodeScalars.count)
        if let least = bound("MinLength"), count < least {
            return refused("must have at least \(text("MinLength")) characters")
        }
        if let most = bound("MaxLength"), count > most {
            return refused("must have at most \(text("MaxLength")) characters")
        }
        return nil
    }

    private func judgePattern(_ value: String) -> Judgement {
        guard type == "String" || type == "CommaDelimitedList", let pattern = node["AllowedPattern"]?.scalar?.text
        else {
            return .allowed
        }
        let expression: TextPattern
        do throws(TextPattern.Malformed) { expression = try TextPattern("^(?:\(pattern))$") } catch {
            return .patternNotRead(error.reason)
        }
        for item in isList ? Self.items(value) : [value] where !expression.occurs(in: item) {
            return refused("cannot be \(shown(item))", hint: "it must match `\(DisplayText.escaped(pattern))`")
        }
        return .allowed
    }

    private func refused(_ words: String, hint: String? = nil) -> Judgement {
        // The template's own explanation is better than ours.
        let described = node["ConstraintDescription"]?.scalar?.text
        return .refused(Fault(words: words, hint: described.map(DisplayText.escaped) ?? hint))
    }

    private func shown(_ value: String) -> String {
        isSecret ? "what was given" : "`\(DisplayText.escaped(String(value.prefix(200))))`"
    }

    private func text(_ key: String) -> String { DisplayText.escaped(node[key]?.scalar?.text ?? "") }
    private func bound(_ key: String) -> Double? { node[key]?.scalar.flatMap { Double($0.text) } }
}
