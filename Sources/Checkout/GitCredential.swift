// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Processes
public import Secrets
internal import SystemPackage

/// What the user's own git knows of a host: what a credential helper of theirs gives, or a file it keeps.
public struct GitCredential: Sendable, Equatable {
    /// With port, as in the URL.
    public var host: String
    public var username: String
    public var password: SecretText

    /// The host of an `https` URL, which is what credentials are known by; nil for any other location.
    public static func host(of url: String) -> String? {
        guard url.lowercased().hasPrefix("https://") else { return nil }
        let authority = url.dropFirst("https://".count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        // It becomes a line of git's credential protocol and a key of its configuration.
        let isPlain = host.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || ".-_:[]".utf8.contains(byte)
        }
        return host.isEmpty || !isPlain ? nil : host.lowercased()
    }

    /// Asks git, which asks nobody: a prompt would hold the build up. Outside of any repository, so that no repository's
    /// configuration names a helper to run.
    /// - Parameter seconds: how long it may take; a helper may wait for somebody who is not there.
    /// - Returns: nil where git knows none. Source: git-credential(1).
    public static func ask(
        host: String, environment: [String: String], seconds: Double = 60, isCancelled: () -> Bool
    ) throws(CheckoutError) -> GitCredential? {
        let limit = MonotonicTime.now() + seconds
        var isLate = false
        var environment = environment
        environment["GIT_TERMINAL_PROMPT"] = "0"
        for name in ["GIT_ASKPASS", "SSH_ASKPASS", "GIT_DIR", "GIT_WORK_TREE"] { environment[name] = nil }
        let result: HostProcess.Result
        do throws(ProcessError) {
            result = try HostProcess.run(
                "git", arguments: ["-c", "core.askPass=", "credential", "fill"],
                environment: environment.map { "\($0.key)=\($0.value)" },
                searchPath: environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin", workingDirectory: "/",
                input: Array("protocol=https\nhost=\(host)\n\n".utf8), outputLimit: 1 << 20
            ) {
                isLate = MonotonicTime.now() >= limit
                return isLate || isCancelled()
            }
        } catch { throw isLate ? .credentialsLate(host, seconds: Int(seconds)) : .git(error) }
        guard result.succeeded else { return nil }
        var values: [String: ArraySlice<UInt8>] = [:]
        // By bytes: to Swift a carriage return and the line end behind it are one character, which is no line end.
        for line in result.standardOutput.split(separator: UInt8(ascii: "\n")) {
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
            values[String(decoding: line[..<equals], as: UTF8.self)] = line[(equals + 1)...]
        }
        guard let password = values["password"], !password.isEmpty else { return nil }
        return GitCredential(
            host: host, username: String(decoding: values["username"] ?? [], as: UTF8.self),
            password: password.withUnsafeBytes { SecretText(bytes: $0) })
    }

    /// Variables by which git in the build has these credentials, each for its host alone: configuration of git-config(1)'s
    /// `GIT_CONFIG_COUNT`, whose helper prints variables.
    /// - Parameter first: how many such entries the build has already.
    public static func variables(
        _ credentials: [GitCredential], first: Int
    ) -> [(name: String, value: VariableValue)] {
        guard !credentials.isEmpty else { return [] }
        var variables: [(name: String, value: VariableValue)] = [
            ("GIT_CONFIG_COUNT", .plain("\(first + credentials.count)"))
        ]
        for (index, credential) in credentials.enumerated() {
            let number = first + index
            let helper =
                "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' "
                + "\"$DRYDOCK_GIT_USERNAME_\(number)\" \"$DRYDOCK_GIT_PASSWORD_\(number)\"; }; f"
            variables += [
                ("GIT_CONFIG_KEY_\(number)", .plain("credential.https://\(credential.host).helper")),
                ("GIT_CONFIG_VALUE_\(number)", .plain(helper)),
                ("DRYDOCK_GIT_USERNAME_\(number)", .plain(credential.username)),
                ("DRYDOCK_GIT_PASSWORD_\(number)", .secret(credential.password)),
            ]
        }
        return variables
    }
}
