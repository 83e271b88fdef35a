// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import SystemPackage
import Testing

@testable import Sandbox
@testable import SandboxPlan

@Suite("Refused sandboxes") struct RefusalTests {
    private static let root: UInt64 = 1 << 6 | 1 << 7 | 1 << 21 | 1 << 31

    private func error(
        _ step: SetUpStep, _ errno: Errno, path: KernelText = "", _ facts: Refusal.Facts
    ) -> SandboxError {
        Refusal(step: step, errno: errno, path: path, facts: facts).error
    }

    @Test("a container's filter is named, with the words that lift it")
    func containerFilter() {
        for (enclosure, words) in [
            (Enclosure.docker, "docker run --security-opt seccomp=unconfined"),
            (.podman, "podman run --security-opt seccomp=unconfined"), (.kubernetes, "seccompProfile"),
        ] {
            let error = error(
                .createNamespaces, .notPermitted, .init(enclosure: enclosure, isFiltered: true, isRoot: true))
            #expect(error.code == .cannotIsolate)
            #expect(error.message.hasSuffix(": the container's seccomp filter refuses it"))
            #expect(error.hints.first?.contains(words) == true)
            // Whether a build can do without is not known here.
            #expect(!error.hints.contains { $0.contains("--isolation") })
        }
    }

    @Test("a filter that answers as a kernel without the call is one too")
    func absentCall() {
        for step in [SetUpStep.createNamespaces, .cloneTree, .mountProcesses] {
            let error = error(step, .noFunction, .init(enclosure: .docker, isFiltered: true))
            #expect(error.message.contains("the container's seccomp filter"))
        }
    }

    @Test("settings of the kernel are named with the command that changes them")
    func settings() {
        var error = error(.createNamespaces, .noSpace, .init(mostUserNamespaces: 0))
        #expect(error.message.contains("the setting `user.max_user_namespaces` is 0"))
        #expect(error.hints.first == "sudo sysctl user.max_user_namespaces=15000")
        error = self.error(.createNamespaces, .noSpace, .init(enclosure: .docker, mostUserNamespaces: 0))
        #expect(
            error.hints.first
                == "on the machine that runs the container: sudo sysctl user.max_user_namespaces=15000")
        error = self.error(.createNamespaces, .notPermitted, .init(forbidsUsers: true))
        #expect(error.hints.first == "sudo sysctl kernel.unprivileged_userns_clone=1")
        error = self.error(.privateMounts, .permissionDenied, .init(restrictsUsers: true))
        #expect(error.hints.first == "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0")
    }

    @Test("an AppArmor profile is named where mounts are refused")
    func appArmor() {
        let error = error(
            .privateMounts, .permissionDenied,
            .init(enclosure: .docker, isFiltered: true, profile: "docker-default", capabilities: Self.root))
        #expect(error.message.hasSuffix("the AppArmor profile `docker-default` refuses it"))
        #expect(error.hints.first?.contains("apparmor=unconfined") == true)
    }

    @Test("a root without SETFCAP cannot hand its id on, and is told so")
    func missingCapability() {
        let error = error(
            .mapUsers, .notPermitted, path: "/proc/12/uid_map", .init(enclosure: .docker, isRoot: true))
        #expect(error.message.contains("root lacks the capability SETFCAP"))
        #expect(error.hints.first?.contains("--cap-add SETFCAP") == true)
    }

    @Test("what is no refusal keeps its own advice")
    func otherFailures() {
        let error = error(.mapUsers, .noSuchFileOrDirectory, path: "newuidmap", .init())
        #expect(error.hints.first == "install the package `uidmap`")
        let command = self.error(.findShell, .noSuchFileOrDirectory, path: "zsh", .init(isFiltered: true))
        #expect(command.code == .command)
        #expect(!command.hints.contains { $0.contains("--isolation") })
    }
}
