// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
import Buildspec
import Diagnostics
import ImageStore

extension BuildPlanner {
    /// What the image sets: its own variables over those that any image has.
    var imageVariables: [EnvironmentVariable] {
        let own = (request.storedImage?.record.environment ?? []).map {
            EnvironmentVariable(name: $0.name, value: $0.value)
        }
        return BuiltInVariables.imageDefaults + own
    }

    /// The runtimes that the buildspec asks for, as the image has them. An image that declares none has no say.
    ///
    /// Source: AWS CodeBuild User Guide, "Runtime versions in buildspec file sample"; what is unknown fails the build
    /// before its first command, but `docker`, which old buildspecs name and no image of today lists.
    func runtimes(
        for buildspec: Buildspec, _ environment: ResolvedEnvironment, source: SourceText
    ) throws(EngineError) -> [ImageRuntime] {
        guard let image = request.storedImage?.record, !image.runtimes.isEmpty else { return [] }
        var chosen: [ImageRuntime] = []
        for wanted in buildspec.phases[.install]?.runtimeVersions ?? [] where wanted.name.value != "docker" {
            guard let runtime = image.runtimes.first(where: { $0.name == wanted.name.value }) else {
                throw .unknownRuntime(
                    wanted, known: image.runtimes.map(\.name), image: image.name, source: source)
            }
            guard let version = runtime.version(for: environment.expanded(wanted.version.value)) else {
                throw .unknownRuntimeVersion(wanted, runtime, source: source)
            }
            chosen.append(ImageRuntime(name: runtime.name, versions: [version]))
        }
        return chosen
    }
}
