/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "diagnostic.h"
#include "exit_codes.h"

static int first_error; /* of write(2), as flushing returned it; else 0 */

/* Printing may have met the error, and then errno is gone; so the pipe itself is asked. */
static bool reader_has_gone(void)
{
    struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return first_error == EPIPE || (poll(&fd, 1, 0) > 0 && (fd.revents & POLLERR));
}

enum output_state output_flush(void)
{
    bool flushed = fflush(stdout) == 0;
    if (flushed && !ferror(stdout))
        return OUTPUT_FINE;
    if (!flushed && first_error == 0)
        first_error = errno;
    return reader_has_gone() ? OUTPUT_UNREAD : OUTPUT_FAILED;
}

int output_end(int exit_code)
{
    if (output_flush() != OUTPUT_FAILED)
        return exit_code;
    diagnostic("the output cannot be written%s%s", first_error ? ": " : "",
               first_error ? strerror(first_error) : "");
    return exit_code == EXIT_DONE ? EXIT_OUTPUT : exit_code;
}
