/* SPDX-License-Identifier: MIT */
/*
 * How the bridge is, and what became of the advertisements that we may see. First the bridge's
 * records are subscribed to, and when they have come, the advertisements: so each is written as it
 * comes, and nothing has to be kept.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "diagnostic.h"
#include "json.h"
#include "print.h"
#include "session.h"
#include "topic.h"

static const struct option_row rows[] = {{"stats", 's', NULL, "with the bridge's counters"}};

#define TOPIC_ROOM (TOPIC_PREFIX_MAX + 64)

struct status_command {
    struct session session;
    struct options options;
    struct state_record state;
    bool stats; /* with the counters */
    bool has_state;
    bool reads_advertisements; /* else the bridge's records */
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    (void)row, (void)value, (void)problem;
    struct status_command *status = context;
    status->stats = true;
    return true;
}

static void print_wrapped(const char *what, const uint8_t *payload, size_t length)
{
    printf("{\"%s\":", what);
    print_json(payload, length);
    puts("}");
}

static void on_state(struct status_command *status, const struct mqtt_message *message)
{
    if (!state_record_read(&status->state, message->payload, message->length))
        return;
    status->has_state = true;
    if (status->options.json)
        print_wrapped("bridge", message->payload, message->length);
    else
        print_state(&status->state);
}

static void on_stats(const struct status_command *status, const struct mqtt_message *message)
{
    struct json_problem problem;
    if (!status->options.json)
        print_stats(message->payload, message->length);
    else if (json_check(&problem, message->payload, message->length, JSON_DEPTH_MAX))
        print_wrapped("stats", message->payload, message->length);
}

static void on_advertisement(const struct status_command *status,
                             const struct mqtt_message *message)
{
    struct status read;
    if (!status_record_read(&read, message->payload, message->length))
        return;
    if (status->options.json)
        print_wrapped("advertisement", message->payload, message->length);
    else
        print_status(&read);
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct status_command *status = context;
    const char *path = topic_below(message->topic, status->options.prefix, "");

    if (!path || !message->retain)
        return; /* it has changed since it was written, which is not of interest */
    if (strcmp(path, "bridge/state") == 0)
        on_state(status, message);
    else if (strcmp(path, "bridge/stats") == 0)
        on_stats(status, message);
    else
        on_advertisement(status, message);
}

static bool subscribe(struct status_command *status, const char *path)
{
    char topic[TOPIC_ROOM];
    snprintf(topic, sizeof topic, "%s/%s", status->options.prefix, path);
    return connection_subscribe(status->session.connection, topic);
}

static void end(struct status_command *status)
{
    bool online = status->has_state && status->state.life == BRIDGE_ONLINE;
    if (!status->has_state)
        diagnostic("there is no bridge at %s with the prefix %s, or you may not see it",
                   status->session.place.url, status->options.prefix);
    loop_end(&status->session.loop, online ? EXIT_DONE : EXIT_NO_BRIDGE);
}

static void on_settled(void *context)
{
    struct status_command *status = context;
    if (status->reads_advertisements || !subscribe(status, "advertise/+/+/status"))
        end(status);
    else if (!status->has_state && status->options.json)
        puts("{\"bridge\":null}");
    status->reads_advertisements = true;
}

/* The bridge's records; which of the advertisements' may be read is the broker's affair. */
static void on_refused(void *context, int reason)
{
    struct status_command *status = context;
    if (status->reads_advertisements)
        return;
    diagnostic("the broker refuses the subscription: %s", mqtt_reason_text(reason));
    loop_end(&status->session.loop, EXIT_REFUSED);
}

static bool on_failed(void *context, const struct mqtt_failure *failure)
{
    struct status_command *status = context;
    return session_failed(&status->session, failure);
}

static int run(struct status_command *status)
{
    static const struct connection_handlers handlers = {
        .settled = on_settled,
        .failed = on_failed,
        .message = on_message,
        .subscription_refused = on_refused,
    };
    int exit_code = (int)session_open(&status->session, &status->options, &handlers, status);

    if (exit_code == EXIT_DONE) {
        session_connect_in_time(&status->session);
        status->session.loop.ends_with_output = true;
        subscribe(status, "bridge/state");
        if (status->stats)
            subscribe(status, "bridge/stats");
        exit_code = loop_run(&status->session.loop);
    }
    session_close(&status->session, true);
    return exit_code;
}

int command_status(const struct command *command, int argc, char **argv)
{
    struct status_command status = {0};
    const struct option_table own = {rows, sizeof rows / sizeof *rows, take, &status};
    int first, exit_code;

    if (!command_begin(command, &status.options, &own, argc, argv, &first, &exit_code))
        return exit_code;
    if (argc > first)
        return command_usage(command, "there are no arguments but options");
    return run(&status);
}
