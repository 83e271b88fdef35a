// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel

/// Moments as AWS and HTTP write them.
enum AWSTime {
    /// `20150830T123600Z`, as signatures have it.
    static func basic(_ time: Timestamp) -> String {
        let text = time.rfc3339
        return text.prefix { $0 != "." }.filter { $0 != "-" && $0 != ":" } + "Z"
    }

    /// `2026-01-02T03:04:05Z`, with a fraction or an offset as the case may be.
    ///
    /// Source: RFC 3339, section 5.6.
    static func internet(_ text: String) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54 || bytes[10] == 0x20,
            bytes[13] == 0x3A, bytes[16] == 0x3A, let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
            let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]),
            let second = number(bytes[17..<19])
        else { return nil }
        var rest = bytes[19...]
        if rest.first == 0x2E { rest = rest.dropFirst().drop { (0x30...0x39).contains($0) } }
        let offset: Int
        switch rest.first {
        case 0x5A, 0x7A: offset = 0
        case let sign? where rest.count == 6 && (sign == 0x2B || sign == 0x2D):
            guard let hours = number(rest.dropFirst().prefix(2)), let minutes = number(rest.suffix(2)) else {
                return nil
            }
            offset = (sign == 0x2B ? 1 : -1) * (hours * 3600 + minutes * 60)
        default: return nil
        }
        return Timestamp(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
            .map { Timestamp(seconds: $0.seconds - Double(offset)) }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers send.
    ///
    /// Source: RFC 9110, section 5.6.7.
    static func web(_ text: String) -> Timestamp? {
        let words = text.split { $0 == " " || $0 == ":" || $0 == "," }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 8, words[7] == "GMT", let month = months.firstIndex(of: String(words[2])),
            let day = number(words[1].utf8), let year = number(words[3].utf8), let hour = number(words[4].utf8),
            let minute = number(words[5].utf8), let second = number(words[6].utf8)
        else { return nil }
        return Timestamp(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second)
    }

    private static func number(_ digits: some Collection<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1) - 0x30 }
    }
}
