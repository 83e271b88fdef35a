// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildModel
internal import HTTP

// What is left of uploads in parts whose programs were killed, by the notes of them in the journal.
extension S3Bucket {
    /// An upload that takes longer is begun anew: by then a rule of the bucket may have taken what it was made of.
    static let resumeSeconds = 12 * 3600.0
    /// As long lasts an upload at most whose beginning was not answered, and of which no part came.
    private static let silenceSeconds = 900.0

    /// Takes back what programs of this machine that are gone have begun here. What cannot be taken back now is tried again
    /// the next time; none of it is worth a failure.
    /// - Parameter keepsResumable: leaves those that somebody may go on with.
    /// - Parameter below: the beginning of the keys of which those are taken back too.
    public func tidy(keepsResumable: Bool = false, below: String? = nil) {
        guard let journal, let place = try? uploadPlace() else { return }
        let notes = journal.dead(place)
        guard !notes.isEmpty,
            let call = try? S3Call(self, action: "s3:AbortMultipartUpload", within: 60, isCancelled: isCancelled)
        else { return }
        for note in notes {
            let age = call.session.now.seconds - note.upload.begun.seconds
            if isCancelled() { return }
            guard let identifier = note.identifier else {
                if age > Self.silenceSeconds, removeUnanswered(note, journal, call) { note.end() }
                continue
            }
            let isBelow = below.map(note.upload.key.hasPrefix) ?? false
            if keepsResumable, !isBelow, note.upload.isResumable, age < Self.resumeSeconds { continue }
            if call.abort(note.upload.key, identifier) { note.end() }
        }
    }

    func uploadPlace() throws(AWSFailure) -> UploadJournal.Place {
        let settings: AWSSettings
        if let known = self.settings { settings = known } else { settings = try configuration.settings() }
        return .init(endpoint: settings.configuredEndpoint(.storage)?.address ?? "", bucket: name)
    }

    /// An upload may have been begun although its answer never came: one of that key and that moment of which there is no
    /// part, and which nobody knows.
    /// - Returns: whether nothing is left to be done.
    private func removeUnanswered(_ note: UploadNote, _ journal: UploadJournal, _ call: S3Call) -> Bool {
        var request = S3Request("GET", nil)
        request.query = [("encoding-type", "url"), ("prefix", note.upload.key), ("uploads", "")]
        guard let outcome = try? call.perform([request])[0] else { return false }
        // Who may not list them cannot do anything about it later either.
        guard let response = try? call.answer(outcome) else { return outcome.refusal?.status == 403 }
        let known = journal.identifiers()
        var isDone = true
        for upload in XMLText(response.body).elements("Upload") {
            guard upload.text("Key").flatMap(S3Object.decoded) == note.upload.key,
                let identifier = upload.text("UploadId"), !known.contains(identifier),
                let time = upload.text("Initiated").flatMap(AWSTime.internet),
                abs(time.seconds - note.upload.begun.seconds) < Self.silenceSeconds
            else { continue }
            guard let parts = call.parts(note.upload.key, identifier) else {
                isDone = false
                continue
            }
            if parts.isEmpty { isDone = call.abort(note.upload.key, identifier) && isDone }
        }
        return isDone
    }
}

extension S3Call {
    /// A part as S3 lists it.
    struct Part {
        var number: Int
        var tag: String
        var byteCount: Int
    }

    /// The parts that are there; nil where that is not told.
    func parts(_ key: String, _ upload: String) -> [Part]? {
        var parts: [Part] = []
        var marker: String? = "0"
        while let after = marker {
            var request = S3Request("GET", key)
            request.query = [("part-number-marker", after), ("uploadId", upload)]
            guard let outcome = try? perform([request])[0], let response = try? answer(outcome) else { return nil }
            let document = XMLText(response.body)
            guard document.isRooted(in: "ListPartsResult") else { return nil }
            parts += document.elements("Part").compactMap { part in
                guard let number = part.text("PartNumber").flatMap({ Int($0) }), let tag = part.text("ETag"),
                    let count = part.text("Size").flatMap({ Int($0) })
                else { return nil }
                return Part(number: number, tag: tag, byteCount: count)
            }
            let next = document.text("IsTruncated") == "true" ? document.text("NextPartNumberMarker") : nil
            // A server that goes round in circles.
            marker = next == after ? nil : next
        }
        return parts
    }

    /// Parts that no object is made of cost money until somebody removes them. One that was on its way may arrive after the
    /// first removal.
    ///
    /// Source: `AbortMultipartUpload`, Amazon S3 API Reference.
    /// - Returns: whether nothing of it is left.
    func abort(_ key: String, _ upload: String) -> Bool {
        var request = S3Request("DELETE", key)
        request.query = [("uploadId", upload)]
        var isGone = false
        for _ in 0..<3 {
            guard let outcome = try? perform([request])[0] else { return isGone }
            if outcome.refusal?.status == 404 { return true }
            guard (try? answer(outcome)) != nil else { return isGone }
            isGone = true
        }
        return isGone
    }
}
