// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A record as JSON, with the member names of CodeBuild's API. Written by hand because a record is written several times
/// in a build's first milliseconds; `Codable` reads it back.
extension BuildRecord {
    /// The record as an indented JSON document that ends in a newline.
    public var json: [UInt8] {
        var writer = JSONWriter(isIndented: true, reservingCapacity: 4096)
        write(to: &writer)
        writer.newline()
        return writer.bytes
    }

    /// Writes the record as the next value of a document.
    public func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", id)
            writer.member("arn", arn)
            writer.member("buildNumber", buildNumber)
            writer.member("startTime", epoch: startTime)
            if let endTime { writer.member("endTime", epoch: endTime) }
            writer.member("currentPhase", currentPhase.rawValue)
            writer.member("buildStatus", buildStatus.rawValue)
            writer.member("sourceVersion", ifPresent: sourceVersion)
            writer.member("resolvedSourceVersion", ifPresent: resolvedSourceVersion)
            writer.member("projectName", projectName)
            writer.array("phases") { writer in
                for phase in phases { writer.object { phase.write(to: &$0) } }
            }
            writer.object("source") { source.write(to: &$0) }
            writer.array("secondarySources") { writer in
                for source in secondarySources { writer.object { source.write(to: &$0) } }
            }
            if let artifacts { writer.object("artifacts") { artifacts.write(to: &$0) } }
            writer.array("secondaryArtifacts") { writer in
                for artifact in secondaryArtifacts { writer.object { artifact.write(to: &$0) } }
            }
            writer.object("environment") { environment.write(to: &$0) }
            writer.member("timeoutInMinutes", timeoutInMinutes)
            writer.member("buildComplete", buildComplete)
            writer.member("initiator", initiator)
            writer.array("exportedEnvironmentVariables") { writer in
                for variable in exportedEnvironmentVariables {
                    writer.object {
                        $0.member("name", variable.name)
                        $0.member("value", variable.value)
                    }
                }
            }
            writer.object("drydock") { drydock.write(to: &$0) }
        }
    }
}

extension PhaseRecord {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.member("phaseType", phaseType.rawValue)
        writer.member("phaseStatus", ifPresent: phaseStatus?.rawValue)
        writer.member("startTime", epoch: startTime)
        if let endTime { writer.member("endTime", epoch: endTime) }
        if let durationInSeconds { writer.member("durationInSeconds", durationInSeconds) }
        guard let contexts else { return }
        writer.array("contexts") { writer in
            for context in contexts { writer.object { context.write(to: &$0) } }
        }
    }
}

extension BuildRecord.SourceRecord {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.member("type", type)
        writer.member("location", location)
        writer.member("buildspec", ifPresent: buildspec)
        writer.member("sourceIdentifier", ifPresent: sourceIdentifier)
    }
}

extension BuildRecord.EnvironmentRecord {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.member("type", type)
        writer.member("image", image)
        writer.member("computeType", computeType)
        writer.member("privilegedMode", privilegedMode)
        writer.array("environmentVariables") { writer in
            for variable in environmentVariables {
                writer.object {
                    $0.member("name", variable.name)
                    $0.member("value", variable.value)
                    $0.member("type", variable.type)
                }
            }
        }
    }
}

extension BuildRecord.Extras {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.member("version", version)
        writer.member("buildspecPath", buildspecPath)
        writer.member("sourceDirectory", sourceDirectory)
        writer.member("logPath", logPath)
        if let exitCode { writer.member("exitCode", exitCode) }
        writer.member("processIdentifier", processIdentifier)
        writer.member("isolation", ifPresent: isolation)
        writer.member("failure", ifPresent: failure)
        if let resumed { writer.object("resumed") { resumed.write(to: &$0) } }
        if let cache { writer.object("cache") { cache.write(to: &$0) } }
        if let written { writer.object("written") { written.write(to: &$0) } }
    }
}
