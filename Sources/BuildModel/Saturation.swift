// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

extension Int {
    /// The sum, or the number nearest to it that there is: for sizes that a file says, which may be any.
    public func addingSaturated(_ other: Int) -> Int {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? (other < 0 ? .min : .max) : sum
    }
}
