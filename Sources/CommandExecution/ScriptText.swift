// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Processes

/// The text of a command's script file.
public enum ScriptText {
    /// CodeBuild runs every list item of a 0.2 buildspec as a script of its own, whose text begins at line 4: shells name
    /// that line in their messages. The lines around it read the state of the command before and save it for the next;
    /// `set -a` is why a plain `A=1` reaches later commands too.
    ///
    /// Source: observed messages of the form `/codebuild/output/tmp/script.sh: 4: …`; the same wrapper stands in AWS's
    /// own open runner, aws/codecatalyst-runner-cli.
    /// - Parameter stateDirectory: where the saved state lies, as the shell sees it.
    public static func text(of request: CommandRequest, stateDirectory: String) -> String {
        let stateDirectory = ShellWord.typed(stateDirectory)
        let succeeding = "CODEBUILD_BUILD_SUCCEEDING=\(request.buildSucceeding ? 1 : 0)"
        let header = """
            # The state of the command before; its directory was entered already.
            set -a
            . \(stateDirectory)/env.sh; \(succeeding)

            """
        switch request.script {
        case .carryingState(let text):
            // A command that redirects or closes descriptors, or sets noclobber, must not keep its state from being saved.
            // The empty line is for a text that ends in a backslash, which would join the next line to itself.
            let footer = """


                CODEBUILD_LAST_EXIT=$?
                export -p >| \(stateDirectory)/env.next
                pwd >| \(stateDirectory)/dir.next
                exit $CODEBUILD_LAST_EXIT

                """
            return header + text + footer
        case .observing(let text): return header + text + "\n"
        case .isolated(let text): return "export \(succeeding)\n" + text + "\n"
        }
    }
}
