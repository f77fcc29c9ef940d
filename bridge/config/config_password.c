/* SPDX-License-Identifier: MIT */
/* The broker's password: from a file, never from the configuration itself or the command line. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "password.h"

int config_read_password(const struct config *config, char *out, size_t size)
{
    const struct config_broker *broker = &config->broker;
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    int result = 0;
    if (*broker->username && *broker->password_file) {
        result = mqtt_password_read(broker->password_file, out, size);
    } else if (*broker->username && credentials) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s/mqtt-password", credentials);
        result = (size_t)length < sizeof path ? mqtt_password_read(path, out, size) : -ENAMETOOLONG;
        if (result == -ENOENT)
            result = 0;
    }
    if (result != 1)
        memset(out, 0, size);
    return result;
}
