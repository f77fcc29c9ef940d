/* SPDX-License-Identifier: MIT */
/* A password from a file: never from a configuration or the command line. */
#ifndef MQTT_PASSWORD_H
#define MQTT_PASSWORD_H

#include <stddef.h>

#define MQTT_PASSWORD_SIZE 4097 /* of the longest with its closing NUL */

/*
 * Reads it anew, since it may be replaced while we run. A line feed at its end is not part of it. Returns 1
 * with the password in `out`, closed with a NUL, or -errno: -ENODATA an empty file, -EMSGSIZE the file does
 * not fit `size` with a NUL, -EINVAL a NUL in it or not a regular file. Then `out` is empty.
 */
int mqtt_password_read(const char *path, char *out, size_t size);

/* The words for what it returned: -errno. */
const char *mqtt_password_problem(int result);

#endif
