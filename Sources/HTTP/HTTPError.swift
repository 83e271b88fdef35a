// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// Why there is no response.
public struct HTTPError: Error, Sendable, Equatable, CustomStringConvertible {
    public var code: Code
    /// One sentence, with nothing secret in it.
    public var message: String
    public var hints: [String]

    public init(_ code: Code, _ message: String, hints: [String] = []) {
        self.code = code
        self.message = message
        self.hints = hints
    }

    public var description: String { message }

    public enum Code: UInt8, Sendable, CaseIterable {
        /// The request itself cannot be sent: its address, a header, its file of certificates.
        case invalidRequest
        /// No address for the host's name, or the proxy's.
        case unknownHost
        /// Nobody listens there, or no way leads there.
        case cannotConnect
        /// The other side is not who it should be, or no common TLS.
        case insecure
        case timedOut
        /// The connection broke.
        case interrupted
        /// What came is no HTTP.
        case malformed
        case tooLarge
        /// The caller did not want it any more.
        case cancelled
        /// `drydock-http` cannot be started, ended early, or is of another build.
        case program
        /// A file that is sent cannot be read, or one that is to take the answer cannot be written.
        case file
    }
}
