// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

internal import BuildEngine
internal import BuildStore
internal import CommandSyntax
internal import Glibc
internal import ImageStore
internal import Sandbox
internal import SystemPackage

/// `--image`: what the build's `/` is.
struct ImageOption {
    static let option = ValueOption(
        "image", placeholder: "image", completion: ImageListCommand.names(beside: ["host"]),
        help:
            "The root file system: `host` (the default), the name of an image that `drydock image build` has made, or "
            + "`dir:PATH` for an unpacked one.")

    private let word: String
    private let state: StateOptions

    init(_ words: ParsedWords) {
        word = words[Self.option] ?? "host"
        state = StateOptions(words)
    }

    var isHost: Bool { word == "host" }
    /// The name of an image of the store; nil for another kind of root.
    var name: String? { !isHost && ImageStore.isName(word) ? word : nil }

    func apply(to request: inout BuildRequest) throws {
        request.storedImage = nil
        if word == "host" {
            request.image = .host
        } else if word.hasPrefix("dir:"), word != "dir:" {
            let path = Arguments.path(String(word.dropFirst(4)))
            // One directory is one image, however it is written: a kept state goes on in that of its build.
            request.image = .directory(
                Self.resolved(path.isAbsolute ? path : try Caller.currentDirectory().pushing(path)))
        } else if ImageStore.isName(word) {
            if let remedy = UserIdentifiers.remedyForSingleIdentifier {
                throw CommandFailure(EngineError.singleIdentifier(remedy))
            }
            let images = try state.store().images
            let image: StoredImage
            do throws(ImageStoreError) { image = try images.open(word) } catch {
                throw CommandFailure(EngineError(error))
            }
            request.image = .named(word, root: image.root)
            request.storedImage = image
        } else {
            throw CommandFailure.imageByName(word)
        }
    }

    /// The same path without links and `..`; one that leads nowhere stays, for the message about it.
    private static func resolved(_ path: FilePath) -> FilePath {
        guard let text = path.withPlatformString({ realpath($0, nil) }) else { return path }
        defer { free(text) }
        return FilePath(platformString: text)
    }
}

extension BuildStore {
    /// The images beside the builds.
    var images: ImageStore {
        let launcher = Caller.launcher
        return ImageStore(directory: directory.appending("images"), recipes: Caller.recipes) { version in
            UserIdentifiers.removeTree(version, launcher: launcher)
        }
    }
}
