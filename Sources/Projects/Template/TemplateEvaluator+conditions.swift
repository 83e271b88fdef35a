// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

extension TemplateEvaluator {
    /// Whether a condition of the template holds; nil when that cannot be said.
    func condition(_ name: String, _ call: TemplateCall) -> Bool? {
        if let known = conditions[name] { return known }
        guard let node = template.condition(name) else {
            reject(.unknownCondition(name, known: template.keys("Conditions"), at: span(call.node)))
            return nil
        }
        guard enter("condition \(name)", call) else { return nil }
        defer { leave() }
        let result = isTrue(node)
        if let result { conditions[name] = result }
        return result
    }

    /// Source: "Condition functions", AWS CloudFormation User Guide.
    private func isTrue(_ node: Node) -> Bool? {
        // `{"Condition": "Name"}` is a call only here.
        var call = TemplateCall(node)
        if call == nil, let entry = node.entries?.first, node.entries?.count == 1, entry.key.scalar?.text == "Condition"
        {
            var inner = entry.value
            inner.tag = "!Condition"
            call = TemplateCall(inner)
        }
        guard let call else {
            reject(.notACondition(at: span(node)))
            return nil
        }
        switch call.function {
        case "Condition":
            guard let name = call.argument.scalar?.text else { break }
            return condition(name, call)
        case "Equals":
            guard let arguments = arguments(call, 2...2), let left = text(of: arguments[0], in: call),
                let right = text(of: arguments[1], in: call)
            else { return nil }
            return left == right
        case "Not":
            return arguments(call, 1...1).flatMap { isTrue($0[0]) }.map { !$0 }
        case "And", "Or":
            guard let arguments = arguments(call, 2...10) else { return nil }
            var holds = call.function == "And"
            for argument in arguments {
                guard let value = isTrue(argument) else { return nil }
                holds = call.function == "And" ? holds && value : holds || value
            }
            return holds
        default: break
        }
        reject(.notACondition(at: span(node)))
        return nil
    }
}
