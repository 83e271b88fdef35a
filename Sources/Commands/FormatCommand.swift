// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import Files
internal import Glibc
internal import SystemPackage
internal import YAML

/// `drydock fmt`.
struct FormatCommand: Action {
    static let name = "fmt"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Format buildspecs",
            discussion: """
                Sets indentation and blank lines; every comment, the order of keys, quotes and the text of scalars stay as \
                they are. A file whose new layout would not mean the same is left alone.
                """,
            operands: Operands(
                "file", help: "The files; `-` is standard input, written to standard output. By default buildspec.yml.",
                count: Operands.anyNumber, completion: .files),
            groups: [OptionGroup("Options", [check, diff])])
    }

    private static let check = Flag(
        "check", help: "Write nothing; name the files that are not formatted, and end with 1 if there are any.")
    private static let diff = Flag("diff", help: "Write nothing; show what would change.")

    private let files: [String]
    private let checksOnly: Bool
    private let showsDiff: Bool

    init(_ words: ParsedWords) {
        files = words.operands
        checksOnly = words[Self.check]
        showsDiff = words[Self.diff]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        if files.count(where: { $0 == "-" }) > 1 { throw CommandFailure.secondStandardInput }
        var meaning = ExitMeaning.succeeded
        for file in files.isEmpty ? [LintCommand.standardFile] : files {
            // One file that cannot be formatted does not keep the others from it.
            do throws(CommandFailure) {
                let changes = try format(file, terminal)
                if changes, checksOnly, meaning == .succeeded { meaning = .buildFailed }
            } catch {
                terminal.show(error)
                // The worst that happened: a fault of ours, then what the machine cannot do.
                let worst: [ExitMeaning] = [.internalFault, .machineUnable]
                if !worst.contains(meaning) || error.meaning == .internalFault { meaning = error.meaning }
            }
        }
        return terminal.meaning(meaning)
    }

    /// Whether the file was not formatted.
    private func format(_ word: String, _ terminal: Terminal) throws(CommandFailure) -> Bool {
        let source = try read(word)
        let formatted: [UInt8]
        do throws(YAMLError) { formatted = try YAMLFormatter.format(source.text) } catch {
            throw CommandFailure(
                error.isFault ? .internalFault : .wrongUse, error.diagnostic.message, diagnostics: [error.diagnostic],
                sources: [source.text])
        }
        let changes = formatted != source.bytes
        if showsDiff {
            let diff = UnifiedDiff(from: source.bytes, to: formatted)
            terminal.print(diff.text(name: source.text.path, style: terminal.outputStyle))
        } else if checksOnly {
            if changes { terminal.print("\(source.text.path)\n") }
        } else if word == "-" {
            terminal.print(formatted)
        } else if changes {
            try replace(Arguments.path(word), with: formatted)
            terminal.print("formatted \(source.text.path)\n")
        }
        return changes
    }

    private func read(_ word: String) throws(CommandFailure) -> (text: SourceText, bytes: [UInt8]) {
        let path = word == "-" ? "standard input" : Arguments.path(word)
        do throws(FilesError) {
            let limit = YAMLLimits().bytes
            let bytes =
                word == "-"
                ? try FileContents.read(FileDescriptor.standardInput, path: path, limit: limit, regularOnly: false)
                : try FileContents.read(path, limit: limit)
            return (SourceText(path: word == "-" ? "<stdin>" : path.displayed, bytes: bytes), bytes)
        } catch { throw .cannotRead(error) }
    }

    /// Behind a link it is the file that it leads to that gets the new text.
    private func replace(_ path: FilePath, with bytes: [UInt8]) throws(CommandFailure) {
        // A new file could take the place of one that may not be written; that is not what its mode asks for.
        if access(path.string, W_OK) != 0 { throw .cannotOpen(path, Errno(rawValue: errno)) }
        guard let resolved = realpath(path.string, nil) else { throw .cannotOpen(path, Errno(rawValue: errno)) }
        defer { free(resolved) }
        do throws(FilesError) { try FileRewrite.write(bytes, to: FilePath(platformString: resolved)) } catch {
            throw .cannotWrite(error)
        }
    }
}
