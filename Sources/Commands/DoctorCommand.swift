// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Console
internal import Diagnostics
internal import Files
internal import Sandbox
internal import SystemPackage

/// `drydock doctor`.
struct DoctorCommand: Action {
    static let name = "doctor"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Say what this machine can do, what is missing, and how to mend it",
            discussion: "Ends with 4 when no build can run.",
            groups: [OptionGroup("Output", [OutputOptions.json]), StateOptions.group])
    }

    private let state: StateOptions
    private let json: Bool

    init(_ words: ParsedWords) {
        state = StateOptions(words)
        json = words[OutputOptions.json]
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let store = try state.store()
        do throws(BuildStoreError) { try store.prepare() } catch { throw CommandFailure(error) }
        let host = HostCapabilities.examine(
            launcher: Caller.launcher, sandboxes: store.directory.appending("sandboxes"))
        terminal.print(json ? Self.json(host) : Array(Self.text(host, terminal.outputStyle).utf8))
        return terminal.meaning(host.canIsolate ? .succeeded : .machineUnable)
    }

    private static func text(_ host: HostCapabilities, _ style: Style) -> String {
        let width = host.findings.map(\.name.count).max() ?? 0
        let blank = String(repeating: " ", count: width + 11)
        var text = ""
        for finding in host.findings {
            let word = finding.state.rawValue + String(repeating: " ", count: 9 - finding.state.rawValue.count)
            let shown: String =
                switch finding.state {
                case .available: style.green(word)
                case .limited: style.yellow(word)
                case .missing: style.red(word)
                }
            let name = finding.name + String(repeating: " ", count: width - finding.name.count)
            text += "\(name)  \(shown)  \(DisplayText.escaped(finding.detail))\n"
            if let remedy = finding.remedy {
                text += "\(blank)  \(style.cyan("remedy:")) \(DisplayText.escaped(remedy))\n"
            }
        }
        return text + (host.canIsolate ? "\nbuilds can run\n" : "\nbuilds cannot run\n")
    }

    private static func json(_ host: HostCapabilities) -> [UInt8] {
        var writer = JSONWriter(isIndented: true)
        writer.object { writer in
            writer.member("v", 1)
            writer.member("canRun", host.canIsolate)
            writer.array("findings") { writer in
                for finding in host.findings {
                    writer.object { writer in
                        writer.member("name", finding.name)
                        writer.member("state", finding.state.rawValue)
                        writer.member("detail", finding.detail)
                        writer.member("remedy", ifPresent: finding.remedy)
                    }
                }
            }
        }
        writer.newline()
        return writer.bytes
    }
}
