// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Files
import Glibc
import SystemPackage
public import Testing

/// Expects a text to be what a file beside the test says; with `RECORD=1` writes the file instead.
///
/// Snapshots lie in `Snapshots/` beside the test file and are reviewed like code.
/// - Parameter name: of the snapshot, unique in its directory, with its extension.
public func expectSnapshot(
    _ text: String, _ name: String, filePath: String = #filePath, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let directory = FilePath(filePath).removingLastComponent().appending("Snapshots")
    let file = directory.appending(name)
    if let record = getenv("RECORD"), String(cString: record) == "1" {
        _ = try Directory.make(directory)
        try AtomicFile.write(Array(text.utf8), to: file)
        return
    }
    guard let expected = try? FileContents.read(file, limit: 16 << 20) else {
        Issue.record("no snapshot `\(name)`; record it with RECORD=1", sourceLocation: sourceLocation)
        return
    }
    #expect(text == String(decoding: expected, as: UTF8.self), sourceLocation: sourceLocation)
}
