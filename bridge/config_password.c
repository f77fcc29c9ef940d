/* SPDX-License-Identifier: MIT */
/* The broker's password: from a file, never from the configuration itself or the command line. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

/* Fills `out` up to `size` bytes, or to the end of the file. Returns the length, or -errno. */
static ssize_t read_all(int fd, char *out, size_t size)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    size_t length = 0;
    while (length < size) {
        ssize_t bytes = read(fd, out + length, size - length);
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0)
            return -errno;
        if (bytes == 0)
            break;
        length += (size_t)bytes;
    }
    return (ssize_t)length;
}

/* As config_read_password(), but may leave something in `out`. */
static int read_password(const char *path, char *out, size_t size)
{
    /* O_NONBLOCK: what is no regular file is refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    ssize_t result = read_all(fd, out, size);
    close(fd);
    if (result < 0)
        return (int)result;

    size_t length = (size_t)result;
    if (length == size)
        return -EMSGSIZE;
    if (length > 0 && out[length - 1] == '\n')
        length--;
    if (length == 0)
        return -ENODATA;
    if (memchr(out, '\0', length))
        return -EINVAL;
    out[length] = '\0';
    return 1;
}

int config_read_password(const struct config *config, char *out, size_t size)
{
    const struct config_broker *broker = &config->broker;
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    int result = 0;
    if (*broker->username && *broker->password_file) {
        result = read_password(broker->password_file, out, size);
    } else if (*broker->username && credentials) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s/mqtt-password", credentials);
        result = (size_t)length < sizeof path ? read_password(path, out, size) : -ENAMETOOLONG;
        if (result == -ENOENT)
            result = 0;
    }
    if (result != 1)
        memset(out, 0, size);
    return result;
}
