// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics
import YAML

extension Buildspec {
    /// The largest file that is read, in bytes. Callers read one byte more at most, and pass what they have.
    public static let maximumBytes = YAMLLimits().bytes

    /// Reads a buildspec.
    ///
    /// - Parameter lint: whether to look also for what is surely not meant though CodeBuild accepts it.
    /// - Returns: what a single build would run, nil when CodeBuild would reject the file; and every finding, by place.
    ///   Errors in `batch` are found too, but leave the buildspec: a single build does not read that section.
    public static func read(_ source: SourceText, lint: Bool) -> (buildspec: Buildspec?, diagnostics: [Diagnostic]) {
        let document: YAMLDocument
        do {
            document = try YAMLDocument(source)
        } catch {
            return (nil, [error.diagnostic])
        }
        let findings = Findings()
        for diagnostic in document.diagnostics { findings.warn { diagnostic } }
        var decoder = Decoder(source: source, findings: findings)
        let buildspec = decoder.decode(document)
        if lint, let root = document.root {
            var linter = Linter(source: source, root: root, partial: decoder.partial, findings: findings)
            linter.run()
        }
        let diagnostics = findings.all
        // Stable: of findings at one place the first found stays first.
        let order = diagnostics.indices.sorted { left, right in
            let (first, second) = (diagnostics[left].span?.start, diagnostics[right].span?.start)
            if let first, let second, first != second { return first < second }
            return left < right
        }
        let dropped = findings.droppedCount > 0 ? [Diagnostic.tooManyFindings(findings.droppedCount)] : []
        return (buildspec, order.map { diagnostics[$0] } + dropped)
    }
}
