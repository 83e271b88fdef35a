// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CommandSyntax
import Testing

@Suite("Words of a command line")
struct CommandSyntaxTests {
    static let artifacts = ValueOption("artifacts", short: "a", placeholder: "directory", help: "Where.")
    static let timeout = ValueOption(
        "timeout", aliases: ["timeout-in-minutes-override"], placeholder: "minutes", help: "How long.")
    static let network = ValueOption("network", placeholder: "network", words: ["host", "none"], help: "Which.")
    static let quiet = Flag("quiet", short: "q", help: "Less.")
    static let verbose = Flag("verbose", short: "v", help: "More.")
    static let variables = ListOption("env", short: "e", placeholder: "name=value", help: "Sets.")
    static let syntax = CommandSyntax(
        "run", abstract: "Build", operands: Operands("phase", help: "Which.", count: 0...2),
        groups: [OptionGroup("All", [artifacts, timeout, network, quiet, verbose, variables])])

    private func read(_ words: String...) throws -> ParsedWords { try Self.syntax.read(words) }

    @Test("options and operands may be mixed, and a list keeps its order")
    func mixed() throws {
        let words = try read("build", "-e", "A=1", "--quiet", "install", "--env=B=2", "-eC=3", "-a=out")
        #expect(words.operands == ["build", "install"])
        #expect(words[Self.variables] == ["A=1", "B=2", "C=3"])
        #expect(words[Self.quiet])
        #expect(!words[Self.verbose])
        #expect(words[Self.artifacts] == "out")
        #expect(words[Self.timeout] == nil)
    }

    @Test("the last value counts, an alias means the same, and letters may be written together")
    func lastCounts() throws {
        let words = try read("--timeout", "5", "--timeout-in-minutes-override=7", "-qvaout")
        #expect(words[Self.timeout] == "7")
        #expect(words[Self.quiet] && words[Self.verbose])
        #expect(words[Self.artifacts] == "out")
    }

    @Test("a flag can be taken back, and `--` ends the options")
    func ends() throws {
        let words = try read("-q", "--no-quiet", "--", "--quiet", "-")
        #expect(!words[Self.quiet])
        #expect(words.operands == ["--quiet", "-"])
        #expect(try read("-a", "-").operands.isEmpty)
        #expect(try read("--timeout", "-1")[Self.timeout] == "-1")
    }

    @Test("everything behind the first operand can be one")
    func endsAtOperand() throws {
        var syntax = Self.syntax
        syntax.endsAtOperand = true
        syntax.operands?.count = Operands.anyNumber
        let words = try syntax.read(["-q", "ls", "-v", "--quiet"])
        #expect(words.operands == ["ls", "-v", "--quiet"])
        #expect(!words[Self.verbose])
    }

    @Test(
        "wrong words are named",
        arguments: [
            (["--qiet"], "there is no option `--qiet`", ["did you mean `--quiet`?"]),
            (["-x"], "there is no option `-x`", []),
            (["-qx"], "there is no option `-x`", []),
            (["--quiet=yes"], "`--quiet` takes no value", []),
            (["-a"], "`-a` needs a value", []),
            (
                ["--artifacts", "--quiet"], "`--artifacts` needs a value, and `--quiet` looks like an option",
                ["a value that begins with `-` is written `--artifacts=--quiet`"]
            ),
            (["--artifacts="], "`--artifacts` needs a value that is not empty", []),
            (["--network", "hots"], "`--network` takes `host`, `none`, not `hots`", ["did you mean `host`?"]),
            (["a", "b", "c"], "`c` is a word too many", []),
        ] as [([String], String, [String])])
    func wrong(words: [String], message: String, hints: [String]) {
        let error = #expect(throws: CommandSyntaxError.self) { try Self.syntax.read(words) }
        #expect(error?.message == message)
        #expect(error?.hints == hints)
    }

    @Test("help wins over what is wrong, but not over a value or what stands behind `--`")
    func help() throws {
        for words in [["-h"], ["--help"], ["--qiet", "--help"], ["-qh"]] {
            #expect(throws: CommandSyntaxError.self) { try Self.syntax.read(words) }
            do { _ = try Self.syntax.read(words) } catch { #expect(error.code == .helpRequested) }
        }
        #expect(try read("--", "-h").operands == ["-h"])
    }

    @Test("layers below fill in what was not given")
    func layers() throws {
        var words = try read("--timeout", "5", "-e", "A=1")
        words.supply(["9"], for: "timeout")
        words.supply(["true"], for: "quiet")
        words.prepend(["B=2"], for: "env")
        #expect(words[Self.timeout] == "5")
        #expect(words[Self.quiet])
        #expect(words[Self.variables] == ["B=2", "A=1"])
    }

    @Test("help names every option and breaks its lines at 80 columns")
    func helpText() {
        let text = HelpText(Self.syntax, path: "drydock run").description
        #expect(text.contains("Usage: drydock run [OPTIONS] [PHASE...]"))
        for option in Self.syntax.options { #expect(text.contains("--\(option.name)")) }
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }
}
