// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildStore
internal import CommandSyntax
internal import Sandbox
internal import SystemPackage

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

    /// Decides what `auto` stands for here, and only then refuses what the decided way cannot do: a build that was to have no
    /// network must not get one.
    /// - Parameter needs: what else was typed that only a sandbox has.
    func choice(for request: BuildRequest, needs: [String] = [], in store: BuildStore) throws -> IsolationChoice {
        var needs = needs
        if request.image != .host { needs.append("--image") }
        if request.network == .none { needs.append("--network none") }
        switch isolation {
        case .namespaces: return IsolationChoice(isolation: .namespaces, canDoWithout: needs.isEmpty)
        case .none:
            if let need = needs.first { throw CommandFailure.needsSandbox(need) }
            return IsolationChoice(isolation: .none)
        case .auto:
            do throws(BuildStoreError) { try store.prepare() } catch { throw CommandFailure(error) }
            let refusal = HostCapabilities.refusal(
                launcher: Caller.launcher, sandboxes: store.directory.appending("sandboxes"))
            guard let refusal else { return IsolationChoice(isolation: .namespaces) }
            if let need = needs.first { throw CommandFailure.needsSandbox(need, refusal) }
            return IsolationChoice(isolation: .none, refusal: refusal)
        }
    }

    /// For a verb that has no meaning without a sandbox.
    func requireSandbox(for verb: String) throws {
        guard isolation == .none else { return }
        throw CommandFailure(
            .wrongUse, "`\(verb)` opens a shell in a sandbox, and `--isolation none` has none",
            hints: [
                "without a sandbox a build is where any shell of yours is: `drydock env --isolation none` shows the "
                    + "variables that it has",
                "`--isolation namespaces` opens a sandbox",
            ])
    }
}

/// How a build is kept apart, `auto` decided.
struct IsolationChoice {
    /// `namespaces` or `none`.
    var isolation = Isolation.namespaces
    /// Why no sandbox can be made, where one would have been taken.
    var refusal: SandboxError?
    /// Whether the build could be had without the sandbox that it is to have.
    var canDoWithout = false
}

extension CommandFailure {
    static func needsSandbox(_ option: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "`\(option)` needs a sandbox, and `--isolation none` has none",
            hints: ["`--isolation namespaces` makes one; docs/isolation.md says what a build without one lacks"])
    }

    static func needsSandbox(_ option: String, _ refusal: SandboxError) -> CommandFailure {
        CommandFailure(
            .machineUnable, "`\(option)` needs a sandbox, and none can be made here: \(refusal.message)",
            hints: refusal.hints)
    }
}
