/* SPDX-License-Identifier: MIT */
/*
 * Lines of mosquitto_sub, with topics (-v) or without, in readable form. A topic may hold blanks and
 * braces; what stands behind it is a record. So the first blank behind which there is nothing but
 * one JSON object ends the topic.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "print.h"
#include "say.h"
#include "topic.h"

#define NOTHING "(null)" /* how mosquitto_sub -v writes an empty message */

struct decode {
    struct options options;
    size_t line, wrong;
};

static bool is_object(const char *text, size_t length)
{
    struct json_problem problem;
    return length > 0 && *text == '{' &&
           json_check(&problem, (const uint8_t *)text, length, JSON_DEPTH_MAX);
}

/* Where the payload begins; the length of the line where there is none. */
static size_t find_payload(const char *line, size_t length)
{
    if (is_object(line, length))
        return 0;
    for (const char *blank = line; (blank = strchr(blank, ' ')); blank++) {
        size_t at = (size_t)(blank - line) + 1;
        if (is_object(line + at, length - at) || strcmp(line + at, NOTHING) == 0)
            return at;
    }
    return length;
}

/* The topic's path of a service, or NULL. A topic without the prefix is one, too. */
static const char *service_path(const struct decode *decode, const char *topic)
{
    size_t prefix = strlen(decode->options.prefix);
    if (strncmp(topic, decode->options.prefix, prefix) == 0 &&
        strncmp(topic + prefix, "/service/", strlen("/service/")) == 0)
        return topic + prefix + strlen("/service/");
    return NULL;
}

/* A topic alone: the identity of its service. */
static bool write_topic(const struct decode *decode, const char *topic, bool gone)
{
    struct service_record record = {.gone = gone};
    const char *path = service_path(decode, topic);

    record.service.id = &record.id;
    record.service.host = record.host;
    record.service.txt = (const uint8_t *)"";
    if (!path || !topic_path_parse(&record.id, path))
        return false;
    if (decode->options.json)
        print_service_json(&record);
    else
        print_identity(&record);
    return true;
}

static bool write_record(const struct decode *decode, const uint8_t *payload, size_t length)
{
    struct service_record *service = service_record_read(payload, length);
    struct state_record state;
    struct status status;
    bool good = true;

    if (service)
        (decode->options.json ? print_service_json : print_service)(service);
    else if (state_record_read(&state, payload, length))
        decode->options.json ? print_payload(payload, length) : print_state(&state);
    else if (status_record_read(&status, payload, length))
        decode->options.json ? print_payload(payload, length) : print_status(&status);
    else if (decode->options.json) /* of the stats record we know no more than that it is JSON */
        print_payload(payload, length);
    else
        good = print_stats(payload, length);
    service_record_free(service);
    return good;
}

static void decode_line(struct decode *decode, char *line, size_t length)
{
    size_t at = find_payload(line, length);
    const char *payload = line + at;
    bool is_record = at < length && *payload == '{';
    bool good;

    if (is_record) {
        good = write_record(decode, (const uint8_t *)payload, length - at);
    } else {
        bool gone = at < length;
        if (gone)
            line[at - 1] = '\0';
        good = write_topic(decode, line, gone);
    }
    if (good)
        return;
    decode->wrong++;
    say("line %zu: no record, and no topic of a service below %s", decode->line,
        decode->options.prefix);
}

static void decode_all(struct decode *decode, FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    while ((length = getline(&line, &room, in)) >= 0) {
        decode->line++;
        if (length > 0 && line[length - 1] == '\n')
            line[--length] = '\0';
        if (length > 0)
            decode_line(decode, line, (size_t)length);
        fflush(stdout); /* it may be read as it comes */
    }
    free(line);
}

int command_decode(const struct command *command, int argc, char **argv)
{
    struct decode decode = {0};
    int first, exit_code;

    if (!command_begin(command, &decode.options, NULL, argc, argv, &first, &exit_code))
        return exit_code;
    if (argc > first)
        return command_usage(command, "what is to be decoded is read from stdin");
    decode_all(&decode, stdin);
    return decode.wrong ? EXIT_NOT_FOUND : EXIT_DONE;
}
