// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

/// Lays a YAML document out anew: two blanks a level, list items indented below their key, one blank line where there
/// were several, no blanks at line ends, one line feed at the end.
///
/// What it means stays what it was, and so does all that is written with intent: keys keep their order, scalars their
/// quotes, block scalars their text, flow collections their form, comments their words and their place.
public enum YAMLFormatter {
    /// The document in its new layout: UTF-8 without byte order mark, lines ended by LF.
    ///
    /// Before it is handed out, the new text is read again: what libyaml makes of it, its comments and the layout of the
    /// layout must be the same. Otherwise, and where a construct has no layout here, it throws.
    public static func format(_ source: SourceText, limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> [UInt8] {
        let document = try YAMLDocument(source, limits: limits)
        if let other = document.diagnostics.first(where: { $0.rule == YAMLRule.multipleDocuments.rawValue }) {
            throw YAMLError(.noLayout("a file of several documents", at: other.span))
        }
        let before = try Reading(source)
        let formatted = try before.written()
        let after: Reading
        let again: [UInt8]
        do {
            after = try Reading(SourceText(path: source.path, bytes: formatted))
            again = try after.written()
        } catch { throw YAMLError(.layoutChangesMeaning(source.path), isFault: true) }
        guard before.isSameDocument(as: after), formatted == again else {
            throw YAMLError(.layoutChangesMeaning(source.path), isFault: true)
        }
        return formatted
    }

    /// A text with what libyaml makes of it.
    private struct Reading {
        let text: LayoutText
        let events: [EventStream.Event]

        init(_ source: SourceText) throws(YAMLError) {
            guard let stream = EventStream(LayoutText.normalizedLines(source.bytes)) else {
                throw YAMLError(.outOfMemory(source.path))
            }
            var events: [EventStream.Event] = []
            do {
                while true {
                    let event = try stream.next()
                    events.append(event)
                    if case .streamEnd = event.kind { break }
                }
            } catch { throw YAMLError(SyntaxDiagnosis(error, in: source).diagnostic) }
            self.events = events
            text = try LayoutText(source, events: events)
        }

        func written() throws(YAMLError) -> [UInt8] {
            var builder = LayoutTree(text: text, events: events)
            let document = try builder.document()
            var writer = LayoutWriter(text: text)
            return Array(try writer.write(document).utf8)
        }

        func isSameDocument(as other: Reading) -> Bool {
            events.count == other.events.count
                && zip(events, other.events).allSatisfy { $0.kind == $1.kind }
                && text.comments.map(\.words) == other.text.comments.map(\.words)
        }
    }
}
