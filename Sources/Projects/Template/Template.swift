// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import Diagnostics
import YAML

/// What a stack would know of itself.
public struct StackFacts: Sendable, Equatable {
    public var region: String
    public var accountIdentifier: String
    public var stackName: String

    public init(
        region: String = "us-east-1", accountIdentifier: String = "000000000000", stackName: String = "local"
    ) {
        self.region = region
        self.accountIdentifier = accountIdentifier
        self.stackName = stackName
    }

    /// The value of a pseudo parameter, or nil when there is none of that name. `AWS::NoValue` is no value.
    ///
    /// Source: "Pseudo parameters reference", AWS CloudFormation User Guide.
    func pseudoParameter(_ name: String) -> String? {
        switch name {
        case "AWS::Region": region
        case "AWS::AccountId": accountIdentifier
        case "AWS::StackName": stackName
        case "AWS::StackId":
            "arn:aws:cloudformation:\(region):\(accountIdentifier):stack/\(stackName)/"
                + "00000000-0000-0000-0000-000000000000"
        case "AWS::Partition": "aws"
        case "AWS::URLSuffix": "amazonaws.com"
        default: nil
        }
    }

    static let pseudoParameters = [
        "AWS::Region", "AWS::AccountId", "AWS::StackName", "AWS::StackId", "AWS::Partition", "AWS::URLSuffix",
        "AWS::NoValue",
    ]
}

/// The sections of a CloudFormation template.
struct Template {
    let root: Node
    let path: String

    /// Whether a document is a template rather than a project.
    static func isTemplate(_ root: Node) -> Bool {
        root["Resources"]?.entries != nil || root["AWSTemplateFormatVersion"] != nil
    }

    /// The names of parameters that are not to be shown.
    var secretParameters: [String] {
        root["Parameters"]?.entries?.compactMap { entry in
            entry.key.scalar.flatMap { TemplateParameter($0.text, entry.value).isSecret ? $0.text : nil }
        } ?? []
    }

    func parameter(_ name: String) -> Node? { root["Parameters"]?[name] }
    func resource(_ name: String) -> Node? { root["Resources"]?[name] }
    func condition(_ name: String) -> Node? { root["Conditions"]?[name] }

    func keys(_ section: String) -> [String] {
        root[section]?.entries?.compactMap { $0.key.scalar?.text } ?? []
    }

    /// The projects, by their logical ids.
    var projects: [Node.Entry] {
        root["Resources"]?.entries?.filter {
            $0.value["Type"]?.scalar?.text == "AWS::CodeBuild::Project"
        } ?? []
    }

    /// The property that `Ref` gives where the template sets it. Of other types, or where it is not set, the name is made
    /// when the stack is deployed.
    static let physicalNames = [
        "AWS::CodeBuild::Project": "Name", "AWS::CodePipeline::Pipeline": "Name", "AWS::DynamoDB::Table": "TableName",
        "AWS::ECR::Repository": "RepositoryName", "AWS::ECS::Cluster": "ClusterName", "AWS::Events::Rule": "Name",
        "AWS::IAM::Role": "RoleName", "AWS::Lambda::Function": "FunctionName",
        "AWS::Logs::LogGroup": "LogGroupName", "AWS::S3::Bucket": "BucketName", "AWS::SSM::Parameter": "Name",
    ]
}
