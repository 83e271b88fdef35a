// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import BuildModel
import Foundation
import HTTP
import SystemPackage
import TestSupport
import Testing

@testable import AWS

/// Uploads in parts whose programs are gone: resumed by the next one, or taken back.
@Suite("Uploads that were broken off")
struct UploadJournalTests {
    private typealias Step = ScriptedServer.Step

    private static let content = String(repeating: "0123456789", count: 40_000)
    private static let digest = ContentDigest.sha256(Array(content.utf8))

    private func journal(_ tree: TemporaryTree) -> UploadJournal { UploadJournal(directory: tree.path("uploads")) }

    private func bucket(_ server: ScriptedServer, _ tree: TemporaryTree, time: Double = 30) -> S3Bucket {
        var limits = S3Bucket.Limits(time: time)
        (limits.singleBytes, limits.partBytes) = (100_000, 150_000)
        return S3Bucket(
            "bucket", configuration: AWSFixture.configuration("http://127.0.0.1:\(server.port)", AWSFixture.key),
            client: AWSFixture.client, limits: limits, journal: journal(tree))
    }

    private func put(_ bucket: S3Bucket, _ tree: TemporaryTree, resumes: Bool = true) throws -> AWSFailure? {
        let file = try FileDescriptor.open(try tree.write("from", Self.content), .readOnly)
        defer { try? file.close() }
        var options = S3PutOptions()
        options.resumesUpload = resumes
        do throws(AWSFailure) { try bucket.put("k", from: file, options: options) } catch { return error }
        return nil
    }

    /// The note that a killed program leaves.
    private func leave(
        _ identifier: String?, _ tree: TemporaryTree, _ server: ScriptedServer, age: Double = 60,
        resumable: Bool = true,
        sha256: String = digest, tags: [Int: String] = [:]
    ) throws {
        let note = journal(tree).begin(
            .init(
                place: .init(endpoint: "http://127.0.0.1:\(server.port)", bucket: "bucket"), key: "k", sha256: sha256,
                partSize: 150_000, encryption: "", isResumable: resumable,
                begun: Timestamp(seconds: Date().timeIntervalSince1970 - age)))
        if let identifier { try #require(note).begun(as: identifier) }
        try #require(note).sent(tags)
    }

    private func notes(_ tree: TemporaryTree) throws -> Int {
        try tree.listing("uploads").filter { $0 != "uploads/" }.count
    }

    private func begun(_ name: String = "new") -> Step {
        Step.answer(200, "<InitiateMultipartUploadResult><UploadId>\(name)</UploadId></InitiateMultipartUploadResult>")
            .to("POST /bucket/k?uploads")
    }
    private let part = Step.answer(200, headers: ["ETag": "\"p\""]).to("PUT")
    private let completed = Step.answer(200, "<CompleteMultipartUploadResult/>").to("POST /bucket/k?uploadId")
    private let aborted = [Step.answer(204).to("DELETE"), Self.gone.to("DELETE")]
    private static let gone = Step.answer(404, "<Error><Code>NoSuchUpload</Code><Message>w</Message></Error>")

    private func lines(_ server: ScriptedServer) throws -> [String] {
        try server.requests().map { "\($0.method) \($0.path)" }
    }

    @Test("parts that are known, or are listed as they should be, are not sent again; then nothing is noted")
    func resumes() throws {
        try TemporaryTree.with { tree in
            let second = hexadecimal(ContentDigest.md5(Array(Self.content.utf8.dropFirst(150_000).prefix(150_000))))
            let listing = """
                <ListPartsResult><Part><PartNumber>2</PartNumber><ETag>"\(second)"</ETag><Size>150000</Size></Part>\
                <Part><PartNumber>3</PartNumber><ETag>"other"</ETag><Size>100000</Size></Part></ListPartsResult>
                """
            let server = try ScriptedServer([.answer(200, listing).to("GET"), part, completed], in: tree)
            try leave("old", tree, server, age: 120)
            try leave("last", tree, server, tags: [1: "\"one\""])
            #expect(try put(bucket(server, tree), tree) == nil)
            let requests = try server.requests()
            #expect(requests.filter { $0.method == "PUT" }.map(\.path) == ["/bucket/k?partNumber=3&uploadId=last"])
            #expect(requests.last?.body.contains("&quot;one&quot;") == true)
            #expect(requests.last?.body.contains(second) == true)
            #expect(try notes(tree) == 1, "the older one is for who tidies up")
        }
    }

    @Test("another content, an old upload and one that a live program is at are not gone on with")
    func notResumed() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([begun(), part, completed], in: tree)
            try leave("other", tree, server, sha256: String(repeating: "0", count: 64))
            try leave("aged", tree, server, age: 13 * 3600)
            try leave("artifact", tree, server, resumable: false)
            try leave("live", tree, server)
            let place = UploadJournal.Place(endpoint: "http://127.0.0.1:\(server.port)", bucket: "bucket")
            let held = journal(tree).dead(place).filter { $0.identifier == "live" }
            #expect(try put(bucket(server, tree), tree) == nil)
            #expect(try lines(server).filter { $0.contains("uploadId") }.allSatisfy { $0.contains("uploadId=new") })
            #expect(try notes(tree) == 4)
            withExtendedLifetime(held) {}
        }
    }

    @Test("what killed programs left is taken back, and nothing of live ones, other buckets and half a line")
    func tidy() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer(aborted, in: tree)
            try leave("dead", tree, server)
            try leave("live", tree, server)
            let place = UploadJournal.Place(endpoint: "http://127.0.0.1:\(server.port)", bucket: "bucket")
            let held = journal(tree).dead(place).filter { $0.identifier == "live" }
            try tree.write("uploads/half", "{\"v\":1,\"endpoi")
            let bucket = bucket(server, tree)
            bucket.tidy(keepsResumable: true)
            #expect(try lines(server).isEmpty)
            bucket.tidy()
            #expect(
                try lines(server) == ["DELETE /bucket/k?uploadId=dead", "DELETE /bucket/k?uploadId=dead"],
                "until S3 says that there is no such upload")
            #expect(try notes(tree) == 1)
            withExtendedLifetime(held) {}
        }
    }

    @Test("what cannot be taken back stays noted")
    func refused() throws {
        try TemporaryTree.with { tree in
            let refusal = Step.answer(403, "<Error><Code>AccessDenied</Code><Message>w</Message></Error>")
            let server = try ScriptedServer([refusal], in: tree)
            try leave("dead", tree, server)
            bucket(server, tree).tidy()
            #expect(try notes(tree) == 1)
        }
    }

    @Test("nobody who answers: what can be gone on with stays, and the next one goes on; the rest is taken back")
    func unreachable() throws {
        try TemporaryTree.with { tree in
            let server = try ScriptedServer(
                [begun(), Step.hang.to("partNumber=2"), part, completed] + aborted, in: tree)
            let failure = try put(bucket(server, tree, time: 3), tree)
            #expect(failure?.code == .unreachable, "\(failure as Any)")
            #expect(try notes(tree) == 1)
            #expect(try lines(server).allSatisfy { !$0.hasPrefix("DELETE") })
            let further = try ScriptedServer([begun("wrong"), part, completed, Step.answer(404).to("GET")], in: tree)
            // The same service at another address is another one.
            #expect(try put(bucket(further, tree), tree) == nil)
            #expect(try notes(tree) == 1)
        }
        try TemporaryTree.with { tree in
            let server = try ScriptedServer([begun(), Step.hang.to("PUT")] + aborted, in: tree)
            #expect(try put(bucket(server, tree, time: 3), tree, resumes: false)?.code == .unreachable)
            #expect(try notes(tree) == 0)
            #expect(try lines(server).last == "DELETE /bucket/k?uploadId=new")
        }
    }

    @Test("an upload that somebody ended meanwhile is begun anew, once")
    func endedMeanwhile() throws {
        try TemporaryTree.with { tree in
            let steps = [
                Step.answer(404).to("GET"), Self.gone.to("uploadId=last"), Step.answer(404).to("HEAD"), begun(), part,
                completed,
            ]
            let server = try ScriptedServer(steps, in: tree)
            try leave("last", tree, server)
            #expect(try put(bucket(server, tree), tree) == nil)
            #expect(try lines(server).filter { $0.hasPrefix("POST /bucket/k?uploads") }.count == 1)
            #expect(try notes(tree) == 0)
        }
    }

    @Test("an upload whose beginning was not answered is looked for, and taken back when no part ever came")
    func unanswered() throws {
        try TemporaryTree.with { tree in
            func upload(_ key: String, _ name: String, age: Double) -> String {
                let time = Timestamp(seconds: Date().timeIntervalSince1970 - age).rfc3339
                return "<Upload><Key>\(key)</Key><UploadId>\(name)</UploadId><Initiated>\(time)</Initiated></Upload>"
            }
            let listing =
                "<ListMultipartUploadsResult>" + upload("k", "lost", age: 1000) + upload("k2", "longer", age: 1000)
                + upload("k", "busy", age: 1000) + upload("k", "later", age: 10) + upload("k", "known", age: 1000)
                + "</ListMultipartUploadsResult>"
            let parts =
                "<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>x</ETag><Size>1</Size></Part></ListPartsResult>"
            let server = try ScriptedServer(
                [
                    Step.answer(200, listing).to("uploads="), Step.answer(200, parts).to("uploadId=busy"),
                    Step.answer(200, "<ListPartsResult xmlns=\"x\"></ListPartsResult>").to("GET /bucket/k?part"),
                ] + aborted, in: tree)
            try leave(nil, tree, server, age: 60)
            bucket(server, tree).tidy()
            #expect(try lines(server).isEmpty, "it may be on its way")
            #expect(try notes(tree) == 1)
            try leave(nil, tree, server, age: 1005)
            try leave("known", tree, server)
            let place = UploadJournal.Place(endpoint: "http://127.0.0.1:\(server.port)", bucket: "bucket")
            let held = journal(tree).dead(place).filter { $0.identifier == "known" }
            bucket(server, tree).tidy()
            let removed = try lines(server).filter { $0.hasPrefix("DELETE") }
            #expect(Set(removed) == ["DELETE /bucket/k?uploadId=lost"], "\(removed)")
            #expect(try notes(tree) == 2)
            withExtendedLifetime(held) {}
        }
    }

    @Test(
        "of an upload that was killed in nothing is left at moto, and the object is whole",
        .enabled(if: PythonServer.canImport(MotoServer.modules)))
    func moto() throws {
        try TemporaryTree.with { tree in
            let server = try MotoServer.shared.get()
            let text = String(repeating: "0123456789abcdef", count: 1 << 20)
            let path = try tree.write("from", text)
            let names = try server.ask(
                """
                s3 = client("s3")
                content = open("\(path)", "rb").read()
                for key in ["broken/x", "broken/y"]:
                    upload = s3.create_multipart_upload(Bucket="bucket", Key=key)["UploadId"]
                    for number in [1, 3]:
                        body = content[(number - 1) * (5 << 20):][:5 << 20]
                        s3.upload_part(Bucket="bucket", Key=key, UploadId=upload, PartNumber=number, Body=body)
                    s3.upload_part(Bucket="bucket", Key=key, UploadId=upload, PartNumber=2, Body=b"other")
                    print(upload)
                """
            ).split(separator: "\n").map(String.init)
            var limits = S3Bucket.Limits(time: 60)
            (limits.singleBytes, limits.partBytes) = (6 << 20, 5 << 20)
            let bucket = S3Bucket(
                "bucket", configuration: AWSFixture.configuration(server.address, AWSFixture.key),
                client: AWSFixture.client, limits: limits, journal: journal(tree))
            for (key, name) in zip(["broken/x", "broken/y"], names) {
                journal(tree).begin(
                    .init(
                        place: .init(endpoint: server.address, bucket: "bucket"), key: key,
                        sha256: ContentDigest.sha256(Array(text.utf8)), partSize: 5 << 20, encryption: "",
                        isResumable: true, begun: Timestamp(seconds: Date().timeIntervalSince1970 - 60))
                )?.begun(as: name)
            }
            var options = S3PutOptions()
            options.resumesUpload = true
            let file = try FileDescriptor.open(path, .readOnly)
            defer { try? file.close() }
            try bucket.put("broken/x", from: file, options: options)
            bucket.tidy()
            let left = try server.ask(
                """
                s3 = client("s3")
                print([u["Key"] for u in s3.list_multipart_uploads(Bucket="bucket").get("Uploads", []) if "broken" in u["Key"]])
                print(s3.get_object(Bucket="bucket", Key="broken/x")["Body"].read() == open("\(path)", "rb").read())
                """)
            #expect(left == "[]\nTrue\n")
            #expect(try notes(tree) == 0)
        }
    }
}
