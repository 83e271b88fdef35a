// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CLinux
import Glibc
import SandboxPlan
import Wire

/// The process outside: makes the namespaces with pid 1 in them, gives pid 1 what only the outside can give, and when
/// pid 1 has ended removes everything that the build left on the host.
enum Launcher {
    static func main() -> Never {
        let control = Channel(socket: DrydockInit.control)
        // At once, because drydock starts us before it has read its own command line.
        var namespaces: Namespaces?
        var failure: SetUpFailure?
        do throws(SetUpFailure) { namespaces = try Namespaces() } catch { failure = error }
        guard let message = control.receive() else {
            namespaces?.abandon()
            exit(0)
        }
        guard let request = try? LauncherRequest(message.bytes) else {
            control.send(SetUpFailure(.protocolMismatch, errno: 0).reply)
            exit(1)
        }
        switch request {
        case .enter(let identity):
            enter(identity, namespaces, failure, control: control)
        case .remove(let identity, let directory):
            namespaces?.abandon()
            remove(directory, identity: identity, control: control)
        case .measure(let identity, let directory):
            namespaces?.abandon()
            measure(directory, identity: identity, control: control)
        case .merge(let identity, let layers, let destination):
            namespaces?.abandon()
            merge(layers, destination, identity: identity, control: control)
        default:
            control.send(SetUpFailure(.protocolMismatch, errno: 0).reply)
            exit(1)
        }
    }

    /// Maps the ids while the plan may still be in the making: mapping a range takes as long as all the rest of a set-up.
    private static func enter(
        _ identity: SandboxPlan.Identity, _ made: Namespaces?, _ madeFailure: SetUpFailure?, control: Channel
    ) -> Never {
        var namespaces = made
        var failure = madeFailure
        do throws(SetUpFailure) { try namespaces?.map(identity) } catch { failure = error }
        // Without a plan there was no build; the end of this process is the end of the namespaces.
        guard let message = control.receive(), case .setUp(let plan)? = try? LauncherRequest(message.bytes) else {
            namespaces?.abandon()
            exit(0)
        }
        // The lock that came with the plan stays open until this process ends.
        var status: Int32 = 0
        var requests: [LauncherRequest] = []
        var held: [Int32] = []
        if let namespaces {
            if failure == nil {
                do throws(SetUpFailure) { try prepare(plan, namespaces, encoded: message.bytes) } catch {
                    failure = error
                }
            }
            if failure != nil { namespaces.abandon() }
            // Only commands and pid 1 may hold the output open: drydock reads its end to know that all are gone.
            close(DrydockInit.output)
            let cleanUp = CleanUp(plan: plan, userNamespace: namespaces.user)
            requests = serve(namespaces, &status, &held) { publish($0, cleanUp, control: control) }
        }
        if let failure { control.send(failure.reply) }
        let cleanUp = CleanUp(plan: plan, userNamespace: namespaces?.user ?? -1)
        cleanUp.removeControlGroups()
        let order = failure == nil ? requests.last : nil
        // Nothing of the build runs or is mounted any more; nobody need wait for its files to go.
        control.send(.finished(status: status, errno: 0, path: ""))
        close(DrydockInit.control)
        switch order {
        case .keep(let destination, let sources) where status == 0 && plan.reopening == nil:
            let place = KeptPlace(
                plan: plan, destination: destination, sources: sources, held: held, cleanUp: cleanUp)
            if place.take() { exit(0) }
        case .drop: break
        // What an earlier build left stays, however this one ended.
        default: if plan.reopening != nil { exit(0) }
        }
        for lock in held { close(lock) }
        exit(cleanUp.removeScratch().errno == 0 ? 0 : 1)
    }

    /// Waits for pid 1's end, and does what it asks for until then.
    /// - Parameter held: gets the locks that are asked to be held.
    /// - Returns: what is to be done at the end. A lock that came with it is held until this process ends, too.
    private static func serve(
        _ namespaces: Namespaces, _ status: inout Int32, _ held: inout [Int32], publish: (LayerPublication) -> Void
    ) -> [LauncherRequest] {
        let handover = Channel(socket: namespaces.handover)
        var requests: [LauncherRequest] = []
        // Its end comes when pid 1 is gone, who alone has the other one.
        while let message = handover.receive() {
            switch try? LauncherRequest(message.bytes) {
            case .publish(let publication): publish(publication)
            case .hold: held.append(message.descriptor)
            case let request?: requests.append(request)
            case nil: break
            }
        }
        while waitpid(namespaces.child, &status, 0) < 0 && errno == EINTR {}
        return requests
    }

    /// While pid 1 still lives, because taking down its mounts takes longer than all of this; nothing of the build does.
    private static func publish(_ publication: LayerPublication, _ cleanUp: CleanUp, control: Channel) {
        cleanUp.becomeOwner()
        var publishing = LayerPublishing(publication: publication, scratch: cleanUp.plan.scratch)
        do throws(SetUpFailure) { control.send(.published(try publishing.perform())) } catch {
            _ = TreeRemoval.remove(publication.destination)
            control.send(.notPublished(errno: error.errno, path: error.path))
        }
    }

    private static func prepare(
        _ plan: SandboxPlan, _ namespaces: Namespaces, encoded: [UInt8]
    ) throws(SetUpFailure) {
        for group in plan.controlGroups { try join(group, namespaces.child) }
        try Scratch(plan: plan).create()
        let channel = Channel(socket: namespaces.handover)
        // The plan, then the trees that only real root can make.
        channel.send(encoded)
        let isMapped = plan.identity.method == .privileged
        guard isMapped || plan.identity.method == .inherited else { return }
        // Out here a directory may be shown without what is mounted in it; whoever may not mount gets what pid 1 can do.
        guard isMapped || linux_effective_capabilities() >> 21 & 1 == 1 /* CAP_SYS_ADMIN */ else {
            channel.send([UInt8](repeating: 0xff, count: 4))
            return
        }
        let namespace = isMapped ? namespaces.user : -1
        var shifts = LayerNamespaces(identity: plan.identity)
        defer { shifts.close() }
        func send(_ tree: Int32, _ key: UInt32) {
            var number = WireEncoder()
            number.append(key)
            channel.send(number.bytes, descriptor: tree)
            close(tree)
        }
        for (index, operation) in plan.operations.enumerated() {
            for (key, layer) in operation.layersByKey(index) {
                let namespace = isMapped ? try shifts.namespace(for: layer) : -1
                let tree = MappedTree(
                    source: layer.root, below: layer.below, userNamespace: namespace, isLower: true)
                send(try tree.open(), key)
            }
            guard let source = operation.hostSource else { continue }
            let tree: Int32
            do throws(SetUpFailure) {
                tree = try MappedTree(source: source, userNamespace: namespace, isLower: operation.isOverlay).open()
            } catch {
                // Root of a user namespace may not look beneath every mount either; pid 1 then does what it can.
                guard isMapped else { continue }
                // A program runs whoever owns it: where its file system knows no map it is shown without.
                guard operation.isProgram else { throw error }
                tree = try MappedTree(source: source, userNamespace: -1, isLower: false).open()
            }
            send(tree, UInt32(index))
        }
        send(try MappedTree(source: plan.scratch, userNamespace: -1, isLower: true).open(), .max)
    }

    private static func join(_ group: KernelText, _ process: pid_t) throws(SetUpFailure) {
        let path = group + "/cgroup.procs"
        try writeFile(path, KernelText("\(process)\n"), step: .joinControlGroup)
    }

    /// Removes what an earlier sandbox left: as the same ids, because its files are theirs.
    private static func remove(_ directory: KernelText, identity: SandboxPlan.Identity, control: Channel) -> Never {
        var left = TreeRemoval.Leftover()
        do throws(SetUpFailure) {
            let numbers = try asOwner(identity) { [UInt64(TreeRemoval.remove(directory).errno)] }
            left = TreeRemoval.Leftover(errno: Int32(truncatingIfNeeded: numbers[0]), path: directory)
        } catch {
            control.send(error.reply)
            exit(1)
        }
        control.send(.finished(status: 0, errno: left.errno, path: left.path))
        exit(0)
    }

    private static func measure(_ directory: KernelText, identity: SandboxPlan.Identity, control: Channel) -> Never {
        do throws(SetUpFailure) {
            let numbers = try asOwner(identity) {
                var size = TreeSize()
                size.add(directory)
                return [size.byteCount]
            }
            control.send(.measured(numbers[0]))
        } catch {
            control.send(error.reply)
            exit(1)
        }
        exit(0)
    }

    private static func merge(
        _ layers: [SandboxPlan.Operation.Layer], _ destination: KernelText, identity: SandboxPlan.Identity,
        control: Channel
    ) -> Never {
        do throws(SetUpFailure) {
            let numbers = try asOwner(identity) {
                let errno = LayerMerging(layers: layers).perform(into: destination)
                var size = TreeSize()
                if errno == 0 { size.add(destination) } else { _ = TreeRemoval.remove(destination) }
                return [UInt64(errno), size.byteCount, size.fileCount]
            }
            if numbers[0] == 0 {
                control.send(.published(.init(trees: [], byteCount: numbers[1], fileCount: numbers[2])))
            } else {
                control.send(.notPublished(errno: Int32(truncatingIfNeeded: numbers[0]), path: destination))
            }
        } catch {
            control.send(error.reply)
            exit(1)
        }
        exit(0)
    }

    /// Does something as the root of a sandbox of that identity, and gives the numbers that came out of it: at least one.
    private static func asOwner(
        _ identity: SandboxPlan.Identity, _ body: () -> [UInt64]
    ) throws(SetUpFailure) -> [UInt64] {
        if identity.method == .privileged || identity.method == .inherited { return body() }
        var ends: [Int32] = [-1, -1]
        try check(linux_pipe2(&ends, O_CLOEXEC), .createNamespaces)
        let child = linux_fork_with_namespaces(LINUX_CLONE_NEWUSER)
        try check(child, .createNamespaces)
        if child == 0 {
            // Stopped until the ids are mapped.
            raise(SIGSTOP)
            _ = linux_setresgid(0)
            _ = linux_setresuid(0)
            let numbers = body()
            exit(write(ends[1], numbers, numbers.count * 8) == numbers.count * 8 ? 0 : 1)
        }
        close(ends[1])
        defer { close(ends[0]) }
        var status: Int32 = 0
        waitpid(child, &status, WUNTRACED)
        do throws(SetUpFailure) { try IdentityMap(identity).apply(to: child) } catch {
            kill(child, SIGKILL)
            while waitpid(child, nil, 0) < 0 && errno == EINTR {}
            throw error
        }
        kill(child, SIGCONT)
        var numbers = [UInt64](repeating: 0, count: 4)
        let count = read(ends[0], &numbers, numbers.count * 8)
        waitpid(child, &status, 0)
        return count >= 8 ? Array(numbers.prefix(count / 8)) : [UInt64(EIO)]
    }
}

extension SandboxPlan.Operation {
    /// The host's directory or file that the operation shows inside, or nil.
    var hostSource: KernelText? {
        switch self {
        case .overlay(let overlay): overlay.lower.isEmpty ? nil : overlay.lower
        case .bind(let source, _, _): source
        default: nil
        }
    }

    /// A program for builds to call, without which a build can go on.
    var isProgram: Bool {
        if case .bind(_, _, .readOnly) = self { true } else { false }
    }

    var isOverlay: Bool {
        if case .overlay = self { true } else { false }
    }

    /// What earlier builds left for it, from the top down, each with the number that its tree goes by between us and pid 1;
    /// the operation's own tree goes by the operation's index.
    func layersByKey(_ index: Int) -> [(key: UInt32, layer: Layer)] {
        let layers =
            switch self {
            case .overlay(let overlay): overlay.layers
            case .restore(let layers, _): layers
            case .layer(let layer, _): [layer]
            default: [Layer]()
            }
        return layers.enumerated().map { (UInt32(index) | UInt32($0.offset + 1) << 16, $0.element) }
    }
}

/// Writes a small file of the kernel's in one call, as `uid_map` and `cgroup.procs` demand.
func writeFile(_ path: KernelText, _ contents: KernelText, step: SetUpStep) throws(SetUpFailure) {
    let file = path.withCString { open($0, O_WRONLY | O_CLOEXEC) }
    try check(file, step, path)
    defer { close(file) }
    try check(write(file, contents.bytes, contents.bytes.count), step, path)
}
