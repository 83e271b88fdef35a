// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import SystemPackage

/// What is asked of a server: one attempt, redirects not followed.
///
/// Descriptions tell the method and the address without its query; values of headers and bodies may be secret.
public struct HTTPRequest: Sendable, Equatable {
    public var method: String
    /// `http` or `https`, percent-encoded as it is to be sent.
    public var url: String
    public var headers: [HTTPHeader]
    public var body: Body
    /// Seconds until a connection must stand, TLS included.
    public var connectTimeLimit: Double
    /// Seconds for the whole, which a deadline given to the client may shorten.
    public var timeLimit: Double
    /// Seconds for which next to nothing may move, before or behind the headers; nil for as long as `timeLimit`.
    public var stallTimeLimit: Double?
    /// Where the body of a good answer goes.
    public var sink = Sink.memory
    /// The largest response body that is taken, in bytes.
    public var responseLimit: Int
    /// A file of certificates in PEM form, instead of the system's.
    public var certificateAuthorities: String?
    /// Whether proxies named in the user's environment count.
    public var usesProxy: Bool

    public init(
        method: String, url: String, headers: [HTTPHeader] = [], body: Body = .bytes([]), connectTimeLimit: Double = 5,
        timeLimit: Double = 30, responseLimit: Int = 4 << 20, certificateAuthorities: String? = nil,
        usesProxy: Bool = true
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.connectTimeLimit = connectTimeLimit
        self.timeLimit = timeLimit
        self.responseLimit = responseLimit
        self.certificateAuthorities = certificateAuthorities
        self.usesProxy = usesProxy
    }

    /// What is sent after the headers.
    public enum Body: Sendable, Equatable {
        case bytes([UInt8])
        case file(FilePart)
    }

    /// A part of an open file, which `drydock-http` reads itself: it does not pass through drydock's memory.
    ///
    /// The file is read by position; where its descriptor stands does not count. It has to stay open for the call.
    public struct FilePart: Sendable, Equatable {
        public var file: FileDescriptor
        public var offset: Int
        public var count: Int

        public init(_ file: FileDescriptor, offset: Int = 0, count: Int) {
            self.file = file
            self.offset = offset
            self.count = count
        }
    }

    /// Where the body of an answer goes.
    public enum Sink: Sendable, Equatable {
        /// Into the response, up to `responseLimit`.
        case memory
        /// Into an open file, without a limit: that of a 206 from this offset, that of a 200 from the beginning, all of
        /// the file being cut off first. Any other status's goes into the response, as does what is no answer at all.
        /// What had come of a body that breaks off stays in the file.
        case file(FileDescriptor, offset: Int)
    }

    /// The address without what may be secret: its query, and a name and password before its host.
    public var displayAddress: String { Self.displayed(url) }

    /// An address without what may be secret.
    public static func displayed(_ url: String) -> String {
        let address = url.prefix { $0 != "?" && $0 != "#" }
        guard let scheme = address.firstRange(of: "://") else { return String(address) }
        let authority = address[scheme.upperBound...].prefix { $0 != "/" }
        guard let sign = authority.lastIndex(of: "@") else { return String(address) }
        return address[..<scheme.upperBound] + "***@" + address[address.index(after: sign)...]
    }
}

public struct HTTPHeader: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What a server answered, of whatever status.
public struct HTTPResponse: Sendable, Equatable {
    public var status: Int
    /// In the server's order; of a final response only.
    public var headers: [HTTPHeader]
    public var body: [UInt8]

    public init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The value of the first header of that name, in whatever case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

// MARK: Descriptions

extension HTTPHeader: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(name): ***" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}

extension HTTPRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(method) \(displayAddress)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["method": method, "address": displayAddress]) }
}

extension HTTPResponse: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(status), \(body.count) bytes" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["status": status, "headers": headers]) }
}
