// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import CommandExecution

/// Whoever may ask a build to end early: signals, or a reader of the output who went away.
public protocol StopSource: AnyObject {
    /// Whether the build is to end, and how patiently. Once set it stays set, and only grows less patient.
    var request: StopRequest? { get }
    /// Becomes readable when `request` may have changed; nil when only asking tells.
    var descriptor: Int32? { get }
    /// What drydock's exit code is to say about the stop.
    var meaning: ExitMeaning { get }
    /// Whether another build takes the place of this one, which nobody will look into then.
    var isReplaced: Bool { get }
}

extension StopSource {
    public var isReplaced: Bool { false }
}

/// A build that nobody stops.
public final class NoStop: StopSource {
    public init() {}
    public var request: StopRequest? { nil }
    public var descriptor: Int32? { nil }
    public var meaning: ExitMeaning { .succeeded }
}
