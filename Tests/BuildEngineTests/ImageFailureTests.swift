// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CommandExecution
import Diagnostics
import ImageStore
import SystemPackage
import TestSupport
import Testing

@testable import BuildEngine

@Suite("Failures of an image's making")
struct ImageFailureTests {
    private static let recipe = """
        suite: bookwrm
        packages: [git, nosuch, other=9]
        users:
          bob:
            groups: [crew]
        commands:
          - echo hi
          - exit 3

        """

    /// `line:column: message` of the finding, or the message alone.
    private func told(
        _ part: ImageScripts.Step.Part, _ output: String, outcome: CommandOutcome = .exited(100)
    ) throws -> String {
        try TemporaryTree.with { tree in
            try tree.write("image.yml", Self.recipe)
            let read = try ImageRecipe.read(tree.path, displayed: ".")
            let failure = ImageFailure(part: part, outcome: outcome, output: output)
            let isFull = failure.isForWantOfSpace(at: tree.path)
            let error = failure.error(
                "x", read.recipe, read.places, read.text, fullStore: isFull ? "/images" : nil)
            #expect(error.meaning == (isFull ? .machineUnable : .inputUnavailable))
            let place = error.diagnostics.first?.span.map { "\($0.start.line):\($0.start.column): " } ?? ""
            return place + error.message
        }
    }

    @Test("a command is shown at its item, with how it ended")
    func command() throws {
        #expect(try told(.command(1), "x\n", outcome: .exited(3)) == "8:5: the command exited with 3")
        #expect(try told(.command(0), "", outcome: .signaled(9)) == "7:5: the command was killed by signal 9")
    }

    @Test("a user whose group there is not is shown with the group")
    func user() throws {
        #expect(
            try told(.user(0), "useradd: group 'crew' does not exist\n", outcome: .exited(6))
                == "4:3: the user `bob` cannot be added: there is no group `crew`")
        #expect(try told(.user(0), "useradd: what?\n") == "4:3: the user `bob` cannot be added")
    }

    @Test("a package that there is not is shown, as apt-get says it")
    func package() throws {
        #expect(
            try told(.packages, "E: Unable to locate package nosuch\n") == "2:17: `bookwrm` has no package `nosuch`")
        #expect(
            try told(.packages, "E: Version '9' for 'other' was not found")
                == "2:25: `bookwrm` has no package `other=9`")
        #expect(try told(.packages, "E: Sub-process dpkg failed\n") == "the image `x` could not be built")
    }

    @Test("a suite that there is not is shown")
    func suite() throws {
        #expect(
            try told(.bootstrap, "E: The repository 'http://a bookwrm Release' does not have a Release file.\n")
                == "1:8: the archive has no suite `bookwrm`")
    }

    @Test(
        "a full disk is the machine's matter",
        arguments: ["E: You don't have enough free space in /x/.\n", "tar: x: Cannot write: No space left on device\n"])
    func fullDisk(output: String) throws {
        #expect(try told(.bootstrap, output) == "no space is left in `/images` for the image `x`")
        #expect(try told(.command(0), output) == "no space is left in `/images` for the image `x`")
    }
}
