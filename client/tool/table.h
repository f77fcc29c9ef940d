/* SPDX-License-Identifier: MIT */
/* A table of services that fits a terminal. */
#ifndef CLIENT_TABLE_H
#define CLIENT_TABLE_H

#include <stddef.h>

#include "record_read.h"

/*
 * Writes a line of headings and one line a service to stdout, each at most `width` columns wide and
 * closed with `end_of_line`, `height` lines at most: where there are more services, the last line
 * says how many are not shown. Needs a UTF-8 locale to know how wide characters are.
 */
void table_print(const struct service_record *const *list, size_t count, size_t width,
                 size_t height, const char *end_of_line);

#endif
