// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
internal import Files
public import SystemPackage

/// A file of variables, one `NAME=VALUE` a line ("dotenv").
///
/// - Empty lines and lines that begin with `#` are skipped; `export ` before a name is allowed, and blanks around `=`.
/// - An unquoted value is literal up to the line's end or a ` #`, without the blanks around it.
/// - A value in single quotes is literal and ends on its line.
/// - A value in double quotes may have several lines; `\n`, `\r`, `\t`, `\"`, `\\`, `\$` and `` \` `` stand for those
///   characters, a backslash at a line's end joins the lines, any other backslash is literal.
/// - After a closing quote only a comment may follow. Nothing is expanded: `$` is a dollar sign.
///
/// ``Format/literal`` is simpler, and what AWS's local agent reads.
///
/// The findings carry places but must never be drawn with their source line, which may hold a secret.
public struct EnvironmentFile: Sendable {
    /// The path as the user wrote it.
    public var path: String
    /// In file order, each name once.
    public var variables: [Entry]
    /// Errors and warnings, in file order; at most 100.
    public var diagnostics: [Diagnostic]

    /// How the lines are read.
    public enum Format: String, Sendable, CaseIterable {
        /// As above.
        case dotenv
        /// What stands behind the first `=` is the value, to the line's end: quotes, blanks and `#` are part of it.
        ///
        /// Source: `local_builds/codebuild_build.sh` of aws/aws-codebuild-docker-images, "File format expectations":
        /// lines that begin with `#` and blank lines are ignored, and "there is no special handling of quotation marks".
        case literal
    }

    /// What stands before the `=`.
    enum Names {
        /// Names of variables.
        case variables
        /// Names of parameters and secrets: any text without `=`.
        case references
    }

    /// A variable and the place of its name.
    public struct Entry: Sendable, Equatable {
        public var name: String
        public var value: String
        public var span: SourceSpan
    }

    /// Files above this size are refused: no environment is that large.
    public static let maximumSize = 8 << 20

    /// Parses a file's bytes.
    /// - Parameter path: for the findings' places.
    public static func parse(_ source: [UInt8], path: String, format: Format = .dotenv) -> EnvironmentFile {
        parse(source, path: path, format: format, names: .variables)
    }

    static func parse(
        _ source: [UInt8], path: String, format: Format = .dotenv, names: Names
    ) -> EnvironmentFile {
        var parser = EnvironmentFileParser(source, path: path, format: format, names: names)
        parser.parse()
        return EnvironmentFile(path: path, variables: parser.variables, diagnostics: parser.diagnostics)
    }

    /// Reads and parses a file.
    ///
    /// Only a regular file is read, so that a fifo or a device can neither block nor fill the memory.
    /// - Throws: when it cannot be read, or has errors; warnings stay in `diagnostics`.
    public static func read(
        _ path: FilePath, format: Format = .dotenv
    ) throws(EnvironmentError) -> EnvironmentFile {
        let name = path.displayed
        let bytes: [UInt8]
        do throws(FilesError) {
            bytes = try FileContents.read(path, limit: maximumSize)
        } catch {
            switch error.code {
            case .notRegular: throw EnvironmentError.notRegular(name)
            case .tooLarge: throw EnvironmentError.fileTooLarge(name, limit: maximumSize)
            default: throw EnvironmentError.cannotRead(name, error.underlying?.words ?? error.code.verb)
            }
        }
        let file = parse(bytes, path: name, format: format)
        guard !file.diagnostics.contains(where: { $0.severity == .error }) else {
            throw EnvironmentError.invalidFile(name, file.diagnostics)
        }
        return file
    }
}

// Nobody says of a file's values whether they are secret.
extension EnvironmentFile.Entry: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(name)=\(SecretMask.replacement)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}
