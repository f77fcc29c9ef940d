/* SPDX-License-Identifier: MIT */
#include "password.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* As mqtt_password_read(), but may leave something in `out`. */
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
    out[length] = '\0';
    return strlen(out) == length ? 1 : -EINVAL;
}

int mqtt_password_read(const char *path, char *out, size_t size)
{
    int result = read_password(path, out, size);
    if (result != 1)
        explicit_bzero(out, size);
    return result;
}

const char *mqtt_password_problem(int result)
{
    return result == -ENODATA ? "the file is empty" : strerror(-result);
}
