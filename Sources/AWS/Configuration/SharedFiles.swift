// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

/// `~/.aws/config` and `~/.aws/credentials`: profiles, and settings of services.
///
/// Source: "Shared config and credentials files", AWS SDKs and Tools Reference Guide; where it leaves something open, as
/// the AWS CLI reads them: a comment is a line of its own, names of keys are in any case.
struct SharedFiles: Equatable {
    struct Section: Equatable {
        /// By key in lower case.
        var values: [String: String] = [:]
        /// Indented below a key without a value.
        var nested: [String: [String: String]] = [:]
    }

    /// Of both files; where both have a key the credentials file counts.
    private(set) var profiles: [String: Section] = [:]
    /// `[services NAME]`.
    private(set) var services: [String: Section] = [:]
    /// Where they were looked for.
    private(set) var places: [FilePath] = []

    /// A file that is not there is empty.
    init(configuration: FilePath?, credentials: FilePath?) throws(AWSFailure) {
        for (path, isConfiguration) in [(configuration, true), (credentials, false)] {
            guard let path else { continue }
            places.append(path)
            guard let bytes = try Self.read(path) else { continue }
            try add(String(decoding: bytes, as: UTF8.self), path: path.string, isConfiguration: isConfiguration)
        }
    }

    private static func read(_ path: FilePath) throws(AWSFailure) -> [UInt8]? {
        do { return try FileContents.read(path, limit: 1 << 20) } catch {
            if error.underlying == .noSuchFileOrDirectory || error.underlying == .notDirectory { return nil }
            throw .unreadable(error.description)
        }
    }

    private mutating func add(_ text: String, path: String, isConfiguration: Bool) throws(AWSFailure) {
        var place: Place?
        var key: String?
        var isInSection = false
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = Self.trimmed(line)
            if words.isEmpty || words.hasPrefix("#") || words.hasPrefix(";") { continue }
            let isIndented = line.first == " " || line.first == "\t"
            if words.hasPrefix("["), !isIndented {
                guard let end = words.firstIndex(of: "]") else { throw .syntax(path, index + 1, "`]` is missing") }
                place = Self.place(
                    Self.trimmed(words[words.index(after: words.startIndex)..<end]), isConfiguration: isConfiguration)
                if let place { self[place] = self[place] }
                isInSection = true
                key = nil
                continue
            }
            guard isInSection else { throw .syntax(path, index + 1, "it stands before the first `[profile]`") }
            let halves = words.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if isIndented, let key {
                guard let place, halves.count == 2, self[place].values[key] == "" else { continue }
                self[place].nested[key, default: [:]][Self.trimmed(halves[0]).lowercased()] =
                    Self.trimmed(halves[1])
                continue
            }
            guard halves.count == 2, !Self.trimmed(halves[0]).isEmpty else {
                throw .syntax(path, index + 1, "it is neither `[section]` nor `key = value`")
            }
            let name = Self.trimmed(halves[0]).lowercased()
            key = name
            if let place { self[place].values[name] = Self.trimmed(halves[1]) }
        }
    }

    /// A section by its title.
    private enum Place {
        case profile(String)
        case service(String)
    }

    private subscript(_ place: Place) -> Section {
        get {
            switch place {
            case .profile(let name): profiles[name] ?? Section()
            case .service(let name): services[name] ?? Section()
            }
        }
        set {
            switch place {
            case .profile(let name): profiles[name] = newValue
            case .service(let name): services[name] = newValue
            }
        }
    }

    /// Where a section's values go; nil for those that are of no use here.
    private static func place(_ title: String, isConfiguration: Bool) -> Place? {
        if !isConfiguration || title == "default" { return .profile(title) }
        let words = title.split(maxSplits: 1, whereSeparator: \.isWhitespace)
        guard words.count == 2 else { return nil }
        var name = trimmed(words[1])
        if name.count >= 2, let quote = name.first, quote == "\"" || quote == "'", name.last == quote {
            name = String(name.dropFirst().dropLast())
        }
        switch words[0] {
        case "profile": return .profile(name)
        case "services": return .service(name)
        default: return nil
        }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var text = Substring(text)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
