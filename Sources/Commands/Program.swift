// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import CLinux
internal import CommandSyntax
internal import Console
internal import Glibc
internal import Sandbox

/// The whole program: from the words of the command line to the exit code.
public enum Program {
    public static let version = "0.1.0"
    /// For the manual page.
    public static let versionDate = "2026-11-23"

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
        // A launcher takes longer to start than words to be read; where it turns out not to be wanted it ends by itself.
        let launcher = meansBuild(arguments) ? try? SandboxLauncher(Caller.launcher) : nil
        do {
            switch try Request(arguments) {
            case .action(let action): return try action.perform(terminal, launcher: launcher)
            case .text(let text):
                terminal.print(text)
                return terminal.meaning()
            }
        } catch let failure as CommandFailure {
            terminal.show(failure)
            GitHubStep.annotate(failure, terminal)
            return failure.meaning
        } catch {
            terminal.show(CommandFailure(.internalFault, "\(error)"))
            return .internalFault
        }
    }

    /// Whether the words look like a build that will run.
    private static func meansBuild(_ arguments: [String]) -> Bool {
        guard let first = arguments.first else { return true }
        guard first == "run" || first == "shell" || first.utf8.first == UInt8(ascii: "-") else { return false }
        let other = ["-h", "--help", "--version", "--dry-run", "--print-sandbox"]
        return !arguments.contains { word in other.contains { $0 == word } }
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
        BackgroundWork.settle()
        CacheUpkeep.settle()
        if case .interrupted(let number) = meaning { linux_die_of_signal(number) }
        // Nothing of ours waits for the end of the process, and static destructors only cost time.
        _exit(meaning.code)
    }
}
