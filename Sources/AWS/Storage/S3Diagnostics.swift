// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import Diagnostics

extension AWSFailure {
    static func invalidBucket(_ name: String) -> AWSFailure {
        AWSFailure(
            message: "aws: `\(DisplayText.escaped(String(name.prefix(100))))` cannot be a bucket's name",
            hints: ["a place in S3 is written `s3://bucket/prefix`"], code: .configuration)
    }

    static let stopped = AWSFailure(message: "stopped before it was done", code: .cancelled)

    static func unreadableContent(_ reason: String) -> AWSFailure {
        AWSFailure(message: "the file that is sent cannot be read: \(reason)", code: .file)
    }

    static func unwritable(_ reason: String) -> AWSFailure {
        AWSFailure(message: "the file for the answer cannot be written: \(reason)", code: .file)
    }

    static func noObject(_ name: String, _ subject: AWSSubject) -> AWSFailure {
        AWSFailure(
            message: "\(subject.store): there is no `\(DisplayText.escaped(name))`",
            sdkText: "NoSuchKey: The specified key does not exist. status code: 404, request id: ", code: .missing)
    }

    static func noBucket(_ name: String, _ subject: AWSSubject) -> AWSFailure {
        AWSFailure(
            message: "\(subject.store): there is no bucket `\(DisplayText.escaped(name))`",
            sdkText: "NoSuchBucket: The specified bucket does not exist status code: 404, request id: ", code: .missing)
    }

    static func tooLarge(_ name: String, _ limit: Int, _ subject: AWSSubject) -> AWSFailure {
        AWSFailure(
            message: "\(subject.store): `\(DisplayText.escaped(name))` is larger than \(limit) bytes", code: .tooLarge)
    }

    static func damaged(_ name: String, _ subject: AWSSubject) -> AWSFailure {
        AWSFailure(
            message: "\(subject.store): what comes of `\(DisplayText.escaped(name))` is not what was stored, twice",
            code: .damaged)
    }

    static func changed(_ name: String, _ subject: AWSSubject) -> AWSFailure {
        AWSFailure(
            message: "\(subject.store): `\(DisplayText.escaped(name))` changed while it was fetched, twice",
            code: .damaged)
    }
}
