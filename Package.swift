// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

// The plan of the house: targets stand in floor order, one line each. A target imports only lower floors and only what
// its line names; `Tests/ArchitectureTests` holds the code to it. Why each floor exists: docs/architecture.md.
import PackageDescription

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

// lld is in every toolchain, and links in a second where gold takes forty. The flags are unsafe only in that nobody may
// depend on this package by version, and nobody does: it is an application.
let fastLinker = LinkerSetting.unsafeFlags(["-use-ld=lld"])
let staticProgram = LinkerSetting.unsafeFlags(["-static-executable"])
let staticRelease = LinkerSetting.unsafeFlags(["-static-executable"], .when(configuration: .release))

let package = Package(
    name: "drydock",
    products: [.executable(name: "drydock", targets: ["drydock"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    ],
    targets: [
        // Floor 0 · what C gives: six system libraries, and the Linux calls that Swift's Glibc module lacks; and numbers
        // and bytes as our programs tell them one another.
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "CLinux"),
        .target(name: "CStart"),
        .target(name: "Wire"),

        // Floor 1 · words: values that travel between the floors.
        .target(name: "Diagnostics"),
        .target(name: "BuildModel"),
        .target(name: "SandboxPlan", dependencies: ["Wire"]),

        // Floor 2 · tools: each hides one outside thing.
        .target(name: "Files", dependencies: ["CLinux", systemPackage]),
        .target(name: "Secrets", dependencies: ["Diagnostics"]),
        .target(name: "YAML", dependencies: ["CYAML", "Diagnostics"]),
        .target(name: "CommandSyntax", dependencies: ["Diagnostics"]),
        .target(name: "Processes", dependencies: ["CLinux", systemPackage]),
        .target(name: "HTTP", dependencies: ["CLinux", "Processes", "Wire", systemPackage]),
        .target(name: "TextPatterns"),
        .target(name: "Watch", dependencies: ["Files", "Processes", systemPackage]),
        .target(name: "Archives", dependencies: ["CDeflate", "CLinux", "CZlib", "Files", crypto, systemPackage]),

        // Floor 3 · the user's own word.
        .target(name: "Buildspec", dependencies: ["YAML", "Diagnostics", "Secrets"]),
        .target(name: "CommandExecution", dependencies: ["Processes"]),

        // Floor 4 · parts: none knows another; the engine alone composes them.
        .target(
            name: "BuildEnvironment",
            dependencies: ["Buildspec", "Diagnostics", "Files", "Processes", "Secrets", "YAML", systemPackage]),
        .target(
            name: "Sandbox",
            dependencies: [
                "CommandExecution", "SandboxPlan", "Processes", "Files", "Secrets", "CLinux", "Wire", systemPackage,
            ]),
        .target(
            name: "SecretVault", dependencies: ["Diagnostics", "Files", "Secrets", "YAML", crypto, systemPackage]),
        .target(name: "Projects", dependencies: ["YAML", "Diagnostics", "Files", "TextPatterns", systemPackage]),
        .target(
            name: "AWS",
            dependencies: [
                "BuildModel", "Diagnostics", "Files", "HTTP", "Processes", "Secrets", "YAML", crypto, systemPackage,
            ]),
        .target(name: "Scaffold", dependencies: ["Diagnostics", "Files", "YAML", systemPackage]),
        .target(
            name: "DirectExecution",
            dependencies: ["CommandExecution", "Processes", "Files", "Secrets", "CLinux", systemPackage]),
        .target(name: "Checkout", dependencies: ["Processes", "Files", "Secrets", systemPackage]),
        .target(name: "Artifacts", dependencies: ["Buildspec", "Archives", "Files", systemPackage]),
        .target(name: "BuildStore", dependencies: ["BuildModel", "Files", systemPackage]),
        .target(
            name: "BuildCache",
            dependencies: ["Archives", "BuildModel", "CLinux", "Diagnostics", "Files", "YAML", systemPackage]),
        .target(
            name: "ImageStore",
            dependencies: [
                "Archives", "BuildModel", "CLinux", "Diagnostics", "Files", "Processes", "YAML", systemPackage,
            ]),

        // Floor 5 · the engine: plans a build, drives the phase machine, performs its actions through floor 4.
        .target(
            name: "BuildEngine",
            dependencies: [
                "Artifacts", "BuildCache", "BuildEnvironment", "BuildModel", "Buildspec", "Checkout", "Diagnostics",
                "Files",
                "CommandExecution", "DirectExecution", "ImageStore", "Processes", "Sandbox", "Secrets", "TextPatterns",
                "Wire", systemPackage,
            ]),

        // Floor 6 · faces: what a person or a pipeline sees.
        .target(name: "Console", dependencies: ["BuildModel", "Diagnostics"]),
        .target(
            name: "Commands",
            dependencies: [
                "AWS", "Archives", "Artifacts", "BuildCache", "BuildEngine", "BuildEnvironment", "BuildModel",
                "BuildStore",
                "Buildspec", "CLinux",
                "Checkout", "CommandExecution", "CommandSyntax", "Console", "Diagnostics", "DirectExecution", "Files",
                "HTTP", "ImageStore", "Processes", "Projects", "Sandbox", "SandboxPlan", "Scaffold", "SecretVault",
                "Secrets",
                "Watch", "Wire", "YAML", systemPackage,
            ]),

        // Floor 7 · programs. Fully static: no library is looked for at each start, and drydock-init runs in any root file
        // system.
        .executableTarget(
            name: "drydock", dependencies: ["Commands", "CStart"], exclude: ["Packaging"],
            linkerSettings: [fastLinker, staticRelease]),
        .executableTarget(
            name: "drydock-init", dependencies: ["SandboxPlan", "CLinux", "Wire"],
            linkerSettings: [fastLinker, staticProgram]),
        .executableTarget(
            name: "codebuild-hash-files", dependencies: ["Archives", "Files", systemPackage],
            linkerSettings: [
                // What swift-crypto takes of Foundation wants these, and a debug build does not say so by itself.
                fastLinker, staticProgram, .linkedLibrary("_FoundationCollections"),
                .linkedLibrary("_FoundationCShims"),
            ]),
        // Not static: libcurl wants the system's TLS, certificates and name service. It is started only by who needs it.
        .executableTarget(
            name: "drydock-http", dependencies: ["CCurl", "CLinux", "HTTP", systemPackage], linkerSettings: [fastLinker]
        ),
        // Nor this one, for libarchive's sake.
        .executableTarget(
            name: "drydock-archive",
            dependencies: ["CArchive", "CLinux", "CZstd", "Diagnostics", "Files", "Wire", "YAML", systemPackage],
            linkerSettings: [fastLinker]),

        // Tests · one target a library, and those that prove the whole.
        .target(
            name: "TestSupport", dependencies: ["Files", "Processes", systemPackage], path: "Tests/TestSupport",
            linkerSettings: [fastLinker]),
        .testTarget(
            name: "AWSTests",
            dependencies: [
                "AWS", "BuildModel", "Diagnostics", "HTTP", "Processes", "Secrets", "TestSupport", systemPackage,
            ]),
        .testTarget(name: "ArchitectureTests", dependencies: ["TestSupport", systemPackage]),
        .testTarget(
            name: "ArtifactsTests",
            dependencies: ["Artifacts", "Buildspec", "Diagnostics", "Files", "TestSupport", systemPackage]),
        .executableTarget(
            name: "CacheSaver", dependencies: ["BuildCache", "BuildModel", "Files", systemPackage],
            path: "Tests/CacheSaver", linkerSettings: [fastLinker]),
        .testTarget(
            name: "BuildCacheTests",
            dependencies: ["BuildCache", "BuildModel", "Files", "Processes", "TestSupport", systemPackage]),
        .testTarget(
            name: "BuildEngineTests",
            dependencies: [
                "BuildEngine", "BuildEnvironment", "BuildModel", "CommandExecution", "Diagnostics", "Files",
                "ImageStore",
                "Processes", "Sandbox", "TestSupport", systemPackage,
            ], exclude: ["Snapshots"]),
        .testTarget(
            name: "BuildEnvironmentTests",
            dependencies: [
                "BuildEnvironment", "Buildspec", "Diagnostics", "Files", "Secrets", "TestSupport", systemPackage,
            ]),
        .testTarget(name: "BuildModelTests", dependencies: ["BuildModel"]),
        .testTarget(
            name: "BuildspecTests",
            dependencies: ["BuildCache", "Buildspec", "Console", "Diagnostics", "Secrets", "YAML", systemPackage]),
        .testTarget(
            name: "BuildStoreTests", dependencies: ["BuildModel", "BuildStore", "Files", "TestSupport", systemPackage]),
        .testTarget(
            name: "CheckoutTests", dependencies: ["Checkout", "Files", "Secrets", "TestSupport", systemPackage]),
        .testTarget(name: "CommandSyntaxTests", dependencies: ["CommandSyntax"]),
        .testTarget(name: "ConsoleTests", dependencies: ["BuildModel", "Console", "Diagnostics"]),
        .testTarget(
            name: "DirectExecutionTests",
            dependencies: [
                "CommandExecution", "DirectExecution", "Files", "Processes", "Secrets", "TestSupport", systemPackage,
            ]),
        .testTarget(
            name: "DrydockArchiveTests", dependencies: ["TestSupport", systemPackage],
            exclude: ["hostile_archives.py"]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["BuildCache", "BuildModel", "CLinux", "Files", "TestSupport", systemPackage]),
        .testTarget(name: "FilesTests", dependencies: ["Archives", "Files", "TestSupport", systemPackage]),
        .testTarget(name: "HashFilesTests", dependencies: ["TestSupport", systemPackage]),
        .testTarget(name: "HTTPTests", dependencies: ["HTTP", "Processes", "TestSupport", systemPackage]),
        .testTarget(
            name: "ImageStoreTests",
            dependencies: ["BuildModel", "Diagnostics", "Files", "ImageStore", "TestSupport", systemPackage]),
        .testTarget(name: "ProjectsTests", dependencies: ["Diagnostics", "Projects", systemPackage]),
        .testTarget(
            name: "SandboxTests",
            dependencies: [
                "CommandExecution", "Files", "Processes", "Sandbox", "SandboxPlan", "Secrets", "TestSupport",
                systemPackage,
            ]),
        .testTarget(
            name: "ScaffoldTests",
            dependencies: ["Buildspec", "Diagnostics", "Files", "Scaffold", "TestSupport", "YAML", systemPackage],
            exclude: ["Snapshots"]),
        .testTarget(
            name: "SecretVaultTests", dependencies: ["Files", "Secrets", "SecretVault", "TestSupport", systemPackage]),
        .testTarget(name: "SecretsTests", dependencies: ["Secrets"]),
        .testTarget(name: "TextPatternsTests", dependencies: ["TextPatterns"]),
        .testTarget(name: "WatchTests", dependencies: ["Files", "TestSupport", "Watch", systemPackage]),
        .testTarget(name: "YAMLTests", dependencies: ["Diagnostics", "YAML"]),
    ],
    swiftLanguageModes: [.v6]
)

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]
for target in package.targets where target.type != .system && target.name != "CLinux" {
    target.swiftSettings = (target.swiftSettings ?? []) + settings
}
