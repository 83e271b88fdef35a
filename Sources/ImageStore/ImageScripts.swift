// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Processes

/// What is run to make an image: texts for `sh`, whose every word that a recipe brought in is quoted.
public struct ImageScripts: Sendable {
    private let recipe: ImageRecipe
    private let sources: AptSources

    public init(_ recipe: ImageRecipe, sources: AptSources) {
        self.recipe = recipe
        self.sources = sources
    }

    /// Makes the smallest system that has apt, from the host's programs.
    ///
    /// mmdebstrap neither mounts nor makes devices here: package scripts of this first step need neither, and the rest is
    /// installed inside, where both are.
    /// - Parameters:
    ///   - root: the empty directory for it, inside the sandbox.
    ///   - files: where the recipe's files are, or nil where it has none.
    public func bootstrap(root: String, files: String?) -> String {
        var archives: [String] = []
        if let mirror = recipe.mirror {
            archives = [mirror]
        } else if !sources.lines.isEmpty {
            archives = sources.lines
        }
        let components = recipe.components.joined(separator: ",")
        let words = [recipe.suite, root] + archives
        var script = """
            set -e
            umask 022
            # The machine's way to its archives is the image's too.
            set --
            proxies=$(apt-config dump --format '%F "%v";%n' Acquire::http::Proxy Acquire::https::Proxy | grep -v '""' || :)
            IFS='
            '
            for option in $proxies; do set -- "$@" "--aptopt=$option"; done
            unset IFS
            mmdebstrap --mode=root --variant=apt --format=directory \\
                --skip=chroot/mount,output/dev,check/empty,check/qemu,cleanup/apt/lists \\
                --components=\(ShellWord.quoted(components)) "$@" \(words.map(ShellWord.quoted).joined(separator: " ")) \\
                </dev/null
            # A device directory that is none yet was written to as to any other.
            rm -rf \(ShellWord.quoted(root))/dev/*

            """
        for keyring in recipe.mirror == nil ? sources.keyrings : [] {
            let place = ShellWord.quoted(root + keyring)
            script += """
                [ -e \(place) ] || { mkdir -p "$(dirname \(place))"; cp \(ShellWord.quoted(keyring)) \(place); }

                """
        }
        if let files {
            // Everyone may read them and root alone change them, whoever checked the recipe out and how.
            script += """
                tar -C \(ShellWord.quoted(files)) --owner=0 --group=0 --mode=u=rwX,go=rX -cf - . \\
                    | tar -C \(ShellWord.quoted(root)) --no-overwrite-dir --keep-directory-symlink -xf -

                """
        }
        return script
    }

    /// What is done to make the image of the small system, each step by a shell of its own, as root in it.
    public func furnish() -> [Step] {
        var steps = [Step(.preparation, Self.preparation)]
        if !recipe.packages.isEmpty {
            steps.append(
                Step(.packages, "apt-get -q -y --no-install-recommends install \(Self.list(recipe.packages))\n"))
        }
        for (index, user) in recipe.users.enumerated() { steps.append(Step(.user(index), command(for: user))) }
        if !recipe.runtimes.isEmpty {
            let directory = "/codebuild/image/config"
            steps.append(
                Step(
                    .preparation,
                    "mkdir -p \(directory)\ncat >\(directory)/runtimes.yml <<'end of runtimes'\n\(runtimes)"
                        + "end of runtimes\n"))
        }
        for (index, command) in recipe.commands.enumerated() {
            steps.append(Step(.command(index), "sh -ec \(ShellWord.quoted(command))\n"))
        }
        steps.append(Step(.completion, Self.completion))
        return steps
    }

    /// A part of the making.
    public struct Step: Sendable {
        public var part: Part
        public var script: String

        /// What of the recipe it carries out; numbers count in the recipe's lists.
        public enum Part: Sendable, Equatable {
            case bootstrap
            case preparation
            case packages
            case user(Int)
            case command(Int)
            case completion
        }

        init(_ part: Part, _ script: String) {
            self.part = part
            self.script = "set -e\numask 022\nexport DEBIAN_FRONTEND=noninteractive\n" + script
        }
    }

    private static let preparation = """
        # Nothing that a package brings is started: there is nobody to start it for.
        printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d

        """

    private static let completion = """
        rm -f /usr/sbin/policy-rc.d
        apt-get clean
        rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt/* /var/log/dpkg.log /var/log/alternatives.log
        rm -rf /var/cache/ldconfig/aux-cache /tmp/* /tmp/.[!.]* /var/tmp/* /run/* 2>/dev/null || :
        : >/etc/machine-id

        """

    private func command(for user: ImageRecipe.User) -> String {
        var words = ["useradd", "--create-home", "--shell", user.shell ?? "/bin/bash"]
        if let identifier = user.identifier { words += ["--uid", String(identifier)] }
        if let home = user.home { words += ["--home-dir", home] }
        if !user.groups.isEmpty { words += ["--groups", user.groups.joined(separator: ",")] }
        return Self.list(words + [user.name]) + "\n"
    }

    /// The table that CodeBuild's images have. Source: the runtimes.yml of aws/aws-codebuild-docker-images.
    private var runtimes: String {
        var text = "version: 0.1\nruntimes:\n"
        for runtime in recipe.runtimes {
            text += "  \(runtime.name):\n    versions:\n"
            for version in runtime.versions { text += "      \(version):\n        commands: []\n" }
        }
        return text
    }

    private static func list(_ words: [String]) -> String { words.map(ShellWord.quoted).joined(separator: " ") }
}
