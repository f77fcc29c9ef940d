/* SPDX-License-Identifier: MIT */
/* The addresses of a broker's name. */
#ifndef CLIENT_ADDRESS_H
#define CLIENT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes the address number `index` (from 0; the last one, if there are fewer) of a host, as text
 * of at most `size` bytes. *more: there is another one behind it. False: the host has none, or they
 * cannot be found out now. May block for as long as a question to DNS.
 */
bool address_choose(char *out, size_t size, const char *host, unsigned index, bool *more);

#endif
