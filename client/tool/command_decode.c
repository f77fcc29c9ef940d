/* SPDX-License-Identifier: MIT */
/*
 * Lines of mosquitto_sub, with topics (-v) or without, in readable form. A topic may hold blanks and
 * braces; what follows it is a record. So the first blank behind which there is nothing but
 * one JSON object ends the topic.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "diagnostic.h"
#include "json.h"
#include "output.h"
#include "print.h"
#include "request.h"
#include "status.h"
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

/* A topic alone: the identity of its service. */
static bool write_topic(const struct decode *decode, const char *topic, bool gone)
{
    struct service_record record = {.gone = gone};
    const char *path = topic_below(topic, decode->options.prefix, "service");

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

/* What a client publishes: a request, or its withdrawal. */
static bool write_request(const struct decode *decode, const char *topic, const uint8_t *payload,
                          size_t length)
{
    const char *path = topic_below(topic, decode->options.prefix, "advertise");
    struct status_error error;
    struct request_owner owner;
    struct request request;

    if (!path || topic_advertise_parse(&owner, path) != TOPIC_REQUEST)
        return false;
    if (decode->options.json && length > 0)
        print_payload(payload, length);
    else if (decode->options.json)
        printf("{\"client\":\"%s\",\"id\":\"%s\",\"withdrawn\":true}\n", owner.client, owner.id);
    else if (length == 0)
        printf("request %s is withdrawn\n", path);
    else if (request_parse(&request, &error, payload, length, RECORD_SIZE_MAX) == REQUEST_OK)
        print_request(path, &request);
    else
        printf("request %s is wrong: %s\n", path, error.message);
    return true;
}

static bool write_client(const struct decode *decode, const char *line)
{
    const char *path = topic_below(line, decode->options.prefix, "client");
    char client[TOPIC_CLIENT_MAX + 1], name[TOPIC_CLIENT_MAX + 2];
    size_t length = path ? strcspn(path, " ") : 0;

    if (!path || length >= sizeof name)
        return false;
    memcpy(name, path, length);
    name[length] = '\0';
    if (!topic_client_parse(client, name))
        return false;
    if (strcmp(path + length, " online") != 0 && strcmp(path + length, " offline") != 0)
        return false;
    if (decode->options.json)
        printf("{\"client\":\"%s\",\"state\":\"%s\"}\n", client, path + length + 1);
    else
        printf("client %s\n", path);
    return true;
}

static bool decode_line(const struct decode *decode, char *line, size_t length)
{
    size_t at = find_payload(line, length);
    bool has_payload = at < length, is_record = has_payload && line[at] == '{';
    const uint8_t *payload = (const uint8_t *)line + at;

    if (has_payload && at > 0)
        line[at - 1] = '\0'; /* the topic by itself */
    if (is_record && at > 0 && write_request(decode, line, payload, length - at))
        return true;
    if (is_record)
        return write_record(decode, payload, length - at);
    return write_topic(decode, line, has_payload) || write_client(decode, line) ||
           (has_payload && write_request(decode, line, payload, 0));
}

/* Until the end of the input, or until nobody takes what we write. */
static void decode_all(struct decode *decode, FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    while (output_flush() == OUTPUT_FINE && (length = getline(&line, &room, in)) >= 0) {
        decode->line++;
        if (length > 0 && line[length - 1] == '\n')
            line[--length] = '\0';
        if (length > 0 && !decode_line(decode, line, (size_t)length)) {
            decode->wrong++;
            diagnostic("line %zu: no record, and no topic that is known below %s", decode->line,
                       decode->options.prefix);
        }
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
