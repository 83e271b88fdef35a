// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import ImageStore
internal import SystemPackage

/// `drydock image`.
struct ImageCommand: Action {
    static let name = "image"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Build, list and remove images",
            discussion: "An image is a root file system made from a recipe; `drydock run --image NAME` builds in it.")
    }
    static var actions: [any Action.Type] {
        [ImageBuildCommand.self, ImageListCommand.self, ImageInspectCommand.self, ImageRemoveCommand.self]
    }

    init(_ words: ParsedWords) {}
}

/// `drydock image ls`.
struct ImageListCommand: Action {
    static let name = "ls"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "List the images",
            groups: [OptionGroup("Options", [onlyNames, OutputOptions.json]), StateOptions.group])
    }

    private static let onlyNames = Flag("names", help: "Show only the names.")

    /// What a shell offers where an image is named.
    static func names(beside words: [String] = []) -> Completion { .answers(to: "image ls --names", beside: words) }

    private let onlyNames: Bool
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        onlyNames = words[Self.onlyNames]
        json = words[OutputOptions.json]
        if onlyNames, json { throw CommandFailure.conflict("--names", "--json") }
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let images = try state.store().images
        images.tidy()
        let listing: [(name: String, record: ImageRecord?)]
        do throws(ImageStoreError) { listing = try images.list() } catch { throw CommandFailure(EngineError(error)) }
        if json {
            var writer = JSONWriter(isIndented: true)
            writer.array { writer in
                for (name, record) in listing {
                    writer.object { writer in
                        if let record { return record.write(into: &writer) }
                        writer.member("name", name)
                        writer.member("damaged", true)
                    }
                }
            }
            writer.newline()
            terminal.print(writer.bytes)
            return terminal.meaning()
        }
        if onlyNames {
            terminal.print(listing.map { $0.name + "\n" }.joined())
            return terminal.meaning()
        }
        guard !listing.isEmpty else {
            terminal.warn("there is no image yet", hint: "`drydock image build DIR` makes one of a recipe")
            return terminal.meaning()
        }
        let columns = [
            Table.Column("NAME", key: "name"), Table.Column("SUITE", key: "suite"),
            Table.Column("CREATED", key: "created"), Table.Column("SIZE", key: "size", isRightAligned: true),
            Table.Column("RECIPE", key: "recipe"), Table.Column("DIGEST", key: "digest"),
        ]
        let rows = listing.map { name, record in
            guard let record else { return [name, "damaged", "", "", "", ""] }
            return [
                record.name, record.suite, String(record.created.rfc3339.prefix(19)) + "Z", record.sizeWords,
                record.recipe, String(record.digest.prefix(12)),
            ]
        }
        terminal.print(Table(columns, rows: rows).text(terminal.outputStyle))
        for (name, record) in listing where record == nil {
            terminal.warn(
                "the image `\(name)` is damaged", hint: "`drydock image rm \(name)`, and build it again")
        }
        return terminal.meaning()
    }
}

/// `drydock image inspect`.
struct ImageInspectCommand: Action {
    static let name = "inspect"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Show what an image holds: packages, users, environment, runtimes",
            operands: Operands("name", help: "The image.", count: 1...1, completion: ImageListCommand.names()),
            groups: [OptionGroup("Options", [OutputOptions.json]), StateOptions.group])
    }

    private let image: String
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) {
        image = words.operands.first ?? ""
        json = words[OutputOptions.json]
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let stored: StoredImage
        let contents: ImageContents
        let images = try state.store().images
        do throws(ImageStoreError) {
            stored = try images.open(image)
            contents = try ImageContents(stored)
        } catch { throw CommandFailure(EngineError(error)) }
        if json {
            terminal.print(Self.json(stored, contents))
        } else {
            terminal.print(Self.text(stored, contents))
        }
        return terminal.meaning()
    }

    private static func text(_ image: StoredImage, _ contents: ImageContents) -> String {
        let record = image.record
        var text = """
            name         \(record.name)
            suite        \(record.suite) (\(record.architecture))
            recipe       \(DisplayText.escaped(record.recipe))
            digest       \(record.digest)
            created      \(record.created.rfc3339)
            size         \(record.sizeWords)
            root         \(DisplayText.escaped(image.root.string))

            """
        func section(_ title: String, _ lines: [String]) {
            if !lines.isEmpty { text += title + "\n" + lines.map { "  \(DisplayText.escaped($0))\n" }.joined() }
        }
        section("environment", record.environment.map { "\($0.name)=\($0.value)" })
        section("runtimes", record.runtimes.map { "\($0.name) \($0.versions.joined(separator: ", "))" })
        section("users", contents.users.filter(\.isPersonal).map { "\($0.name) (\($0.identifier)) \($0.home)" })
        section("packages", contents.packages.map { "\($0.name) \($0.version)" })
        return text
    }

    private static func json(_ image: StoredImage, _ contents: ImageContents) -> [UInt8] {
        var writer = JSONWriter(isIndented: true)
        writer.object { writer in
            image.record.write(into: &writer)
            writer.member("root", image.root.string)
            writer.array("users") { writer in
                for user in contents.users {
                    writer.object { writer in
                        writer.member("name", user.name)
                        writer.member("id", user.identifier)
                        writer.member("home", user.home)
                        writer.member("shell", user.shell)
                    }
                }
            }
            writer.array("packages") { writer in
                for package in contents.packages {
                    writer.object { writer in
                        writer.member("name", package.name)
                        writer.member("version", package.version)
                    }
                }
            }
        }
        writer.newline()
        return writer.bytes
    }
}

/// `drydock image rm`.
struct ImageRemoveCommand: Action {
    static let name = "rm"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Remove images", discussion: "An image that a running build uses stays.",
            operands: Operands(
                "name", help: "The images.", count: 1...Int.max, completion: ImageListCommand.names()),
            groups: [StateOptions.group])
    }

    private let names: [String]
    private let state: StateOptions

    init(_ words: ParsedWords) {
        names = words.operands
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let images = try state.store().images
        let signals = StopSignals(output: terminal.output)
        do throws(ImageStoreError) {
            // A name that is none is told before anything goes.
            for name in names {
                do throws(ImageStoreError) { _ = try images.open(name) } catch {
                    // One that is damaged can still go.
                    if error.code != .damaged { throw error }
                }
            }
            guard let change = try images.beginChange(isPatient: { signals.request == nil }) else {
                return signals.meaning
            }
            for name in names { try change.remove(name) }
        } catch { throw CommandFailure(EngineError(error)) }
        return terminal.meaning()
    }
}

extension ImageRecord {
    /// `412 MB`.
    var sizeWords: String { "\((size + 500_000) / 1_000_000) MB" }
}

extension ImageContents.User {
    /// Root, and whom a person would become; Debian's own users for services are no news.
    fileprivate var isPersonal: Bool { identifier == 0 || (1000..<60_000).contains(identifier) }
}
