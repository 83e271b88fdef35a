// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CCurl
import CLinux
import Glibc
import HTTP
import SystemPackage

/// The loop: takes requests, moves all transfers on, tells how they ended.
struct Service {
    /// What Secrets Manager and its like take from one client at once without complaint.
    private static let mostConnectionsToAHost = 16

    private let multi: OpaquePointer
    private var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
    private var incoming = HTTPMessageStream()
    /// That came with the first bytes of messages which are not whole yet.
    private var files: [FileDescriptor] = []

    init?() {
        guard let multi = curl_multi_init() else { return nil }
        self.multi = OpaquePointer(multi)
        _ = curl_multi_set_number(multi, CURLMOPT_MAX_HOST_CONNECTIONS, Self.mostConnectionsToAHost)
    }

    private var handle: UnsafeMutableRawPointer { UnsafeMutableRawPointer(multi) }

    mutating func serve() {
        while true {
            var running: Int32 = 0
            guard curl_multi_perform(handle, &running) == CURLM_OK else { exit(3) }
            tellEnds()
            var input = curl_waitfd(fd: STDIN_FILENO, events: Int16(CURL_WAIT_POLLIN), revents: 0)
            // It wakes up by itself for what libcurl has to do in time.
            guard curl_multi_poll(handle, &input, 1, 60_000, nil) == CURLM_OK else { exit(3) }
            if input.revents != 0 { receive() }
        }
    }

    private mutating func receive() {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var file: Int32 = -1
        let count = linux_receive(STDIN_FILENO, &buffer, buffer.count, &file)
        if file >= 0 { files.append(FileDescriptor(rawValue: file)) }
        // Nobody is there any more who would read an answer.
        if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { exit(0) }
        if count > 0 { incoming.append(buffer[..<count]) }
        do {
            while let message = try incoming.next() { accept(try HTTPCommand(message, files: &files)) }
        } catch {
            // Of another build; our end tells.
            let words: StaticString = "a message that is not understood\n"
            write(STDERR_FILENO, words.utf8Start, words.utf8CodeUnitCount)
            exit(4)
        }
    }

    private mutating func accept(_ command: HTTPCommand) {
        switch command {
        case .settings(let variables):
            // libcurl reads them with getenv(3). What is set now is not in what /proc shows as the environment.
            for variable in variables { setenv(variable.name, variable.value, 1) }
        case .request(let number, let request):
            do throws(HTTPError) {
                let transfer = try Transfer(number, request)
                guard curl_multi_add_handle(handle, transfer.handle) == CURLM_OK else {
                    throw HTTPError(.program, "libcurl takes no more requests")
                }
                transfers[transfer.handle] = transfer
            } catch {
                tell(HTTPReply(number: number, result: .failure(error)))
            }
        }
    }

    private mutating func tellEnds() {
        var code = CURLE_OK
        while let ended = curl_multi_next_ended(handle, &code) {
            curl_multi_remove_handle(handle, ended)
            guard let transfer = transfers.removeValue(forKey: ended) else { continue }
            tell(HTTPReply(number: transfer.number, result: transfer.result(code)))
        }
    }

    private func tell(_ reply: HTTPReply) {
        let bytes = HTTPMessageStream.framed(reply.encode())
        var position = 0
        while position < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(
                    STDOUT_FILENO, $0.baseAddress?.advanced(by: position), bytes.count - position,
                    Int32(MSG_NOSIGNAL))
            }
            if count > 0 { position += count } else if errno != EINTR { exit(0) }
        }
    }
}
