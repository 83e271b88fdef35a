// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildStore
internal import DirectExecution
internal import Sandbox
internal import SystemPackage

/// Where a build's commands will run: in a sandbox, or without one when the caller said so.
struct BuildPlace {
    let maker: any CommandRunnerMaking
    /// Where the build has its places when there is no sandbox.
    var hostPlaces: HostPlaces?

    /// - Parameter pending: a sandbox begun beforehand, or nil.
    init(
        _ request: BuildRequest, uuid: String, in store: BuildStore, pending: PendingSandbox?, stop: any StopSource
    ) {
        let refusal: SandboxError?
        switch request.isolation {
        case .namespaces, .none: refusal = nil
        case .auto:
            // What only a sandbox can do is not left out either: such a build fails with the reason.
            refusal =
                request.image == .host && request.network == .host
                ? HostCapabilities.refusal(
                    launcher: Caller.launcher, sandboxes: store.directory.appending("sandboxes")) : nil
        }
        if request.isolation == .none || refusal != nil {
            let places = HostPlaces(
                directory: Self.directory(in: store).appending(uuid), searchPath: Caller.variable("PATH"))
            maker = DirectMaker(places: places, stop: stop, refusal: refusal)
            hostPlaces = places
        } else {
            maker = SandboxMaker(pending: pending)
        }
    }

    /// Removes what builds without a sandbox left whose drydock was killed.
    static func clearLeftovers(in store: BuildStore) { DirectExecution.clearLeftovers(in: directory(in: store)) }

    private static func directory(in store: BuildStore) -> FilePath { store.directory.appending("direct") }
}
