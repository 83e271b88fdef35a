// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Foundation
import SystemPackage
import TestSupport
import Testing

/// Words of drydock, typed as far as the TAB key, and what a shell makes of them.
@Suite("Completion in real shells")
struct CompletionTests {
    private static let typed: [(line: String, words: String)] = [
        ("drydock his\\t", "<history>"),
        ("drydock help doc\\t", "<help><doctor>"),
        ("drydock run --mount\\t", "<run><--mount-source>"),
        ("drydock --mount\\t", "<--mount-source>"),
        ("drydock lint --format sa\\t", "<lint><--format><sarif>"),
        ("drydock lint --format=sa\\t", "<lint><--format=sarif>"),
        ("drydock run --packaging=\\tzip", "<run><--packaging=zip>"),
        ("drydock run -b my\\t", "<run><-b><my build.yml>"),
        ("drydock run -a su\\t", "<run><-a><sub dir/>"),
        ("drydock lint my\\t", "<lint><my build.yml>"),
        ("drydock run pre\\t", "<run><pre_build>"),
        ("drydock pre\\t", "<pre_build>"),
        ("drydock completion z\\t", "<completion><zsh>"),
        ("drydock run --nothing\\t", "<run><--nothing>"),
        ("drydock --vers\\t", "<--version>"),
        ("drydock -s lint --mount\\t", "<-s><lint><--mount-source>"),
        ("drydock image rm deb\\t", "<image><rm><debian>"),
        ("drydock run --image ho\\t", "<run><--image><host>"),
        ("drydock run --image deb\\t", "<run><--image><debian>"),
        ("drydock show 4\\t", "<show><42>"),
        ("drydock secrets get /ci/t\\t", "<secrets><get></ci/token>"),
        ("drydock secrets rm /ci\\t", "<secrets><rm></ci/token>"),
        ("drydock -e FOO=\\t", "<-e><FOO=>"),
        ("drydock -s lib:su\\t", "<-s><lib:sub dir/>"),
        ("drydock -s lib:./su\\t", "<-s><lib:./sub dir/>"),
    ]

    /// Types lines into an interactive shell on a terminal of its own and prints the words that arrive.
    private static let typist = """
        import fcntl, os, pty, re, select, struct, sys, termios, time
        marker, prompt = b" .THAT-WAS-IT.", b"READY> "
        command, lines = sys.argv[1:], sys.stdin.read().splitlines()
        process, terminal = pty.fork()
        if process == 0:
            os.execvp(command[0], command)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))
        seen = b""
        def wait(text, start):
            global seen
            end = time.monotonic() + 30
            while text not in seen[start:]:
                if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                    sys.exit("no %r in %r" % (text, seen))
                try: seen += os.read(terminal, 65536)
                except OSError: sys.exit("the shell ended: %r" % seen)
            return seen.index(text, start) + len(text)
        place = wait(prompt, 0)
        for line in lines:
            os.write(terminal, line.replace("\\\\t", "\\t").encode() + b"\\r")
            start, place = place, wait(marker, place)
            print(re.findall(rb"(<[^\\r\\n]*)$", seen[start:place - len(marker)])[-1].decode())
            place = wait(prompt, place)
        """

    /// What answers where a shell asks drydock itself.
    private static let program = """
        #!/bin/sh
        case "$*" in
            'image ls --names') echo debian ;;
            'history --numbers') echo 42 ;;
            'secrets list --names') echo /ci/token ;;
        esac

        """

    private static let start = """
        PS1='READY> '
        drydock() {
            case "$*" in
                'image ls --names') echo debian ;;
                'history --numbers') echo 42 ;;
                'secrets list --names') echo /ci/token ;;
                *) printf '<%s>' "$@"; echo ' .THAT-WAS-IT.' ;;
            esac
        }

        """

    /// A tree with a source directory to complete names of, and the shell's script where a package would have it.
    private static func tree(_ shell: String, _ script: FilePath, _ body: (TemporaryTree) throws -> Void) throws {
        let test = "completion in \(shell)"
        guard requireTool(shell, for: test), requireTool("python3", for: test) else { return }
        try TemporaryTree.with("completion") { tree in
            for path: FilePath in ["source/my build.yml", "source/other.txt", "source/sub dir/x"] {
                try tree.write(path)
            }
            let made = try Drydock(in: tree)("completion", shell)
            #expect(made.status == 0, "\(made.errors)")
            try tree.write(script, made.output)
            try body(tree)
        }
    }

    private static func type(_ command: [String], _ environment: [String: String], _ tree: TemporaryTree) throws {
        let own = ["TERM": "dumb", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": tree.path("home").string]
        let lines = typed.map { $0.line + "\n" }.joined()
        let result = try runTool(
            "python3", ["-c", typist] + command, environment: own.merging(environment) { $1 }, in: tree.path("source"),
            input: Array(lines.utf8))
        #expect(result.status == 0, "\(result.errors)")
        for (typed, words) in zip(typed, result.lines) {
            // zsh takes the slash away again when the line is done.
            #expect(words == typed.words || words == typed.words.replacing("/>", with: ">"), "\(typed.line)")
        }
        #expect(result.lines.count == typed.count)
    }

    @Test("bash completes verbs, options, their words, files and directories")
    func bash() throws {
        try Self.tree("bash", "share/bash-completion/completions/drydock") { tree in
            // Where bash-completion is installed it has to find the script by itself.
            let loader = "/usr/share/bash-completion/bash_completion"
            let hasLoader = access(loader, R_OK) == 0
            let script = hasLoader ? loader : tree.path("share/bash-completion/completions/drydock").string
            try tree.write("rc", Self.start + ". '\(script)'\n")
            try Self.type(
                ["bash", "--noprofile", "--rcfile", tree.path("rc").string, "-i"],
                ["INPUTRC": "/dev/null", "XDG_DATA_DIRS": tree.path("share").string], tree)
        }
    }

    @Test("zsh completes verbs, options, their words, files and directories")
    func zsh() throws {
        try Self.tree("zsh", "functions/_drydock") { tree in
            let functions = tree.path("functions").string
            try tree.write(
                "zsh/.zshrc", Self.start + "fpath=('\(functions)' $fpath)\nautoload -Uz compinit\ncompinit -u -D\n")
            try Self.type(["zsh", "-d", "-i"], ["ZDOTDIR": tree.path("zsh").string], tree)
        }
    }

    @Test("fish completes verbs, options, their words, files and directories")
    func fish() throws {
        try Self.tree("fish", "share/fish/vendor_completions.d/drydock.fish") { tree in
            // It completes only what can be run.
            try tree.write("tools/drydock", Self.program, mode: 0o755)
            // It offers whole words alone, so that what stands behind a colon or an unknown name is not completed.
            let lines = Self.typed.filter { typed in
                typed.line.hasSuffix("\\t") && !["lib:", "FOO="].contains { typed.line.contains($0) }
            }
            let script = lines.map { line in
                "echo '>' (complete -C '\(line.line.dropLast(2))' | string split -f 1 \\t)\n"
            }.joined()
            let result = try runTool(
                "fish", ["-c", script],
                environment: [
                    "PATH": tree.path("tools").string + ":/usr/bin:/bin", "HOME": tree.path("home").string,
                    "XDG_DATA_DIRS": tree.path("share").string + ":/usr/share", "LC_ALL": "C.UTF-8",
                ], in: tree.path("source"))
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
            let wanted = lines.map { line in
                line.line.contains("--nothing") ? ">" : "> " + (line.words.split(separator: "<").last ?? "").dropLast()
            }
            #expect(result.lines == wanted)
        }
    }
}
