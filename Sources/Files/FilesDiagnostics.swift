// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

extension FilesError: CustomStringConvertible {
    /// One sentence for a person: "could not open `a/b`: permission denied".
    public var description: String {
        var text = "could not \(code.verb) `\(path.displayed)`"
        if let reason { text += ": \(reason)" }
        return text
    }

    private var reason: String? {
        switch code {
        case .tooLarge: "it is larger than \(limit.map(Self.size) ?? "what is read of such a file")"
        case .notRegular: "it is not a regular file"
        default: underlying.map(\.words)
        }
    }
}

extension FilesError {
    private static func size(_ bytes: Int) -> String {
        let units = [(1 << 20, "MiB"), (1 << 10, "KiB")]
        guard let unit = units.first(where: { bytes >= $0.0 && bytes % $0.0 == 0 }) else { return "\(bytes) bytes" }
        return "\(bytes / unit.0) \(unit.1)"
    }
}

extension Errno {
    /// The kernel's reason as it stands inside a sentence: "no space left on device".
    public var words: String {
        let text = description
        guard let first = text.first, text.dropFirst().first?.isLowercase ?? false else { return text }
        return first.lowercased() + text.dropFirst()
    }
}
