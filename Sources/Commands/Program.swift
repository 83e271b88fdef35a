// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import ArgumentParser
internal import BuildEngine
internal import Console
internal import Glibc
internal import Sandbox

/// The whole program: from the words of the command line to the exit code.
public enum Program {
    public static let version = "0.1.0"

    /// Runs and ends the process.
    public static func main() -> Never {
        openStandardDescriptors()
        // A reader that goes away shows as EPIPE on a write; the signal would end us without putting the build away.
        signal(SIGPIPE, SIG_IGN)
        // So does a limit on the size of files, as EFBIG.
        signal(SIGXFSZ, SIG_IGN)
        let terminal = Terminal()
        let meaning = run(Arguments.ofProcess(), terminal)
        terminal.finish()
        end(meaning)
    }

    private static func run(_ arguments: [String], _ terminal: Terminal) -> ExitMeaning {
        // Reading the command line takes longer than a launcher takes to start; where it turns out not to be wanted it
        // ends by itself.
        let launcher = meansBuild(arguments) ? try? SandboxLauncher(Caller.launcher) : nil
        do {
            var command = try DrydockCommand.parseAsRoot(arguments)
            guard let action = command as? any Action else {
                // Help and the like, which argument-parser runs itself.
                try command.run()
                return terminal.meaning()
            }
            if let build = action as? any SandboxAction { return try build.perform(terminal, launcher: launcher) }
            return try action.perform(terminal)
        } catch let failure as CommandFailure {
            terminal.show(failure)
            return failure.meaning
        } catch {
            return finishParsing(error, terminal)
        }
    }

    /// Whether the words look like a build that will run.
    private static func meansBuild(_ arguments: [String]) -> Bool {
        guard let first = arguments.first else { return true }
        let only: Set = ["-h", "--help", "--version", "--dry-run", "--print-sandbox", "--generate-completion-script"]
        return (first == "run" || first.hasPrefix("-")) && !arguments.contains(where: only.contains)
    }

    /// Help is asked for and goes to standard output; everything else that argument-parser throws is wrong use.
    private static func finishParsing(_ error: any Error, _ terminal: Terminal) -> ExitMeaning {
        if DrydockCommand.exitCode(for: error).isSuccess {
            terminal.print(DrydockCommand.fullMessage(for: error) + "\n")
            return terminal.meaning()
        }
        terminal.show(
            CommandFailure(
                .wrongUse, Arguments.displayed(DrydockCommand.message(for: error)),
                hints: ["`drydock help` and `drydock help COMMAND` show what there is"]))
        return .wrongUse
    }

    /// A descriptor 0, 1 or 2 that is closed would be given to the next file that is opened, and the build's output or a
    /// message would be written into it.
    private static func openStandardDescriptors() {
        for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is this one, since those below are open.
            _ = open("/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY)
        }
    }

    /// Ends the process so that its parent learns the meaning. A signal is raised again: a shell stops its script after
    /// Ctrl-C only when the program died of it.
    private static func end(_ meaning: ExitMeaning) -> Never {
        if case .interrupted(let number) = meaning {
            signal(number, SIG_DFL)
            var mask = sigset_t()
            sigemptyset(&mask)
            sigaddset(&mask, number)
            sigprocmask(SIG_UNBLOCK, &mask, nil)
            raise(number)
        }
        // Nothing of ours waits for the end of the process, and static destructors only cost time.
        _exit(meaning.code)
    }
}

/// A verb of the command line.
protocol Action {
    func perform(_ terminal: Terminal) throws -> ExitMeaning
}

/// A verb that runs a sandbox.
protocol SandboxAction: Action {
    /// - Parameter launcher: started beforehand, or nil where that did not work.
    func perform(_ terminal: Terminal, launcher: SandboxLauncher?) throws -> ExitMeaning
}

extension SandboxAction {
    func perform(_ terminal: Terminal) throws -> ExitMeaning { try perform(terminal, launcher: nil) }
}

/// `drydock`.
struct DrydockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drydock",
        abstract: "Run AWS CodeBuild builds on your own Linux machine",
        discussion: "`drydock` alone is `drydock run`: it builds the directory it stands in.",
        version: Program.version,
        subcommands: [
            RunCommand.self, LintCommand.self, ListCommand.self, EnvironmentCommand.self, DoctorCommand.self,
            HistoryCommand.self, ShowCommand.self, LogsCommand.self,
        ],
        defaultSubcommand: RunCommand.self)
}
