// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
internal import Files
internal import Glibc
internal import Sandbox
internal import SystemPackage

/// The way from another terminal into a paused build: a Unix socket in the build's own directory, for the same user alone.
///
/// Nothing of it waits: it is served in the loop that runs the build's command.
final class AttachDoor {
    static let socketName: FilePath.Component = "attach"

    private let place: FilePath
    private var listener: Int32 = -1
    private var visitors: [Visitor] = []

    private struct Visitor {
        var line: AttachLine
        var lent: [FileDescriptor] = []
        var shell: UInt32?
    }

    /// What the build says to a request.
    enum Answer {
        case nothing
        case reply(AttachReply)
        case started(StartedShell)
    }

    init(in directory: FilePath) { place = directory }

    /// False when there can be no socket.
    func open() -> Bool {
        guard listener < 0 else { return true }
        listener = Self.atSocket(in: place) { path in
            unlink(path)
            return linux_listen(path)
        }
        return listener >= 0
    }

    /// - Returns: a connection to whoever runs the build of that directory; nil when nobody waits there.
    static func connect(in directory: FilePath) -> Int32? {
        let socket = atSocket(in: directory) { linux_connect($0) }
        return socket < 0 ? nil : socket
    }

    /// The user who runs the build of that directory, where that is not the caller. Root passes every mode, but a build lets
    /// nobody in but its own user.
    static func otherOwner(of directory: FilePath) -> UInt32? {
        var status = stat()
        guard directory.withPlatformString({ stat($0, &status) }) == 0, status.st_uid != geteuid() else { return nil }
        return status.st_uid
    }

    /// A socket's address has room for 107 bytes; through a descriptor of its directory any place is short enough.
    private static func atSocket(in directory: FilePath, _ body: (String) -> Int32) -> Int32 {
        guard let opened = try? Directory(directory) else { return -1 }
        return withExtendedLifetime(opened) {
            body("/proc/self/fd/\(opened.descriptor.rawValue)/\(socketName.string)")
        }
    }

    var descriptors: [Int32] { (listener >= 0 ? [listener] : []) + visitors.map(\.line.socket) }

    func attend(_ answer: (AttachRequest, [FileDescriptor]) -> Answer) {
        admit()
        var asleep = visitors.map { pollfd(fd: $0.line.socket, events: Int16(POLLIN), revents: 0) }
        guard poll(&asleep, nfds_t(asleep.count), 0) > 0 else { return }
        for (index, entry) in asleep.enumerated() where entry.revents != 0 { serve(index, answer) }
        for visitor in visitors where visitor.line.isOver { Self.dismiss(visitor) }
        visitors.removeAll { $0.line.isOver }
    }

    private func admit() {
        guard listener >= 0 else { return }
        while true {
            let socket = linux_accept(listener)
            guard socket >= 0 else { return }
            // The socket's mode keeps others out already; root, who can pass it, is another user too.
            guard linux_peer_user(socket) == Int64(geteuid()), visitors.count < 64 else {
                _ = Glibc.close(socket)
                continue
            }
            visitors.append(Visitor(line: AttachLine(socket: socket)))
        }
    }

    private func serve(_ index: Int, _ answer: (AttachRequest, [FileDescriptor]) -> Answer) {
        visitors[index].line.read()
        while let message = visitors[index].line.next() {
            visitors[index].lent += visitors[index].line.takeDescriptors()
            guard let request = AttachRequest(message) else {
                visitors[index].line.send(
                    AttachReply.refused("this build is run by another version of drydock").encode())
                continue
            }
            if request == .lend { continue }
            let lent = visitors[index].lent
            visitors[index].lent = []
            defer { for descriptor in lent { try? descriptor.close() } }
            switch answer(request, lent) {
            case .nothing: break
            case .reply(let reply): visitors[index].line.send(reply.encode())
            case .started(let shell):
                visitors[index].shell = shell.number
                visitors[index].line.send(AttachReply.opened.encode(), descriptor: shell.terminal)
                // Only whoever is attached holds the terminal now: when they go, the shell is hung up.
                try? shell.terminal?.close()
            }
        }
    }

    func shellEnded(_ number: UInt32, _ end: SandboxEvent.HowItEnded) {
        guard let index = visitors.firstIndex(where: { $0.shell == number }) else { return }
        let reply: AttachReply =
            switch end {
            case .exited(let status): .exited(status)
            case .signaled(let signal): .signaled(signal)
            case .failed(let error): .refused(error.message)
            }
        visitors[index].line.send(reply.encode())
        visitors[index].shell = nil
    }

    /// Lets nobody else in.
    func shut() {
        guard listener >= 0 else { return }
        _ = Glibc.close(listener)
        listener = -1
        _ = Self.atSocket(in: place) { unlink($0) }
    }

    /// Sends everybody away.
    func close() {
        shut()
        for visitor in visitors { Self.dismiss(visitor) }
        visitors = []
    }

    private static func dismiss(_ visitor: Visitor) {
        for descriptor in visitor.lent { try? descriptor.close() }
        _ = Glibc.close(visitor.line.socket)
    }
}
