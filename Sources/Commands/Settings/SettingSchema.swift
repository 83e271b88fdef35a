// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildModel
internal import CommandSyntax

/// The JSON Schema of configuration files, made of the options themselves.
enum SettingSchema {
    static var json: [UInt8] {
        var writer = JSONWriter(isIndented: true)
        writer.object { writer in
            writer.member("$schema", "https://json-schema.org/draft/2020-12/schema")
            writer.member("title", "drydock.yml")
            writer.member("description", "Defaults for the options of `drydock run`; see docs/configuration.md.")
            writer.member("type", "object")
            writer.member("additionalProperties", false)
            writer.object("properties") { writer in
                for option in SettingKeys.options {
                    writer.object(named: option.name) { writer in
                        writer.member("description", option.help)
                        describe(option, &writer)
                    }
                }
            }
        }
        writer.newline()
        return writer.bytes
    }

    private static func describe(_ option: OptionSpecification, _ writer: inout JSONWriter) {
        guard option.takesValue else { return writer.member("type", "boolean") }
        guard option.isRepeatable else { return scalar(option, &writer) }
        writer.array("oneOf") { writer in
            writer.object { scalar(option, &$0) }
            writer.object { writer in
                writer.member("type", "array")
                writer.object("items") { scalar(option, &$0) }
            }
            if SettingKeys.isMap(option) {
                writer.object { writer in
                    writer.member("type", "object")
                    writer.object("additionalProperties") { scalar(option, &$0) }
                }
            }
        }
    }

    /// Text; a number or a boolean of YAML is the text that it is written as.
    private static func scalar(_ option: OptionSpecification, _ writer: inout JSONWriter) {
        if !option.words.isEmpty {
            writer.array("enum") { writer in
                for word in option.words { writer.element(word) }
            }
            return
        }
        if option.name == "compute" {
            writer.array("enum") { writer in
                for type in ComputeType.all { writer.element(type.name) }
            }
            return
        }
        writer.array("type") { writer in
            for type in ["string", "number", "boolean"] { writer.element(type) }
        }
        if let pattern = SettingKeys.patterns[option.name] {
            writer.member("pattern", pattern)
            writer.member("exclusiveMinimum", 0)
        }
    }
}
