// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Artifacts
import BuildModel
import Buildspec
import Files
import SystemPackage

// What is done with an artifact once it lies whole on this machine.
extension BuildRunner {
    /// Whether the places are there that artifacts are to go to. A long build must not find out at its end.
    func checkPlaces(_ plan: BuildPlan, in phase: PhaseType) -> PhaseMachine.End {
        guard let upload = request.upload else { return .succeeded }
        var checked: Set<String> = []
        for artifact in plan.artifacts {
            guard let place = upload.place(artifact.identifier), checked.insert(place.bucket).inserted else { continue }
            do throws(ArtifactRefusal) {
                try upload.receiver.check(place, isCancelled: isInterrupted)
            } catch {
                if let end = interruption {
                    noteInterruption(end, in: phase)
                    return end
                }
                fail(
                    phase, PhaseContext(statusCode: "CLIENT_ERROR", message: error.codeBuildMessage ?? error.message),
                    meaning: .inputUnavailable,
                    message: "artifacts cannot go to `s3://\(place.bucket)`: \(error.message)", hints: error.hints)
                return .failed
            }
        }
        return .succeeded
    }

    /// For who waits for a server: the faces go on meanwhile.
    private func isInterrupted() -> Bool {
        relay.tick()
        return interruption != nil
    }

    /// Has an artifact taken to its place, where the user wants that.
    /// - Parameter packed: with the local place; changed to the new one.
    func deliver(
        _ artifact: BuildPlan.PlannedArtifact, _ plan: BuildPlan, _ result: ArtifactResult, name: String?,
        _ packed: inout ArtifactRecord
    ) -> PhaseMachine.End {
        guard let upload = request.upload, let place = upload.place(artifact.identifier),
            let destination = plan.artifactsDirectory
        else { return .succeeded }
        let isZip = result.md5 != nil
        var fileName = result.location
        _ = fileName.removePrefix(destination)
        let key = place.key(
            name: artifact.identifier ?? name, fileName: fileName.string, prefix: artifact.definition.s3Prefix?.value,
            build: surroundings.identifiers.uuid, isZip: isZip)
        var metadata = ["codebuild-buildarn": record.arn]
        metadata["codebuild-content-md5"] = result.md5
        metadata["codebuild-content-sha256"] = result.sha256
        let files =
            isZip
            ? [ArtifactDelivery.File(path: result.location, key: key)]
            : result.outputPaths.map { path in
                let below = String(decoding: path, as: UTF8.self)
                return ArtifactDelivery.File(
                    path: result.location.pushing(FilePath(bytes: path)), key: key.isEmpty ? below : "\(key)/\(below)")
            }
        let delivery = ArtifactDelivery(place: place, key: key, files: files, metadata: metadata)
        do throws(ArtifactRefusal) {
            packed.location = masked(try upload.receiver.take(delivery, isCancelled: isInterrupted))
            return .succeeded
        } catch {
            return judge(error, "s3://\(place.bucket)/\(key)", local: result.location)
        }
    }

    private func judge(_ refusal: ArtifactRefusal, _ place: String, local: FilePath) -> PhaseMachine.End {
        if let end = interruption {
            noteInterruption(end, in: .uploadArtifacts)
            return end
        }
        let message = "the artifact cannot be put to `\(place)`: \(refusal.message)"
        let stays = "the artifact itself is whole: `\(local.displayed)`"
        if failure != nil {
            warn(Warning(message: message, hint: stays))
            phaseContext = PhaseContext(
                statusCode: "CLIENT_ERROR", message: masked(refusal.codeBuildMessage ?? refusal.message))
            return .failed
        }
        fail(
            .uploadArtifacts,
            PhaseContext(statusCode: "CLIENT_ERROR", message: refusal.codeBuildMessage ?? refusal.message),
            message: message, hints: refusal.hints + [stays])
        return .failed
    }
}
