// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

@main
enum Drydock {
    static func main() {}
}
