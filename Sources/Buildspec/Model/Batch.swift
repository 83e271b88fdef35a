// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

public import Diagnostics

extension Buildspec {
    /// The `batch` section.
    ///
    /// Source: AWS CodeBuild User Guide, "Batch build buildspec reference".
    public struct Batch: Sendable, Equatable {
        /// Whether running tasks are stopped when one fails.
        public var fastFail = false
        public var kind: Kind
        public var span: SourceSpan

        /// The four ways to make tasks.
        public enum Kind: Sendable, Equatable {
            case list([Task])
            case graph([Task])
            case matrix(Matrix)
            case fanout(Fanout)
        }

        /// One task of a list or graph.
        public struct Task: Sendable, Equatable {
            public var identifier: Text
            /// Nil means this file.
            public var buildspec: Text?
            public var ignoreFailure = false
            public var debugSession = false
            /// Identifiers of the tasks that come before; only in a graph.
            public var dependOn: [Text] = []
            public var environment = TaskEnvironment()
        }

        /// What a task changes in the project's environment.
        public struct TaskEnvironment: Sendable, Equatable {
            public var computeType: Text?
            public var fleet: Text?
            public var image: Text?
            public var type: Text?
            public var privilegedMode: Bool?
            public var variables: [Variable] = []
        }

        /// Tasks from the product of values.
        public struct Matrix: Sendable, Equatable {
            public var ignoreFailure = false
            public var environment = TaskEnvironment()
            public var buildspecs: [Text] = []
            public var computeTypes: [Text] = []
            public var images: [Text] = []
            public var variables: [Axis] = []
        }

        /// A variable with its values.
        public struct Axis: Sendable, Equatable {
            public var name: Text
            public var values: [Text]
        }

        /// The same task several times, each with a part of the tests.
        public struct Fanout: Sendable, Equatable {
            public var parallelism: Int
            public var ignoreFailure = false
        }
    }
}
