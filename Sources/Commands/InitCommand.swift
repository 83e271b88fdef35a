// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax
internal import Files
internal import Processes
internal import Scaffold
internal import SystemPackage

/// `drydock init`.
struct InitCommand: Action {
    static let name = "init"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Write a buildspec for what lies in a directory",
            discussion: """
                Knows npm, yarn, pnpm, bun, pip, uv, poetry, pipenv, Maven, Gradle, Go, Cargo, Swift, Composer, Bundler, \
                CMake, autotools and make by their files, several at once too.
                """,
            operands: Operands("directory", help: "The directory; by default this one.", completion: .directories),
            groups: [OptionGroup("Options", [force, print])])
    }

    private static let force = Flag("force", help: "Replace a buildspec that is there.")
    private static let print = Flag("print", help: "Print the buildspec, and write nothing.")

    private let directory: String
    private let replaces: Bool
    private let printsOnly: Bool

    init(_ words: ParsedWords) throws {
        directory = words.operands.first ?? "."
        if directory.isEmpty { throw CommandFailure.emptyOption("init") }
        replaces = words[Self.force]
        printsOnly = words[Self.print]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let path = Arguments.path(directory)
        let place: Directory
        do throws(FilesError) { place = try Directory(path) } catch {
            throw CommandFailure(.inputUnavailable, "\(error)")
        }
        let shown = { (name: String) in self.directory == "." ? name : path.appending(name).displayed }
        if !replaces, !printsOnly {
            for name in ["buildspec.yml", "buildspec.yaml"] where (try? place.status(FilePath(name))) != nil {
                throw CommandFailure.buildspecExists(shown(name), isRead: name == "buildspec.yml")
            }
        }
        let scan: ProjectScan
        do throws(ScaffoldError) { scan = try ProjectScan(place) } catch {
            throw CommandFailure(
                .wrongUse, error.message, hints: error.hints, diagnostics: error.diagnostic.map { [$0] } ?? [],
                sources: error.source.map { [$0] } ?? [])
        }
        let text = BuildspecDraft(scan).text
        if printsOnly {
            terminal.print(text)
            return terminal.meaning()
        }
        do throws(FilesError) { try write(text, in: place) } catch {
            if error.underlying == .fileExists {
                throw CommandFailure.buildspecExists(shown("buildspec.yml"), isRead: true)
            }
            throw CommandFailure.cannotWrite(error)
        }
        terminal.print("\(shown("buildspec.yml")): \(found(scan))\n")
        let words = directory == "." ? "drydock" : "drydock run -s \(Self.typed(path))"
        terminal.print("next: look it over, then type `\(words)`\n")
        return terminal.meaning()
    }

    private func found(_ scan: ProjectScan) -> String {
        if !scan.recipes.isEmpty {
            return "written for "
                + scan.recipes.map { "\($0.tool) (\($0.evidence.joined(separator: ", ")))" }.joined(separator: " and ")
        }
        guard let below = scan.directoriesBelow.first else {
            return "written as an outline, since no build tool was recognised"
        }
        let inner = directory == "." ? FilePath(below) : Arguments.path(directory).appending(below)
        return
            "written as an outline; there is something to build in `\(inner.displayed)`: drydock init \(Self.typed(inner))"
    }

    /// As it is typed: `-v3` would be an option, and `v:3` a source with an identifier.
    private static func typed(_ path: FilePath) -> String {
        let word = path.displayed
        let isPath = !word.hasPrefix("-") && !word.contains(":")
        return ShellWord.typed(isPath || path.isAbsolute ? word : "./" + word)
    }

    /// In one step, and without --force never over a file that came in between.
    private func write(_ text: String, in place: Directory) throws(FilesError) {
        let file = try AtomicFile(replacing: "buildspec.yml", in: place)
        var failure: FilesError?
        Array(text.utf8).withUnsafeBytes { buffer in
            do throws(FilesError) { try file.write(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        try file.commit(replacing: replaces)
    }
}

extension CommandFailure {
    /// - Parameter isRead: false for the other spelling, which no build reads.
    static func buildspecExists(_ name: String, isRead: Bool) -> CommandFailure {
        let force =
            isRead
            ? "`--force` replaces it"
            : "builds read `buildspec.yml` alone: rename it, or let `--force` write that beside it"
        return CommandFailure(
            .wrongUse, "`\(name)` is there already",
            hints: [force + (isRead ? ", " : "; ") + "`--print` only shows what would be written"])
    }
}
