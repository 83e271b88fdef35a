// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import CLinux
public import CommandExecution
public import Files
internal import Glibc
internal import Processes
public import Secrets
public import SystemPackage

/// A build without a sandbox: its commands are ordinary processes of the caller, on the caller's own system.
///
/// It promises three things all the same: the sources are copies, unless they are to be written to; no process of the build
/// outlives it; and what it wrote below its own directory is removed. Nothing else holds a command back.
public final class DirectExecution {
    let place: WorkingPlace
    let settings: Settings
    let timing: StopTiming
    let family: ProcessFamily
    let output: FileDescriptor
    let pipe: OutputPipe
    let outputEnd: FileDescriptor
    /// Where the next command starts; the last one may have left another.
    var current: FilePath
    private var openedTree: DirectoryTree?
    private var openedRoot: FileDescriptor?

    public struct Settings: Sendable {
        /// The build's own directory, made and removed; nobody else's.
        public var directory: FilePath
        /// The first is where commands start.
        public var sources: [Source]
        /// The first environment of every command: nothing of the caller's but what stands here.
        public var environment: [(name: String, value: VariableValue)]
        /// The program that becomes another user before it becomes the shell (`drydock-init`).
        public var launcher: FilePath

        public init(
            directory: FilePath, sources: [Source], environment: [(name: String, value: VariableValue)],
            launcher: FilePath
        ) {
            self.directory = directory
            self.sources = sources
            self.environment = environment
            self.launcher = launcher
        }

        public struct Source: Sendable, Equatable {
            public var original: FilePath
            /// Where the build finds it: below the build's directory, or the original itself.
            public var path: FilePath

            public init(original: FilePath, path: FilePath) {
                self.original = original
                self.path = path
            }
        }
    }

    private init(
        _ settings: Settings, place: WorkingPlace, timing: StopTiming, output: (FileDescriptor, FileDescriptor)
    ) {
        self.settings = settings
        self.place = place
        self.timing = timing
        (self.output, outputEnd) = output
        pipe = OutputPipe(output.0.rawValue)
        family = ProcessFamily()
        current = settings.sources.first?.path ?? settings.directory
    }

    /// Copies the sources and makes ready for commands.
    /// - Parameter shouldGoOn: asked while files are copied.
    public static func start(
        _ settings: Settings, timing: StopTiming = StopTiming(), shouldGoOn: @escaping () -> Bool = { true }
    ) throws(DirectExecutionError) -> (execution: DirectExecution, notices: [String]) {
        let place: WorkingPlace
        do { place = try WorkingPlace(settings.directory, launcher: settings.launcher) } catch {
            throw .scratch(settings.directory, error)
        }
        var isDone = false
        defer { if !isDone { try? place.remove() } }
        var notices: [String] = []
        for source in settings.sources where source.path != source.original {
            notices += try copy(source, place, shouldGoOn)
        }
        do { try ShellState(directory: place.state).begin() } catch { throw .stateNotWritten(place.state, error) }
        var ends: [Int32] = [-1, -1]
        guard linux_pipe2(&ends, O_CLOEXEC) == 0 else { throw .notStarted("\(Errno(rawValue: errno))") }
        // A larger pipe lets a chatty command run ahead of us; where the user's allowance is used up, 64 KiB must do.
        _ = linux_set_pipe_size(ends[0], 1 << 20)
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        if !place.keepsSecretsInMemory {
            notices.append("variables, secrets among them, are kept in `\(place.state.displayed)` while the build runs")
        }
        isDone = true
        let output = (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
        return (DirectExecution(settings, place: place, timing: timing, output: output), notices)
    }

    private static func copy(
        _ source: Settings.Source, _ place: WorkingPlace, _ shouldGoOn: @escaping () -> Bool
    ) throws(DirectExecutionError) -> [String] {
        let original: Directory
        do { original = try Directory(source.original) } catch { throw .sourceUnreadable(source.original, error) }
        do {
            let target = try Directory.make(source.path, mode: 0o755)
            // The state directory may lie in the source; what builds are there is not the build's business.
            let builds = try Directory(place.directory.removingLastComponent())
            let skipped = try FileStatus(of: builds.descriptor, path: builds.path)
            var copy = TreeCopy(skipping: skipped, shouldGoOn: shouldGoOn)
            try copy.copy(original, to: target)
            return copy.unreadable.prefix(3).map { "`\($0.displayed)` cannot be read and is not part of the build" }
                + copy.mountPoints.prefix(3).map { "what is mounted at `\($0.displayed)` is not part of the build" }
        } catch { throw .copyFailed(error) }
    }

    /// Ends every process that the build's commands left behind.
    public func quiesce() throws(DirectExecutionError) {
        let left = family.end()
        guard left.isEmpty else { throw .leftRunning(left) }
    }

    /// The whole file system: the build has no other.
    public func tree() throws(DirectExecutionError) -> any TreeOpener {
        if let openedTree { return openedTree }
        let number = Glibc.open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw .notStarted("\(Errno(rawValue: errno))") }
        let root = FileDescriptor(rawValue: number)
        let tree = DirectoryTree(root: root)
        (openedRoot, openedTree) = (root, tree)
        return tree
    }

    /// Ends the build's processes and removes its directory.
    public func close() throws(DirectExecutionError) {
        openedTree = nil
        try? openedRoot?.close()
        try? outputEnd.close()
        let left = family.end()
        try? output.close()
        do throws(FilesError) { try place.remove() } catch {
            if left.isEmpty { throw .scratch(place.directory, error) }
        }
        guard left.isEmpty else { throw .leftRunning(left) }
    }

    /// Whom commands run as when nobody else is asked for.
    public static var ordinaryUser: UInt32 { geteuid() }

    /// HOME and TMPDIR of a build in that directory.
    public static func places(in directory: FilePath) -> (home: FilePath, temporary: FilePath) {
        (directory.appending(WorkingPlace.home), directory.appending(WorkingPlace.temporary))
    }

    /// Removes what builds left whose drydock was killed.
    /// - Parameter parent: the directory that holds the builds' own; it need not exist.
    public static func clearLeftovers(in parent: FilePath) { WorkingPlace.clearLeftovers(in: parent) }
}
