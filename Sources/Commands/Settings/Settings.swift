// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax
internal import Diagnostics
internal import SystemPackage

/// What a command works with: its words, and what configuration and project add to them.
///
/// Layers, from the one that counts least: default, the user's own configuration, the project, `drydock.yml` of the
/// source directory, the command line. What bounds a build (`Bounds`) is turned round where the user has set it: a
/// checkout may come from anyone, and does not widen what its user has narrowed.
struct Settings: Sendable {
    /// By option, an origin for each value.
    private(set) var origins: [String: [SettingOrigin]] = [:]
    private(set) var project: ChosenProject?
    /// The source directory whose `drydock.yml` was read.
    private var sourceDirectory: FilePath?

    /// The source directory, where its `drydock.yml` gave this option's value.
    func sourceDirectory(naming option: String) -> FilePath? {
        guard case .checkout = origins[option]?.last else { return nil }
        return sourceDirectory
    }

    /// The directory of the checkout that has a say in whose caches a build reads and replaces, by its `drydock.yml` or by a
    /// project's definition that lies in it; nil where the user alone has named them, or nobody.
    /// - Parameters:
    ///   - option: which of the two names counts, `project` or `cache-namespace`.
    ///   - source: the source's directory; nil where it is none.
    func checkout(naming option: String, source: FilePath?) -> FilePath? {
        switch origins[option]?.last {
        case .checkout where project?.file == nil: return sourceDirectory
        case .user where option == "cache-namespace", .line where option == "cache-namespace", nil: return nil
        default: break
        }
        guard let file = project?.file, option == "project" || project?.overridesNamespace == false else { return nil }
        return [source, sourceDirectory].compactMap { $0 }.first { Self.holds($0, file) }
    }

    /// Whether a file is named in a directory, or lies there: a link in a checkout is the checkout's word, too.
    private static func holds(_ directory: FilePath, _ file: FilePath) -> Bool {
        let here = (try? Caller.currentDirectory()) ?? "/"
        if here.pushing(file).lexicallyNormalized().starts(with: here.pushing(directory).lexicallyNormalized()) {
            return true
        }
        guard let root = CheckoutTrust.resolved(directory), let place = CheckoutTrust.resolved(file) else {
            return false
        }
        return place.starts(with: root)
    }

    /// The words with every layer below them, and the settings as their companion.
    ///
    /// A command that neither builds nor looks for builds takes no configuration: not even the files are looked for.
    static func layered(_ words: ParsedWords, _ syntax: CommandSyntax) throws -> ParsedWords {
        guard syntax.groups.contains(where: { $0.title == "Source" || $0.title == "State" }) else { return words }
        let user = try ConfigurationFile.user()
        let takesProject = syntax.options.contains { $0.name == "project" }
        // What does not look at a source has nothing to do with what lies in one.
        let directory = takesProject ? directory(words) : nil
        let checkout = try directory.flatMap { try ConfigurationFile.checkout($0) }
        let overrides = takesProject ? OverrideOptions.given(words) : []
        guard user != nil || checkout != nil || words.has("project") || !overrides.isEmpty || words.has("parameter")
        else { return words }
        var settings = Settings()
        settings.sourceDirectory = directory
        var layers = [checkout, user].compactMap { $0 }
        var result = words
        if takesProject {
            let chosen = try ChosenProject.choose(words, checkout, user, overrides)
            if let chosen { layers.insert(chosen.layer, at: checkout == nil ? 0 : 1) }
            settings.project = chosen
        }
        for option in syntax.options {
            settings.merge(option, words: words, layers: layers, user: user, into: &result)
        }
        for layer in layers where takesProject { try layer.checkTargets(of: result) }
        if let origin = settings.project?.finish(&result) { settings.origins["project"] = [origin] }
        result.companion = settings
        return result
    }

    /// The directory whose `drydock.yml` counts: that of the primary source; nil when git fetches it.
    private static func directory(_ words: ParsedWords) -> FilePath? {
        for word in words.values["source"] ?? [] {
            let source = SourceRequest(word, path: Arguments.path)
            guard source.identifier == nil else { continue }
            guard case .directory(let path) = source.location else { return nil }
            return path
        }
        return "."
    }

    private mutating func merge(
        _ option: OptionSpecification, words: ParsedWords, layers: [SettingLayer], user: SettingLayer?,
        into result: inout ParsedWords
    ) {
        let given = words.values[option.name]
        if option.isRepeatable {
            var values = given ?? []
            var origins = values.map { _ in SettingOrigin.line }
            for layer in layers {
                guard let entry = layer[option.name] else { continue }
                let kept = entry.values.filter { !Self.isOverridden($0, of: option.name, by: values) }
                values = kept + values
                origins = kept.map { _ in entry.origin } + origins
            }
            if values.isEmpty { return }
            Self.putPrimaryFirst(&values, &origins, of: option.name)
            result.replace(values, for: option.name)
            self.origins[option.name] = origins
            return
        }
        if given != nil {
            origins[option.name] = [.line]
            return
        }
        // Two that exclude each other: the line's own word decides.
        if let other = Self.opposites[option.name], words.has(other) { return }
        let setters = [option.name] + Bounds.settersBeside(option.name)
        if setters.contains(where: words.has) { return }
        let ordered = Bounds.names.contains(option.name) ? [user].compactMap { $0 } + layers : layers
        let deciding = ordered.first { layer in setters.contains { layer[$0] != nil } }
        guard let entry = deciding?[option.name] else { return }
        result.replace(entry.values, for: option.name)
        origins[option.name] = [entry.origin]
    }

    private static let opposites = ["quiet": "verbose", "verbose": "quiet"]

    /// Of sources and their versions there is one for each identifier; everything else adds up.
    private static func isOverridden(_ value: String, of name: String, by higher: [String]) -> Bool {
        switch name {
        case "source":
            let identifier = SourceRequest(value, path: Arguments.path).identifier
            return higher.contains { SourceRequest($0, path: Arguments.path).identifier == identifier }
        case "source-version":
            func identifier(_ word: String) -> Substring { word.contains("=") ? word.prefix { $0 != "=" } : "" }
            return higher.contains { identifier($0) == identifier(value) }
        default: return false
        }
    }

    private static func putPrimaryFirst(_ values: inout [String], _ origins: inout [SettingOrigin], of name: String) {
        guard name == "source" else { return }
        let primary = values.firstIndex { SourceRequest($0, path: Arguments.path).identifier == nil }
        guard let primary, primary > 0 else { return }
        values.insert(values.remove(at: primary), at: 0)
        origins.insert(origins.remove(at: primary), at: 0)
    }
}

/// Settings that bound what a build may use of the machine.
enum Bounds {
    static let names: Set = ["image", "network", "memory", "cpus", "pids", "compute", "timeout"]

    /// What else sets a bound: a compute type is memory and processors, so beside one those of a lower layer do not count.
    static func settersBeside(_ name: String) -> [String] { ["memory", "cpus"].contains(name) ? ["compute"] : [] }
}
