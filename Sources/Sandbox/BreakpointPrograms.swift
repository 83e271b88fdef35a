// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import SandboxPlan
internal import Secrets

/// `codebuild-breakpoint` and `codebuild-resume`: shell scripts of builtins alone, because an image may have nothing else.
enum BreakpointPrograms {
    static func operations(stateDirectory: String) -> [SandboxPlan.Operation] {
        [
            ("codebuild-breakpoint", breakpoint(stateDirectory)), ("codebuild-resume", resume(stateDirectory)),
        ].map { name, text in
            .file(target: KernelText("\(Breakpoint.programs)/\(name)"), contents: KernelText(text), mode: 0o755)
        }
    }

    /// The value of a variable of the build's environment: `PATH` gains the directory of the programs at its end, as it does
    /// in CodeBuild.
    static func findable(_ variable: (name: String, value: VariableValue)) -> String {
        let value = variable.value.exposed()
        return variable.name == "PATH" ? value + ":" + Breakpoint.programs : value
    }

    private static func breakpoint(_ state: String) -> String {
        """
        #!/bin/sh
        # Pauses the build until codebuild-resume, when it has a debug session.
        if [ -n "${\(Breakpoint.shellVariable)-}" ]; then
            echo "codebuild-breakpoint: a shell is open here already, so nothing pauses" >&2
            exit 0
        fi
        if [ ! -p \(state)/\(Breakpoint.requests) ]; then
            echo "codebuild-breakpoint: the build has no debug session and goes on (drydock run --debug-session)" >&2
            exit 0
        fi
        export PWD
        (umask 077; export -p >| \(state)/\(Breakpoint.variables).$$)
        echo "pause $$" >\(state)/\(Breakpoint.requests) && read -r line <>\(state)/\(Breakpoint.answers)
        exit 0

        """
    }

    private static func resume(_ state: String) -> String {
        """
        #!/bin/sh
        # Lets a build that is paused by codebuild-breakpoint go on.
        [ ! -p \(state)/\(Breakpoint.requests) ] || echo resume >\(state)/\(Breakpoint.requests)

        """
    }
}
