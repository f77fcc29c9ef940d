/* SPDX-License-Identifier: MIT */
/*
 * avahi-publish, as far as the bridge advertises what it does: services of the bridge's own host. What it
 * says and how it ends is as with Avahi's, down to the 0 that Avahi's ends with where a name or type is
 * refused; where Avahi's has no such case, the end is 1.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "print.h"
#include "publication.h"
#include "say.h"
#include "text.h"

enum {
    ROW_SERVICE,
    ROW_ADDRESS,
    ROW_VERBOSE,
    ROW_DOMAIN,
    ROW_HOST,
    ROW_SUBTYPE,
    ROW_NO_REVERSE,
    ROW_NO_FAIL,
    ROW_VERSION,
    ROWS
};

static const struct option_row rows[ROWS] = {
    [ROW_SERVICE] = {"service", 's', NULL, "publish a service"},
    [ROW_ADDRESS] = {"address", 'a', NULL, NULL},
    [ROW_VERBOSE] = {"verbose", 'v', NULL, "say more"},
    [ROW_DOMAIN] = {"domain", 'd', "DOMAIN", "only `local`"},
    [ROW_HOST] = {"host", 'H', "HOST", NULL},
    [ROW_SUBTYPE] = {"subtype", 0, "SUBTYPE", "such as _printer._sub._ipp._tcp; again for each"},
    [ROW_NO_REVERSE] = {"no-reverse", 'R', NULL, NULL},
    [ROW_NO_FAIL] = {"no-fail", 'f', NULL, "wait for a broker and a bridge that are not there"},
    [ROW_VERSION] = {"version", 'V', NULL, "write the version, and end"},
};

#define PUBLISH_FAILED 1 /* Avahi's only other exit code */

struct publish {
    struct publication publication;
    struct options options;
    struct publication_plan plan;
    struct wish wish;
    const char *domain;
    const char
        *subtypes[REQUEST_SUBTYPES_MAX + 1]; /* as they were given, so that one is too many */
    size_t subtype_count;
    bool on[ROWS];                   /* which options were given */
    char name[SERVICE_NAME_MAX + 1]; /* as it was last told */
    bool established, was_online, said_server, said_waiting;
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    struct publish *publish = context;
    publish->on[row] = true;
    if (row == ROW_DOMAIN)
        publish->domain = value;
    if (row != ROW_SUBTYPE)
        return true;
    *problem = "there are 8 at most";
    if (publish->subtype_count > REQUEST_SUBTYPES_MAX)
        return false;
    publish->subtypes[publish->subtype_count++] = value;
    return true;
}

/* ---- what happens ---- */

/* `text` may be anybody's. */
static void tell(const char *what, const char *text)
{
    char safe[STATUS_MESSAGE_MAX + 1];
    text_excerpt(safe, sizeof safe, text);
    fprintf(stderr, "%s: %s\n", what, safe);
}

static void fail(struct publish *publish, const char *what, const char *why)
{
    tell(what, why);
    publication_end(&publish->publication, PUBLISH_FAILED);
}

static void on_established(struct publish *publish)
{
    if (!publish->established)
        fprintf(stderr, "Established under name '%s'\n", publish->name);
    publish->established = true;
}

static void on_news(void *context, const struct status *status)
{
    struct publish *publish = context;
    bool is_there = status->state == STATUS_ESTABLISHED;

    if (publish->publication.ends)
        return;
    if ((is_there || status->state == STATUS_PENDING) && strcmp(publish->name, status->name) != 0) {
        text_excerpt(publish->name, sizeof publish->name, status->name);
        fprintf(stderr, "Name collision, picking new name '%s'.\n", publish->name);
        publish->established = false;
    }
    for (size_t i = 0; publish->on[ROW_VERBOSE] && i < status->warning_count; i++)
        tell("Warning", status->warnings[i].message);
    if (is_there)
        on_established(publish);
    else
        publish->established = false;
    if (status->state == STATUS_FAILED)
        fail(publish, "Failed to register", status->error.message);
    else if (status->reason == STATUS_REPLACED_BY_POLICY)
        fail(publish, "Failed to register", "this is not allowed any more");
}

static void say_whom(struct publish *publish, const struct state_record *state)
{
    bool is_there = state->life != BRIDGE_OFFLINE;

    if (is_there && !publish->said_server)
        print_server(state);
    else if (!is_there && !publish->said_waiting)
        fputs("Waiting for daemon ...\n", stderr);
    publish->said_server |= is_there;
    publish->said_waiting |= !is_there;
}

/* A bridge that is starting is waited for. One that was there and goes is told by on_bridge(). */
static void on_state(void *context)
{
    struct publish *publish = context;
    const struct state_record *state = &publish->publication.state;
    bool may_fail = !publish->on[ROW_NO_FAIL] && !publish->was_online;

    publish->was_online |= state->life == BRIDGE_ONLINE;
    if (may_fail && state->life == BRIDGE_OFFLINE)
        fail(publish, "Failed to create client object", "the bridge is not online");
    else if (may_fail && state->life == BRIDGE_ONLINE && !state->avahi_up)
        fail(publish, "Failed to create client object", "Daemon not running");
    else if (publish->on[ROW_VERBOSE])
        say_whom(publish, state);
}

/* As with Avahi's: a daemon that goes is the end, but no error. */
static void on_lost(void *context)
{
    struct publish *publish = context;

    publish->established = false;
    if (publish->on[ROW_NO_FAIL]) {
        fputs("Disconnected, reconnecting ...\n", stderr);
        return;
    }
    fputs("Client failure, exiting: Daemon connection failed\n", stderr);
    publication_end(&publish->publication, EXIT_DONE);
}

static void on_bridge(void *context, enum advert_bridge bridge)
{
    const struct publish *publish = context;
    if (bridge == ADVERT_BRIDGE_AWAY && publish->was_online)
        on_lost(context);
}

static void on_refused(void *context, enum publication_right right, int reason)
{
    struct publish *publish = context;
    const char *to = right == PUBLICATION_ASK ? "advertise" : "hear of what you advertise";
    fprintf(stderr, "Failed to create entry group: the broker does not let you %s as %s (%s)\n", to,
            publish->publication.owner.client, connection_reason_text(reason));
    publication_end(&publish->publication, PUBLISH_FAILED);
}

static bool on_failed(void *context, const struct connection_failure *failure)
{
    struct publish *publish = context;

    if (publish->on[ROW_NO_FAIL])
        return true;
    fprintf(stderr, "Failed to create client object: the broker at %s: %s\n",
            publish->publication.session.place.url, failure->text);
    loop_end(&publish->publication.session.loop, PUBLISH_FAILED);
    return false;
}

static void on_signal(void *context, int number)
{
    struct publish *publish = context;

    if (number == SIGINT || number == SIGTERM) {
        fprintf(stderr, "Got %s, quitting.\n", number == SIGINT ? "SIGINT" : "SIGTERM");
        publication_end(&publish->publication, EXIT_DONE);
    } else if (number == SIGHUP || number == SIGQUIT) {
        publication_end(&publish->publication, 128 + number);
    }
}

static int run(struct publish *publish)
{
    static const struct publication_handlers handlers = {on_news, on_bridge, on_refused,
                                                         on_lost, on_state,  on_failed};
    struct publication *publication = &publish->publication;

    publish->plan.wish = &publish->wish;
    publish->wish.lease = WISH_LEASE_DEFAULT;
    int exit_code =
        (int)publication_open(publication, &publish->options, &publish->plan, &handlers, publish);
    if (exit_code == EXIT_DONE) {
        text_excerpt(publish->name, sizeof publish->name, publish->wish.name);
        publication->session.loop.signal = on_signal;
        publication->session.persistent = publish->on[ROW_NO_FAIL];
        publication_want(publication);
        exit_code = loop_run(&publication->session.loop);
    } else {
        exit_code = PUBLISH_FAILED;
    }
    publication_close(publication);
    return exit_code;
}

/* ---- the command line ---- */

/* Avahi wants "_printer._sub._ipp._tcp", the bridge "_printer", which is of the service's own type. */
static bool add_subtype(struct publish *publish, const char *subtype)
{
    const char *sub = strstr(subtype, "._sub.");
    const char *type = sub ? sub + strlen("._sub.") : "";
    char label[REQUEST_SUBTYPE_MAX + 1] = "";

    if (sub && (size_t)(sub - subtype) < sizeof label)
        snprintf(label, sizeof label, "%.*s", (int)(sub - subtype), subtype);
    if (!request_subtype_is_valid(label) || !request_type_is_valid(type)) {
        fprintf(stderr, "Failed to add subtype '%s': Invalid service subtype\n", subtype);
        return false;
    }
    if (text_same_ignoring_case(type, publish->wish.type))
        return wish_add_subtype(&publish->wish, label);
    fprintf(stderr, "The subtype '%s' is left out: the bridge has those of %s only\n", subtype,
            publish->wish.type);
    return true;
}

/* In Avahi's words, where Avahi has some. */
static int check_wish(const struct wish *wish)
{
    struct status_error error;
    char *request = wish_request(wish, NULL, &error);
    bool is_name = error.code == STATUS_BAD_NAME, is_type = error.code == STATUS_BAD_TYPE;

    if (request) {
        free(request);
        return -1;
    }
    fprintf(stderr, "Failed to add service: %s\n",
            is_name   ? "Invalid service name"
            : is_type ? "Invalid service type"
                      : error.message);
    return is_name || is_type ? EXIT_DONE : PUBLISH_FAILED;
}

static bool parse_port(uint16_t *port, const char *text)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 0);

    *port = (uint16_t)number;
    if (errno == 0 && *end == '\0' && number >= 0 && number <= 65535)
        return true;
    fprintf(stderr, "Failed to parse port number: %s\n", text);
    return false;
}

/* Makes the wish of NAME TYPE PORT [TXT...]. The exit code, or -1: go on. */
static int read_wish(struct publish *publish, int count, char **arguments)
{
    struct wish *wish = &publish->wish;

    if (count < 3) {
        fputs("Bad number of arguments\n", stderr);
        return PUBLISH_FAILED;
    }
    wish->name = arguments[0];
    wish->type = arguments[1];
    if (!parse_port(&wish->port, arguments[2]))
        return PUBLISH_FAILED;
    for (int i = 3; i < count; i++)
        if (!wish_add_txt(wish, arguments[i]))
            return PUBLISH_FAILED;
    int exit_code = check_wish(wish);
    for (size_t i = 0; exit_code < 0 && i < publish->subtype_count; i++)
        if (!add_subtype(publish, publish->subtypes[i]))
            exit_code = EXIT_DONE;
    return exit_code;
}

/* What cannot be done for a container, or NULL. */
static const char *refuse(const struct publish *publish, bool address)
{
    if (address)
        return "the bridge advertises services and no addresses";
    if (publish->on[ROW_HOST])
        return "-H: the bridge advertises services of its own host only";
    if (publish->domain && strcmp(publish->domain, "local") != 0 &&
        strcmp(publish->domain, "local.") != 0)
        return "-d: the bridge advertises in the domain `local` only";
    return NULL;
}

int command_publish(const struct command *command, int argc, char **argv)
{
    struct publish publish = {0};
    const struct option_table own = {rows, ROWS, take, &publish};
    bool address = strstr(command->name, "address"), service = strstr(command->name, "service");
    int first, exit_code;

    if (!command_begin(command, &publish.options, &own, argc, argv, &first, &exit_code))
        return exit_code == EXIT_DONE ? EXIT_DONE : PUBLISH_FAILED;
    if (publish.on[ROW_VERSION]) {
        printf("%s, of mdns-mqtt %s\n", command->name, command_version);
        return EXIT_DONE;
    }
    address = (address && !publish.on[ROW_SERVICE]) || publish.on[ROW_ADDRESS];
    const char *problem = refuse(&publish, address);
    if (!problem && !service && !publish.on[ROW_SERVICE])
        problem = "No command specified.";
    if (problem) {
        fprintf(stderr, "%s\n", problem);
        return PUBLISH_FAILED;
    }
    exit_code = read_wish(&publish, argc - first, argv + first);
    if (exit_code < 0)
        exit_code = run(&publish);
    wish_free(&publish.wish);
    return exit_code;
}
