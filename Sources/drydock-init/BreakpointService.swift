// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan

/// Pid 1's part in breakpoints: hears which commands wait, tells drydock once, and lets them go when drydock says so.
///
/// Whatever a build writes into the fifo costs drydock at most two messages a pause, and ends no other build's pause.
struct BreakpointService {
    /// Readable when a command asks for something.
    let requests: Int32
    private let answers: Int32
    private let stateDirectory: KernelText
    private let control: Channel
    private var waiting: [pid_t] = []
    private var isPaused = false
    private var wasAskedToResume = false
    private var line: [UInt8] = []

    init?(plan: SandboxPlan, control: Channel) {
        guard let requests = Self.fifo(plan.stateDirectory + "/" + Breakpoint.requests),
            let answers = Self.fifo(plan.stateDirectory + "/" + Breakpoint.answers)
        else { return nil }
        self.requests = requests
        self.answers = answers
        stateDirectory = plan.stateDirectory
        self.control = control
    }

    /// Held open for both reading and writing, so that commands never wait for a partner to open it.
    private static func fifo(_ path: KernelText) -> Int32? {
        path.withCString { name in
            unlink(name)
            guard mkfifo(name, 0o600) == 0, chmod(name, 0o666) == 0 else { return nil }
            let file = open(name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
            guard file >= 0 else { return nil }
            var status = stat()
            if fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFIFO { return file }
            close(file)
            return nil
        }
    }

    mutating func receive() {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(requests, &bytes, bytes.count)
        guard count > 0 else { return }
        for byte in bytes[..<count] {
            if byte == UInt8(ascii: "\n") {
                understand(line)
                line = []
            } else if line.count < 64 {
                line.append(byte)
            }
        }
    }

    private mutating func understand(_ line: [UInt8]) {
        let words = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        if words.count == 2, words[0] == "pause", let process = pid_t(words[1]), process > 1 {
            // More than anybody means to stop are not counted: they wait until the build ends.
            if waiting.count < 1024 { waiting.append(process) }
            // Of another name until here: in a directory that all may write to, not even root may write over a file of
            // another user's (fs.protected_regular, proc_sys_fs(5)).
            let variables = stateDirectory + "/" + Breakpoint.variables
            _ = (variables + ".\(process)").withCString { old in variables.withCString { rename(old, $0) } }
            if !isPaused { control.send(.paused) }
            isPaused = true
        } else if words == ["resume"], isPaused, !wasAskedToResume {
            wasAskedToResume = true
            control.send(.resumeAsked)
        }
    }

    mutating func resume() {
        // One that was killed takes no line, and it must not be left for the next.
        for process in waiting where kill(process, 0) == 0 { _ = write(answers, "\n", 1) }
        forget()
    }

    mutating func forget() {
        waiting = []
        isPaused = false
        wasAskedToResume = false
    }
}
