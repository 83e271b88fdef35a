// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import ArgumentParser

// argument-parser takes an empty value as a value; no option of drydock's means anything by one.
extension Option where Value == String {
    static func requireText(_ values: [String], _ name: String) throws {
        if values.contains(where: \.isEmpty) { throw CommandFailure.emptyOption(name) }
    }

    static func requireText(_ value: String?, _ name: String) throws {
        if let value { try requireText([value], name) }
    }
}
