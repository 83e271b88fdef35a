// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics
internal import Secrets

/// Reads the lines of an environment file, in one pass over its bytes.
struct EnvironmentFileParser {
    private(set) var variables: [EnvironmentFile.Entry] = []
    private(set) var diagnostics: [Diagnostic] = []
    private let bytes: [UInt8]
    private let path: String
    private let isLiteral: Bool
    private let names: EnvironmentFile.Names
    private var index = 0
    private var line = 1
    private var lineStart = 0
    private var placeOfName: [String: Int] = [:]

    private static let newline = UInt8(ascii: "\n")
    private static let maximumFindings = 100

    init(_ bytes: [UInt8], path: String, format: EnvironmentFile.Format, names: EnvironmentFile.Names) {
        self.bytes = bytes
        self.names = names
        self.path = path
        isLiteral = format == .literal
    }

    mutating func parse() {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            index = 3
            lineStart = 3
        }
        while index < bytes.count, diagnostics.count < Self.maximumFindings {
            do throws(Finding) { try parseLine() } catch { diagnostics.append(error.diagnostic) }
            skipLine()
        }
    }

    /// An error in a line, after which the next line is tried.
    private struct Finding: Error { var diagnostic: Diagnostic }

    // MARK: Lines

    private mutating func parseLine() throws(Finding) {
        skipBlanks()
        guard let first = current, first != UInt8(ascii: "#") else { return }
        if !isLiteral { skipExport() }
        let start = index
        while let byte = current, byte != UInt8(ascii: "=") {
            if byte == 0 { throw Finding(diagnostic: .holdsNUL(span(from: index, to: index + 1))) }
            index += 1
        }
        guard current != nil else {
            throw Finding(diagnostic: .expectedAssignment(span(from: start, to: index), isLiteral: isLiteral))
        }
        var end = index
        while !isLiteral, end > start, isBlank(bytes[end - 1]) { end -= 1 }
        guard start < end else { throw Finding(diagnostic: .missingName(span(from: index, to: index + 1))) }
        let place = span(from: start, to: end)
        guard names == .references || bytes[start..<end].allSatisfy(isNameByte) else {
            throw Finding(diagnostic: .invalidName(place))
        }
        let name = String(decoding: bytes[start..<end], as: UTF8.self)
        index += 1
        if !isLiteral { skipBlanks() }
        let valuePlace = span(from: index, to: index + 1)
        let content = try parseValue()
        guard let value = String(validating: content, as: UTF8.self) else {
            throw Finding(diagnostic: .notUTF8(valuePlace))
        }
        guard !content.contains(0) else { throw Finding(diagnostic: .holdsNUL(valuePlace)) }
        let size = EnvironmentLimits.size(name, .plain(value))
        guard size <= EnvironmentLimits.single else {
            throw Finding(diagnostic: .valueTooLarge(name, size: value.utf8.count, span: place))
        }
        add(EnvironmentFile.Entry(name: name, value: value, span: place))
    }

    private mutating func add(_ entry: EnvironmentFile.Entry) {
        if names == .variables, !VariableName.isIdentifier(entry.name) {
            diagnostics.append(.oddName(entry.name, entry.span))
        }
        if let earlier = placeOfName[entry.name] {
            diagnostics.append(.setAgain(entry.name, entry.span, first: variables[earlier].span))
            variables[earlier] = entry
        } else {
            placeOfName[entry.name] = variables.count
            variables.append(entry)
        }
    }

    private mutating func skipExport() {
        let word = Array("export".utf8)
        guard bytes[index...].starts(with: word), index + word.count < bytes.count,
            isBlank(bytes[index + word.count])
        else { return }
        let start = index
        index += word.count
        skipBlanks()
        // `export = 1` sets a variable named so.
        if current == UInt8(ascii: "=") { index = start }
    }

    // MARK: Values

    private mutating func parseValue() throws(Finding) -> [UInt8] {
        if isLiteral { return parseRestOfLine() }
        switch current {
        case UInt8(ascii: "'"): return try parseSingleQuoted()
        case UInt8(ascii: "\""): return try parseDoubleQuoted()
        default: return parseUnquoted()
        }
    }

    private mutating func parseRestOfLine() -> [UInt8] {
        let start = index
        while current != nil { index += 1 }
        return Array(bytes[start..<index])
    }

    private mutating func parseUnquoted() -> [UInt8] {
        let start = index
        while let byte = current {
            if byte == UInt8(ascii: "#"), index > start, isBlank(bytes[index - 1]) { break }
            index += 1
        }
        var end = index
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        return Array(bytes[start..<end])
    }

    private mutating func parseSingleQuoted() throws(Finding) -> [UInt8] {
        let start = index
        index += 1
        while let byte = current {
            if byte == UInt8(ascii: "'") {
                let content = Array(bytes[(start + 1)..<index])
                index += 1
                try expectEndOfLine()
                return content
            }
            index += 1
        }
        throw Finding(diagnostic: .unterminatedQuote("'", span(from: start, to: start + 1)))
    }

    private mutating func parseDoubleQuoted() throws(Finding) -> [UInt8] {
        let place = span(from: index, to: index + 1)
        let begin = (index: index, line: line, lineStart: lineStart)
        var content: [UInt8] = []
        index += 1
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                try expectEndOfLine()
                return content
            case UInt8(ascii: "\\"):
                parseEscape(into: &content)
            case UInt8(ascii: "\r") where index + 1 < bytes.count && bytes[index + 1] == Self.newline:
                index += 1
            case Self.newline:
                content.append(byte)
                passNewline()
            default:
                content.append(byte)
                index += 1
            }
        }
        // The lines that follow are looked at on their own, or one quote would hide every other finding.
        (index, line, lineStart) = begin
        throw Finding(diagnostic: .unterminatedQuote("\"", place))
    }

    private mutating func parseEscape(into content: inout [UInt8]) {
        index += 1
        guard index < bytes.count else { return }
        let byte = bytes[index]
        index += 1
        switch byte {
        case UInt8(ascii: "n"): content.append(Self.newline)
        case UInt8(ascii: "r"): content.append(UInt8(ascii: "\r"))
        case UInt8(ascii: "t"): content.append(UInt8(ascii: "\t"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "$"), UInt8(ascii: "`"): content.append(byte)
        case Self.newline:
            index -= 1
            passNewline()
        case UInt8(ascii: "\r") where index < bytes.count && bytes[index] == Self.newline:
            passNewline()
        default:
            content.append(UInt8(ascii: "\\"))
            index -= 1
        }
    }

    private mutating func expectEndOfLine() throws(Finding) {
        let end = index
        skipBlanks()
        guard let byte = current else { return }
        guard byte == UInt8(ascii: "#"), index > end else {
            throw Finding(diagnostic: .textAfterQuote(span(from: index, to: index + 1)))
        }
    }

    // MARK: Bytes

    /// The byte at hand, or nil at the end of the line or the file.
    private var current: UInt8? {
        guard index < bytes.count, bytes[index] != Self.newline else { return nil }
        if bytes[index] == UInt8(ascii: "\r"), index + 1 == bytes.count || bytes[index + 1] == Self.newline {
            return nil
        }
        return bytes[index]
    }

    private mutating func skipBlanks() {
        while index < bytes.count, isBlank(bytes[index]) { index += 1 }
    }

    private mutating func skipLine() {
        while index < bytes.count, bytes[index] != Self.newline { index += 1 }
        if index < bytes.count { passNewline() }
    }

    private mutating func passNewline() {
        index += 1
        line += 1
        lineStart = index
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private func isNameByte(_ byte: UInt8) -> Bool { VariableName.isAllowed(byte) }

    /// A stretch of the line at hand; columns count characters, so bytes that continue one are left out.
    private func span(from start: Int, to end: Int) -> SourceSpan {
        func column(_ place: Int) -> Int {
            let stop = min(place, bytes.count)
            return 1 + place - stop + bytes[min(lineStart, stop)..<stop].count(where: { $0 & 0xC0 != 0x80 })
        }
        return SourceSpan(
            path: path, start: SourcePosition(line: line, column: column(start)),
            end: SourcePosition(line: line, column: column(end)))
    }
}

/// What a variable may be called.
enum VariableName {
    /// Letters, digits, `_`, and of what shells cannot read `.` and `-`.
    static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Whether a shell can read it: POSIX, Base Definitions, 3.216 "Name".
    static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { isAllowed($0) && $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "-") }
    }

    /// CodeBuild keeps this beginning for itself.
    static func isReserved(_ name: String) -> Bool { name.hasPrefix("CODEBUILD_") }
}
