// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import YAML

// npm and its like, pip and its like, Composer, Bundler.
extension ProjectScan {
    func node() throws(ScaffoldError) -> Recipe? {
        guard let package = try json("package.json") else { return nil }
        let (tool, run, lock, install) = nodeTool(package)
        var recipe = Recipe(tool, ["package.json", lock])
        let version = Self.nodeVersion(
            text(".nvmrc") ?? text(".node-version") ?? package["engines"]?["node"]?.scalar?.text)
        recipe.runtime = ("nodejs", version ?? "22")
        recipe.install = [install]
        let scripts = package["scripts"]
        func has(_ script: String) -> Bool { scripts?[script]?.scalar != nil }
        if has("lint") { recipe.preBuild.append(.init("\(run) run lint")) }
        if has("build") { recipe.build.append(.init("\(run) run build")) }
        let test = scripts?["test"]?.scalar?.text ?? ""
        // What `npm init` writes fails on purpose.
        if !test.isEmpty, !test.contains("no test specified") {
            recipe.build.append(.init("\(run) \(tool == "bun" ? "run test" : "test")"))
        }
        if recipe.build.isEmpty {
            recipe.build.append(.init("node --version", "package.json has neither a build nor a test script."))
        }
        if has("build") { recipe.artifacts = nodeArtifacts(package) }
        recipe.cache =
            [
                "npm": ["/root/.npm/**/*"], "yarn": ["/usr/local/share/.cache/yarn/**/*"],
                "pnpm": ["/root/.local/share/pnpm/store/**/*"], "bun": ["/root/.bun/install/cache/**/*"],
            ][tool] ?? []
        return recipe
    }

    /// The tool, how it is called, its lock file, and what installs the packages.
    ///
    /// `corepack enable` and `npm install --global` write beside node itself, which only root may where node belongs to the
    /// system; corepack and npx call a tool from the user's own directory.
    private func nodeTool(_ package: Node) -> (tool: String, run: String, lock: String?, install: Recipe.Step) {
        if let lock = first("pnpm-lock.yaml") {
            return ("pnpm", "corepack pnpm", lock, .init("corepack pnpm install --frozen-lockfile"))
        }
        if let lock = first("bun.lock", "bun.lockb") {
            return ("bun", "npx --yes bun", lock, .init("npx --yes bun install --frozen-lockfile"))
        }
        if let lock = first("yarn.lock") {
            let wanted = package["packageManager"]?.scalar?.text ?? ""
            let isModern = has(".yarnrc.yml") || (wanted.hasPrefix("yarn@") && !wanted.hasPrefix("yarn@1"))
            let how = isModern ? "--immutable" : "--frozen-lockfile"
            return ("yarn", "corepack yarn", lock, .init("corepack yarn install \(how)"))
        }
        if let lock = first("package-lock.json", "npm-shrinkwrap.json") { return ("npm", "npm", lock, .init("npm ci")) }
        return (
            "npm", "npm", nil,
            .init("npm install", "With a package-lock.json, `npm ci` installs the same each time.")
        )
    }

    /// A version in numbers, or the line of long-term support that a name stands for.
    ///
    /// Source: the codenames of github.com/nodejs/Release.
    private static func nodeVersion(_ text: String?) -> String? {
        let word = (text ?? "").split(whereSeparator: \.isNewline).first?.filter { !$0.isWhitespace }.lowercased() ?? ""
        guard word.hasPrefix("lts/") else { return version(text, parts: 1) }
        return [
            "dubnium": "10", "erbium": "12", "fermium": "14", "gallium": "16", "hydrogen": "18", "iron": "20",
            "jod": "22", "krypton": "24",
        ][word.dropFirst(4)]
    }

    /// Where bundlers put what they build.
    private func nodeArtifacts(_ package: Node) -> Recipe.Artifacts {
        func depends(_ name: String) -> Bool {
            package["dependencies"]?[name] != nil || package["devDependencies"]?[name] != nil
        }
        let isConfigured = names.contains { $0.hasPrefix("vite.config.") }
        if depends("react-scripts") { return .init(files: ["**/*"], directory: "build") }
        if depends("vite"), !isConfigured { return .init(files: ["**/*"], directory: "dist") }
        return .init(files: ["**/*"], directory: "dist", isCertain: false)
    }

    func python() throws(ScaffoldError) -> Recipe? {
        let files = [
            first("requirements.txt"), first("pyproject.toml"), first("setup.py"), first("Pipfile"), first("uv.lock"),
            first("poetry.lock"),
        ]
        guard files.contains(where: { $0 != nil }) else { return nil }
        let project = try manifest("pyproject.toml") ?? ""
        var recipe = Recipe("pip", files)
        var run = ""
        let virtual = [
            Recipe.Step("python3 -m venv .venv", "A place of its own for packages: many systems allow no other."),
            Recipe.Step(". .venv/bin/activate"),
        ]
        if has("uv.lock") {
            recipe.tool = "uv"
            recipe.install = virtual + [.init("pip install uv"), .init("uv sync --active --frozen")]
        } else if has("poetry.lock") || project.contains("[tool.poetry]") {
            recipe.tool = "poetry"
            recipe.install = virtual + [.init("pip install poetry"), .init("poetry install --no-interaction")]
            run = "poetry run "
        } else if has("Pipfile") {
            recipe.tool = "pipenv"
            let words = has("Pipfile.lock") ? "sync --dev" : "install --dev"
            recipe.install = virtual + [.init("pip install pipenv"), .init("pipenv \(words)")]
            run = "pipenv run "
        } else {
            recipe.install = virtual + pipInstall(project)
        }
        recipe.runtime = (
            "python",
            Self.version(text(".python-version"), parts: 2) ?? Self.version(
                line("requires-python", in: project), parts: 2)
                ?? "3.13"
        )
        pythonTests(&recipe, project, run)
        if recipe.tool == "pip", project.contains("[build-system]") {
            recipe.install.append(.init("pip install build"))
            recipe.build.append(.init("python -m build"))
            recipe.artifacts = .init(files: ["*"], directory: "dist")
        }
        recipe.cache = ["/root/.cache/\(["uv": "uv", "poetry": "pypoetry"][recipe.tool] ?? "pip")/**/*"]
        return recipe
    }

    private func pipInstall(_ project: String) -> [Recipe.Step] {
        var steps: [Recipe.Step] = []
        let requirements = [
            "requirements.txt", "requirements-dev.txt", "dev-requirements.txt", "requirements-test.txt",
        ]
        for file in requirements where has(file) { steps.append(.init("pip install -r \(file)")) }
        let isPackage = has("setup.py") || project.contains("[project]") || project.contains("[build-system]")
        if isPackage {
            let extra = ["test", "tests", "dev"].first { extra in
                line(extra, in: project[optionalDependencies: ()]) != nil
            }
            steps.append(.init(extra.map { "pip install -e '.[\($0)]'" } ?? "pip install -e ."))
        }
        return steps
    }

    private func pythonTests(_ recipe: inout Recipe, _ project: String, _ run: String) {
        let texts = [
            project, text("setup.cfg"), text("tox.ini"), text("requirements.txt"), text("requirements-dev.txt"),
            text("dev-requirements.txt"), text("requirements-test.txt"), text("Pipfile"),
        ]
        let namesPytest = texts.contains { $0?.contains("pytest") == true }
        let hasTests =
            isDirectory("tests") || isDirectory("test")
            || names.contains { $0.hasPrefix("test_") && $0.hasSuffix(".py") }
        if namesPytest || has("pytest.ini") || has("conftest.py") || text("tests/conftest.py") != nil {
            if !namesPytest { recipe.install.append(.init("pip install pytest")) }
            recipe.build.append(.init("\(run)python -m pytest --junitxml=reports/pytest.xml"))
            recipe.reports = [.init(name: "pytest", files: "pytest.xml", directory: "reports")]
        } else if hasTests {
            let place = isDirectory("tests") ? " -s tests" : isDirectory("test") ? " -s test" : ""
            recipe.build.append(.init("\(run)python -m unittest discover\(place)"))
        } else {
            recipe.build.append(
                .init(
                    "\(run)python -m compileall -q -x '/[.]venv/' .",
                    "No tests were found; this finds mistakes of syntax."))
        }
    }

    /// The value of the first line `key = …`.
    private func line(_ key: String, in text: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0].filter({ $0 != " " && $0 != "\t" && $0 != "\"" }) == key {
                return String(parts[1])
            }
        }
        return nil
    }

    func composer() throws(ScaffoldError) -> Recipe? {
        guard let package = try json("composer.json") else { return nil }
        var recipe = Recipe("Composer", ["composer.json", first("composer.lock")])
        recipe.runtime = ("php", Self.version(package["require"]?["php"]?.scalar?.text, parts: 2) ?? "8.3")
        recipe.install = [
            .init("composer validate --no-check-publish"),
            .init("composer install --no-interaction --no-progress --prefer-dist"),
        ]
        if package["require-dev"]?["phpunit/phpunit"] != nil || first("phpunit.xml", "phpunit.xml.dist") != nil {
            recipe.build = [.init("vendor/bin/phpunit --log-junit reports/phpunit.xml")]
            recipe.reports = [.init(name: "phpunit", files: "phpunit.xml", directory: "reports")]
        } else if package["scripts"]?["test"] != nil {
            recipe.build = [.init("composer test")]
        } else {
            recipe.build = [.init("composer check-platform-reqs", "composer.json has no test script.")]
        }
        recipe.cache = ["/root/.cache/composer/**/*"]
        return recipe
    }

    func bundler() throws(ScaffoldError) -> Recipe? {
        guard let gems = try manifest("Gemfile") else { return nil }
        var recipe = Recipe("Bundler", ["Gemfile", first("Gemfile.lock")])
        recipe.runtime = ("ruby", Self.version(text(".ruby-version"), parts: 2) ?? "3.4")
        recipe.install = [.init("bundle config set --local path vendor/bundle")]
        if has("Gemfile.lock") { recipe.install.append(.init("bundle config set --local frozen true")) }
        recipe.install.append(.init("bundle install --jobs 4"))
        let all = gems + (text("Gemfile.lock") ?? "")
        if has(".rspec") || isDirectory("spec") || all.contains("rspec") {
            if all.contains("rspec_junit_formatter") {
                recipe.build = [
                    .init("bundle exec rspec --format progress --format RspecJunitFormatter --out reports/rspec.xml")
                ]
                recipe.reports = [.init(name: "rspec", files: "rspec.xml", directory: "reports")]
            } else {
                recipe.build = [
                    .init("bundle exec rspec", "With the gem rspec_junit_formatter it could write a report.")
                ]
            }
        } else if has("Rakefile") {
            recipe.build = [.init("bundle exec rake")]
        } else {
            recipe.build = [.init("bundle check", "Neither specs nor a Rakefile were found.")]
        }
        recipe.cache = ["vendor/bundle/**/*"]
        return recipe
    }
}

extension String {
    /// The tables of pyproject.toml that name optional dependencies.
    fileprivate subscript(optionalDependencies _: Void) -> String {
        var isInside = false
        var lines: [Substring] = []
        for line in split(whereSeparator: \.isNewline) {
            if line.hasPrefix("[") {
                isInside = line.hasPrefix("[project.optional-dependencies]")
            } else if isInside {
                lines.append(line)
            }
        }
        return lines.joined(separator: "\n")
    }
}
