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
        _ choice: IsolationChoice, uuid: String, in store: BuildStore, pending: PendingSandbox?, stop: any StopSource
    ) {
        if choice.isolation == .none {
            let places = Self.hostPlaces(uuid, in: store)
            maker = DirectMaker(places: places, stop: stop, refusal: choice.refusal)
            hostPlaces = places
        } else {
            maker = SandboxMaker(pending: pending, canDoWithout: choice.canDoWithout, stop: stop)
        }
    }

    /// Where a build without a sandbox has its places.
    static func hostPlaces(_ uuid: String, in store: BuildStore) -> HostPlaces {
        HostPlaces(directory: directory(in: store).appending(uuid), searchPath: Caller.variable("PATH"))
    }

    /// Removes what builds without a sandbox left whose drydock was killed.
    static func clearLeftovers(in store: BuildStore) { DirectExecution.clearLeftovers(in: directory(in: store)) }

    private static func directory(in store: BuildStore) -> FilePath { store.directory.appending("direct") }
}
