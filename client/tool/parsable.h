/* SPDX-License-Identifier: MIT */
/*
 * Text as avahi-browse 0.8 writes it, byte for byte. Pure functions.
 *
 * The record holds types, domains and hosts without their escapes, so a dot inside of one of their
 * labels is like one between labels. Names of services are single labels, and exact.
 */
#ifndef CLIENT_PARSABLE_H
#define CLIENT_PARSABLE_H

#include <stddef.h>
#include <stdint.h>

/* Room for `n` bytes, escaped, with a closing NUL. */
#define PARSABLE_SIZE(n) (4 * (n) + 1)

/* One label: all but letters, digits, '-' and '_' escaped. Returns the length without the NUL. */
size_t parsable_label(char *out, const char *label);

/* A type, domain or host: label by label. The same. */
size_t parsable_domain(char *out, const char *domain);

/*
 * TXT data in wire form: each string in quotes, with a blank in between, the last one first. `out` has
 * PARSABLE_SIZE(length) bytes: the length byte of a string pays for its quotes and blank.
 */
size_t parsable_txt(char *out, const uint8_t *wire, size_t length);

/* What the mode that is not parsable makes of a name: '_' for each byte that is not printable
 * ASCII. Needs strlen(name) + 1 bytes. */
void parsable_printable(char *out, const char *name);

#endif
