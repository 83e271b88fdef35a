// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// Reads the values of one project: the same members under the names of the API (`timeoutInMinutes`) and of CloudFormation
/// (`TimeoutInMinutes`).
struct ProjectReader {
    let path: String
    let spelling: Spelling
    /// Works out a template's functions; nil where values stand for themselves.
    let evaluator: TemplateEvaluator?
    let findings: Findings
    /// The option that is read instead of a file.
    var option: String?
    /// Whether sources are fetched, rather than a checkout built.
    var fetchesSources = false
    /// What goes to AWS as the project says.
    var uploads: ProjectUploads = []

    enum Spelling: Sendable {
        case api, cloudFormation
    }

    /// A member of a map, by its name in the API.
    struct Member {
        var name: String
        var key: Node
        /// Functions are worked out; its children are as they were written.
        var value: Node
        /// Whether it was made of a parameter that is not to be shown.
        var isSecret = false
        /// Whether something of it stands in the place of what only a deployed stack knows.
        var isStandIn = false
    }

    /// A member's name as the file writes it.
    func written(_ name: String) -> String {
        guard spelling == .cloudFormation else { return name }
        return name == "buildspec" ? "BuildSpec" : name.prefix(1).uppercased() + name.dropFirst()
    }

    private func named(_ key: String) -> String {
        guard spelling == .cloudFormation else { return key }
        if key == "BuildSpec" { return "buildspec" }
        // Such as `buildspec` and `Buildspec`, which CloudFormation does not know.
        guard key.first?.isUppercase == true, key != "Buildspec" else { return "\0" + key }
        return key.prefix(1).lowercased() + key.dropFirst()
    }

    /// The members of a map; those that are not known are warned of.
    /// - Parameter unread: members that change nothing here, of which it only matters whether they are there.
    func members(of node: Node, in section: String, known: [String], unread: Set<String> = []) -> [Member] {
        guard let entries = node.entries else {
            if !node.isNull, node.scalar?.text != "" {
                reject(.wrongType(section.isEmpty ? "the project" : "`\(section)`", "a map", node, at: span(node)))
            }
            return []
        }
        var members: [Member] = []
        for entry in entries {
            let key = entry.key.scalar?.text ?? ""
            let name = named(key)
            guard known.contains(name) else {
                warn(.unknownMember(key, in: section, known: known.map(written), at: span(entry.key)))
                continue
            }
            let reads = evaluator?.secretReads
            let standIns = evaluator?.standInReads
            let isRead = evaluator == nil || !unread.contains(name)
            guard let value = isRead ? resolve(entry.value) : evaluator?.resolveQuietly(entry.value), !value.isNull
            else { continue }
            members.append(
                Member(
                    name: name, key: entry.key, value: value, isSecret: evaluator?.secretReads != reads,
                    isStandIn: evaluator?.standInReads != standIns))
        }
        return members
    }

    func resolve(_ node: Node) -> Node? { evaluator == nil ? node : evaluator?.resolve(node) }

    // MARK: Values

    /// Text that is not empty: skeletons of the AWS command line hold empty ones for what is not set.
    func text(_ member: Member) -> Placed<String>? {
        guard let scalar = member.value.scalar else {
            reject(.wrongType("`\(written(member.name))`", "text", member.value, at: span(member.value)))
            return nil
        }
        warnOfReference(in: scalar.text, at: member.value)
        return scalar.text.isEmpty ? nil : Placed(scalar.text, span(member.value))
    }

    /// Text of a place that something is sent to: what only stands in for a name may be somebody's.
    func placeText(_ member: Member) -> Placed<String>? {
        guard let text = text(member) else { return nil }
        if member.isStandIn || evaluator != nil && DynamicReference.occurs(in: text.value) {
            reject(.placeNotKnown(written(member.name), at: text.span))
            return nil
        }
        return text
    }

    /// A template's reference to a stored value that stays one here.
    func warnOfReference(in text: String, at node: Node) {
        if evaluator != nil, DynamicReference.occurs(in: text) { warn(.dynamicReference(at: span(node))) }
    }

    func boolean(_ member: Member) -> Placed<Bool>? {
        switch member.value.scalar?.text {
        case "true", "True": return Placed(true, span(member.value))
        case "false", "False", "": return Placed(false, span(member.value))
        default:
            reject(.wrongType("`\(written(member.name))`", "`true` or `false`", member.value, at: span(member.value)))
            return nil
        }
    }

    func integer(_ member: Member, in range: ClosedRange<Int>) -> Placed<Int>? {
        guard let text = member.value.scalar?.text, let value = Int(text) else {
            reject(.wrongType("`\(written(member.name))`", "a whole number", member.value, at: span(member.value)))
            return nil
        }
        guard range.contains(value) else {
            reject(.outOfRange(written(member.name), value, range, at: span(member.value)))
            return nil
        }
        return Placed(value, span(member.value))
    }

    /// One of a closed set of words.
    func word<Word: RawRepresentable & CaseIterable & Sendable & Equatable>(
        _ member: Member, as type: Word.Type
    ) -> Placed<Word>? where Word.RawValue == String {
        guard let text = text(member) else { return nil }
        guard let word = Word(rawValue: text.value) else {
            reject(.unknownWord(written(member.name), text.value, Word.allCases.map(\.rawValue), at: text.span))
            return nil
        }
        return Placed(word, text.span)
    }

    /// The items of a list, functions worked out.
    func items(_ member: Member, atMost maximum: Int) -> [Node] {
        guard let items = member.value.items else {
            if member.value.scalar?.text != "" {
                reject(.wrongType("`\(written(member.name))`", "a list", member.value, at: span(member.value)))
            }
            return []
        }
        let values = items.compactMap(resolve)
        if values.count > maximum {
            reject(.tooMany(written(member.name), values.count, maximum, at: span(member.key)))
        }
        return values
    }

    /// The items of a list of maps; others are said once, and left out.
    func maps(_ member: Member, atMost maximum: Int) -> [Node] {
        items(member, atMost: maximum).filter { item in
            if item.entries != nil { return true }
            reject(.wrongType("an item of `\(written(member.name))`", "a map", item, at: span(item)))
            return false
        }
    }

    // MARK: Findings

    func span(_ node: Node) -> SourceSpan { node.span(in: path) }
    func reject(_ diagnostic: Diagnostic) { findings.add(diagnostic) }
    func warn(_ diagnostic: Diagnostic) { findings.add(diagnostic) }

    /// Says that a member changes nothing here.
    func ignore(_ member: Member, in section: String = "", _ reason: String) {
        let name = option ?? (section.isEmpty ? "" : section + ".") + written(member.name)
        // What a list or map holds is not underlined line by line: the key says it.
        warn(.noLocalMeaning(name, reason, at: span(member.key)))
    }
}
