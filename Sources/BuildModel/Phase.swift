// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A phase of a build, spelled as CodeBuild's API spells it.
///
/// Source: `BuildPhaseType`, AWS CodeBuild API Reference.
public enum PhaseType: String, Codable, Sendable, CaseIterable, Comparable {
    case submitted = "SUBMITTED"
    case queued = "QUEUED"
    case provisioning = "PROVISIONING"
    case downloadSource = "DOWNLOAD_SOURCE"
    case install = "INSTALL"
    case preBuild = "PRE_BUILD"
    case build = "BUILD"
    case postBuild = "POST_BUILD"
    case uploadArtifacts = "UPLOAD_ARTIFACTS"
    case finalizing = "FINALIZING"
    case completed = "COMPLETED"

    /// The phases that run a buildspec's commands, in order.
    public static let commandPhases: [PhaseType] = [.install, .preBuild, .build, .postBuild]

    /// The name below `phases:` in a buildspec, or nil for a phase that a buildspec cannot name.
    public var buildspecName: String? {
        Self.commandPhases.contains(self) ? rawValue.lowercased() : nil
    }

    public static func < (left: PhaseType, right: PhaseType) -> Bool {
        left.order < right.order
    }

    private var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// How a build or a phase stands. Source: `StatusType`, AWS CodeBuild API Reference.
public enum BuildStatus: String, Codable, Sendable, CaseIterable {
    case succeeded = "SUCCEEDED"
    case failed = "FAILED"
    /// Our own fault, not the build's.
    case fault = "FAULT"
    case timedOut = "TIMED_OUT"
    case inProgress = "IN_PROGRESS"
    case stopped = "STOPPED"
}

/// Why a phase ended as it did. On success both texts are empty, as CodeBuild reports it.
public struct PhaseContext: Codable, Sendable, Equatable {
    public var statusCode: String
    public var message: String

    public init(statusCode: String = "", message: String = "") {
        self.statusCode = statusCode
        self.message = message
    }
}

/// One phase of a build's record. Source: `BuildPhase`, AWS CodeBuild API Reference.
public struct PhaseRecord: Codable, Sendable, Equatable {
    public var phaseType: PhaseType
    /// Absent for `COMPLETED`, which is only a marker.
    public var phaseStatus: BuildStatus?
    public var startTime: Timestamp
    public var endTime: Timestamp?
    /// Whole seconds, rounded down.
    public var durationInSeconds: Int?
    public var contexts: [PhaseContext]?

    public init(
        phaseType: PhaseType, phaseStatus: BuildStatus? = nil, startTime: Timestamp, endTime: Timestamp? = nil,
        contexts: [PhaseContext]? = nil
    ) {
        self.phaseType = phaseType
        self.phaseStatus = phaseStatus
        self.startTime = startTime
        self.endTime = endTime
        self.durationInSeconds = endTime.map { Int(max(0, $0.seconds - startTime.seconds)) }
        self.contexts = contexts
    }
}
