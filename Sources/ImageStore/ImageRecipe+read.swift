// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Archives
public import Diagnostics
internal import Files
internal import Glibc
public import SystemPackage
internal import YAML

extension ImageRecipe {
    /// The file that a recipe's directory holds.
    public static let fileName = "image.yml"

    /// Reads the recipe in a directory.
    /// - Parameters:
    ///   - displayed: the directory as the user named it, for messages.
    ///   - installed: names of recipes that there are besides, for messages too.
    /// - Returns: the recipe, its text, what is odd about it, and where in the text its words stand.
    public static func read(
        _ directory: FilePath, displayed: String, installed: [String] = []
    ) throws(ImageStoreError) -> (
        recipe: ImageRecipe, text: SourceText, warnings: [Diagnostic], places: RecipePlaces
    ) {
        let path = displayed == "." ? fileName : "\(displayed)/\(fileName)"
        let text: SourceText
        var files: [RecipeFile]
        do throws(FilesError) {
            let recipe = try Directory(directory)
            text = SourceText(path: path, bytes: try recipe.read(FilePath(fileName), limit: YAMLLimits().bytes))
            files = []
            if (try? recipe.status("files"))?.kind == .directory {
                try gather(recipe.directory("files"), "", into: &files)
            }
        } catch {
            throw .recipeUnreadable(path, error, installed: installed)
        }
        let (recipe, diagnostics, places) = parse(text)
        guard var recipe, !diagnostics.contains(where: { $0.severity == .error }) else {
            throw .recipeInvalid(diagnostics, text)
        }
        recipe.files = files
        return (recipe, text, diagnostics, places)
    }

    /// The names of the directories that hold a recipe, in order.
    public static func names(in directory: FilePath?) -> [String] {
        guard let directory, let entries = try? Directory(directory).entries() else { return [] }
        return entries.compactMap { String(validating: $0.name, as: UTF8.self) }
            .filter { ImageStore.isName($0) && isRecipe(directory.appending($0)) }.sorted()
    }

    /// Whether the directory holds a recipe, readable or not.
    public static func isRecipe(_ directory: FilePath) -> Bool {
        (try? Directory(directory).status(FilePath(fileName)))?.kind == .regular
    }

    /// Reads a recipe's text; nil when it cannot be used.
    static func parse(
        _ text: SourceText
    ) -> (recipe: ImageRecipe?, diagnostics: [Diagnostic], places: RecipePlaces) {
        let document: YAMLDocument
        do { document = try YAMLDocument(text) } catch {
            return (nil, [error.diagnostic.withoutVerdict], RecipePlaces())
        }
        var decoder = RecipeDecoder(source: text, diagnostics: document.diagnostics.map(\.withoutVerdict))
        let recipe = decoder.decode(document.root)
        return (recipe, decoder.diagnostics, decoder.places)
    }

    private static func gather(
        _ directory: Directory, _ prefix: String, into files: inout [RecipeFile]
    ) throws(FilesError) {
        let names = try directory.entries().map(\.name).sorted { $0.lexicographicallyPrecedes($1) }
        for name in names {
            let component = FilePath(bytes: name)
            let path = prefix + component.displayed
            let status = try directory.status(component)
            var content = ""
            var children: Directory?
            switch status.kind {
            case .regular: content = try digest(directory, component)
            case .symbolicLink: content = "link " + (try directory.readLink(component)).displayed
            case .directory:
                content = "directory"
                children = try directory.directory(component)
            default: throw FilesError(.notRegular, path: FilePath(path))
            }
            // Of a file's mode git keeps this one bit, and the caller's umask decides the rest.
            let isExecutable = status.kind == .regular && status.mode & 0o100 != 0
            files.append(RecipeFile(path: path, isExecutable: isExecutable, content: content))
            if let children { try gather(children, path + "/", into: &files) }
        }
    }

    private static func digest(_ directory: Directory, _ name: FilePath) throws(FilesError) -> String {
        let bytes = try directory.read(name, limit: 256 << 20)
        var digest = SHA256()
        bytes.withUnsafeBytes { digest.update($0) }
        return digest.finish()
    }
}

/// Turns a recipe's tree into a recipe. Nothing is guessed: an unknown key is an error, because an image that lacks what
/// the key meant would be found out only by a failing build.
struct RecipeDecoder {
    let source: SourceText
    var diagnostics: [Diagnostic]
    var places = RecipePlaces()

    static let keys = [
        "suite", "mirror", "components", "packages", "users", "environment", "runtimes", "commands",
    ]

    static let userKeys = ["id", "home", "shell", "groups"]

    mutating func decode(_ root: Node?) -> ImageRecipe? {
        guard let root, let entries = root.entries else {
            diagnostics.append(.recipeNotAMap(root, in: source))
            return nil
        }
        var recipe = ImageRecipe(suite: "")
        var hasSuite = false
        for entry in entries {
            switch key(entry) {
            case "suite":
                hasSuite = true
                places.suite = entry.value.span(in: source.path)
                if let suite = word(entry.value, .suite) { recipe.suite = suite }
            case "mirror": recipe.mirror = word(entry.value, .mirror)
            case "components": recipe.components = list(entry.value, .component)
            case "packages":
                recipe.packages = list(entry.value, .package)
                places.packages = spans(entry.value)
            case "users":
                recipe.users = map(entry).compactMap { user($0) }
                places.users = (entry.value.entries ?? []).map { $0.key.span(in: source.path) }
            case "environment": recipe.environment = map(entry).compactMap { variable($0) }
            case "runtimes":
                recipe.runtimes = map(entry).compactMap { entry in
                    guard let name = word(entry.key, .runtime) else { return nil }
                    return ImageRuntime(name: name, versions: list(entry.value, .version))
                }
            case "commands":
                recipe.commands = list(entry.value, .command)
                places.commands = spans(entry.value)
            default: diagnostics.append(.unknownRecipeKey(entry.key.span(in: source.path), key(entry), Self.keys))
            }
        }
        if !hasSuite { diagnostics.append(.suiteMissing(root, in: source)) }
        return recipe
    }

    private mutating func user(_ entry: Node.Entry) -> ImageRecipe.User? {
        guard let name = word(entry.key, .user) else { return nil }
        var user = ImageRecipe.User(name: name)
        if entry.value.isNull { return user }
        for field in map(entry) {
            switch key(field) {
            case "id":
                guard let text = word(field.value, .identifier) else { continue }
                user.identifier = Int(text)
            case "home": user.home = word(field.value, .path)
            case "shell": user.shell = word(field.value, .path)
            case "groups": user.groups = list(field.value, .user)
            default:
                diagnostics.append(
                    .unknownRecipeKey(
                        field.key.span(in: source.path), key(field), Self.userKeys))
            }
        }
        return user
    }

    private mutating func variable(_ entry: Node.Entry) -> ImageRecipe.Variable? {
        guard let name = word(entry.key, .variable) else { return nil }
        guard let scalar = entry.value.scalar else {
            diagnostics.append(.recipeText(entry.value, in: source))
            return nil
        }
        return ImageRecipe.Variable(name: name, value: scalar.isNull ? "" : scalar.text)
    }

    private func key(_ entry: Node.Entry) -> String { entry.key.scalar?.text ?? "" }

    private mutating func map(_ entry: Node.Entry) -> [Node.Entry] {
        if entry.value.isNull { return [] }
        guard let entries = entry.value.entries else {
            diagnostics.append(.recipeMap(entry.value, named: key(entry), in: source))
            return []
        }
        return entries
    }

    /// A list, or one scalar in its place.
    private mutating func list(_ node: Node, _ kind: RecipeWord) -> [String] {
        if node.isNull { return [] }
        return (node.items ?? [node]).compactMap { word($0, kind) }
    }

    private func spans(_ node: Node) -> [SourceSpan] {
        node.isNull ? [] : (node.items ?? [node]).map { $0.span(in: source.path) }
    }

    private mutating func word(_ node: Node, _ kind: RecipeWord) -> String? {
        guard let text = node.scalar?.text, !node.isNull else {
            diagnostics.append(.recipeText(node, in: source))
            return nil
        }
        guard kind.allows(text) else {
            diagnostics.append(.recipeWord(text, kind, at: node.span(in: source.path)))
            return nil
        }
        return text
    }
}

/// The words of a recipe, each with the grammar of the program that it is given to.
enum RecipeWord {
    case suite, mirror, component, package, user, identifier, path, variable, runtime, version, command

    /// Nothing that begins with `-` or has a blank gets through: the words become arguments of host programs.
    func allows(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 4096 else { return false }
        func all(_ allowed: String) -> Bool {
            text.utf8.allSatisfy { byte in
                Self.isAlphanumeric(byte) || allowed.utf8.contains(byte)
            }
        }
        switch self {
        case .suite, .component: return Self.isAlphanumeric(first) && all("-./_")
        case .mirror:
            return ["http://", "https://", "file:/", "copy:/"].contains { text.hasPrefix($0) }
                && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"'[]\\".utf8.contains($0) }
        // Source: Debian Policy 5.6.7, with apt-get's ways to name a version, release or architecture.
        case .package: return Self.isAlphanumeric(first) && all("+-.:=~/_")
        // Source: useradd(8).
        case .user:
            return text != "root" && text.utf8.count <= 32 && !Self.isDigit(first) && first != UInt8(ascii: "-")
                && text.utf8.allSatisfy {
                    Self.isDigit($0) || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-")
                        || $0 == UInt8(ascii: "_")
                }
        case .identifier: return text.utf8.count <= 5 && Int(text).map { (1...60_000).contains($0) } ?? false
        case .path:
            return text.hasPrefix("/")
                && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && !":\"'\\$`".utf8.contains($0) }
        case .variable:
            return !Self.isDigit(first) && all("_") && !text.hasPrefix("CODEBUILD_") && text != "HOME"
        case .runtime, .version: return Self.isAlphanumeric(first) && all("-._+")
        case .command: return !text.utf8.contains(0)
        }
    }

    /// What the word is, and what it may look like.
    var words: (what: String, hint: String) {
        switch self {
        case .suite: ("a suite", "a suite is a Debian release such as `bookworm`")
        case .mirror: ("a mirror", "a mirror is the URL of a Debian archive; without it this machine's own is used")
        case .component: ("a component", "a component is `main`, `contrib`, `non-free` or `non-free-firmware`")
        case .package: ("a package", "packages are named as for `apt-get install`")
        case .user: ("a user", "a name has small letters, digits, `-` and `_`, at most 32, and is not `root`")
        case .identifier: ("a user's id", "an id is a number from 1 to 60000")
        case .path: ("a path", "a path begins with `/`")
        case .variable:
            ("a variable", "a name has letters, digits and `_`; `HOME` and names with `CODEBUILD_` are CodeBuild's own")
        case .runtime: ("a runtime", "a runtime is named as below `runtime-versions` in a buildspec, such as `python`")
        case .version: ("a version", "versions are listed as `\"3.11\"`")
        case .command: ("a command", "a command is text without NUL")
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
