// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import CLinux
internal import Files
internal import Glibc
internal import SystemPackage

/// Who calls, from where and when: the process's environment, ids and clock are read here and nowhere below.
enum Caller {
    static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// All of it, for a program of the user's own choice. Of equal names the first counts, as for getenv(3).
    static var environment: [String: String] {
        var table: [String: String] = [:]
        guard var entry = linux_environment() else { return table }
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, table[String(parts[0])] == nil { table[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return table
    }

    /// From now on no core dump holds this process's memory, and no other process of the same user reads it. Source:
    /// prctl(2), PR_SET_DUMPABLE.
    static func guardMemory() { _ = linux_prctl(LINUX_PR_SET_DUMPABLE, 0) }

    static var isRoot: Bool { geteuid() == 0 }
    static var userIdentifier: UInt32 { geteuid() }

    static var processIdentifier: Int { Int(getpid()) }

    /// Whether a process of that number runs; its number may have passed on to another, who then counts too.
    static func isAlive(_ process: some StringProtocol) -> Bool {
        guard let number = Int32(process), number > 0 else { return false }
        return kill(number, 0) == 0 || errno == EPERM
    }

    static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
    }

    /// For `CODEBUILD_INITIATOR`. The user database is not asked: that would load the machine's name service.
    static var userName: String {
        for name in ["LOGNAME", "USER"] {
            if let value = variable(name), !value.isEmpty { return value }
        }
        return isRoot ? "root" : "uid-\(getuid())"
    }

    /// What git needs of the caller: where its configuration, keys, agents and proxies are.
    static var gitEnvironment: [String: String] {
        let names = [
            "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK",
            "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_CONFIG_GLOBAL", "GIT_SSL_CAINFO",
            "http_proxy",
            "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY",
        ]
        return names.reduce(into: [:]) { result, name in result[name] = variable(name) }
    }

    /// The way to the network, for programs that fetch packages.
    static var proxies: [(name: String, value: String)] {
        ["http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"]
            .compactMap { name in variable(name).map { (name, $0) } }
    }

    /// The directory that holds this program.
    static var programDirectory: FilePath {
        let program = (try? Directory("/proc/self").readLink("exe")) ?? FilePath()
        return program.removingLastComponent()
    }

    /// Where `make install` puts recipes of images.
    static var recipes: FilePath { programDirectory.removingLastComponent().appending("share/drydock/images") }

    /// The program that becomes a sandbox: beside this one, or where `make install` puts it.
    static var launcher: FilePath { ownProgram("drydock-init") }

    /// The program that speaks to servers.
    static var httpProgram: FilePath { ownProgram("drydock-http") }

    private static func ownProgram(_ name: FilePath.Component) -> FilePath {
        let beside = programDirectory.appending(name)
        if access(beside.string, X_OK) == 0 { return beside }
        let installed = programDirectory.removingLastComponent().appending("libexec/drydock").appending(name)
        return access(installed.string, X_OK) == 0 ? installed : beside
    }

    /// Where builds are kept: `--state-dir`, or where ``StateDirectory`` finds a place.
    static func stateDirectory(_ option: String?) throws(CommandFailure) -> FilePath {
        guard let option else { return try StateDirectory.find() }
        let path = Arguments.path(option)
        return path.isAbsolute ? path : try currentDirectory().pushing(path)
    }

    static func currentDirectory() throws(CommandFailure) -> FilePath {
        do { return try Directory("/proc/self").readLink("cwd") } catch { throw .cannotRead(error) }
    }
}
