// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

import CStart
import Commands

@main
enum Drydock {
    static func main() { Program.main() }
}
