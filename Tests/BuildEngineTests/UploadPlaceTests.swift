// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Testing

@testable import BuildEngine

@Suite("Keys of uploaded artifacts")
struct UploadPlaceTests {
    /// The table of `ProjectArtifacts`, AWS CodeBuild API Reference, and the buildspec reference's `s3-prefix`.
    @Test(
        "are CodeBuild's",
        arguments: [
            ("MyArtifacts", true, "MyArtifact.zip", nil, true, "MyArtifacts/b-1/MyArtifact.zip"),
            ("MyArtifacts", false, "MyArtifact.zip", nil, true, "MyArtifacts/MyArtifact.zip"),
            ("", false, "/", nil, false, ""),
            ("MyArtifacts", true, "/", nil, false, "MyArtifacts/b-1"),
            ("MyArtifacts", true, "/", nil, true, "MyArtifacts/b-1"),
            // An object has to have a name.
            ("", false, "/", nil, true, "local.zip"),
            ("/p//", false, "app", nil, false, "p/app"),
            ("p", true, "app", "pre", true, "pre/b-1/app.zip"),
            ("p", true, "app", "pre", false, "pre/b-1/app"),
            ("p", false, "app", "pre", true, "p/app"),
        ] as [(String, Bool, String, String?, Bool, String)])
    func keys(
        _ path: String, _ hasIdentifier: Bool, _ name: String, _ prefix: String?, _ isZip: Bool, _ expected: String
    ) {
        var place = UploadPlace(bucket: "bucket")
        (place.path, place.hasBuildIdentifier, place.name) = (path, hasIdentifier, name)
        let key = place.key(name: "spec", fileName: "local.zip", prefix: prefix, build: "b-1", isZip: isZip)
        #expect(key == expected)
    }

    @Test("without a project are those of the files here")
    func own() {
        var place = UploadPlace(bucket: "bucket")
        #expect(place.key(name: "spec", fileName: "l.zip", prefix: "x", build: "b", isZip: true) == "spec")
        #expect(place.key(name: nil, fileName: "l.zip", prefix: "x", build: "b", isZip: true) == "l.zip")
        (place.path, place.keepsFileNames) = ("a/b", true)
        #expect(place.key(name: "spec", fileName: "d/l.zip", prefix: nil, build: "b", isZip: true) == "a/b/d/l.zip")
    }
}
