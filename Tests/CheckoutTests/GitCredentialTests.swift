// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Checkout
import Secrets
import SystemPackage
import TestSupport
import Testing

@Suite("The credentials of git")
struct GitCredentialTests {
    /// What git says with this helper.
    private func ask(_ helper: String, seconds: Double = 20) throws -> GitCredential? {
        try TemporaryTree.with { tree in
            try tree.write("home/.gitconfig", "[credential]\n\thelper = \"!\(helper)\"\n")
            return try GitCredential.ask(
                host: "git.example.org", environment: ["HOME": tree.path("home").string, "PATH": "/usr/bin:/bin"],
                seconds: seconds, isCancelled: { false })
        }
    }

    @Test("are read line by line, whatever a value ends with")
    func lines() throws {
        let plain = try #require(try ask("printf 'username=me\\npassword=a=b c\\n'; :"))
        #expect(plain.username == "me" && plain.password == "a=b c" && plain.host == "git.example.org")
        // To Swift a carriage return and a line end are one character.
        let odd = try #require(try ask("printf 'username=me\\\\r\\npassword=hunter2\\\\r\\n'; :"))
        #expect(odd.password == "hunter2\r" || odd.password == "hunter2")
        #expect(try ask("printf 'username=me\\n'; :") == nil)
    }

    @Test("are not waited for without end")
    func late() {
        let error = #expect(throws: CheckoutError.self) { try ask("sleep 30; :", seconds: 0.5) }
        #expect(error?.message == "git did not say within 0 s what it knows of `git.example.org`")
    }

    @Test(
        "are asked for hosts of https alone",
        arguments: [
            ("https://github.com/a/b", "github.com"), ("HTTPS://me:pw@Host:8443/x", "host:8443"),
            ("http://github.com/a", nil), ("git@github.com:a/b", nil), ("https://a b/", nil), ("https:///x", nil),
            ("https://a%0ahost=b/", nil), ("https://a\nhost=b/", nil), ("https://a\r\nb/", nil), ("https://ä/", nil),
            ("https://good@evil/", "evil"), ("https://evil?@good/", "evil"), ("https://evil#@good", "evil"),
            ("https://[::1]:1/x", "[::1]:1"),
        ] as [(String, String?)])
    func hosts(_ url: String, _ host: String?) {
        #expect(GitCredential.host(of: url) == host)
    }
}
