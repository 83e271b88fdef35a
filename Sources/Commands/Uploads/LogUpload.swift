// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import AWS
internal import Archives
internal import BuildEngine
internal import BuildModel
internal import CommandExecution
internal import Files
internal import HTTP
internal import Projects
internal import SystemPackage

/// Sends the log of a build that is over where its project says. What goes is the log as it is kept: masked.
struct LogUpload: Sendable {
    let logs: ProjectDefinition.Logs
    let encryptionKey: String?
    let configuration: AWSConfiguration
    let client: HTTPClient
    let journal: UploadJournal?
    /// Seconds for each place.
    private static let timeLimit = 120.0

    /// - Parameter log: the kept log's path.
    /// - Returns: what did not work; it changes nothing of the build.
    func send(_ record: BuildRecord, log: FilePath, stop: any StopSource) -> [Warning] {
        let uuid = record.id.split(separator: ":").last.map(String.init) ?? record.id
        var warnings: [Warning] = []
        func attempt(_ place: String, _ body: (FileDescriptor) throws -> Void) {
            do {
                let file = try FileDescriptor.open(log, .readOnly, options: [.closeOnExec])
                try file.closeAfter { try body(file) }
            } catch {
                let failure = error as? AWSFailure
                warnings.append(
                    Warning(
                        message: "the log cannot be sent to \(place): \(failure?.message ?? "\(error)")",
                        hint: failure?.hints.first))
            }
        }
        // Who wants the program gone at once is not kept waiting.
        let isCancelled = { stop.request == .atOnce }
        if logs.goesToCloudWatch {
            let group = logs.group?.value ?? "/aws/codebuild/\(record.projectName)"
            let stream = LogStream(
                group: group, name: (logs.stream.map { $0.value + "/" } ?? "") + uuid, configuration: configuration,
                client: client, timeLimit: Self.timeLimit, isCancelled: isCancelled)
            attempt("group `\(group)` of CloudWatch Logs") { file in
                var lines = LogLines(file, start: record.startTime)
                try stream.send { lines.next() }
                if let failure = lines.failure { throw failure }
            }
        }
        if let place = logs.bucketLocation?.value {
            attempt("bucket `\(place)`") { file in
                guard let location = S3Location(place, bare: true) else { throw NoPlace() }
                try store(file, at: location, uuid, record, beside: log, isCancelled)
            }
        }
        return warnings
    }

    private struct NoPlace: Error, CustomStringConvertible {
        var description: String { "that is no place in S3, as `BUCKET/PREFIX` would be" }
    }

    /// As one object `PREFIX/UUID.gz`, as CodeBuild has it.
    private func store(
        _ file: FileDescriptor, at location: S3Location, _ uuid: String, _ record: BuildRecord, beside log: FilePath,
        _ isCancelled: @escaping () -> Bool
    ) throws {
        let packed = try UnnamedFile(on: log.removingLastComponent())
        defer { withExtendedLifetime(packed) {} }
        try GzipFile.compress(file, into: packed.descriptor)
        var options = S3PutOptions()
        options.contentType = "application/gzip"
        options.metadata["codebuild-buildarn"] = record.arn
        if !logs.isEncryptionDisabled { options.encryption = .key(encryptionKey) }
        options.ownerAccess = S3OwnerAccess(rawValue: logs.ownerAccess.rawValue) ?? .none
        let bucket = S3Bucket(
            location.bucket, configuration: configuration, client: client, journal: journal,
            timeLimit: Self.timeLimit, isCancelled: isCancelled
        )
        try bucket.put(location.key("\(uuid).gz"), from: packed.descriptor, options: options)
        bucket.tidy(keepsResumable: true)
    }
}

/// The lines of a log with their times. CodeBuild's own begin with one; a command's output has that of the line before.
struct LogLines {
    private let file: FileDescriptor
    private var time: Timestamp
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    private(set) var failure: Errno?
    /// A line without an end is cut here, so that it does not fill the memory.
    private static let longest = 200_000

    init(_ file: FileDescriptor, start: Timestamp) {
        self.file = file
        time = start
    }

    mutating func next() -> LogEvent? {
        while true {
            let rest = buffer[position...]
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) { return take(end + 1) }
            if rest.count >= Self.longest || isAtEnd { return rest.isEmpty ? nil : take(buffer.endIndex) }
            read()
        }
    }

    private mutating func take(_ end: Int) -> LogEvent {
        // CodeBuild's events keep their line ends; what is no text is shown as that.
        let message = String(decoding: buffer[position..<end], as: UTF8.self)
        position = end
        for prefix in ["[Container] ", "[drydock] "] where message.hasPrefix(prefix) {
            if let stamp = Timestamp(logText: message.dropFirst(prefix.count).prefix(26)) { time = stamp }
        }
        return LogEvent(time: time, message: message)
    }

    private mutating func read() {
        buffer.removeSubrange(..<position)
        position = 0
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        do {
            let count = try piece.withUnsafeMutableBytes { try file.read(into: $0) }
            buffer += piece[..<count]
            isAtEnd = count == 0
        } catch {
            failure = error as? Errno ?? .ioError
            isAtEnd = true
        }
    }
}
