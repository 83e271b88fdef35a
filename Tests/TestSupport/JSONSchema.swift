// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Foundation
public import SystemPackage

/// A JSON Schema (draft 2020-12), as far as the schemas of docs/schemas use it; a keyword that is not known here fails.
public struct JSONSchema {
    private let root: [String: Any]

    public init(_ path: FilePath) throws {
        let bytes = try FileContents.read(path, limit: 1 << 20)
        root = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] ?? [:]
    }

    /// What is wrong with a document, a line each; empty when it is valid.
    public func violations(in document: [UInt8]) -> [String] {
        guard let value = try? JSONSerialization.jsonObject(with: Data(document), options: .fragmentsAllowed) else {
            return ["not JSON: \(String(decoding: document.prefix(200), as: UTF8.self))"]
        }
        return check(value, root, "")
    }

    private func check(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
        var found: [String] = []
        for (keyword, operand) in schema {
            switch keyword {
            case "$schema", "$defs", "title", "description", "required", "additionalProperties": break
            case "$ref":
                let name = (operand as? String)?.split(separator: "/").last.map(String.init) ?? ""
                let definitions = root["$defs"] as? [String: Any]
                guard let target = definitions?[name] as? [String: Any] else {
                    return ["\(path): no definition \(name)"]
                }
                found += check(value, target, path)
            case "oneOf":
                let choices = (operand as? [[String: Any]] ?? []).map { check(value, $0, path) }
                guard choices.count(where: \.isEmpty) != 1 else { break }
                // The choice that fits best says most about what is wrong.
                let nearest = choices.filter { !$0.isEmpty }.min { $0.count < $1.count } ?? []
                found.append("\(path): fits \(choices.count(where: \.isEmpty)) of oneOf; nearest: \(nearest)")
            case "type":
                let names = operand as? [String] ?? [operand as? String ?? ""]
                if !names.contains(where: { Self.isType($0, value) }) { found.append("\(path): is not \(names)") }
            case "const": if !Self.isEqual(value, operand) { found.append("\(path): is not \(operand)") }
            case "enum":
                let values = operand as? [Any] ?? []
                if !values.contains(where: { Self.isEqual(value, $0) }) { found.append("\(path): \(value) of no enum") }
            case "minimum":
                if let number = value as? NSNumber, number.doubleValue < (operand as? NSNumber)?.doubleValue ?? 0 {
                    found.append("\(path): \(number) is too small")
                }
            case "pattern":
                let text = value as? String ?? ""
                if text.range(of: operand as? String ?? "", options: .regularExpression) == nil {
                    found.append("\(path): `\(text)` does not match")
                }
            case "items":
                for (index, element) in (value as? [Any] ?? []).enumerated() {
                    found += check(element, operand as? [String: Any] ?? [:], "\(path)/\(index)")
                }
            case "properties": found += checkMembers(value, schema, path)
            default: found.append("\(path): the keyword \(keyword) is not known")
            }
        }
        return found
    }

    private func checkMembers(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
        guard let members = value as? [String: Any] else { return [] }
        let properties = schema["properties"] as? [String: Any] ?? [:]
        var found: [String] = []
        for name in schema["required"] as? [String] ?? [] where members[name] == nil {
            found.append("\(path): \(name) is missing")
        }
        for (name, member) in members {
            if let property = properties[name] as? [String: Any] {
                found += check(member, property, "\(path)/\(name)")
            } else if schema["additionalProperties"] as? Bool == false {
                found.append("\(path): \(name) is not documented")
            }
        }
        return found
    }

    private static func isType(_ name: String, _ value: Any) -> Bool {
        let isBoolean = (value as? NSNumber).map { isTruthValue($0) } ?? false
        switch name {
        case "object": return value is [String: Any]
        case "array": return value is [Any]
        case "string": return value is String
        case "boolean": return isBoolean
        case "number": return value is NSNumber && !isBoolean
        case "integer":
            guard let number = value as? NSNumber, !isBoolean else { return false }
            return number.doubleValue == number.doubleValue.rounded()
        default: return false
        }
    }

    /// Foundation has one class for numbers and truth values.
    private static func isTruthValue(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }

    private static func isEqual(_ one: Any, _ other: Any) -> Bool { (one as? NSObject) == (other as? NSObject) }
}
