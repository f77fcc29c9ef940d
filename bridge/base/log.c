/* SPDX-License-Identifier: MIT */
/*
 * How a line is made: the message is formatted, then copied behind its prefix character by
 * character. A byte of a control character (C0, DEL, C1) or of what is not UTF-8 is copied as \xNN:
 * names and addresses come from the network, and must not be able to forge a line or to talk to a
 * terminal. What is too long ends with an ellipsis. The finished line goes out in one write(2),
 * which keeps the lines of two threads apart: a pipe takes up to PIPE_BUF (4096 bytes on Linux) in
 * one piece.
 *
 * The journal is recognised as systemd.exec(5) describes it: $JOURNAL_STREAM names the device and
 * inode that stderr is. It gets "<N>" (sd-daemon(3)) and adds time and unit itself.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#define MESSAGE_SIZE 2048 /* before escaping, which makes it up to four times as long */
#define LINE_SIZE 4096    /* PIPE_BUF */
#define ELLIPSIS "\xe2\x80\xa6"

const char *const log_level_names[LOG_LEVELS + 1] = {"error", "warning", "info", "debug", NULL};

/* The numbers of syslog(3) for our levels. */
static const int journal_priorities[LOG_LEVELS] = {3, 4, 6, 7};

static atomic_int threshold = LOG_LEVEL_INFO;
static atomic_bool to_journal = false;

static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    if (!stream || fstat(STDERR_FILENO, &status) < 0)
        return false;
    char own[64];
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, own) == 0;
}

void log_init(void)
{
    atomic_store(&to_journal, stderr_is_journal());
}

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

/* Returns the length of the prefix that it writes. */
static size_t write_prefix(char *line, size_t size, enum log_level level)
{
    if (atomic_load(&to_journal))
        return (size_t)snprintf(line, size, "<%d>", journal_priorities[level]);

    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return length + (size_t)snprintf(line + length, size - length,
                                     ".%03dZ %s: ", (int)(now.tv_nsec / 1000000),
                                     log_level_names[level]);
}

static bool is_control(uint32_t codepoint)
{
    return codepoint < 0x20 || (codepoint >= 0x7f && codepoint < 0xa0);
}

/*
 * Copies the message, made harmless, behind `length` bytes of the line, and closes the line. `cut`:
 * the message is already shorter than it was meant to be. Returns the length of the line.
 */
static size_t write_message(char line[LINE_SIZE], size_t length, const char *message, bool cut)
{
    const size_t room = LINE_SIZE - strlen(ELLIPSIS "\n");
    const uint8_t *at = (const uint8_t *)message;
    const uint8_t *end = at + strlen(message);
    while (at < end) {
        uint32_t codepoint;
        size_t bytes = text_utf8_next(at, (size_t)(end - at), &codepoint);
        bool escape = bytes == 0 || is_control(codepoint);
        if (bytes == 0)
            bytes = 1;
        if (length + (escape ? 4 * bytes : bytes) > room) {
            cut = true;
            break;
        }
        for (; bytes > 0; bytes--, at++) {
            if (escape)
                length += (size_t)sprintf(line + length, "\\x%02X", *at);
            else
                line[length++] = (char)*at;
        }
    }
    const char *close = cut ? ELLIPSIS "\n" : "\n";
    memcpy(line + length, close, strlen(close));
    return length + strlen(close);
}

/* Takes back a character that was cut in its middle: its bytes alone would look like bad ones. */
static void trim_partial_character(char *message)
{
    size_t length = strlen(message);
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        uint8_t byte = (uint8_t)message[length - back];
        if (byte >= 0xc0) { /* the first byte of a sequence */
            if (text_utf8_next((const uint8_t *)message + length - back, back, NULL) == 0)
                message[length - back] = '\0';
            return;
        }
        if (byte < 0x80)
            return;
    }
}

static void write_line(char line[LINE_SIZE], size_t length, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* `length`: of the prefix that is in the line already. */
static void write_line(char line[LINE_SIZE], size_t length, const char *format, va_list arguments)
{
    int saved_errno = errno;
    char message[MESSAGE_SIZE];
    int needed = vsnprintf(message, sizeof message, format, arguments);
    bool cut = needed < 0 || (size_t)needed >= sizeof message;
    if (needed < 0)
        message[0] = '\0';
    else if (cut)
        trim_partial_character(message);
    length = write_message(line, length, message, cut);
    while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}

void log_plain(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    write_line(line, 0, format, arguments);
    va_end(arguments);
}

void log_write(enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load(&threshold))
        return;
    int saved_errno = errno;
    char line[LINE_SIZE];
    size_t length = write_prefix(line, sizeof line, level);
    errno = saved_errno;
    va_list arguments;
    va_start(arguments, format);
    write_line(line, length, format, arguments);
    va_end(arguments);
}
