// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Processes
public import Secrets

/// `command:TEXT`: a program that prints the value for a name, such as `pass show`, `op read`, `vault kv get` or `gpg -d`.
///
/// The text is run by `/bin/sh` once for each name, which is `$1` in it, or follows it where `$1` does not occur. What the
/// program prints is the value, without one line end. When it fails it does not know the name, and its own words are told.
public struct CommandSecretStore: SecretStore {
    private let text: String
    private let environment: [String: String]
    private let seconds: Double

    /// - Parameters:
    ///   - environment: what the program finds in its environment: the caller's own.
    ///   - seconds: how long one call may take; then it is killed.
    public init(_ text: String, environment: [String: String], seconds: Double = 60) {
        self.text = text
        self.environment = environment
        self.seconds = seconds
    }

    public var name: String { "command:\(text)" }

    public func answers(to requests: [SecretRequest], isCancelled: @escaping () -> Bool) -> [SecretAnswer] {
        // Two variables may take keys of one secret; the program may ask its user something.
        var known: [String: SecretAnswer] = [:]
        return requests.map { request in
            guard let name = request.currentName else { return .unknown }
            if let answer = known[name] { return answer }
            let answer = run(name, request, isCancelled)
            known[name] = answer
            return answer
        }
    }

    private func run(_ name: String, _ request: SecretRequest, _ isCancelled: () -> Bool) -> SecretAnswer {
        // A name comes from a buildspec, whose author must not choose options for the user's programs.
        if name.drop(while: { $0 == "/" }).hasPrefix("-") {
            return .absent("it is not asked for a name that begins with `-`, which it could take for an option")
        }
        let script = Self.takesName(text) ? text : text + " \"$1\""
        var environment = environment
        environment["DRYDOCK_SECRET_KIND"] = request.kind.rawValue
        environment["DRYDOCK_SECRET_VARIABLE"] = request.variable
        environment["DRYDOCK_SECRET_NAME"] = request.plainName ?? name
        let limit = MonotonicTime.now() + seconds
        var isLate = false
        let result: HostProcess.Result
        do throws(ProcessError) {
            result = try HostProcess.run(
                "/bin/sh", arguments: ["-c", script, "sh", name],
                environment: environment.map { "\($0.key)=\($0.value)" }, outputLimit: SecretFile.maximumBytes
            ) {
                isLate = MonotonicTime.now() >= limit
                return isLate || isCancelled()
            }
        } catch {
            let reason =
                error.code == .cancelled && !isLate
                ? "was stopped before it answered"
                : isLate
                    ? "did not answer within \(Int(seconds)) s"
                    : error.code == .tooMuchOutput
                        ? "printed more than a secret can be" : "could not be run"
            return .failed(SecretFailure("the program of the store `\(self.name)` \(reason)"))
        }
        switch result.status {
        case .exited(0): return .value(Self.value(result.standardOutput), from: self.name)
        case .exited(let status) where status < 126:
            return .absent("exit status \(status)" + Self.complaint(result.standardError))
        case .exited(let status):
            return .failed(
                SecretFailure(
                    "the program of the store `\(self.name)` could not be run (exit status \(status))"
                        + Self.complaint(result.standardError)))
        case .signaled(let signal):
            return .failed(SecretFailure("the program of the store `\(self.name)` was killed by signal \(signal)"))
        }
    }

    private static func takesName(_ text: String) -> Bool {
        ["$1", "${1", "$@", "$*"].contains { text.contains($0) }
    }

    private static func value(_ output: [UInt8]) -> SecretText {
        var output = output[...]
        if output.last == UInt8(ascii: "\n") { output.removeLast() }
        return output.withUnsafeBytes { SecretText(bytes: $0) }
    }

    /// The last line that it wrote about, since what comes before may be anything.
    private static func complaint(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.suffix(4096), as: UTF8.self)
        guard let line = text.split(whereSeparator: \.isNewline).last(where: { !$0.allSatisfy(\.isWhitespace) }) else {
            return ""
        }
        return ": " + DisplayText.escaped(String(line.prefix(200)))
    }
}
