// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
internal import Files
internal import Glibc
public import SystemPackage

/// Writes a build's record, events and log while it runs.
///
/// The first write that fails is kept in ``failure``; whoever runs the build asks for it. A log that has a gap would lie, so
/// nothing is appended to a file after it failed. A record is whole again with the next one that can be written.
public final class BuildLogWriter: BuildObserver {
    /// The first write that failed and was not made good, with the path and the kernel's reason.
    public var failure: BuildStoreError? { logFailure ?? recordFailure }
    private var logFailure: BuildStoreError?
    private var recordFailure: BuildStoreError?
    /// Where the build's files lie.
    public let directory: FilePath
    private let lock: FileLock?
    private let log: AppendingFile
    private let events: AppendingFile
    /// Room for the last record: how a build ended is known even when its own log has filled the disk.
    private var reserve: FileDescriptor?

    init(directory: FilePath, lock: FileLock?) throws(FilesError) {
        self.directory = directory
        self.lock = lock
        reserve = Self.reserveRoom(in: directory)
        log = try AppendingFile(directory.appending("log.txt"), capacity: 65_536)
        events = try AppendingFile(directory.appending("events.jsonl"), capacity: 8192)
    }

    /// Replaces the record by a new one, whole. The last one waits for half a second at most where there is no room: what the
    /// build wrote is on its way out then.
    public func write(_ record: BuildRecord) {
        if record.buildComplete { releaseRoom() }
        for attempt in 0...20 {
            do throws(FilesError) {
                try AtomicFile.write(record.json, to: directory.appending("build.json"), mode: 0o600)
                recordFailure = nil
                return
            } catch {
                guard record.buildComplete, error.underlying == .noSpace, attempt < 20 else {
                    recordFailure = recordFailure ?? BuildStoreError.cannotWrite(error)
                    return
                }
                usleep(25_000)
            }
        }
    }

    public func handle(_ event: TimedEvent) {
        var text = CodeBuildLog.text(of: event)
        text.withUTF8 { log.append(UnsafeRawBufferPointer($0)) }
        event.jsonLine.withUnsafeBytes { events.append($0) }
        // Before a command may run for long, and whenever something happened that nobody may miss; in between, the lines of
        // one moment go out together.
        switch event.event {
        case .notice, .phaseStarted, .phaseEnded: break
        default: flush()
        }
    }

    public func output(_ bytes: UnsafeRawBufferPointer) {
        log.append(bytes)
        if let failed = log.failure { note(failed) }
    }

    public func tick(at time: Timestamp) {
        flush()
    }

    /// Hands everything to the kernel.
    public func flush() {
        log.flush()
        events.flush()
        if let failed = log.failure ?? events.failure { note(failed) }
    }

    /// A file without a name: whatever ends drydock, nothing of it stays.
    private static func reserveRoom(in directory: FilePath) -> FileDescriptor? {
        guard let opened = try? Directory(directory),
            let file = try? opened.open("reserve", flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        else { return nil }
        try? opened.remove("reserve")
        _ = posix_fallocate(file.rawValue, 0, 64 << 10)
        return file
    }

    private func releaseRoom() {
        try? reserve?.close()
        reserve = nil
    }

    private func note(_ error: BuildStoreError) {
        if logFailure == nil { logFailure = error }
    }

    deinit {
        flush()
        releaseRoom()
    }
}

/// A file that is only added to, through a buffer.
private final class AppendingFile {
    private(set) var failure: BuildStoreError?
    private let path: FilePath
    private let descriptor: FileDescriptor
    private let buffer: UnsafeMutableRawBufferPointer
    private var count = 0

    init(_ path: FilePath, capacity: Int) throws(FilesError) {
        self.path = path
        let directory = try Directory(path.removingLastComponent())
        let name = FilePath(path.lastComponent?.string ?? "")
        descriptor = try directory.open(name, flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
        buffer = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        buffer.deallocate()
        try? descriptor.close()
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil, !bytes.isEmpty else { return }
        if bytes.count > buffer.count - count { flush() }
        // Copying what fills the buffer anyway would only cost.
        if bytes.count >= buffer.count / 2, count == 0 {
            write(bytes)
        } else {
            UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: bytes)
            count += bytes.count
        }
    }

    func flush() {
        guard count > 0 else { return }
        write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        count = 0
    }

    private func write(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil else { return }
        do { _ = try descriptor.writeAll(bytes) } catch {
            failure = BuildStoreError.cannotWrite(path, error as? Errno)
        }
    }
}
