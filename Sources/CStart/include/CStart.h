// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors
//
// Linked, this looks at the machine before Swift's runtime does, whose own words for what is missing help nobody. There is
// nothing to call.
#ifndef CSTART_H
#define CSTART_H
#endif
