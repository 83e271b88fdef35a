// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import Processes
internal import SystemPackage

extension CheckoutError {
    static func invalidLocation(_ location: String, _ reason: String) -> CheckoutError {
        let shown = FilePath.displayed(Array(GitLocation.withoutCredentials(location).utf8))
        return CheckoutError(.invalid, "`\(shown)` cannot be the location of a repository: \(reason)")
    }

    static func invalidVersion(_ version: String) -> CheckoutError {
        CheckoutError(
            .invalid, "`\(FilePath.displayed(Array(version.utf8)))` cannot be a source version",
            hints: ["a source version is a commit, a branch, a tag, `pr/7` or a reference such as `refs/heads/main`"])
    }

    static let gitMissing = CheckoutError(
        .gitMissing, "git is not installed, and a repository is to be checked out",
        hints: ["install it: apt-get install git"])

    static func destination(_ path: FilePath, _ reason: String) -> CheckoutError {
        CheckoutError(.destination, "could not check out into `\(path.displayed)`: \(reason)")
    }

    static func fetchFailed(_ location: GitLocation, _ said: String) -> CheckoutError {
        var hints: [String] = []
        if said.contains("dubious ownership") {
            hints = [
                "the repository belongs to another user; if you trust it: git config --global --add safe.directory PATH"
            ]
        } else if said.contains("could not read Username") || said.contains("Authentication failed") {
            hints = ["drydock asks for no password; git's credential helpers and ssh keys are used"]
        }
        return CheckoutError(.fetch, "could not fetch from `\(location)`: \(said)", hints: hints)
    }

    static func credentialsLate(_ host: String, seconds: Int) -> CheckoutError {
        CheckoutError(
            .fetch, "git did not say within \(seconds) s what it knows of `\(host)`",
            hints: ["a helper of `credential.helper` in your git's configuration seems to wait for somebody"])
    }

    static func checkoutFailed(_ commit: String, _ said: String) -> CheckoutError {
        CheckoutError(.destination, "could not check out commit \(commit): \(said)")
    }

    static func submodulesFailed(_ said: String) -> CheckoutError {
        CheckoutError(
            .fetch, "could not fetch the submodules: \(said)",
            hints: said.contains("not allowed") ? ["submodules are taken from https, ssh and git, not from files"] : [])
    }

    static func noSuchVersion(_ version: String, _ location: GitLocation) -> CheckoutError {
        CheckoutError(
            .noSuchVersion, "`\(location)` has no commit, branch or tag `\(FilePath.displayed(Array(version.utf8)))`")
    }

    static func git(_ error: ProcessError) -> CheckoutError {
        error.code == .notFound ? .gitMissing : CheckoutError(.fetch, "\(error)")
    }
}
