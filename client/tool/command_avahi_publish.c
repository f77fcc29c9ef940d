/* SPDX-License-Identifier: MIT */
/*
 * avahi-publish, as far as the bridge does the same: it advertises services of its own host. What is
 * written and how the program ends is as with Avahi's, down to the 0 that Avahi's ends with where a name or type is
 * refused; where Avahi's has no such case, the end is 1.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "avahi_publish_options.h"
#include "print.h"
#include "text.h"

struct avahi_publish {
    struct publication publication;
    struct avahi_publish_options options;
    char name[SERVICE_NAME_MAX + 1]; /* as it was last reported */
    bool established;                /* and reported, under this name */
    bool was_online;                 /* the bridge, at any time */
    bool named_server;               /* print_server() */
    bool printed_waiting;
};

/* ---- what happens ---- */

/* `text` may be anybody's. */
static void print_text(const char *what, const char *text)
{
    char safe[STATUS_MESSAGE_MAX + 1];
    text_excerpt(safe, sizeof safe, text);
    fprintf(stderr, "%s: %s\n", what, safe);
}

static void fail(struct avahi_publish *publish, const char *what, const char *why)
{
    print_text(what, why);
    publication_end(&publish->publication, AVAHI_PUBLISH_FAILED);
}

static void on_status(void *context, const struct status *status)
{
    struct avahi_publish *publish = context;
    bool is_there = status->state == STATUS_ESTABLISHED;

    if (publication_is_ending(&publish->publication))
        return;
    if ((is_there || status->state == STATUS_PENDING) && strcmp(publish->name, status->name) != 0) {
        text_excerpt(publish->name, sizeof publish->name, status->name);
        fprintf(stderr, "Name collision, picking new name '%s'.\n", publish->name);
        publish->established = false;
    }
    for (size_t i = 0; publish->options.verbose && i < status->warning_count; i++)
        print_text("Warning", status->warnings[i].message);
    if (is_there && !publish->established)
        fprintf(stderr, "Established under name '%s'\n", publish->name);
    publish->established = is_there;
    if (status->state == STATUS_FAILED)
        fail(publish, "Failed to register", status->error.message);
    else if (status->reason == STATUS_REPLACED_BY_POLICY)
        fail(publish, "Failed to register", "this is not allowed any more");
}

static void print_bridge(struct avahi_publish *publish, const struct state_record *state)
{
    bool is_there = state->life != BRIDGE_OFFLINE;

    if (is_there && !publish->named_server)
        print_server(state);
    else if (!is_there && !publish->printed_waiting)
        fputs("Waiting for daemon ...\n", stderr);
    publish->named_server |= is_there;
    publish->printed_waiting |= !is_there;
}

/* A bridge that is starting is waited for. Of one that was there and goes, on_bridge() hears. */
static void on_bridge_known(void *context)
{
    struct avahi_publish *publish = context;
    const struct state_record *state = &publish->publication.bridge_state;
    bool may_fail = !publish->options.no_fail && !publish->was_online;

    publish->was_online |= state->life == BRIDGE_ONLINE;
    if (may_fail && state->life == BRIDGE_OFFLINE)
        fail(publish, "Failed to create client object", "the bridge is not online");
    else if (may_fail && state->life == BRIDGE_ONLINE && !state->avahi_up)
        fail(publish, "Failed to create client object", "Daemon not running");
    else if (publish->options.verbose)
        print_bridge(publish, state);
}

/* As with Avahi's: a daemon that goes is the end, but no error. */
static void on_lost(void *context)
{
    struct avahi_publish *publish = context;

    publish->established = false;
    if (publish->options.no_fail) {
        fputs("Disconnected, reconnecting ...\n", stderr);
        return;
    }
    fputs("Client failure, exiting: Daemon connection failed\n", stderr);
    publication_end(&publish->publication, EXIT_DONE);
}

static void on_bridge(void *context, enum advert_bridge bridge)
{
    const struct avahi_publish *publish = context;
    if (bridge == ADVERT_BRIDGE_AWAY && publish->was_online)
        on_lost(context);
}

static void on_refused(void *context, enum publication_right right, int reason)
{
    struct avahi_publish *publish = context;
    const char *to = right == PUBLICATION_REQUEST ? "advertise" : "hear of what you advertise";
    fprintf(stderr, "Failed to create entry group: the broker does not let you %s as %s (%s)\n", to,
            publish->publication.owner.client, mqtt_reason_text(reason));
    publication_end(&publish->publication, AVAHI_PUBLISH_FAILED);
}

static bool on_failed(void *context, const struct mqtt_failure *failure)
{
    struct avahi_publish *publish = context;

    if (publish->options.no_fail)
        return true;
    fprintf(stderr, "Failed to create client object: the broker at %s: %s\n",
            publish->publication.session.place.url, failure->text);
    loop_end(&publish->publication.session.loop, AVAHI_PUBLISH_FAILED);
    return false;
}

static void on_signal(void *context, int number)
{
    struct avahi_publish *publish = context;

    if (number == SIGINT || number == SIGTERM) {
        fprintf(stderr, "Got %s, quitting.\n", number == SIGINT ? "SIGINT" : "SIGTERM");
        publication_end(&publish->publication, EXIT_DONE);
    } else if (number == SIGHUP || number == SIGQUIT) {
        publication_end(&publish->publication, 128 + number);
    }
}

static int run(struct avahi_publish *publish)
{
    static const struct publication_handlers handlers = {on_status, on_bridge,       on_refused,
                                                         on_lost,   on_bridge_known, on_failed};
    struct publication *publication = &publish->publication;

    int exit_code = (int)publication_open(publication, &publish->options.common,
                                          &publish->options.plan, &handlers, publish);
    if (exit_code == EXIT_DONE) {
        text_excerpt(publish->name, sizeof publish->name, publish->options.builder.name);
        publication->session.loop.signal = on_signal;
        publication->session.persistent = publish->options.no_fail;
        publication_request(publication);
        exit_code = loop_run(&publication->session.loop);
    } else {
        exit_code = AVAHI_PUBLISH_FAILED;
    }
    publication_close(publication);
    return exit_code;
}

int command_avahi_publish(const struct command *command, int argc, char **argv)
{
    struct avahi_publish publish = {0};
    int exit_code;

    if (avahi_publish_options_read(&publish.options, command, argc, argv, &exit_code))
        exit_code = run(&publish);
    request_builder_free(&publish.options.builder);
    return exit_code;
}
