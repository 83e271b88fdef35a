// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// How a build goes on where another ended: what a face says of it, and what the build's own record keeps.
public struct Resumption: Codable, Sendable, Equatable {
    /// `<project>:<uuid>` and number of the build whose state is used.
    public var buildIdentifier: String
    public var buildNumber: Int
    /// When that build ended.
    public var endTime: Timestamp
    /// Where this build begins.
    public var phase: PhaseType
    /// Phases that are not run again.
    public var reusedPhases: [PhaseType]
    /// What of the sources changed since, as this build sees it: paths relative to their source, behind `IDENTIFIER:` for a
    /// secondary one; a directory ends in `/`.
    public var changedFiles: [String]
    /// What changed since and is not seen, because what the earlier build left is in its place.
    public var hiddenFiles: [String]

    public init(
        buildIdentifier: String, buildNumber: Int, endTime: Timestamp, phase: PhaseType, reusedPhases: [PhaseType],
        changedFiles: [String] = [], hiddenFiles: [String] = []
    ) {
        self.buildIdentifier = buildIdentifier
        self.buildNumber = buildNumber
        self.endTime = endTime
        self.phase = phase
        self.reusedPhases = reusedPhases
        self.changedFiles = changedFiles
        self.hiddenFiles = hiddenFiles
    }

    /// What is used again and what is new, in sentences for people, without a first capital.
    /// - Parameter now: for how long ago that was.
    public func sentences(at now: Timestamp) -> [String] {
        var first =
            "resumes build \(buildNumber) at \(phase.rawValue), with its files as it left them "
            + Self.age(now.seconds - endTime.seconds) + " ago"
        if !reusedPhases.isEmpty {
            first += "; not run again: " + reusedPhases.map(\.rawValue).joined(separator: ", ")
        }
        var sentences = [first]
        if !changedFiles.isEmpty { sentences.append("takes in " + Self.changes(changedFiles)) }
        if !hiddenFiles.isEmpty {
            sentences.append(
                "does not take in " + Self.changes(hiddenFiles) + "; what the earlier build left is in the way")
        }
        return sentences
    }

    private static func changes(_ names: [String]) -> String {
        let shown = names.prefix(8).joined(separator: ", ")
        let more = names.count > 8 ? " and \(names.count - 8) more" : ""
        return "\(names.count) change\(names.count == 1 ? "" : "s"): \(shown)\(more)"
    }

    private static func age(_ seconds: Double) -> String {
        let seconds = Int(min(max(seconds, 0), 1e9))
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) days"
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.member("buildIdentifier", buildIdentifier)
        writer.member("buildNumber", buildNumber)
        writer.member("endTime", epoch: endTime)
        writer.member("phase", phase.rawValue)
        writer.array("reusedPhases", of: reusedPhases.map(\.rawValue))
        writer.array("changedFiles", of: changedFiles)
        writer.array("hiddenFiles", of: hiddenFiles)
    }
}
