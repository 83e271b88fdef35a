// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import Files
internal import ImageStore
internal import Processes
internal import SystemPackage

/// `drydock image build`.
struct ImageBuildCommand: Action {
    static let name = "build"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Build an image from a recipe",
            discussion: """
                Reads image.yml in the directory and makes a root file system of it with mmdebstrap, in a sandbox. An \
                image whose recipe has not changed is not built again. What stood under the name stays in use until the \
                new image is whole.
                """,
            operands: Operands(
                "directory", help: "The directory that holds image.yml.", count: 1...1, completion: .directories),
            groups: [OptionGroup("Options", [imageName, force, verbose]), StateOptions.group])
    }

    private static let imageName = ValueOption(
        "name", placeholder: "name", help: "The image's name; by default the directory's.")
    private static let force = Flag("force", help: "Build although the recipe has not changed.")
    private static let verbose = Flag("verbose", short: "v", help: "Show what the programs write.")

    private let word: String
    private let imageName: String?
    private let force: Bool
    private let verbose: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) {
        word = words.operands.first ?? "."
        imageName = words[Self.imageName]
        force = words[Self.force]
        verbose = words[Self.verbose]
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let given = Arguments.path(word)
        let directory = try Self.directory(given)
        let name = imageName ?? directory.lastComponent?.string ?? ""
        let store = try state.store()
        do throws(BuildStoreError) { try store.prepare() } catch { throw CommandFailure(error) }
        let begin = MonotonicTime.now()
        let outcome = try Self.build(
            directory, displayed: given, named: name, in: store, terminal, isForced: force, isVerbose: verbose)
        switch outcome {
        case .unchanged(let record):
            terminal.print("image `\(record.name)` is up to date\n")
        case .built(let record):
            let seconds = MonotonicTime.now().milliseconds(since: begin) / 1000
            terminal.print(
                "image `\(record.name)` is built: \(record.sizeWords) in \(seconds) s; "
                    + "use it with `drydock run --image \(record.name)`\n")
        }
        return terminal.meaning()
    }
}

extension ImageBuildCommand {
    /// - Parameter isQuiet: says nothing on the way.
    @discardableResult
    static func build(
        _ directory: FilePath, displayed: FilePath, named name: String, in store: BuildStore, _ terminal: Terminal,
        isForced: Bool = false, isVerbose: Bool = false, isQuiet: Bool = false
    ) throws -> ImageBuild.Outcome {
        let build = ImageBuild(
            store: store.images, directory: directory, displayed: displayed.displayed, name: name, isForced: isForced,
            recipes: Caller.recipes,
            surroundings: ImageBuild.Surroundings(
                sandboxes: store.directory.appending("sandboxes"), launcher: Caller.launcher,
                environment: Caller.proxies, clock: { Caller.now }, stop: StopSignals(output: terminal.output),
                announce: { if !isQuiet { terminal.print("\($0.words(name))\n") } },
                output: { bytes in if isVerbose { terminal.output.write(bytes) } }))
        do throws(EngineError) { return try build.run() } catch {
            if !isVerbose { terminal.quote(error.notices) }
            throw CommandFailure(error)
        }
    }

    /// The recipe's directory; where there is no recipe in one of the name here, that of a recipe which was installed with
    /// drydock: many a project has a `debian` of another kind.
    private static func directory(_ given: FilePath) throws -> FilePath {
        let here = (given.isAbsolute ? given : try Caller.currentDirectory().pushing(given)).lexicallyNormalized()
        if !ImageRecipe.isRecipe(here), given.components.count == 1, !given.isAbsolute {
            let installed = Caller.recipes.pushing(given)
            if ImageRecipe.isRecipe(installed) { return installed }
        }
        return here
    }
}

extension ImageBuild.Step {
    fileprivate func words(_ name: String) -> String {
        switch self {
        case .waiting: "waiting for another drydock that builds or removes an image"
        case .bootstrap(let suite): "image `\(name)`: making a small Debian `\(suite)`"
        case .furnish(let packages): "image `\(name)`: installing \(packages) packages and what they need"
        }
    }
}

extension Terminal {
    /// Shows what a program said before it failed.
    fileprivate func quote(_ lines: [String]) {
        for line in lines { errors.write("  │ \(DisplayText.escaped(line))\n") }
    }
}
