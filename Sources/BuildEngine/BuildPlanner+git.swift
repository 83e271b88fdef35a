// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildEnvironment
import Checkout
import Secrets

extension BuildPlanner {
    /// `git-credential-helper: yes`, once the caller agrees: what their git knows of the hosts that the sources come from,
    /// and of no other.
    ///
    /// Source: AWS CodeBuild User Guide, "Build specification reference", `env/git-credential-helper`.
    /// - Returns: why the build may not find what it expects.
    func addGitCredentials(
        to environment: inout ResolvedEnvironment, _ sources: [BuildPlan.PlannedSource],
        _ isCancelled: () -> Bool
    ) throws(EngineError) -> [Warning] {
        guard request.offersGitCredentials else { return [.gitCredentialsNotOffered] }
        var hosts: [String] = []
        for host in sources.compactMap({ $0.repositoryURL.flatMap(GitCredential.host) }) where !hosts.contains(host) {
            hosts.append(host)
        }
        guard !hosts.isEmpty else { return [.noGitHost] }
        var credentials: [GitCredential] = []
        var warnings: [Warning] = []
        for host in hosts {
            do throws(CheckoutError) {
                let found = try GitCredential.ask(
                    host: host, environment: request.gitEnvironment, isCancelled: isCancelled)
                if let found { credentials.append(found) } else { warnings.append(.noGitCredentials(host)) }
            } catch { throw .checkoutFailed(error, request.source) }
        }
        let first = environment["GIT_CONFIG_COUNT"]?.plainText.flatMap { Int($0) } ?? 0
        for variable in GitCredential.variables(credentials, first: first) {
            environment.variables.removeAll { $0.name == variable.name }
            environment.variables.append(
                ResolvedVariable(
                    name: variable.name, value: variable.value, origin: .flag("--git-credentials")))
        }
        return warnings
    }
}

extension Warning {
    fileprivate static let gitCredentialsNotOffered = Warning(
        message: "the buildspec asks for git credentials, and none are offered",
        hint: "`--git-credentials` gives the build what your git knows of the hosts of its sources")

    fileprivate static let noGitHost = Warning(
        message: "the buildspec asks for git credentials, and no source comes from an `https` URL", hint: nil)

    fileprivate static func noGitCredentials(_ host: String) -> Warning {
        Warning(
            message: "your git knows no credentials for `\(host)`",
            hint: "git asks the helpers of your configuration (`git help credentials`), and never the terminal here")
    }
}
