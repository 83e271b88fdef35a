// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CommandExecution
internal import Processes
internal import SandboxPlan

/// What a person's shell reads or runs, so that it finds what the build's commands find.
struct ShellText {
    let stateDirectory: String
    /// `TERM`, which no build has; empty without a terminal.
    let terminalType: String

    func script(of request: ShellRequest) -> KernelText {
        switch request.script {
        case .prompt: KernelText(prompt(request))
        case .standardInput:
            // The shell proper is another: it reads standard input from its first byte on.
            KernelText("set -a\n" + state(request) + "set +a\nexec " + ShellWord.quoted(request.shell) + "\n")
        case .command(let text):
            KernelText("set -a\n" + state(request) + text + (request.state == .carried ? saving : "\n"))
        }
    }

    /// Read by an interactive shell, bash or another, before its first prompt.
    private func prompt(_ request: ShellRequest) -> String {
        """
        unset ENV
        if [ -n "${BASH_VERSION-}" ]; then
        [ ! -r ~/.bashrc ] || . ~/.bashrc
        PS1='\\u@\\h:\\w\\$ '
        else
        PS1='$PWD \(request.user == nil ? "#" : "$") '
        fi

        """ + state(request) + (request.state == .carried ? "trap '\(Self.forgetting)\(saved)' EXIT\n" : "")
    }

    private func state(_ request: ShellRequest) -> String {
        var lines = [". \(stateDirectory)/env.sh"]
        if request.state == .breakpoint {
            let variables = "\(stateDirectory)/\(Breakpoint.variables)"
            lines.append("if [ -r \(variables) ]; then . \(variables); cd \"$PWD\"; fi")
        }
        lines.append("export CODEBUILD_BUILD_SUCCEEDING=\(request.buildSucceeding ? 1 : 0)")
        // What such a shell saves is the next command's, which is to pause.
        if request.state != .carried { lines.append("export \(Breakpoint.shellVariable)=1") }
        if !terminalType.isEmpty { lines.append("export TERM=" + ShellWord.quoted(terminalType)) }
        return lines.map { $0 + "\n" }.joined()
    }

    /// What is the terminal's and not the build's.
    private static let forgetting = "unset TERM PS1 COLUMNS LINES; "
    private var saved: String { "export -p >| \(stateDirectory)/env.next; pwd >| \(stateDirectory)/dir.next" }

    /// As behind a command of the build.
    private var saving: String {
        let unset = terminalType.isEmpty ? "" : "unset TERM\n"
        return "\n\nCODEBUILD_LAST_EXIT=$?\n\(unset)\(saved)\nexit $CODEBUILD_LAST_EXIT\n"
    }
}
