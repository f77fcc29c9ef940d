/* SPDX-License-Identifier: MIT */
/*
 * Text for a terminal: safe, and of a known width. Widths are in columns and need a UTF-8 locale
 * (setlocale()). Any thread.
 */
#ifndef CLIENT_TERMINAL_TEXT_H
#define CLIENT_TERMINAL_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * What comes from the network must not do anything to a terminal: control characters, characters that
 * change the direction of writing, and bytes that are not UTF-8 become \xHH. `out` needs
 * 4 * length + 1 bytes; returns the length without the NUL.
 */
size_t terminal_text_escape(char *out, const uint8_t *bytes, size_t length);

/* How many columns a text takes that terminal_text_escape() made. */
size_t terminal_text_width(const char *text);

/*
 * Cuts such a text to the columns wanted, and fills it up with blanks. What was cut ends in an ellipsis.
 * Returns the length without the NUL; `out` has `size` bytes, which are at least 4 * wanted + 1.
 */
size_t terminal_text_fit(char *out, size_t size, const char *text, size_t wanted);

#endif
