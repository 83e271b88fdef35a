// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Artifacts
import BuildEnvironment
import BuildModel
import Buildspec
import Files
import Sandbox
import SystemPackage

// UPLOAD_ARTIFACTS and FINALIZING.
extension BuildRunner {
    func upload() -> PhaseMachine.End {
        askShell()
        guard let plan, let sandbox else { return .succeeded }
        phasesSucceeded = machine.buildSucceeding
        if let end = inspectCache() { return end }
        if request.isWarming { return .succeeded }
        let artifacts = plan.artifacts
        guard let destination = plan.artifactsDirectory else {
            if !artifacts.isEmpty { warn(.artifactsNotKept) }
            return .succeeded
        }
        guard !artifacts.isEmpty else {
            warn(.noArtifacts)
            return .succeeded
        }
        if plan.buildspec.artifacts == nil { warn(.onlySecondaryArtifacts) }
        do {
            // What the build left running could change files while they are read.
            try sandbox.quiesce()
            let collector = ArtifactCollector(tree: try sandbox.tree())
            var places: [String] = []
            for artifact in artifacts {
                if let taken = locationTaken(by: artifact, plan, destination, places) {
                    let message = "artifact `\(artifact.identifier ?? "")` would replace `\(taken)`"
                    fail(
                        .uploadArtifacts, PhaseContext(statusCode: "CLIENT_ERROR", message: message), message: message,
                        hints: ["give the primary artifact another `name`, or the secondary one another identifier"])
                    return .failed
                }
                let end = collect(artifact, plan, collector, into: destination, &places)
                guard end == .succeeded else { return end }
            }
            return .succeeded
        } catch {
            noteFault(error, in: .uploadArtifacts)
            return .fault
        }
    }

    /// The artifact of this build that a secondary one would be written over, or into, or that would lie in it.
    private func locationTaken(
        by artifact: BuildPlan.PlannedArtifact, _ plan: BuildPlan, _ destination: FilePath, _ places: [String]
    ) -> String? {
        guard let identifier = artifact.identifier else { return nil }
        let name = identifier + (packaging(of: artifact, plan) == .zip ? ".zip" : "")
        let place = masked(destination.appending(name).displayed)
        return places.first {
            $0 == place || $0.hasPrefix(place + "/") || place.hasPrefix($0 + "/")
        }
    }

    private func collect(
        _ artifact: BuildPlan.PlannedArtifact, _ plan: BuildPlan, _ collector: ArtifactCollector,
        into destination: FilePath, _ places: inout [String]
    ) -> PhaseMachine.End {
        // Of what a command prints only the first line is a name.
        var name = artifact.definition.name.map { name in
            answer?.texts[name.value].map { String($0.prefix { $0 != "\n" }) } ?? name.value
        }
        if artifact.identifier == nil, case .project(let own) = request.artifactNaming { name = own }
        var request = ArtifactRequest(
            definition: artifact.definition, identifier: artifact.identifier,
            sourceDirectory: FilePath(plan.sources[0].path),
            evaluatedName: name, variables: answer?.variables ?? [:], packaging: packaging(of: artifact, plan),
            destination: destination, sourceDateEpoch: request.sourceDateEpoch)
        request.openedDestination = artifactsDirectory
        request.inspection = secretInspection(plan)
        do throws(ArtifactsError) {
            let result = try collector.collect(
                request, log: { notice($0) }, warn: { warn(Warning(message: $0)) },
                isCancelled: { interruption != nil })
            var packed = ArtifactRecord(
                location: masked(result.location.displayed), md5sum: result.md5, sha256sum: result.sha256,
                artifactIdentifier: artifact.identifier, fileCount: result.fileCount, byteCount: result.byteCount)
            places.append(packed.location)
            let end = deliver(artifact, plan, result, name: name, &packed)
            if artifact.identifier == nil {
                record.artifacts = packed
            } else {
                record.secondaryArtifacts.append(packed)
            }
            emit(.artifactPacked(packed))
            return end
        } catch {
            return judge(error)
        }
    }

    /// Nil where the build was given no secret.
    func secretInspection(_ plan: BuildPlan, of subject: String = "artifact") -> SecretInspection? {
        let search = SecretSearch(plan.environment)
        guard !search.isEmpty else { return nil }
        return SecretInspection(
            search, of: subject, isStrict: request.refusesSecretsInArtifacts, warn: { [unowned self] in warn($0) },
            isCancelled: { [unowned self] in interruption != nil })
    }

    private func packaging(of artifact: BuildPlan.PlannedArtifact, _ plan: BuildPlan) -> ArtifactRequest.Packaging {
        artifact.identifier.flatMap { request.secondaryPackaging[$0] } ?? plan.packaging
    }

    private func judge(_ error: ArtifactsError) -> PhaseMachine.End {
        if let end = interruption {
            noteInterruption(end, in: .uploadArtifacts)
            return end
        }
        if failure != nil {
            // A build that failed already has its reason; this one is told beside it.
            warn(Warning(message: error.message, hint: error.hints.first))
            phaseContext = PhaseContext(statusCode: error.statusCode, message: masked(error.message))
            return .failed
        }
        let context = PhaseContext(statusCode: error.statusCode, message: error.message)
        // A destination that cannot be written is no fault of the build's.
        let isOurs = error.code == .output
        fail(
            .uploadArtifacts, context, meaning: isOurs ? .machineUnable : .buildFailed, message: error.message,
            hints: error.hints)
        return isOurs ? .fault : .failed
    }

    func finalize() -> PhaseMachine.End {
        askShell()
        noteWritten()
        keepState()
        let sharesCache = keepsCache
        saveCache()
        closeSandbox()
        if sharesCache, !isSavingStopped { pushCache() }
        do throws(FilesError) { try removeSources() } catch { warn(.leftover("\(error)")) }
        guard isSavingStopped else { return .succeeded }
        noteInterruption(.stopped, in: .finalizing)
        return .stopped
    }

    /// Removes what git has fetched, unless it went into a kept state.
    func removeSources() throws(FilesError) {
        guard planner.fetches, let name = surroundings.checkouts.lastComponent else { return }
        do throws(FilesError) {
            try Directory(surroundings.checkouts.removingLastComponent()).removeTree(FilePath(root: nil, [name]))
        } catch {
            if error.underlying != .noSuchFileOrDirectory { throw error }
        }
    }

    func closeSandbox() {
        guard let open = sandbox else { return }
        sandbox = nil
        surroundings.debugger?.ended()
        do { try open.close() } catch { warn(.leftover(error.message)) }
    }
}

extension BuildPlan {
    /// An artifact to collect; the primary one has no identifier.
    struct PlannedArtifact {
        var identifier: String?
        var definition: Buildspec.Artifact
    }

    var artifacts: [PlannedArtifact] {
        (buildspec.artifacts.map { [PlannedArtifact(identifier: nil, definition: $0)] } ?? [])
            + buildspec.secondaryArtifacts.map {
                PlannedArtifact(identifier: $0.identifier.value, definition: $0.artifact)
            }
    }
}
