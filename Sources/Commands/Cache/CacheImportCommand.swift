// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import AWS
internal import BuildCache
internal import BuildEngine
internal import BuildModel
internal import BuildStore
internal import CommandSyntax
internal import Diagnostics
internal import Files
internal import SystemPackage

/// `drydock cache import`.
struct CacheImportCommand: Action {
    static let name = "import"
    static var syntax: CommandSyntax {
        CommandSyntax(
            name, abstract: "Make a cache of an archive",
            discussion: """
                Reads what `drydock cache export` wrote, and with `--project` and `--path` any tar, tar.zst or ZIP file whose members \
                lie below `root/` and `source/`, or that CodeBuild saved to S3. It is unpacked in a sandbox; one with a \
                member outside the paths of the cache is refused as a whole.
                """,
            operands: Operands(
                "file", help: "The archive, also `s3://BUCKET/KEY`; `-` is standard input.", count: 1...1,
                completion: .files),
            groups: [
                OptionGroup("Options", [project, key, paths, AWSOptions.readingProfile, OutputOptions.json]),
                StateOptions.group,
            ])
    }

    private static let project = ValueOption(
        "project", placeholder: "name",
        help: "The project, or the namespace, whose cache it becomes (default: as in the archive).")
    private static let key = ValueOption("key", placeholder: "key", help: "Its key (default: as in the archive).")
    private static let paths = ListOption(
        "path", placeholder: "path",
        help: """
            A path of the cache as the buildspec names it; repeated, in the buildspec's order (default: as in the archive).
            """)

    private let file: String
    private let wish: CacheArchiver.Wish
    private let aws: AWSOptions
    private let json: Bool
    private let state: StateOptions

    init(_ words: ParsedWords) throws {
        file = words.operands.first ?? ""
        func text(_ option: ValueOption) throws -> String? {
            guard let word = words[option] else { return nil }
            guard !word.isEmpty else { throw CommandFailure.emptyOption("--\(option.specification.name)") }
            return String(decoding: Arguments.decode(word), as: UTF8.self)
        }
        let paths = words[Self.paths].map { String(decoding: Arguments.decode($0), as: UTF8.self) }
        // A buildspec's are expanded by the build's shell; there is none here.
        if let path = paths.first(where: { $0.utf8.contains { $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: "`") } }) {
            throw CommandFailure.pathWithVariable(path)
        }
        wish = CacheArchiver.Wish(namespace: try text(Self.project), key: try text(Self.key), paths: paths)
        aws = AWSOptions(words)
        json = words[OutputOptions.json]
        state = StateOptions(words)
    }

    func perform(_ terminal: Terminal) throws -> ExitMeaning {
        let builds = try state.store()
        do throws(BuildStoreError) { try builds.prepare() } catch { throw CommandFailure(error) }
        let session = CacheSession(builds, terminal)
        let archive =
            try S3Location.isMeant(by: file)
            ? ArchiveFile(SharedPlaces.bucket(file, of: "FILE", aws), beside: builds.directory, session)
            : ArchiveFile(file, beside: builds.directory, isCancelled: session.isCancelled)
        defer { withExtendedLifetime(archive) {} }
        let outcome = try session.perform { archiver throws(EngineError) in
            try archiver.unpack(archive.descriptor, shown: archive.shown, as: wish, now: Caller.now)
        }
        let entry: CacheEntry
        var isNew = false
        switch outcome {
        case .imported(let made, let sentences):
            for sentence in sentences { terminal.warn(sentence) }
            (entry, isNew) = (made, true)
            CacheUpkeep.startInBackground(stateDirectory: builds.directory, size: nil)
        case .alreadyThere(let there): entry = there
        }
        if json {
            terminal.print(Self.json(entry, isNew: isNew))
        } else {
            let words = isNew ? "imported \(entry.words)" : "\(entry.words) is there already, and stays as it is"
            terminal.print(words + "\n")
        }
        return terminal.meaning()
    }

    private static func json(_ entry: CacheEntry, isNew: Bool) -> [UInt8] {
        var writer = JSONWriter(isIndented: true, reservingCapacity: 512)
        writer.object { writer in
            writer.member("v", 1)
            writer.member("isNew", isNew)
            writer.object("entry") { entry.write(into: &$0) }
        }
        writer.newline()
        return writer.bytes
    }
}

/// An archive that can be read more than once.
struct ArchiveFile {
    /// As the user named it, for messages.
    let shown: String
    let descriptor: FileDescriptor
    /// Closes it.
    private let owner: AnyObject?

    /// - Parameter directory: on whose disk a pipe's content is kept.
    init(_ word: String, beside directory: FilePath, isCancelled: () -> Bool) throws {
        let path = word == "-" ? FilePath("standard input") : Arguments.path(word)
        shown = path.displayed
        do {
            let opened =
                word == "-"
                ? FileDescriptor.standardInput
                : try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
            let file = word == "-" ? nil : OpenFile(opened)
            defer { withExtendedLifetime(file) {} }
            let kind = try FileStatus(of: opened, path: path).kind
            if kind == .directory { throw FilesError(.read, path: path, underlying: .isDirectory) }
            guard kind != .regular else {
                (descriptor, owner) = (opened, file)
                return
            }
            let copy = try UnnamedFile(on: directory)
            defer { withExtendedLifetime(copy) {} }
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while !isCancelled() {
                let count = try buffer.withUnsafeMutableBytes { try opened.read(into: $0) }
                if count == 0 { break }
                _ = try copy.descriptor.writeAll(buffer[..<count])
            }
            (descriptor, owner) = (copy.descriptor, copy)
        } catch let error as Errno {
            throw CommandFailure(FilesError(.read, path: path, underlying: error), reading: path)
        } catch let error as FilesError {
            throw CommandFailure(error, reading: path)
        }
    }

    /// An object of a bucket.
    init(_ place: BucketPlace, beside directory: FilePath, _ session: CacheSession) throws {
        shown = place.name
        do {
            let copy = try UnnamedFile(on: directory)
            defer { withExtendedLifetime(copy) {} }
            _ = try place.bucket(session.isCancelled).get(place.location.prefix, to: copy.descriptor)
            (descriptor, owner) = (copy.descriptor, copy)
        } catch let error as AWSFailure {
            if session.stop.request != nil { throw CommandFailure(session.stop.meaning, "it was interrupted") }
            throw CommandFailure(.inputUnavailable, error.message, hints: error.hints)
        } catch let error as FilesError {
            throw CommandFailure.cannotWrite(error)
        }
    }

    private final class OpenFile {
        let descriptor: FileDescriptor
        init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }
        deinit { try? descriptor.close() }
    }
}

extension CommandFailure {
    fileprivate static func pathWithVariable(_ path: String) -> CommandFailure {
        CommandFailure(
            .wrongUse, "`--path` cannot be `\(DisplayText.escaped(path))`: no shell expands it",
            hints: ["write what it stands for in a build; `~` is the build's home"])
    }

    fileprivate init(_ error: FilesError, reading path: FilePath) { self.init(.inputUnavailable, "\(error)") }
}
