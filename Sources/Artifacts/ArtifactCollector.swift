// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Files
internal import SystemPackage

/// Collects what a build leaves.
///
/// It reads a tree that the build made and may have filled with anything: nothing outside that tree is read, nothing
/// blocks, and whatever is left out is named in a warning. Rules and log lines are CodeBuild's ("Build specification
/// reference for CodeBuild", artifacts); what those leave open is listed in docs/differences.md.
public struct ArtifactCollector {
    private let tree: any TreeOpener

    /// - Parameter tree: the root of the sandbox, after all of the build's processes have ended.
    public init(tree: any TreeOpener) {
        self.tree = tree
    }

    /// Collects one artifact.
    ///
    /// The artifact takes its place when it is complete, and an older one stays whole until then. A ZIP file is
    /// replaced. So is a directory that an earlier call made; one that somebody else made, with something in it, is not:
    /// as below an S3 prefix, files of the same path are replaced and others stay.
    /// - Parameters:
    ///   - log: CodeBuild's own lines, without their prefix.
    ///   - warn: one sentence for each thing that is not in the artifact though a pattern names it.
    ///   - isCancelled: asked at least once for each file.
    public func collect(
        _ request: ArtifactRequest, log: (String) -> Void, warn: (String) -> Void, isCancelled: () -> Bool
    ) throws(ArtifactsError) -> ArtifactResult {
        let name = try ArtifactName(request)
        // The closures are only called while this call lasts.
        let outcome: Result<ArtifactResult, ArtifactsError> = withoutActuallyEscaping(log) { log in
            withoutActuallyEscaping(warn) { warn in
                withoutActuallyEscaping(isCancelled) { isCancelled in
                    do throws(ArtifactsError) {
                        var selector = ArtifactSelector(
                            tree: tree, request: request, log: log, warn: warn, isCancelled: isCancelled)
                        var layout = ArtifactLayout(try selector.select(), request: request)
                        layout.settleCollisions(shown: selector.shown, warn: warn)
                        let packer = ArtifactPacker(
                            tree: tree, request: request, layout: layout, shown: selector.shown, warn: warn,
                            isCancelled: isCancelled)
                        return .success(try packer.pack(name))
                    } catch { return .failure(error) }
                }
            }
        }
        return try outcome.get()
    }
}
