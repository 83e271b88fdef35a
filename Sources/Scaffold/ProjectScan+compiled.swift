// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import YAML

// Maven, Gradle, Go, Cargo, Swift, CMake, make, autotools.
extension ProjectScan {
    func maven() throws(ScaffoldError) -> Recipe? {
        guard let model = try manifest("pom.xml") else { return nil }
        let command = wrapper("mvnw") ?? "mvn"
        var recipe = Recipe("Maven", ["pom.xml", first("mvnw")])
        recipe.runtime = ("java", "corretto21")
        recipe.build = [.init("\(command) --batch-mode --no-transfer-progress verify")]
        let hasModules = model.contains("<modules>")
        let prefix = hasModules ? "**/" : ""
        let kind = model.contains("<packaging>war</packaging>") ? "war" : "jar"
        recipe.artifacts = .init(files: ["\(prefix)target/*.\(kind)"])
        recipe.reports = [.init(name: "maven", files: "\(prefix)target/surefire-reports/TEST-*.xml")]
        recipe.cache = ["/root/.m2/**/*"]
        return recipe
    }

    func gradle() throws(ScaffoldError) -> Recipe? {
        let files = [
            first("build.gradle", "build.gradle.kts"), first("settings.gradle", "settings.gradle.kts"),
            first("gradlew"),
        ]
        guard files[0] != nil || files[1] != nil else { return nil }
        var recipe = Recipe("Gradle", files)
        recipe.runtime = ("java", "corretto21")
        recipe.build = [.init("\(wrapper("gradlew") ?? "gradle") --no-daemon build")]
        if let build = files[0] { _ = try manifest(build) }
        var hasModules = false
        if let settings = files[1] { hasModules = try manifest(settings)?.contains("include") == true }
        let prefix = hasModules ? "**/" : ""
        recipe.artifacts = .init(files: ["\(prefix)build/libs/*.jar"])
        recipe.reports = [.init(name: "gradle", files: "\(prefix)build/test-results/test/*.xml")]
        recipe.cache = ["/root/.gradle/caches/**/*", "/root/.gradle/wrapper/**/*"]
        return recipe
    }

    func go() throws(ScaffoldError) -> Recipe? {
        guard let module = try manifest("go.mod") else { return nil }
        var recipe = Recipe("Go", ["go.mod", first("go.sum")])
        let line = module.split(whereSeparator: \.isNewline).first { $0.hasPrefix("go ") }
        recipe.runtime = ("golang", Self.version(line.map(String.init), parts: 2) ?? "1.24")
        recipe.install = [.init("go mod download")]
        recipe.preBuild = [.init("go vet ./...")]
        if isDirectory("cmd") {
            recipe.build = [.init("mkdir -p bin"), .init("go build -o bin/ ./cmd/...")]
            recipe.artifacts = .init(files: ["*"], directory: "bin")
        } else if has("main.go") {
            recipe.build = [.init("mkdir -p bin"), .init("go build -o bin/ .")]
            recipe.artifacts = .init(files: ["*"], directory: "bin")
        } else {
            recipe.build = [.init("go build ./...")]
        }
        recipe.build.append(.init("go test ./..."))
        recipe.cache = ["/root/.cache/go-build/**/*", "/go/pkg/mod/**/*"]
        return recipe
    }

    func cargo() throws(ScaffoldError) -> Recipe? {
        guard let manifest = try manifest("Cargo.toml") else { return nil }
        var recipe = Recipe("Cargo", ["Cargo.toml", first("Cargo.lock")])
        let locked = has("Cargo.lock") ? " --locked" : ""
        recipe.install = [
            .init("cargo fetch\(locked)", "CodeBuild's images have no Rust; https://rustup.rs installs it.")
        ]
        recipe.build = [.init("cargo build --release\(locked)"), .init("cargo test --release\(locked)")]
        recipe.artifacts = cargoArtifacts(manifest)
        recipe.cache = ["/root/.cargo/registry/**/*", "/root/.cargo/git/**/*", "target/**/*"]
        return recipe
    }

    /// The programs that `cargo build` is sure to leave: those of `[[bin]]`, or the package's own.
    ///
    /// Source: The Cargo Book, "Cargo Targets". Which further programs are found by themselves depends on the edition.
    private func cargoArtifacts(_ manifest: String) -> Recipe.Artifacts? {
        let tables = TOMLTable.tables(of: manifest)
        let programs = tables.filter { $0.name == "bin" }
        var names: [String] = []
        if !programs.isEmpty {
            names = programs.filter { $0.values["required-features"] == nil }.compactMap { $0.values["name"] }
        } else if text("src/main.rs") != nil, let package = tables.first(where: { $0.name == "package" }) {
            names = [package.values["name"]].compactMap { $0 }
        }
        if !names.isEmpty, names.allSatisfy(Self.isPlain) { return .init(files: names, directory: "target/release") }
        let mayHave = !programs.isEmpty || tables.contains { $0.name == "workspace" }
        return mayHave ? .init(files: ["**/*"], directory: "target/release", isCertain: false) : nil
    }

    func swift() throws(ScaffoldError) -> Recipe? {
        guard let manifest = try manifest("Package.swift") else { return nil }
        var recipe = Recipe("Swift", ["Package.swift", first("Package.resolved")])
        recipe.install = [
            .init("swift package resolve", "CodeBuild's images have no Swift; https://www.swift.org/install has it.")
        ]
        recipe.build = [.init("swift build -c release")]
        if isDirectory("Tests") {
            recipe.build += [
                .init("mkdir -p reports"), .init("swift test --parallel --xunit-output reports/swift.xml"),
            ]
            recipe.reports = [.init(name: "swift", files: "*.xml", directory: "reports")]
        }
        let mark = ".executable(name: \""
        if let place = manifest.split(separator: mark, omittingEmptySubsequences: false).dropFirst().first {
            let name = place.prefix { $0 != "\"" }
            if Self.isPlain(name) { recipe.artifacts = .init(files: [String(name)], directory: ".build/release") }
        }
        recipe.cache = ["/root/.cache/org.swift.swiftpm/**/*", ".build/**/*"]
        return recipe
    }

    func cmake() throws(ScaffoldError) -> Recipe? {
        guard let lists = try manifest("CMakeLists.txt") else { return nil }
        var recipe = Recipe("CMake", ["CMakeLists.txt", first("CMakePresets.json")])
        let presets = (try? json("CMakePresets.json")) ?? nil
        // Names of commands are the same in either case, and blanks count for nothing (cmake-language(7)).
        let calls = lists.split(whereSeparator: \.isNewline).map { line in
            line.prefix { $0 != "#" }.lowercased().filter { !$0.isWhitespace }
        }
        let hasTests = calls.contains { $0.contains("enable_testing(") || $0.contains("include(ctest") }
        // A preset may put what it builds anywhere; only those that say all three words are followed.
        if let configure = preset(presets, "configurePresets"), let build = preset(presets, "buildPresets") {
            recipe.build = [.init("cmake --preset \(configure)"), .init("cmake --build --preset \(build)")]
            if let test = preset(presets, "testPresets") { recipe.build.append(.init("ctest --preset \(test)")) }
            return recipe
        }
        recipe.build = [
            .init("cmake -S . -B build -DCMAKE_BUILD_TYPE=Release"), .init("cmake --build build --parallel"),
        ]
        if hasTests {
            recipe.build.append(.init("ctest --test-dir build --output-on-failure --output-junit ctest.xml"))
            recipe.reports = [.init(name: "ctest", files: "ctest.xml", directory: "build")]
        }
        recipe.artifacts = .init(files: ["**/*"], directory: "build", isCertain: false)
        return recipe
    }

    private func preset(_ presets: Node?, _ key: String) -> String? {
        let preset = presets?[key]?.items?.first { $0["hidden"]?.scalar?.boolean != true }
        guard let name = preset?["name"]?.scalar?.text, Self.isPlain(name) else { return nil }
        return name
    }

    var makefile: String? { first("GNUmakefile", "makefile", "Makefile") }

    func make() throws(ScaffoldError) -> Recipe? {
        guard let file = makefile, let rules = try manifest(file) else { return nil }
        var recipe = Recipe("make", [file, first("configure")])
        if let configure = wrapper("configure") { recipe.preBuild = [.init(configure)] }
        recipe.build = [.init("make")]
        if let test = Self.testTarget(rules) { recipe.build.append(.init("make \(test)")) }
        recipe.artifacts = .init(files: ["**/*"], directory: nil, isCertain: false)
        return recipe
    }

    private static func testTarget(_ rules: String) -> String? {
        let targets = Set(
            rules.split(whereSeparator: \.isNewline).flatMap { line -> [Substring] in
                guard let first = line.first, first != "\t", first != "#", first != ".",
                    let colon = line.firstIndex(of: ":"), line[colon...].prefix(2) != ":="
                else { return [] }
                return line[..<colon].split(separator: " ")
            })
        return ["check", "test"].first { targets.contains(Substring($0)) }
    }

    /// A tree whose Makefile is made by `configure`, and that perhaps by autoconf.
    func autotools() -> Recipe? {
        let sources = first("configure.ac", "configure.in")
        let configure = wrapper("configure")
        guard sources != nil || configure != nil else { return nil }
        var recipe = Recipe("autotools", [sources, first("Makefile.am"), first("configure")])
        if let configure {
            recipe.preBuild = [.init(configure)]
        } else if let script = wrapper("autogen.sh") ?? wrapper("bootstrap") ?? wrapper("bootstrap.sh") {
            recipe.preBuild = [
                .init("NOCONFIGURE=1 \(script)", "Some such scripts call configure themselves, unless told not to."),
                .init("./configure"),
            ]
        } else {
            recipe.preBuild = [
                .init("autoreconf --install", "Makes configure; autoconf, automake and libtool must be there."),
                .init("./configure"),
            ]
        }
        recipe.build = [.init("make")]
        // What automake makes always has it.
        let test = has("Makefile.am") ? "check" : text("Makefile.in").flatMap(Self.testTarget)
        if let test { recipe.build.append(.init("make \(test)")) }
        recipe.artifacts = .init(files: ["**/*"], directory: nil, isCertain: false)
        return recipe
    }
}
