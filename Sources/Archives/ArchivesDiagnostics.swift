// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Files
internal import SystemPackage

extension ArchivesError: CustomStringConvertible {
    /// One sentence for a person.
    public var description: String {
        let reason = underlying.map { ": \($0.words)" } ?? ""
        let path = path.displayed
        return switch code {
        case .read: "could not read `\(path)`\(reason)"
        case .readPartly: "could read only a part of `\(path)`\(reason)"
        case .compress: "could not compress `\(path)`"
        case .name: "the name of `\(path)` is longer than a ZIP archive can hold"
        default: "could not write `\(path)`\(reason)"
        }
    }
}
