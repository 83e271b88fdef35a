// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import BuildModel
import Diagnostics
import Files
import Glibc
public import ImageStore
import Processes
import Sandbox
import Secrets
public import SystemPackage

/// Makes an image of a recipe, in sandboxes of its own: package scripts never run as the caller.
///
/// First mmdebstrap makes a small system, from the host's programs, in a directory that is shown to a sandbox; then the
/// rest is installed in a second sandbox whose root that directory is. So the files belong to the ids that a build's own
/// root and users have, whoever calls; and when drydock ends, however, nothing goes on.
public struct ImageBuild {
    var store: ImageStore
    /// The directory with the recipe, absolute, and as the user named it.
    var directory: FilePath
    var displayed: String
    var name: String
    /// Builds although the recipe is the one that the image has.
    var isForced: Bool
    /// A directory of other recipes, for messages.
    var recipes: FilePath
    var surroundings: Surroundings

    /// What an image's build needs of the machine.
    public struct Surroundings {
        /// Where sandboxes have their scratch directories.
        public var sandboxes: FilePath
        public var launcher: FilePath
        /// The way to the network: proxies.
        public var environment: [(name: String, value: String)]
        public var clock: () -> Timestamp
        public var stop: any StopSource
        /// Told what is being done.
        public var announce: (Step) -> Void
        /// Given what the programs write.
        public var output: (UnsafeRawBufferPointer) -> Void

        public init(
            sandboxes: FilePath, launcher: FilePath, environment: [(name: String, value: String)],
            clock: @escaping () -> Timestamp, stop: any StopSource, announce: @escaping (Step) -> Void,
            output: @escaping (UnsafeRawBufferPointer) -> Void
        ) {
            self.sandboxes = sandboxes
            self.launcher = launcher
            self.environment = environment
            self.clock = clock
            self.stop = stop
            self.announce = announce
            self.output = output
        }
    }

    /// What is being done.
    public enum Step: Sendable, Equatable {
        /// Another drydock builds or removes an image.
        case waiting
        case bootstrap(suite: String)
        case furnish(packages: Int)
    }

    public enum Outcome: Sendable, Equatable {
        case built(ImageRecord)
        /// The image is there, of this very recipe.
        case unchanged(ImageRecord)
    }

    public init(
        store: ImageStore, directory: FilePath, displayed: String, name: String, isForced: Bool, recipes: FilePath,
        surroundings: Surroundings
    ) {
        self.store = store
        self.directory = directory
        self.displayed = displayed
        self.name = name
        self.isForced = isForced
        self.recipes = recipes
        self.surroundings = surroundings
    }

    public func run() throws(EngineError) -> Outcome {
        guard ImageStore.isName(name) else { throw EngineError(ImageStoreError.invalid(name: name)) }
        let recipe: ImageRecipe
        let text: SourceText
        let places: RecipePlaces
        do {
            (recipe, text, _, places) = try ImageRecipe.read(
                directory, displayed: displayed, installed: ImageRecipe.names(in: recipes))
        } catch { throw EngineError(error) }
        if let remedy = UserIdentifiers.remedyForSingleIdentifier { throw .singleIdentifier(remedy) }
        guard HostProcess.find("mmdebstrap", searchPath: Self.searchPath) != nil else { throw .bootstrapMissing }
        let change = try beginChange()
        let digest = recipe.digest(architecture: Self.architecture)
        if !isForced, let stored = try? store.open(name), stored.record.digest == digest {
            return .unchanged(stored.record)
        }
        do {
            let image = try change.newImage(name)
            do { try make(recipe, at: image.root) } catch let failure as ImageFailure {
                // Asked while what was made still fills the disk.
                let isFull = failure.isForWantOfSpace(at: image.root)
                throw failure.error(name, recipe, places, text, fullStore: isFull ? store.directory : nil)
            }
            let size = try measure(image.root)
            let record = ImageRecord(
                name: name, recipe: recipe, digest: digest, architecture: Self.architecture, directory: displayed,
                created: surroundings.clock(), size: size)
            try image.commit(record)
            return .built(record)
        } catch let error as ImageStoreError {
            throw EngineError(error)
        } catch let error as SandboxError {
            throw EngineError(error)
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(.internalFault, "\(error)", context: PhaseContext())
        }
    }

    private static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// As Debian names it.
    static var architecture: String {
        var name = utsname()
        uname(&name)
        let machine = withUnsafeBytes(of: &name.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return ["x86_64": "amd64", "aarch64": "arm64"][machine] ?? machine
    }

    private func beginChange() throws(EngineError) -> ImageChange {
        var isTold = false
        do {
            let change = try store.beginChange {
                if !isTold { surroundings.announce(.waiting) }
                isTold = true
                return surroundings.stop.request == nil
            }
            if let change { return change }
        } catch { throw EngineError(error) }
        throw .stopped(surroundings.stop.meaning)
    }

    // MARK: Making

    private func make(_ recipe: ImageRecipe, at root: FilePath) throws {
        let sources = AptSources(suite: recipe.suite, components: recipe.components)
        let scripts = ImageScripts(recipe, sources: sources)
        let (target, files) = ("/image", "/recipe")
        var shown = [SandboxSettings.SourceMount(hostPath: root, path: FilePath(target), isWritable: true)]
        if !recipe.files.isEmpty {
            shown.append(.init(hostPath: directory.appending("files"), path: FilePath(files)))
        }
        surroundings.announce(.bootstrap(suite: recipe.suite))
        let bootstrap = scripts.bootstrap(root: target, files: recipe.files.isEmpty ? nil : files)
        try run([(.bootstrap, bootstrap)], image: .host, sources: shown)
        surroundings.announce(.furnish(packages: recipe.packages.count))
        try run(scripts.furnish().map { ($0.part, $0.script) }, image: .unfinished(root), sources: [])
    }

    /// Bytes on the disk, asked of one who may look everywhere in it.
    private func measure(_ root: FilePath) throws -> Int {
        let reader = ImageBuildOutput(surroundings.stop) { _ in }
        try run([(.completion, "du -sxk / | cut -f 1")], image: .unfinished(root), sources: [], output: reader)
        return (Int(reader.tail.text.filter(\.isNumber)) ?? 0) * 1024
    }

    /// Runs the steps one after the other, in one sandbox, until one fails.
    private func run(
        _ steps: [(part: ImageScripts.Step.Part, script: String)], image: SandboxSettings.Image,
        sources: [SandboxSettings.SourceMount], output: ImageBuildOutput? = nil
    ) throws {
        let scratch = surroundings.sandboxes.appending("image-\(UInt64.random(in: .min ... .max))")
        let variables =
            [(name: "PATH", value: Self.searchPath), ("HOME", "/root"), ("LC_ALL", "C.UTF-8")]
            + surroundings.environment
        let settings = SandboxSettings(
            image: image, sources: sources,
            environment: variables.map { (name: $0.name, value: VariableValue.plain($0.value)) },
            scratchDirectory: scratch, launcher: surroundings.launcher)
        let sandbox = try Sandbox.start(try PreparedSandbox.prepare(settings))
        do {
            for (part, script) in steps {
                // What a step wrote says why that one failed.
                let output = output ?? ImageBuildOutput(surroundings.stop, surroundings.output)
                let request = CommandRequest(script: .isolated(script))
                let outcome = try sandbox.run(request, deadline: nil, sink: output)
                switch outcome {
                case .exited(0): continue
                case .stopped: throw EngineError.stopped(surroundings.stop.meaning)
                default: throw ImageFailure(part: part, outcome: outcome, output: output.tail.text)
                }
            }
        } catch {
            try? sandbox.close()
            throw error
        }
        // Nothing may write to the image when it gets its name.
        try sandbox.close()
    }
}

/// Takes what the programs write that make an image.
private final class ImageBuildOutput: OutputSink {
    private let stop: any StopSource
    private let pass: (UnsafeRawBufferPointer) -> Void
    private(set) var tail = OutputTail(limit: 4096)

    init(_ stop: any StopSource, _ pass: @escaping (UnsafeRawBufferPointer) -> Void) {
        self.stop = stop
        self.pass = pass
    }

    func receive(_ bytes: UnsafeRawBufferPointer) {
        tail.append(bytes)
        pass(bytes)
    }

    var blockedDescriptor: Int32? { nil }
    func resume() {}
    func tick() {}
    var stopRequest: StopRequest? { stop.request }
    var stopDescriptor: Int32? { stop.descriptor }
}
