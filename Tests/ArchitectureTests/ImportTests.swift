// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Testing

@Suite("Who may import whom")
struct ImportTests {
    /// Modules that come with the toolchain and need no declaration.
    static let toolchain: Set = ["Foundation", "FoundationEssentials", "Glibc", "Swift", "Synchronization", "Testing"]

    @Test("a target imports only what Package.swift declares for it")
    func importsAreDeclared() throws {
        for target in try House.current.get().targets {
            for file in target.files where file.isSwift {
                let undeclared = file.imports.subtracting(target.dependencies).subtracting(Self.toolchain)
                #expect(undeclared.isEmpty, "\(file.path) imports what `\(target.name)` does not declare")
            }
        }
    }

    @Test("a target imports everything that Package.swift declares for it")
    func declarationsAreUsed() throws {
        for target in try House.current.get().targets {
            let imports = Set(target.files.flatMap(\.imports))
            // A target that still is little but its name imports nothing of the package.
            guard !imports.isSubset(of: Self.toolchain) else { continue }
            let unused = target.dependencies.subtracting(imports)
            #expect(unused.isEmpty, "`\(target.name)` declares what it does not import")
        }
    }

    @Test("dependencies lead down: to a lower floor, or to an earlier tool or face of the same floor")
    func dependenciesLeadDown() throws {
        let house = try House.current.get()
        for target in house.targets {
            for dependency in target.dependencies.compactMap(house.target) {
                guard let floor = target.floor else {
                    #expect(dependency.type != "test", "`\(target.name)` depends on the tests `\(dependency.name)`")
                    continue
                }
                guard let below = dependency.floor else {
                    Issue.record("`\(target.name)` depends on `\(dependency.name)`, which stands on no floor")
                    continue
                }
                // Tools build on tools and the commands on the console; the parts of floor 4 do not know each other.
                let isNeighbour = below == floor && [2, 6].contains(floor) && dependency.position < target.position
                #expect(below < floor || isNeighbour, "`\(target.name)` depends on `\(dependency.name)`")
            }
        }
    }

    @Test("every target stands on a floor or is a test")
    func everyTargetHasItsPlace() throws {
        let house = try House.current.get()
        #expect(house.targets.count > 20)
        for target in house.targets where target.floor == nil {
            #expect(
                target.name.hasSuffix("Tests") || ["TestSupport", "CacheSaver"].contains(target.name),
                "`\(target.name)` has no floor")
        }
    }

    @Test("the command line's words are read at one door")
    func wordsAreReadAtOneDoor() throws {
        let house = try House.current.get()
        #expect(
            house.targets.filter { $0.dependencies.contains("CommandSyntax") && !$0.isTest }.map(\.name) == ["Commands"]
        )
    }

    @Test("Foundation stays outside, but for JSON and for the bytes that Crypto hands out")
    func foundationStaysOutside() throws {
        let house = try House.current.get()
        for target in house.targets where !target.isTest {
            for file in target.files {
                #expect(!file.imports.contains("Foundation"), "\(file.path)")
                if !["BuildEnvironment", "BuildStore", "Console", "SecretVault"].contains(target.name) {
                    #expect(!file.imports.contains("FoundationEssentials"), "\(file.path)")
                }
            }
        }
    }

    @Test("docs/architecture.md says of every target what it is for")
    func everyTargetIsExplained() throws {
        let house = try House.current.get()
        let page = try house.text("docs/architecture.md")
        for target in house.targets where !target.isTest {
            let isExplained = page.contains("| `\(target.name)` |")
            #expect(isExplained, "`\(target.name)` is not in the table of targets")
        }
    }

    @Test("floors are read from the comments of Package.swift")
    func floorsAreRead() {
        let text = """
                // Floor 1 · words
                .target(name: "A"),
                // Floor 2 · tools
                .target(
                    name: "B", dependencies: [.product(name: "X", package: "y")]),
                // Tests · all
                .testTarget(name: "ATests"),
            """
        #expect(House.floors(inManifest: text) == ["A": 1, "B": 2])
    }
}
