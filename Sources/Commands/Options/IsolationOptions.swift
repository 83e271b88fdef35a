// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CommandSyntax
internal import Sandbox

/// How a build is kept apart from the machine.
struct IsolationOptions {
    static let option = ValueOption(
        "isolation", placeholder: "way", words: Isolation.allCases.map(\.rawValue),
        help: """
            How the build is kept apart: `namespaces` (the default), `none` for ordinary processes of yours, or `auto` \
            for namespaces where they can be had.
            """)

    private let isolation: Isolation
    private let image: ImageOption

    init(_ words: ParsedWords) {
        isolation = words[Self.option].flatMap(Isolation.init) ?? .namespaces
        image = ImageOption(words)
    }

    /// What cannot be done is told before anything is looked for.
    func check() throws {
        if isolation == .none, !image.isHost { throw CommandFailure.needsSandbox("--image") }
    }

    func apply(to request: inout BuildRequest) throws {
        request.isolation = isolation
        guard isolation == .none else { return }
        // What cannot be done is not left out: a build that was to have no network must not get one.
        try check()
        if request.network == .none { throw CommandFailure.needsSandbox("--network none") }
    }
}

extension CommandFailure {
    static func needsSandbox(_ option: String, isolation: Isolation = .none) -> CommandFailure {
        let lack = isolation == .none ? "has none" : "may have none"
        return CommandFailure(
            .wrongUse, "`\(option)` needs a sandbox, and `--isolation \(isolation.rawValue)` \(lack)",
            hints: ["without a sandbox a build has this machine's own files and network"])
    }
}
