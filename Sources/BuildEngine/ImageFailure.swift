// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import CommandExecution
import Diagnostics
import Files
import Glibc
import ImageStore
import SystemPackage

/// A step of an image's making that did not come to its end, and what its programs wrote.
struct ImageFailure: Error {
    var part: ImageScripts.Step.Part
    var outcome: CommandOutcome
    var output: String

    /// What programs say when they cannot write for want of space; apt asks before it begins.
    private static let spaceSigns = [
        "No space left on device", "Disk quota exceeded", "enough free space", "not enough space",
    ]

    /// Whether the disk below is full. Not every program says so before it dies.
    func isForWantOfSpace(at place: FilePath) -> Bool {
        if Self.spaceSigns.contains(where: output.contains) { return true }
        return Self.freeBytes(place).map { $0 < 4 << 20 } ?? false
    }

    private static func freeBytes(_ place: FilePath) -> Int? {
        var status = statvfs()
        guard place.withPlatformString({ statvfs($0, &status) }) == 0 else { return nil }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    /// The failure in the words of the recipe, at the place of what failed where the recipe has one; the programs' own last
    /// words go along.
    /// - Parameter fullStore: where the images lie, if that disk is full.
    func error(
        _ name: String, _ recipe: ImageRecipe, _ places: RecipePlaces, _ text: SourceText, fullStore: FilePath?
    ) -> EngineError {
        var error: EngineError
        if let fullStore {
            error = .imageWithoutSpace(name, fullStore)
        } else if let finding = finding(recipe, places) {
            error = EngineError(
                .inputUnavailable, finding.message, context: PhaseContext(), diagnostics: [finding], source: text)
        } else {
            error = .imageFailed(name, hint: hint)
        }
        error.notices = output.split(separator: "\n").suffix(20).map(String.init)
        return error
    }

    // MARK: Places

    private func finding(_ recipe: ImageRecipe, _ places: RecipePlaces) -> Diagnostic? {
        func at<T>(_ index: Int, _ list: [T]) -> T? { list.indices.contains(index) ? list[index] : nil }
        switch part {
        case .command(let index):
            return diagnostic("the command \(words)", at(index, places.commands))
        case .user(let index):
            let user = at(index, recipe.users)?.name ?? ""
            let missing = output.split(separator: "\n").first {
                $0.contains("group '") && $0.contains("does not exist")
            }
            let group = missing?.split(separator: "'").dropFirst().first
            return diagnostic(
                "the user `\(user)` cannot be added" + (group.map { ": there is no group `\($0)`" } ?? ""),
                at(index, places.users),
                hint: group == nil ? hint : "a package brings the group, or a file `files/etc/group` does")
        case .packages:
            for (index, package) in recipe.packages.enumerated() where isUnknown(package) {
                return diagnostic(
                    "`\(recipe.suite)` has no package `\(package)`", at(index, places.packages),
                    hint: "`apt-cache policy NAME` asks for one; `components` may lack where it is")
            }
            return nil
        case .bootstrap:
            guard output.contains("does not have a Release file"), output.contains(" \(recipe.suite) Release") else {
                return nil
            }
            return diagnostic("the archive has no suite `\(recipe.suite)`", places.suite, hint: hint)
        case .preparation, .completion: return nil
        }
    }

    private func diagnostic(_ message: String, _ span: SourceSpan?, hint: String? = nil) -> Diagnostic? {
        guard let span else { return nil }
        return Diagnostic(
            rule: "image-recipe", severity: .error, message: message, span: span,
            hints: (hint ?? self.hint).map { [$0] } ?? [])
    }

    private var words: String {
        switch outcome {
        case .exited(let code): "exited with \(code)"
        case .signaled(let signal): "was killed by signal \(signal)"
        case .outOfMemory: "used up the machine's memory"
        case .timedOut, .stopped: "was stopped"
        }
    }

    /// What apt-get says of a package that it does not know, or not in that version.
    private func isUnknown(_ package: String) -> Bool {
        let name = package.prefix { !"=/:".contains($0) }
        return [
            "Unable to locate package \(name)\n", "Package '\(name)' has no installation candidate",
            "for '\(name)' was not found", "Couldn't find any package by glob '\(name)'",
        ].contains { (output + "\n").contains($0) }
    }

    private var hint: String? {
        for (sign, advice) in [
            ("Could not resolve", "the machine's way to its archives is that of its apt: try `apt-get update`"),
            ("Temporary failure resolving", "the machine has no name service: try `apt-get update`"),
            ("NO_PUBKEY", "the key of the archive is missing: `sudo apt-get install debian-archive-keyring`"),
            ("does not have a Release file", "a suite is a Debian release such as `bookworm`"),
        ] where output.contains(sign) {
            return advice
        }
        return nil
    }
}

extension EngineError {
    fileprivate static func imageFailed(_ name: String, hint: String?) -> EngineError {
        EngineError(
            .inputUnavailable, "the image `\(name)` could not be built", hints: hint.map { [$0] } ?? [],
            context: PhaseContext())
    }

    fileprivate static func imageWithoutSpace(_ name: String, _ store: FilePath) -> EngineError {
        EngineError(
            .machineUnable,
            "no space is left in `\(store.displayed)` for the image `\(name)`",
            hints: [
                "a small Debian takes some 300 MB while it is made, one with compilers 1 GB: free as much, or choose another "
                    + "place with `--state-dir DIR`"
            ], context: PhaseContext())
    }
}
