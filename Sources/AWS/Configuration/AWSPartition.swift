// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

/// A part of AWS that has names of its own: the world, China, governments.
///
/// Source: `partitions.json` and the services' `endpoint-rule-set-1.json` of botocore 1.43.
struct AWSPartition {
    /// Of host names.
    let suffix: String
    /// Of host names that have addresses of both kinds, IPv4 and IPv6.
    let dualStackSuffix: String
    private let kind: Kind

    private enum Kind { case world, china, government, other }

    init(_ region: String) {
        let partitions: [(prefix: String, suffix: String, dualStackSuffix: String, kind: Kind)] = [
            ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", .china),
            ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu", .other),
            ("us-gov-", "amazonaws.com", "api.aws", .government),
            ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov", .other),
            ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud", .other),
            ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", .other),
            ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", .other),
        ]
        let found = partitions.first { region.hasPrefix($0.prefix) }
        suffix = found?.suffix ?? "amazonaws.com"
        dualStackSuffix = found?.dualStackSuffix ?? "api.aws"
        kind = found?.kind ?? .world
    }

    func endpoint(_ service: AWSService, region: String, isFIPS: Bool, isDualStack: Bool) -> String {
        if service == .storage {
            return "https://s3\(isFIPS ? "-fips" : "").\(isDualStack ? "dualstack." : "")\(region).\(suffix)"
        }
        // What the ordinary name has there already is not had by another.
        let isFIPSAnyway = kind == .government && service != .secrets && !isDualStack
        let isDualStackAnyway =
            service == .secrets && (kind == .world || kind == .government || kind == .china && !isFIPS)
        return "https://\(service.rawValue)\(isFIPS && !isFIPSAnyway ? "-fips" : "").\(region)."
            + (isDualStack && !isDualStackAnyway ? dualStackSuffix : suffix)
    }
}
