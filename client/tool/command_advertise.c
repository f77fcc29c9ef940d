/* SPDX-License-Identifier: MIT */
/*
 * advertise, alone or for as long as a COMMAND runs.
 *
 * Alone, what cannot be mended by waiting ends it: a request that is refused, a user or a publication
 * that the broker refuses. With a COMMAND, nothing of the kind does: the program is what counts, and
 * that the service is not advertised is written to stderr; stdout is the COMMAND's.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "advertise_options.h"
#include "advertise_print.h"
#include "child.h"
#include "clock.h"
#include "diagnostic.h"
#include "listening.h"

#define LISTENING_MS 200

struct advertise {
    struct publication publication;
    struct advertise_options options;
    struct child child;
    struct loop_timer poll_port; /* whether the port is listened on */
    struct loop_timer patience;  /* the end of --timeout */
    bool established;            /* at any time */
    struct status reported;      /* the last one */
};

/* ---- reports ---- */

static void report(const struct advertise *advertise, const char *line)
{
    if (advertise->options.command)
        diagnostic("%s", line);
    else
        puts(line);
}

static void report_json(const struct advertise *advertise, const struct status *status)
{
    char json[ADVERTISE_JSON_SIZE];
    advertise_json(json, status);
    if (!advertise->options.command)
        puts(json);
    else if (diagnostic_has_room())
        fprintf(stderr, "%s\n", json);
}

static bool warns_of(const struct status *status, enum status_warning_code code)
{
    for (size_t i = 0; i < status->warning_count; i++)
        if (status->warnings[i].code == code)
            return true;
    return false;
}

/* A warning is reported when it comes, and when the last one has gone. */
static void report_status(struct advertise *advertise, const struct status *status)
{
    char line[ADVERTISE_LINE_SIZE];

    if (advertise->options.common.json) {
        report_json(advertise, status);
        return;
    }
    advertise_line(line, status);
    report(advertise, line);
    for (size_t i = 0; i < status->warning_count; i++) {
        if (warns_of(&advertise->reported, status->warnings[i].code))
            continue;
        advertise_warning(line, &status->warnings[i]);
        report(advertise, line);
    }
    if (status->warning_count == 0 && advertise->reported.warning_count > 0 &&
        status->state == STATUS_ESTABLISHED)
        report(advertise, "no warnings any more");
    advertise->reported = *status;
}

/* ---- what happens ---- */

/* The bridge tries it again itself when the port is there. */
static bool may_pass(const struct advertise *advertise, const struct status *status)
{
    return advertise->options.when_listening && status->state == STATUS_FAILED &&
           status->error.code == STATUS_DENIED && strcmp(status->error.key, "port") == 0;
}

static void on_status(void *context, const struct status *status)
{
    struct advertise *advertise = context;
    bool failed = status->state == STATUS_FAILED || (status->state == STATUS_WITHDRAWN &&
                                                     status->reason == STATUS_REPLACED_BY_POLICY);

    advertise->established |= status->state == STATUS_ESTABLISHED;
    report_status(advertise, status);
    if (failed && !advertise->options.command && !may_pass(advertise, status))
        publication_end(&advertise->publication, EXIT_FAILED);
}

static void on_bridge(void *context, enum advert_bridge bridge)
{
    const struct advertise *advertise = context;
    const struct session *session = &advertise->publication.session;

    if (bridge == ADVERT_BRIDGE_ONLINE)
        diagnostic("the bridge is online");
    else
        diagnostic("there is no bridge that is online at %s with the prefix %s; waiting for it",
                   session->place.url, session->options->prefix);
}

static void on_refused(void *context, enum publication_right right, int reason)
{
    struct advertise *advertise = context;
    const struct publication *publication = &advertise->publication;
    const char *text = mqtt_reason_text(reason);

    if (right == PUBLICATION_REQUEST)
        diagnostic("the broker does not let you advertise as %s (%s: %s)",
                   publication->owner.client, publication->request_topic, text);
    else
        diagnostic("the broker does not let you hear what becomes of it (%s, %s: %s)",
                   publication->state_topic, publication->status_topic, text);
    if (!advertise->options.command)
        publication_end(&advertise->publication, EXIT_REFUSED);
}

static bool on_failed(void *context, const struct mqtt_failure *failure)
{
    struct advertise *advertise = context;
    return advertise->options.command || session_failed(&advertise->publication.session, failure);
}

/* --timeout: it is not there in time. */
static void patience_ended(void *context, int64_t now)
{
    (void)now;
    struct advertise *advertise = context;
    struct publication *publication = &advertise->publication;
    const struct advert *advert = &publication->advert;
    const struct status *status = advert_reported(advert);
    bool refused = status && status->state == STATUS_FAILED;

    if (advertise->established)
        return;
    if (!mqtt_is_connected(publication->session.connection->mqtt)) {
        diagnostic("not established in time: there is no connection to the broker");
        publication_end(publication, EXIT_NO_BROKER);
    } else if (advert->bridge != ADVERT_BRIDGE_ONLINE) {
        diagnostic(
            "not established in time: there is no bridge that is online at %s with the prefix %s",
            publication->session.place.url, publication->session.options->prefix);
        publication_end(publication, EXIT_NO_BRIDGE);
    } else {
        diagnostic("not established in time: %s", advert->state < ADVERT_REQUESTED
                                                      ? "nobody listens on the port"
                                                  : refused ? "it is refused"
                                                            : "it is pending");
        publication_end(publication, refused ? EXIT_FAILED : EXIT_NO_BRIDGE);
    }
}

static bool is_udp(const char *type)
{
    const char *protocol = strrchr(type, '.');
    return protocol && strcmp(protocol, "._udp") == 0;
}

static void check_port(void *context, int64_t now)
{
    struct advertise *advertise = context;
    int found =
        listening(is_udp(advertise->options.builder.type), advertise->options.container_port);

    if (found == 0) {
        advertise->poll_port.due = now + LISTENING_MS;
        return;
    }
    if (found < 0)
        diagnostic("who listens on ports cannot be seen (%s); advertising without it",
                   strerror(-found));
    publication_request(&advertise->publication);
}

static void on_signal(void *context, int number)
{
    struct advertise *advertise = context;

    if (number == SIGCHLD) {
        if (child_reap(&advertise->child))
            publication_end(&advertise->publication, child_exit_code(&advertise->child));
    } else if (advertise->child.pid > 0) {
        child_signal(&advertise->child, number, advertise->publication.session.loop.signal_code);
    } else if (loop_is_end(number)) {
        publication_end(&advertise->publication, EXIT_DONE);
    }
}

/* ---- the command ---- */

static int start_child(struct advertise *advertise)
{
    int result = child_start(&advertise->child, advertise->options.command, loop_child_signals);
    if (result == 0)
        return EXIT_DONE;
    diagnostic("%s: %s", advertise->options.command[0], strerror(-result));
    return result == -ENOENT ? EXIT_NO_COMMAND : EXIT_NOT_EXECUTABLE;
}

static int run(struct advertise *advertise)
{
    static const struct publication_handlers handlers = {
        .status = on_status, .bridge = on_bridge, .refused = on_refused, .failed = on_failed};
    struct publication *publication = &advertise->publication;
    struct loop *loop = &publication->session.loop;
    bool timed = advertise->options.common.timeout_ms >= 0;
    int exit_code = (int)publication_open(publication, &advertise->options.common,
                                          &advertise->options.plan, &handlers, advertise);

    if (exit_code == EXIT_DONE && advertise->options.command) {
        diagnostic_never_wait();
        exit_code = start_child(advertise);
    }
    if (exit_code != EXIT_DONE)
        return exit_code;
    loop->signal = on_signal;
    publication->session.persistent = !timed;
    loop_add_timer(loop, &advertise->patience, patience_ended, advertise);
    loop_add_timer(loop, &advertise->poll_port, check_port, advertise);
    if (timed)
        advertise->patience.due = publication->session.give_up_at;
    if (advertise->options.when_listening)
        check_port(advertise, clock_now());
    else
        publication_request(publication);
    return loop_run(loop);
}

int command_advertise(const struct command *command, int argc, char **argv)
{
    struct advertise advertise = {0};
    int exit_code;

    child_prepare(&advertise.child);
    if (advertise_options_read(&advertise.options, command, argc, argv, &exit_code)) {
        exit_code = run(&advertise);
        publication_close(&advertise.publication);
    }
    request_builder_free(&advertise.options.builder);
    return exit_code;
}
