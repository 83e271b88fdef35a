// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Files
internal import FoundationEssentials
internal import SystemPackage

extension BuildStore {
    /// How long the phases and commands of the project's last successful build took; nil when there is none among the
    /// newest builds.
    public func durations(project: String) -> BuildDurations? {
        // Far enough for a project that fails for a while, near enough to be looked up while a build runs.
        let builds = recent(limit: 40, project: project).builds
        guard let build = builds.first(where: { $0.record.buildStatus == .succeeded }) else { return nil }
        var durations = BuildDurations()
        for phase in build.record.phases {
            guard let end = phase.endTime else { continue }
            durations.phases[phase.phaseType] = max(0, end.milliseconds - phase.startTime.milliseconds)
        }
        guard let events = try? FileContents.read(build.eventsPath, limit: 4 << 20) else { return durations }
        let decoder = JSONDecoder()
        for line in events.split(separator: UInt8(ascii: "\n")) {
            guard line.containsCommandEnd, let event = try? decoder.decode(CommandEnded.self, from: Data(line)) else {
                continue
            }
            let command = event.command
            let key = BuildDurations.Command(
                phase: command.phase, isFinally: command.list == "finally", text: command.text)
            durations.commands[key] = event.milliseconds
        }
        return durations
    }

    /// What of an event of that name is of use here.
    private struct CommandEnded: Decodable {
        var command: Command
        var milliseconds: Int

        struct Command: Decodable {
            var phase: PhaseType
            var list: String
            var text: String
        }
    }
}

extension ArraySlice<UInt8> {
    /// Whether an event's line is that of a command's end, without reading it as JSON: the name stands near its beginning.
    fileprivate var containsCommandEnd: Bool {
        String(decoding: prefix(80), as: UTF8.self).contains("\"event\":\"command-ended\"")
    }
}
