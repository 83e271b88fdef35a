// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The drydock authors

// libarchive's headers as a module.
#pragma once
#include <archive.h>
#include <archive_entry.h>
