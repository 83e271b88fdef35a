// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Foundation
import HTTP
import SystemPackage
import TestSupport
import Testing

@testable import AWS

@Suite("S3, as moto plays it", .enabled(if: PythonServer.canImport(MotoServer.modules)))
struct S3BucketTests {
    private func bucket(_ name: String = "bucket", parts: S3Bucket.Limits? = nil) throws -> S3Bucket {
        S3Bucket(
            name, configuration: AWSFixture.configuration(try MotoServer.shared.get().address, AWSFixture.key),
            client: AWSFixture.client, limits: parts ?? S3Bucket.Limits(time: 60))
    }

    private func open(_ tree: TemporaryTree, _ name: FilePath, _ content: String = "") throws -> FileDescriptor {
        let file = try FileDescriptor.open(try tree.write(name, content), .readWrite)
        tree.atEnd { try? file.close() }
        return file
    }

    @Test(
        "an object comes back as it was stored, under any key",
        arguments: [
            ("plain", ""), ("a/b c+d&e=f?g#h%20i/é/*'()~.txt", "content\n"), ("/lead//double/../up", "x"),
            ("bytes", "long"),
        ])
    func roundTrip(_ key: String, _ content: String) throws {
        try TemporaryTree.with { tree in
            let bucket = try bucket()
            let content = content == "long" ? String(repeating: "0123456789", count: 300_000) : content
            let key = "round-trip/" + key
            var options = S3PutOptions()
            options.metadata = ["codebuild-buildarn": "arn:aws:codebuild:eu-west-1:1:build/a:b"]
            try bucket.put(key, from: try open(tree, "from", content), options: options)
            // What the file held before, and more of it, is gone.
            let target = try open(tree, "to", String(repeating: "old", count: 10_000))
            let object = try bucket.get(key, to: target)
            #expect(try tree.text("to") == content)
            #expect(object.byteCount == content.utf8.count)
            #expect(object.metadata["codebuild-buildarn"] == options.metadata["codebuild-buildarn"])
            #expect(object.sha256?.count == 64 && object.md5 == object.entityTag)
            #expect(try bucket.head(key) == object)
            #expect(try bucket.read(key, limit: 4 << 20) == Array(content.utf8))
            #expect(try bucket.list("round-trip/").map(\.key).contains(key))
            try bucket.delete([key, key])
            #expect(try bucket.head(key) == nil && bucket.read(key, limit: 1) == nil)
            #expect(throws: AWSFailure.self) { try bucket.get(key, to: target) }
        }
    }

    @Test("small contents go from and to memory, and a larger one than expected is not taken")
    func memory() throws {
        let bucket = try bucket("dotted.name")
        try bucket.put("small", bytes: Array("abc".utf8))
        #expect(try bucket.read("small", limit: 3) == Array("abc".utf8))
        #expect(try !bucket.put("small", bytes: [1], over: .absent))
        let tag = try #require(try bucket.content("small", limit: 3)?.entityTag)
        #expect(try !bucket.put("small", bytes: [1], over: .entityTag("0123")))
        #expect(try bucket.put("small", bytes: Array("abd".utf8), over: .entityTag(tag)))
        #expect(try bucket.read("small", limit: 3) == Array("abd".utf8))
        try bucket.put("large", bytes: [UInt8](repeating: 7, count: 200_000))
        for (key, limit) in [("small", 2), ("large", 100_000)] {
            let failure = #expect(throws: AWSFailure.self) { try bucket.read(key, limit: limit) }
            #expect(failure?.code == .tooLarge, "\(failure as Any)")
        }
    }

    @Test("listings go on from page to page, in the order of keys")
    func pages() throws {
        _ = try MotoServer.shared.get().ask(
            """
            s3 = client("s3")
            for number in range(1205):
                s3.put_object(Bucket="bucket", Key="many/%04d +é" % number, Body=b"x" * (number % 7))
            """)
        let objects = try bucket().list("many/")
        #expect(objects.count == 1205)
        #expect(objects.map(\.key) == objects.map(\.key).sorted() && objects[3].key == "many/0003 +é")
        #expect(objects[6].byteCount == 6 && objects[6].entityTag?.count == 32 && objects[6].modified != nil)
        #expect(try bucket().list("many/", limit: 1100).count == 1100)
        #expect(try bucket().list("nothing/").isEmpty)
    }

    @Test("a large content is sent in parts, and comes back whole")
    func parts() throws {
        try TemporaryTree.with { tree in
            var limits = S3Bucket.Limits(time: 60)
            // moto, as S3, wants five megabytes of each part but the last.
            (limits.singleBytes, limits.partBytes) = (6 << 20, 5 << 20)
            let bucket = try bucket(parts: limits)
            let content = String(repeating: "0123456789abcdef", count: 1 << 20) + "end"
            var options = S3PutOptions()
            options.metadata = ["a": "b"]
            try bucket.put("parts/large", from: try open(tree, "from", content), options: options)
            let object = try #require(try bucket.head("parts/large"))
            #expect(object.entityTag?.hasSuffix("-4") == true && object.metadata["a"] == "b")
            try bucket.get("parts/large", to: try open(tree, "to"))
            #expect(try tree.text("to") == content)
        }
    }

    @Test("encryption, access and type are told when an object is stored")
    func options() throws {
        let bucket = try bucket()
        var options = S3PutOptions()
        options.contentType = "text/plain"
        options.encryption = .key("alias/mine")
        options.ownerAccess = .full
        try bucket.put("options/key", bytes: [1], options: options)
        options.encryption = .managed
        options.ownerAccess = .read
        try bucket.put("options/managed", bytes: [1], options: options)
        let told = try MotoServer.shared.get().ask(
            """
            s3 = client("s3")
            for key in ["options/key", "options/managed"]:
                head = s3.head_object(Bucket="bucket", Key=key)
                print(head["ServerSideEncryption"], head.get("SSEKMSKeyId", "").split("/")[-1], head["ContentType"])
            """)
        #expect(told == "aws:kms mine text/plain\nAES256  text/plain\n")
        #expect(options.headers.contains(HTTPHeader("x-amz-acl", "bucket-owner-read")))
    }

    @Test("what S3 refuses is told in its words")
    func refusals() throws {
        let failure = #expect(throws: AWSFailure.self) { try bucket("no-such-bucket").list() }
        #expect(
            failure?.code == .missing && failure?.message.contains("says NoSuchBucket") == true, "\(failure as Any)")
        let name = #expect(throws: AWSFailure.self) { try bucket("no/bucket").list() }
        #expect(name?.code == .configuration)
    }
}
