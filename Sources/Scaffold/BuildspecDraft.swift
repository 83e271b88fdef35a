// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import YAML

/// A buildspec to begin with, made for what was found in a directory.
public struct BuildspecDraft {
    private let recipes: [Recipe]
    private let hasOtherMakefile: Bool
    private var lines: [String] = []

    public init(_ scan: ProjectScan) {
        recipes = scan.recipes
        hasOtherMakefile = scan.hasOtherMakefile
        write()
    }

    /// The file's whole text, as `drydock fmt` would have it.
    public var text: String { lines.joined(separator: "\n") + "\n" }

    private mutating func write() {
        let tools = recipes.map { "\($0.tool) (\($0.evidence.joined(separator: ", ")))" }
        lines.append(
            "# \(tools.isEmpty ? "A buildspec to begin with" : "Made for " + tools.joined(separator: " and ")).")
        lines.append("# `drydock lint` checks it, `drydock` builds it on this machine.")
        lines += ["version: 0.2", "", "phases:"]
        writePhase("install", \.install, isFirst: true)
        writePhase("pre_build", \.preBuild)
        writePhase("build", \.build)
        if recipes.isEmpty {
            lines += [
                "  # What must be there before: packages, tools.", "  install:", "    commands:",
                "      - echo \"nothing to install\"", "  # The build itself, and its tests.", "  build:",
                "    commands:", "      - echo \"nothing to build yet\"",
            ]
        }
        if hasOtherMakefile { lines.append("      # There is a Makefile too: `make` may be what you want here.") }
        writeReports()
        writeArtifacts()
        writeCache()
    }

    private mutating func writePhase(_ name: String, _ steps: KeyPath<Recipe, [Recipe.Step]>, isFirst: Bool = false) {
        let runtimes = isFirst ? recipes.compactMap(\.runtime) : []
        guard recipes.contains(where: { !$0[keyPath: steps].isEmpty }) || !runtimes.isEmpty else { return }
        lines.append("  \(name):")
        if !runtimes.isEmpty {
            lines.append("    # In CodeBuild's own images these lines choose versions; here what is installed is used.")
            lines.append("    # runtime-versions:")
            var written: Set<String> = []
            for runtime in runtimes where written.insert(runtime.name).inserted {
                lines.append("    #   \(runtime.name): \(runtime.version)")
            }
        }
        lines.append("    commands:")
        let isEmpty = !recipes.contains { !$0[keyPath: steps].isEmpty }
        if isEmpty { lines.append("      - echo \"nothing to install\"") }
        for recipe in recipes where !recipe[keyPath: steps].isEmpty {
            if recipes.count > 1 { lines.append("      # \(recipe.tool)") }
            for step in recipe[keyPath: steps] {
                if let comment = step.comment { lines.append("      # \(comment)") }
                lines.append("      - \(Self.scalar(step.command))")
            }
        }
    }

    private mutating func writeReports() {
        let reports = recipes.flatMap(\.reports)
        guard !reports.isEmpty else { return }
        lines += ["", "# Results of tests, in JUnit's form.", "reports:"]
        for report in reports {
            lines += ["  \(report.name):", "    files:", "      - \(Self.scalar(report.files))"]
            if let directory = report.directory { lines.append("    base-directory: \(directory)") }
            lines.append("    file-format: JUNITXML")
        }
    }

    private mutating func writeArtifacts() {
        let certain = recipes.compactMap(\.artifacts).filter(\.isCertain)
        lines += ["", "# What the build leaves; `drydock run -a DIRECTORY` puts it there."]
        if certain.isEmpty {
            let directory = recipes.compactMap(\.artifacts?.directory).first
            lines += ["# artifacts:", "#   files:", "#     - '**/*'", "#   base-directory: \(directory ?? "dist")"]
            return
        }
        lines += ["artifacts:", "  files:"]
        let directory = certain.count == 1 ? certain[0].directory : nil
        for artifact in certain {
            for file in artifact.files {
                let prefix = directory == nil ? artifact.directory.map { $0 + "/" } ?? "" : ""
                lines.append("    - \(Self.scalar(prefix + file))")
            }
        }
        if let directory { lines.append("  base-directory: \(directory)") }
    }

    private mutating func writeCache() {
        let paths = recipes.flatMap(\.cache)
        guard !paths.isEmpty else { return }
        lines += ["", "# What the next build in CodeBuild finds again.", "cache:", "  paths:"]
        for path in paths { lines.append("    - \(Self.scalar(path))") }
    }

    /// Quoted where plain text would mean something else.
    private static func scalar(_ text: String) -> String {
        let special = "*&!|>%@`\"'#-?:[]{},"
        let isPlain =
            !text.isEmpty && !special.contains(text.prefix(1)) && !text.contains(": ") && !text.contains(" #")
            && !text.hasSuffix(":")
        return isPlain ? text : YAMLQuoting.quoted(text)
    }
}
