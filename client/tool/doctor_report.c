/* SPDX-License-Identifier: MIT */
#include "doctor.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "text.h"

static const char *const names[] = {
    [DOCTOR_SOCKET] = "socket",
    [DOCTOR_PERMISSION] = "permission",
    [DOCTOR_BROKER] = "broker",
    [DOCTOR_USER] = "user",
    [DOCTOR_BRIDGE] = "bridge",
    [DOCTOR_AVAHI] = "avahi",
    [DOCTOR_READ] = "read",
    [DOCTOR_ADVERTISE] = "advertise",
    [DOCTOR_ROUND_TRIP] = "round-trip",
};
static_assert(sizeof names / sizeof *names == DOCTOR_CHECKS, "a name for each");

#define MESSAGE_SIZE 1024

const char *doctor_check_name(enum doctor_check check)
{
    return names[check];
}

void doctor_begin(struct doctor_report *report, bool json, FILE *out)
{
    *report = (struct doctor_report){.out = out, .json = json, .next = DOCTOR_SOCKET};
}

static void print_json(FILE *out, enum doctor_check check, const char *result, const char *message,
                       const char *advice)
{
    cJSON *object = cJSON_CreateObject();
    char *text = NULL;

    if (object && cJSON_AddStringToObject(object, "check", names[check]) &&
        cJSON_AddStringToObject(object, "result", result) &&
        cJSON_AddStringToObject(object, "message", message) &&
        (!advice || cJSON_AddStringToObject(object, "advice", advice)))
        text = cJSON_PrintUnformatted(object);
    if (text)
        fprintf(out, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(object);
}

static void print_line(FILE *out, enum doctor_check check, const char *result, const char *message,
                       const char *advice)
{
    fprintf(out, "%-8s %-11s %s\n", result, names[check], message);
    if (advice)
        fprintf(out, "%-8s %-11s %s\n", "", "", advice);
}

static void report_check(struct doctor_report *report, enum doctor_check check, const char *result,
                         const char *message, const char *advice)
{
    char safe[MESSAGE_SIZE]; /* there may be anybody's text in it, such as a host's name */
    text_excerpt(safe, sizeof safe, message);
    (report->json ? print_json : print_line)(report->out, check, result, safe, advice);
    fflush(report->out);
    report->next = check + 1;
}

static void skip_until(struct doctor_report *report, enum doctor_check check, const char *reason)
{
    while (report->next < check)
        report_check(report, report->next, "skipped", reason, NULL);
}

/* For these three: `message` is made of the format and the arguments behind it. */
#define MAKE_MESSAGE(message, format)                                                              \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        vsnprintf(message, sizeof(message), format, arguments);                                    \
        va_end(arguments);                                                                         \
    } while (0)

void doctor_ok(struct doctor_report *report, enum doctor_check check, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    MAKE_MESSAGE(message, format);
    skip_until(report, check, "of no use here");
    report_check(report, check, "ok", message, NULL);
}

void doctor_skipped(struct doctor_report *report, enum doctor_check check, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    MAKE_MESSAGE(message, format);
    skip_until(report, check, "of no use here");
    report_check(report, check, "skipped", message, NULL);
}

void doctor_failed(struct doctor_report *report, enum doctor_check check, const char *advice,
                   const char *format, ...)
{
    char message[MESSAGE_SIZE];
    MAKE_MESSAGE(message, format);
    skip_until(report, check, "of no use here");
    report_check(report, check, "failed", message, advice);
    if (report->first_failed == 0)
        report->first_failed = (int)check;
}

int doctor_end(struct doctor_report *report, const char *reason)
{
    skip_until(report, DOCTOR_CHECKS, reason);
    return report->first_failed;
}
