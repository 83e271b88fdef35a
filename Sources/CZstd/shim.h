// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

// Zstandard's header as a module.
#pragma once
#include <zstd.h>
