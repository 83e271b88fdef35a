// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
import Files
public import SystemPackage
import YAML

/// A file that defines one or several projects: the input of create-project or update-project, the output of
/// batch-get-projects, or a CloudFormation template; JSON or YAML.
public struct ProjectFile {
    /// The largest file that is read, in bytes: a template's limit is one million, and batch-get-projects may list a
    /// hundred projects.
    public static let maximumBytes = 2 << 20

    public let source: SourceText
    private let root: Node
    private let readerFindings: [Diagnostic]
    private let candidates: [Candidate]
    private let isTemplate: Bool

    private struct Candidate {
        /// The logical id in a template.
        var identifier: String?
        /// The key of the logical id.
        var key: Node?
        var definition: Node
        /// The whole resource of a template.
        var resource: Node?
    }

    /// A project, and what there is to say of it.
    public struct Selection: Sendable, Equatable {
        public var definition: ProjectDefinition
        /// The project's logical id in a template.
        public var identifier: Placed<String>?
        /// Parameters of a template that are not to be shown (`NoEcho`), as far as they have values that count.
        public var secretParameters: [ProjectParameter] = []
        /// Warnings, by place.
        public var diagnostics: [Diagnostic]
    }

    /// Reads a file, whatever it is: never more than `maximumBytes` and one byte.
    public static func load(_ path: FilePath) throws(ProjectsError) -> ProjectFile {
        let bytes: [UInt8]
        do {
            bytes = try FileContents.read(path, limit: maximumBytes, regularOnly: false)
        } catch {
            if error.underlying == .noSuchFileOrDirectory { throw .missing(path.displayed) }
            throw .unreadable(
                path.displayed,
                error.code == .tooLarge ? "it is larger than 2 MiB" : error.underlying?.words ?? "\(error)")
        }
        return try ProjectFile(SourceText(path: path.displayed, bytes: bytes))
    }

    public init(_ source: SourceText) throws(ProjectsError) {
        var limits = YAMLLimits()
        limits.bytes = Self.maximumBytes
        let document: YAMLDocument
        do {
            document =
                Self.isJSON(source)
                ? try YAMLDocument(json: source, limits: limits)
                : try YAMLDocument(source, limits: limits, keepsLocalTags: true)
        } catch {
            throw .invalid([error.diagnostic.ofProjectFile], in: source)
        }
        guard let root = document.root, let candidates = Self.candidates(in: root), !candidates.isEmpty else {
            throw .invalid([.notAProject(document.root, in: source)], in: source)
        }
        self.source = source
        self.root = root
        self.candidates = candidates
        isTemplate = Template.isTemplate(root)
        readerFindings = document.diagnostics.map(\.ofProjectFile)
    }

    /// JSON by its name or by its first character.
    private static func isJSON(_ source: SourceText) -> Bool {
        let path = source.path.lowercased()
        if path.hasSuffix(".json") { return true }
        if path.hasSuffix(".yml") || path.hasSuffix(".yaml") { return false }
        let first = source.bytes.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
        return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    }

    /// The projects of a document, or nil when it is nothing that holds any.
    private static func candidates(in root: Node) -> [Candidate]? {
        if Template.isTemplate(root) {
            return Template(root: root, path: "").projects.map { entry in
                Candidate(
                    identifier: entry.key.scalar?.text, key: entry.key,
                    definition: entry.value["Properties"]
                        ?? Node(content: .map([]), start: entry.key.start, end: entry.key.end),
                    resource: entry.value)
            }
        }
        let list = root.items ?? root["projects"]?.items ?? root["project"].map { [$0] } ?? [root]
        let members = ["name", "source", "environment", "artifacts"]
        guard list.allSatisfy({ item in members.contains { item[$0] != nil } }) else { return nil }
        return list.map { Candidate(definition: $0) }
    }

    // MARK: Choosing

    /// The project of a name, or the only one.
    ///
    /// - Parameters:
    ///   - name: a project's name, or its logical id in a template.
    ///   - parameters: values for a template's parameters; of equal names the last counts.
    ///   - fetchesSources: whether sources are fetched as the project says, rather than a checkout built.
    ///   - uploads: what goes to AWS as the project says.
    public func project(
        _ name: String?, parameters: [ProjectParameter] = [], facts: StackFacts = StackFacts(),
        fetchesSources: Bool = false, uploads: ProjectUploads = []
    ) throws(ProjectsError) -> Selection {
        if !isTemplate, !parameters.isEmpty { throw .parameterWithoutTemplate }
        let candidate = try choose(name, parameters, facts)
        let findings = Findings()
        for finding in readerFindings { findings.add(finding) }
        let evaluator = evaluator(parameters, facts, findings)
        let reader = ProjectReader(
            path: source.path, spelling: isTemplate ? .cloudFormation : .api, evaluator: evaluator, findings: findings,
            fetchesSources: fetchesSources, uploads: uploads)
        var definition = reader.project(candidate.definition)
        if let evaluator, let condition = candidate.resource?["Condition"], let words = condition.scalar?.text,
            Self.isDeployed(candidate, evaluator) == false
        {
            findings.add(
                .conditionDoesNotHold(candidate.identifier ?? "", words, at: condition.span(in: source.path)))
        }
        // A stack's, where they were given: what is made up is no better than what the engine makes up.
        definition.region = definition.region ?? parameters.last { $0.name == "AWS::Region" }?.value
        definition.accountIdentifier =
            definition.accountIdentifier ?? parameters.last { $0.name == "AWS::AccountId" }?.value
        if findings.isRejected { throw .invalid(findings.sorted, in: source) }
        if let evaluator { try checkNames(parameters, evaluator) }
        return Selection(
            definition: definition,
            identifier: candidate.key.map { Placed(candidate.identifier ?? "", $0.span(in: source.path)) },
            secretParameters: secretParameters(parameters, evaluator),
            diagnostics: findings.sorted)
    }

    private func evaluator(
        _ parameters: [ProjectParameter], _ facts: StackFacts, _ findings: Findings
    ) -> TemplateEvaluator? {
        guard isTemplate else { return nil }
        return TemplateEvaluator(
            Template(root: root, path: source.path), parameters: parameters, facts: facts, findings: findings)
    }

    private func secretParameters(
        _ parameters: [ProjectParameter], _ evaluator: TemplateEvaluator?
    ) -> [ProjectParameter] {
        guard let evaluator else { return [] }
        return evaluator.template.secretParameters.compactMap { name in
            let value = parameters.last { $0.name == name }?.value ?? evaluator.secrets[name]
            return value.map { ProjectParameter(name: name, value: $0) }
        }
    }

    /// Whether a stack would have the project; nil where that cannot be said.
    private static func isDeployed(_ candidate: Candidate, _ evaluator: TemplateEvaluator) -> Bool? {
        guard let condition = candidate.resource?["Condition"], let words = condition.scalar?.text else { return true }
        return evaluator.condition(words, TemplateCall(function: "Condition", argument: condition, node: condition))
    }

    private func choose(
        _ name: String?, _ parameters: [ProjectParameter], _ facts: StackFacts
    ) throws(ProjectsError) -> Candidate {
        if let name, let candidate = candidates.first(where: { $0.identifier == name }) { return candidate }
        var chosen = candidates
        if let name { chosen = chosen.filter { self.name(of: $0, parameters, facts) == name } }
        guard !chosen.isEmpty else {
            throw .noSuchProject(name ?? "", names(candidates, parameters, facts), in: source.path)
        }
        if chosen.count > 1, let evaluator = evaluator(parameters, facts, Findings()) {
            let deployed = chosen.filter { Self.isDeployed($0, evaluator) != false }
            if !deployed.isEmpty { chosen = deployed }
        }
        if chosen.count == 1 { return chosen[0] }
        let names = names(chosen, parameters, facts)
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw .invalid(twins(twice, parameters, facts), in: source)
        }
        throw .severalProjects(names, in: source.path)
    }

    private func names(_ list: [Candidate], _ parameters: [ProjectParameter], _ facts: StackFacts) -> [String] {
        list.compactMap { $0.identifier ?? name(of: $0, parameters, facts) }
    }

    private func twins(_ name: String, _ parameters: [ProjectParameter], _ facts: StackFacts) -> [Diagnostic] {
        let spans = candidates.filter { self.name(of: $0, parameters, facts) == name }.compactMap {
            $0.definition[isTemplate ? "Name" : "name"]?.span(in: source.path)
        }
        return spans.dropFirst().map { .projectTwice(name, first: spans[0], at: $0) }
    }

    /// A project's name; what is wrong with it is told when the project is chosen.
    private func name(of candidate: Candidate, _ parameters: [ProjectParameter], _ facts: StackFacts) -> String? {
        guard let node = candidate.definition[isTemplate ? "Name" : "name"] else { return nil }
        guard let evaluator = evaluator(parameters, facts, Findings()) else { return node.scalar?.text }
        return evaluator.resolve(node)?.scalar?.text
    }

    /// A parameter that nothing asked for is a mistake unless the template at least declares it.
    private func checkNames(_ parameters: [ProjectParameter], _ evaluator: TemplateEvaluator) throws(ProjectsError) {
        let template = evaluator.template
        for parameter in parameters where !evaluator.usedNames.contains(parameter.name) {
            let resource = String(parameter.name.prefix { $0 != "." })
            if template.parameter(parameter.name) != nil || template.resource(resource) != nil { continue }
            if StackFacts.pseudoParameters.contains(parameter.name) { continue }
            throw .unknownParameter(parameter.name, known: template.keys("Parameters"))
        }
    }
}

extension Diagnostic {
    fileprivate var ofProjectFile: Diagnostic {
        var diagnostic = withoutVerdict
        if rule == YAMLRule.nestingTooDeep.rawValue || rule == YAMLRule.fileTooLarge.rawValue { diagnostic.hints = [] }
        return diagnostic
    }
}
