// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CYAML
import Diagnostics

/// libyaml's events for one text.
///
/// A class because libyaml keeps pointers into the parser and into the text: both stay where they are until `deinit`.
final class EventStream {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutableBufferPointer<UInt8>

    /// Nil when memory is short.
    init?(_ bytes: [UInt8]) {
        text = .allocate(capacity: bytes.count + 1)
        _ = text.initialize(from: bytes)
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            text.deallocate()
            return nil
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, text.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        text.deallocate()
    }

    /// One event, its C strings already copied.
    struct Event {
        var kind: Kind
        var start: SourcePosition
        var end: SourcePosition
    }

    enum Kind: Equatable {
        case streamStart, streamEnd, documentStart, documentEnd, listEnd, mapEnd
        case alias(String)
        case scalar(Scalar, anchor: String?, tag: String?)
        case listStart(anchor: String?, tag: String?, isFlow: Bool)
        case mapStart(anchor: String?, tag: String?, isFlow: Bool)
    }

    /// What libyaml says when it cannot go on.
    struct Failure: Error {
        var problem: String
        /// The line that libyaml counts from 0.
        var line: Int
        var position: SourcePosition
        var context: String?
        var contextPosition: SourcePosition
        var isOutOfMemory: Bool
    }

    func next() throws(Failure) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        return Event(kind: kind(of: event), start: position(event.start_mark), end: position(event.end_mark))
    }

    private func kind(of event: yaml_event_t) -> Kind {
        switch event.type {
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return .streamEnd
        case YAML_SEQUENCE_END_EVENT: return .listEnd
        case YAML_MAPPING_END_EVENT: return .mapEnd
        case YAML_ALIAS_EVENT: return .alias(string(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let data = event.data.scalar
            let bytes = UnsafeBufferPointer(start: data.value, count: data.length)
            let scalar = Scalar(text: String(decoding: bytes, as: UTF8.self), style: style(data.style))
            return .scalar(scalar, anchor: string(data.anchor), tag: string(data.tag))
        case YAML_SEQUENCE_START_EVENT:
            let data = event.data.sequence_start
            return .listStart(
                anchor: string(data.anchor), tag: string(data.tag), isFlow: data.style == YAML_FLOW_SEQUENCE_STYLE)
        case YAML_MAPPING_START_EVENT:
            let data = event.data.mapping_start
            return .mapStart(
                anchor: string(data.anchor), tag: string(data.tag), isFlow: data.style == YAML_FLOW_MAPPING_STYLE)
        default: return .streamStart
        }
    }

    private func style(_ style: yaml_scalar_style_t) -> Scalar.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: .literal
        case YAML_FOLDED_SCALAR_STYLE: .folded
        default: .plain
        }
    }

    private func failure() -> Failure {
        let state = parser.pointee
        return Failure(
            problem: state.problem.map { String(cString: $0) } ?? "unknown problem parsing YAML content",
            line: Int(state.problem_mark.line), position: position(state.problem_mark),
            context: state.context.map { String(cString: $0) }, contextPosition: position(state.context_mark),
            isOutOfMemory: state.error == YAML_MEMORY_ERROR)
    }

    /// libyaml counts lines and columns from 0, columns in code points.
    private func position(_ mark: yaml_mark_t) -> SourcePosition {
        SourcePosition(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    private func string(_ text: UnsafeMutablePointer<UInt8>?) -> String? {
        text.map { String(cString: $0) }
    }
}
