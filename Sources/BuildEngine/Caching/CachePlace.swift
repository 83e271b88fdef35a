// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
import Secrets

/// A directory in which a tool keeps what it would have to get or make again.
struct CachePlace: Sendable {
    var tool: String
    /// Relative to a directory of the source; from `~/` on in the home; or absolute.
    var path: String
    /// Variables that move it, and what of the path follows behind their value.
    var variables: [(name: String, below: String)] = []
    /// Files of the source that say what is to be in it; the first that is there counts.
    var lockFiles: [String] = []
    /// A file that has to stand beside it, where its name alone means too little.
    var needs: String?
    /// Whether each build changes it: a compiler's results, not a list's downloads.
    var isChanging = false

    /// Whether it lies in the source.
    var isInSource: Bool { !path.hasPrefix("~/") && !path.hasPrefix("/") }

    private static let npmLocks = ["package-lock.json", "npm-shrinkwrap.json"]
    private static let pythonLocks = ["requirements.txt", "pyproject.toml", "setup.py"]
    private static let gradleLocks = [
        "gradle.lockfile", "build.gradle.kts", "build.gradle", "settings.gradle.kts", "settings.gradle",
    ]

    // In the order in which they are printed. Not here: virtual environments of Python, which hold the source's path, and
    // that is another one in each build.
    static let known: [CachePlace] = [
        CachePlace(tool: "npm", path: "~/.npm", variables: [("npm_config_cache", "")], lockFiles: npmLocks),
        CachePlace(tool: "npm", path: "node_modules", lockFiles: npmLocks + ["yarn.lock", "pnpm-lock.yaml"]),
        CachePlace(
            tool: "yarn", path: "~/.cache/yarn", variables: [("YARN_CACHE_FOLDER", "")], lockFiles: ["yarn.lock"]),
        CachePlace(tool: "yarn", path: "~/.yarn/berry/cache", lockFiles: ["yarn.lock"]),
        CachePlace(tool: "yarn", path: ".yarn/cache", lockFiles: ["yarn.lock"]),
        CachePlace(
            tool: "pnpm", path: "~/.local/share/pnpm/store", variables: [("PNPM_HOME", "/store")],
            lockFiles: ["pnpm-lock.yaml"]),
        CachePlace(tool: "bun", path: "~/.bun/install/cache", lockFiles: ["bun.lock", "bun.lockb"]),
        CachePlace(tool: "deno", path: "~/.cache/deno", variables: [("DENO_DIR", "")], lockFiles: ["deno.lock"]),
        CachePlace(tool: "playwright", path: "~/.cache/ms-playwright", lockFiles: npmLocks),
        CachePlace(tool: "cypress", path: "~/.cache/Cypress", lockFiles: npmLocks),
        CachePlace(
            tool: "pip", path: "~/.cache/pip", variables: [("PIP_CACHE_DIR", "")], lockFiles: pythonLocks),
        CachePlace(
            tool: "poetry", path: "~/.cache/pypoetry", variables: [("POETRY_CACHE_DIR", "")],
            lockFiles: ["poetry.lock"]),
        CachePlace(
            tool: "uv", path: "~/.cache/uv", variables: [("UV_CACHE_DIR", "")], lockFiles: ["uv.lock"] + pythonLocks),
        CachePlace(tool: "maven", path: "~/.m2/repository", lockFiles: ["pom.xml"]),
        CachePlace(
            tool: "gradle", path: "~/.gradle/caches", variables: [("GRADLE_USER_HOME", "/caches")],
            lockFiles: gradleLocks),
        CachePlace(
            tool: "gradle", path: "~/.gradle/wrapper", variables: [("GRADLE_USER_HOME", "/wrapper")],
            lockFiles: ["gradle/wrapper/gradle-wrapper.properties"]),
        CachePlace(
            tool: "cargo", path: "~/.cargo/registry", variables: [("CARGO_HOME", "/registry")],
            lockFiles: ["Cargo.lock"]),
        CachePlace(
            tool: "cargo", path: "~/.cargo/git", variables: [("CARGO_HOME", "/git")], lockFiles: ["Cargo.lock"]),
        CachePlace(
            tool: "cargo", path: "target", lockFiles: ["Cargo.lock"], needs: "Cargo.toml", isChanging: true),
        CachePlace(
            tool: "go", path: "~/go/pkg/mod", variables: [("GOMODCACHE", ""), ("GOPATH", "/pkg/mod")],
            lockFiles: ["go.sum"]),
        CachePlace(
            tool: "go", path: "~/.cache/go-build", variables: [("GOCACHE", "")], lockFiles: ["go.sum"],
            isChanging: true),
        CachePlace(
            tool: "composer", path: "~/.cache/composer", variables: [("COMPOSER_CACHE_DIR", "")],
            lockFiles: ["composer.lock"]),
        CachePlace(tool: "composer", path: "~/.composer/cache", lockFiles: ["composer.lock"]),
        CachePlace(tool: "composer", path: "vendor", lockFiles: ["composer.lock"], needs: "composer.json"),
        CachePlace(tool: "bundler", path: "vendor/bundle", lockFiles: ["Gemfile.lock"]),
        CachePlace(tool: "bundler", path: "~/.bundle/cache", lockFiles: ["Gemfile.lock"]),
        CachePlace(tool: "gem", path: "~/.gem", variables: [("GEM_HOME", "")], lockFiles: ["Gemfile.lock"]),
        CachePlace(
            tool: "nuget", path: "~/.nuget/packages", variables: [("NUGET_PACKAGES", "")],
            lockFiles: ["packages.lock.json"]),
        CachePlace(tool: "apt", path: "/var/cache/apt"),
        CachePlace(tool: "ccache", path: "~/.ccache", variables: [("CCACHE_DIR", "")], isChanging: true),
        CachePlace(tool: "ccache", path: "~/.cache/ccache", isChanging: true),
        CachePlace(tool: "sccache", path: "~/.cache/sccache", variables: [("SCCACHE_DIR", "")], isChanging: true),
        CachePlace(tool: "bazel", path: "~/.cache/bazel", isChanging: true),
        CachePlace(tool: "pre-commit", path: "~/.cache/pre-commit", lockFiles: [".pre-commit-config.yaml"]),
    ]

    /// What a `cache` without `paths` holds: what package managers keep of what they fetch, in the home of a build. Not what is
    /// installed into the source, which a build that does not ask for it would be surprised by, and not what compilers made.
    ///
    /// Source: "Amazon S3 caching", "If you don't specify the file paths, CodeBuild will best-effort cache common language
    /// dependencies"; which, it does not say.
    static func dependencies(home: String, variables: [String: String]) -> [String] {
        var places: [String] = []
        for place in known where !place.isChanging && place.path.hasPrefix("~/") {
            if let path = place.place(home: home, variables: variables), !places.contains(path) { places.append(path) }
        }
        return places
    }

    /// Where it lies in a build; nil for a place of the source's.
    /// - Parameter variables: of the build.
    func place(home: String, variables values: [String: String]) -> String? {
        guard !isInSource else { return nil }
        for (name, below) in variables {
            if let value = values[name], value.hasPrefix("/"), value.utf8.count > 1 { return value + below }
        }
        return path.hasPrefix("~/") ? home + path.dropFirst() : path
    }
}

extension BuildPlan {
    /// The build's variables that are no secrets: a secret is no place, and would not stay one.
    var plainVariables: [String: String] {
        let pairs = environment.pairs.compactMap { pair in pair.value.plainText.map { (pair.name, $0) } }
        return Dictionary(pairs) { _, last in last }
    }
}
