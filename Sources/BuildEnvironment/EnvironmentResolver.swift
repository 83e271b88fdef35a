// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Buildspec
internal import Diagnostics
public import Secrets

/// Puts a build's environment together.
///
/// A later source overrides an earlier one: image, CodeBuild's own variables, the buildspec's `env`, the project, and what
/// was given for this run in its order. This is CodeBuild's order (AWS CodeBuild User Guide, "Environment
/// variables in build environments") with what was given in the place of what StartBuild overrides. A variable that
/// CodeBuild itself sets under a `CODEBUILD_` name keeps CodeBuild's value.
public struct EnvironmentResolver {
    public var image: [EnvironmentVariable]
    public var builtIns: [EnvironmentVariable]
    /// Of equal names the last counts.
    public var project: [ProjectVariable] = []
    /// What else is to be masked, by a name to speak of it.
    public var hidden: [(name: String, value: SecretText)] = []
    /// What the user set for this run, whichever way: of equal names the last counts.
    public var given: [Given]
    /// Asked, in order, for what is not given.
    public var stores: [any SecretStore]

    public init(
        image: [EnvironmentVariable] = BuiltInVariables.imageDefaults, builtIns: [EnvironmentVariable],
        given: [Given] = [], stores: [any SecretStore] = []
    ) {
        self.image = image
        self.builtIns = builtIns
        self.given = given
        self.stores = stores
    }

    /// Variables that were given for one run.
    public enum Given {
        case file(EnvironmentFile)
        case flag(EnvironmentFlag)
    }

    /// The environment of a build.
    /// - Parameters:
    ///   - specification: the buildspec's `env`, or nil where it has none.
    ///   - isCancelled: asked while a store is waited for.
    /// - Throws: when a stored value cannot be had, with CodeBuild's words for it, or when the kernel would not take the
    ///   result.
    public func resolve(
        _ specification: Buildspec.Environment?, isCancelled: @escaping () -> Bool = { false }
    ) throws(EnvironmentError) -> ResolvedEnvironment {
        var table = VariableTable(reserved: builtIns.map(\.name))
        for variable in image {
            table.set(ResolvedVariable(name: variable.name, value: .plain(variable.value), origin: .image))
        }
        for variable in builtIns {
            table.setBuiltIn(ResolvedVariable(name: variable.name, value: .plain(variable.value), origin: .builtIn))
        }
        var sections = SectionedVariables(specification)
        sections.remove(Set(project.map(\.name)))
        table.warnings += sections.warnings
        for variable in sections.plain {
            let span = variable.value.span
            table.set(
                ResolvedVariable(
                    name: variable.name.value, value: .plain(variable.value.value), origin: .buildspec(span)),
                span: variable.name.span, source: "the buildspec")
        }
        for variable in project where variable.store == nil {
            table.set(
                ResolvedVariable(
                    name: variable.name, value: variable.value,
                    origin: variable.place.map { .flag($0) } ?? .project(variable.span)),
                span: variable.span, source: "the project")
        }
        // What the user set for this run, whichever way; a stored variable of the same name takes its value from here.
        let stored = Set(
            sections.parameters.map(\.name.value) + sections.secrets.map(\.name.value)
                + project.filter { $0.store != nil }.map(\.name))
        for item in given { set(item, except: stored, in: &table) }
        try resolveStored(sections, into: &table, isCancelled)
        for case .file(let file) in given { table.warnings += file.diagnostics.filter { $0.severity != .error } }
        try table.checkSizes()
        let result = ResolvedEnvironment(variables: table.variables, hidden: hidden, warnings: table.warnings)
        let unmaskable = result.secrets.filter { !SecretForms.canHide($0.value) }.map { Diagnostic.unmaskable($0.name) }
        return ResolvedEnvironment(
            variables: result.variables, hidden: hidden, warnings: result.warnings + unmaskable)
    }

    private func set(_ item: Given, except stored: Set<String>, in table: inout VariableTable) {
        let secret = secretNames
        switch item {
        case .file(let file):
            for entry in file.variables where !stored.contains(entry.name) {
                table.set(
                    ResolvedVariable(
                        name: entry.name, value: VariableValue(entry.value, isSecret: secret.contains(entry.name)),
                        origin: .environmentFile(entry.span)),
                    span: entry.span, source: "the environment file")
            }
        case .flag(let flag) where !stored.contains(flag.name):
            table.set(
                ResolvedVariable(
                    name: flag.name, value: secret.contains(flag.name) ? .secret(flag.value.asSecret) : flag.value,
                    origin: .flag(flag.words)),
                source: "`\(flag.words)`")
        case .flag: break
        }
    }

    /// What somebody called a secret is one, whoever's value counts.
    private var secretNames: Set<String> {
        Set(given.compactMap { if case .flag(let flag) = $0, flag.isSecret { flag.name } else { nil } })
    }

    private func resolveStored(
        _ sections: SectionedVariables, into table: inout VariableTable, _ isCancelled: @escaping () -> Bool
    ) throws(EnvironmentError) {
        let parameters = sections.parameters.map { variable in
            SecretRequest(
                variable: variable.name.value, kind: .parameter,
                reference: VariableExpansion.expand(variable.value.value) { table.plainValue(of: $0) },
                span: variable.value.span)
        }
        let secrets = sections.secrets.map { variable in
            SecretRequest(
                variable: variable.name.value, kind: .secret, reference: variable.value.value,
                span: variable.value.span)
        }
        let own = project.compactMap { variable in
            variable.store.map {
                SecretRequest(
                    variable: variable.name, kind: $0, reference: variable.value.exposed(), span: variable.span)
            }
        }
        let requests =
            (parameters + secrets).filter { !table.refuses($0.variable, $0.span, source: "the buildspec") }
            + own.filter { !table.refuses($0.variable, $0.span, source: "the project") }
        guard !requests.isEmpty else { return }
        let answers = try SecretLookup(given: givenValues, stores: stores, isCancelled: isCancelled)
            .values(for: requests)
        for (request, answer) in zip(requests, answers) {
            table.set(
                ResolvedVariable(
                    name: request.variable, value: .secret(answer.value),
                    origin: .store(request, provider: answer.provider)))
        }
    }

    /// What the user set for this run by a variable's name: it takes the place of what a store would say.
    private var givenValues: [String: FoundSecret] {
        var values: [String: FoundSecret] = [:]
        for item in given {
            switch item {
            case .file(let file):
                for entry in file.variables {
                    values[entry.name] = FoundSecret(
                        value: SecretText(entry.value), provider: "\(entry.span.path):\(entry.span.start.line)")
                }
            case .flag(let flag):
                values[flag.name] = FoundSecret(value: flag.value.asSecret, provider: flag.words)
            }
        }
        return values
    }
}

/// The variables of a buildspec by section, each name in one section only.
private struct SectionedVariables {
    var plain: [Buildspec.Variable] = []
    var parameters: [Buildspec.Variable] = []
    var secrets: [Buildspec.Variable] = []
    var warnings: [Diagnostic] = []

    /// A name in several sections counts in the most secret one: CodeBuild does not say which wins, and a value that was
    /// meant to be secret must not be replaced by a plain one.
    init(_ specification: Buildspec.Environment?) {
        guard let specification else { return }
        secrets = specification.secretsManager
        var winners: [String: (span: SourceSpan, section: String)] = [:]
        for variable in secrets { winners[variable.name.value] = (variable.name.span, "secrets-manager") }
        parameters = keep(specification.parameterStore, section: "parameter-store", &winners)
        for variable in parameters { winners[variable.name.value] = (variable.name.span, "parameter-store") }
        plain = keep(specification.variables, section: "variables", &winners)
    }

    /// Leaves out what the project sets: its word counts more.
    mutating func remove(_ names: Set<String>) {
        if names.isEmpty { return }
        plain.removeAll { names.contains($0.name.value) }
        parameters.removeAll { names.contains($0.name.value) }
        secrets.removeAll { names.contains($0.name.value) }
    }

    private mutating func keep(
        _ variables: [Buildspec.Variable], section: String,
        _ winners: inout [String: (span: SourceSpan, section: String)]
    ) -> [Buildspec.Variable] {
        variables.filter { variable in
            guard let winner = winners[variable.name.value] else { return true }
            warnings.append(
                .definedTwice(
                    variable.name.value, variable.name.span, section: section, winner: winner.span,
                    winnerSection: winner.section))
            return false
        }
    }
}

/// Variables in order of first appearance.
private struct VariableTable {
    private(set) var variables: [ResolvedVariable] = []
    var warnings: [Diagnostic] = []
    private var places: [String: Int] = [:]
    private let reserved: Set<String>

    init(reserved: [String]) {
        self.reserved = Set(reserved.filter(VariableName.isReserved))
    }

    /// Nil for a secret too: a reference is shown, logged by whom it is asked of, and a word of the programs that are asked.
    func plainValue(of name: String) -> String? {
        places[name].flatMap { variables[$0].value.plainText }
    }

    mutating func setBuiltIn(_ variable: ResolvedVariable) {
        if let place = places[variable.name] {
            variables[place] = variable
        } else {
            places[variable.name] = variables.count
            variables.append(variable)
        }
    }

    mutating func set(_ variable: ResolvedVariable, span: SourceSpan? = nil, source: String = "the image") {
        if refuses(variable.name, span, source: source) { return }
        setBuiltIn(variable)
    }

    /// Whether CodeBuild's own value stands; says so.
    mutating func refuses(_ name: String, _ span: SourceSpan?, source: String) -> Bool {
        guard reserved.contains(name) else { return false }
        warnings.append(.reservedName(name, span, origin: source))
        return true
    }

    func checkSizes() throws(EnvironmentError) {
        var total = 0
        for variable in variables {
            let size = EnvironmentLimits.size(variable.name, variable.value)
            guard size <= EnvironmentLimits.single else {
                let span: SourceSpan? = if case .buildspec(let span) = variable.origin { span } else { nil }
                throw EnvironmentError.valueTooLarge(variable.name, size: variable.value.count, span: span)
            }
            // The kernel also keeps a pointer for each.
            total += size + 8
        }
        guard total > EnvironmentLimits.total else { return }
        let largest = variables.max { $0.value.count < $1.value.count }
        throw EnvironmentError.environmentTooLarge(size: total, largest: largest?.name ?? "")
    }
}
