/* SPDX-License-Identifier: MIT */
/*
 * avahi-browse, as far as the bridge's records hold what it writes. One record is one service on one
 * interface; avahi-browse writes a line for each protocol over which it is seen there. A change of
 * what a service resolves to is nothing to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "browser.h"
#include "command.h"
#include "diagnostic.h"
#include "parsable.h"
#include "print.h"
#include "service_type.h"
#include "service_types.h"
#include "terminal_text.h"

enum {
    ROW_ALL,
    ROW_RESOLVE,
    ROW_PARSABLE,
    ROW_TERMINATE,
    ROW_CACHE,
    ROW_IGNORE_LOCAL,
    ROW_DOMAIN,
    ROW_NO_DB_LOOKUP,
    ROW_NO_FAIL,
    ROW_VERBOSE,
    ROW_DUMP_DB,
    ROW_BROWSE_DOMAINS,
    ROW_VERSION,
    ROWS
};

static const struct option_row rows[ROWS] = {
    [ROW_ALL] = {"all", 'a', NULL, "services of all types"},
    [ROW_RESOLVE] = {"resolve", 'r', NULL, "with host, address, port and TXT data"},
    [ROW_PARSABLE] = {"parsable", 'p', NULL, "fields with semicolons between them"},
    [ROW_TERMINATE] = {"terminate", 't', NULL, "end when all that is there has been written"},
    [ROW_CACHE] = {"cache", 'c', NULL, "the same"},
    [ROW_IGNORE_LOCAL] = {"ignore-local", 'l', NULL, "not those of the bridge's own host"},
    [ROW_DOMAIN] = {"domain", 'd', "DOMAIN", "this domain only"},
    [ROW_NO_DB_LOOKUP] = {"no-db-lookup", 'k', NULL, "types as they are, not by their names"},
    [ROW_NO_FAIL] = {"no-fail", 'f', NULL, "wait for a broker and a bridge that are not there"},
    [ROW_VERBOSE] = {"verbose", 'v', NULL, "say more"},
    [ROW_DUMP_DB] = {"dump-db", 'b', NULL, "write the names of types that are known, and end"},
    [ROW_BROWSE_DOMAINS] = {"browse-domains", 'D', NULL, NULL},
    [ROW_VERSION] = {"version", 'V', NULL, "write the version, and end"},
};

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 40
#define COLUMNS_MAX 1000
#define COLUMNS_BUT_NAME 35

struct avahi_browse {
    struct browser browser;
    struct options options;
    struct browser_plan plan;
    bool on[ROWS]; /* which options were given */
    int columns;
    bool named_server, printed_all;
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    (void)problem;
    struct avahi_browse *browse = context;
    browse->on[row] = true;
    if (row == ROW_DOMAIN)
        browse->plan.domain = *value ? value : NULL;
    return true;
}

/* ---- lines ---- */

static const char *const protocol_names[SERVICE_PROTOCOLS] = {"IPv4", "IPv6"};

/* As Avahi spells it, or its name if that is wanted and known. */
static const char *type_name(const struct avahi_browse *browse, const char *type)
{
    return browse->on[ROW_NO_DB_LOOKUP] ? type : service_types_name(type);
}

static void print_head(const struct avahi_browse *browse, char sign,
                       const struct service_record *record, int protocol)
{
    const struct service_id *id = &record->id;
    char name[PARSABLE_SIZE(SERVICE_NAME_MAX)], escaped[PARSABLE_SIZE(SERVICE_TYPE_MAX)];
    char domain[PARSABLE_SIZE(SERVICE_DOMAIN_MAX)];
    char interface[4 * SERVICE_INTERFACE_MAX + 1];

    terminal_text_escape(interface, (const uint8_t *)id->interface, strlen(id->interface));
    parsable_domain(escaped, id->type);
    parsable_domain(domain, id->domain);
    const char *type = type_name(browse, escaped);
    if (browse->on[ROW_PARSABLE]) {
        parsable_label(name, id->name);
        printf("%c;%s;%s;%s;%s;%s", sign, interface, protocol_names[protocol], name, type, domain);
    } else {
        parsable_printable(name, id->name);
        printf("%c %6s %4s %-*s %-20s %s\n", sign, interface, protocol_names[protocol],
               browse->columns - COLUMNS_BUT_NAME, name, type, domain);
    }
}

/* A link-local address without its zone: the interface is written besides. */
static void escape_address(char out[4 * SERVICE_ADDRESS_MAX + 1], const char *address)
{
    terminal_text_escape(out, (const uint8_t *)address, strcspn(address, "%"));
}

static void print_resolved(const struct avahi_browse *browse, const struct service_record *record,
                           int protocol)
{
    const struct service *service = &record->service;
    const char *address = service->addresses[protocol];
    char host[PARSABLE_SIZE(SERVICE_HOST_MAX)], safe[4 * SERVICE_ADDRESS_MAX + 1];
    char *txt = malloc(PARSABLE_SIZE(service->txt_length));

    if (address && txt) {
        parsable_domain(host, service->host);
        escape_address(safe, address);
        parsable_txt(txt, service->txt, service->txt_length);
        print_head(browse, '=', record, protocol);
        printf(browse->on[ROW_PARSABLE] ? ";%s;%s;%u;%s\n"
                                        : "   hostname = [%s]\n"
                                          "   address = [%s]\n"
                                          "   port = [%u]\n"
                                          "   txt = [%s]\n",
               host, safe, service->port, txt);
    }
    free(txt);
}

static void print_sighting(const struct avahi_browse *browse, char sign,
                           const struct service_record *record, int protocol)
{
    if (browse->on[ROW_IGNORE_LOCAL] && record->service.local)
        return;
    print_head(browse, sign, record, protocol);
    if (browse->on[ROW_PARSABLE])
        putchar('\n');
    if (browse->on[ROW_RESOLVE] && sign == '+')
        print_resolved(browse, record, protocol);
}

/* ---- what happens ---- */

static bool is_seen(const struct service_record *record, int protocol)
{
    return record && record->service.seen[protocol];
}

static void on_service(void *context, const struct service_record *before,
                       const struct service_record *now)
{
    const struct avahi_browse *browse = context;

    if (browse->options.json) {
        print_event_json(print_event(before, now), now ? now : before);
        return;
    }
    for (int protocol = 0; protocol < SERVICE_PROTOCOLS; protocol++) {
        if (is_seen(now, protocol) && !is_seen(before, protocol))
            print_sighting(browse, '+', now, protocol);
        else if (is_seen(before, protocol) && !is_seen(now, protocol))
            print_sighting(browse, '-', before, protocol);
    }
}

static bool is_talkative(const struct avahi_browse *browse)
{
    return browse->on[ROW_VERBOSE] && !browse->on[ROW_PARSABLE] && !browse->options.json;
}

static void on_bridge(void *context, const struct state_record *state)
{
    struct avahi_browse *browse = context;
    if (!state || !is_talkative(browse) || browse->named_server)
        return;
    browse->named_server = true;
    print_server(state);
    fprintf(stderr, "E Ifce Prot %-*s %-20s Domain\n", browse->columns - COLUMNS_BUT_NAME, "Name",
            "Type");
}

static void on_complete(void *context)
{
    struct avahi_browse *browse = context;
    if (is_talkative(browse) && !browse->printed_all)
        fputs(": Cache exhausted\n: All for now\n", stdout);
    browse->printed_all = true;
}

/* ---- the command ---- */

static void print_type(void *context, const char *type)
{
    puts(type_name(context, type));
}

static int columns(void)
{
    const char *text = getenv("COLUMNS");
    long number = text ? strtol(text, NULL, 10) : COLUMNS_DEFAULT;
    if (number < COLUMNS_MIN)
        return COLUMNS_MIN;
    return number > COLUMNS_MAX ? COLUMNS_MAX : (int)number;
}

static int browse_services(struct avahi_browse *browse)
{
    static const struct record_tree_handlers handlers = {
        .service = on_service, .bridge = on_bridge, .complete = on_complete};
    int exit_code =
        (int)browser_open(&browse->browser, &browse->options, &browse->plan, &handlers, browse);

    /* As Avahi's does: a daemon that is not there is an error, and one that goes later is not. */
    browse->browser.session.persistent |= browse->on[ROW_NO_FAIL];
    if (exit_code == EXIT_DONE)
        exit_code = loop_run(&browse->browser.session.loop);
    browser_close(&browse->browser);
    return exit_code;
}

/* What the command line wants that there is not, and what it lacks. */
static int check(const struct command *command, struct avahi_browse *browse, int count,
                 char **arguments)
{
    if (browse->on[ROW_BROWSE_DOMAINS])
        return command_usage(command, "-D: the bridge does not tell which domains there are");
    if (!browse->on[ROW_ALL] && count == 0)
        return command_usage(command, "Too few arguments");
    if (count > (browse->on[ROW_ALL] ? 0 : 1))
        return command_usage(command, "Too many arguments");
    if (count > 0 && strstr(arguments[0], "._sub."))
        return command_usage(command, "the bridge does not tell of subtypes");
    browse->plan.type = count > 0 ? arguments[0] : NULL;
    browse->plan.once = browse->on[ROW_TERMINATE] || browse->on[ROW_CACHE];
    return EXIT_DONE;
}

static int run(const struct command *command, struct avahi_browse *browse, int count,
               char **arguments)
{
    if (browse->on[ROW_VERSION]) {
        printf("%s, of mdns-mqtt %s\n", command->name, command_version);
        return EXIT_DONE;
    }
    if (browse->on[ROW_DUMP_DB]) {
        service_types_each(print_type, browse);
        return EXIT_DONE;
    }
    int exit_code = check(command, browse, count, arguments);
    if (exit_code != EXIT_DONE)
        return exit_code;
    if (browse->plan.type && !service_type_is_question(browse->plan.type)) {
        fputs("avahi_service_browser_new() failed: Invalid service type\n", stderr);
        return EXIT_DONE; /* as Avahi's */
    }
    return browse_services(browse);
}

int command_avahi_browse(const struct command *command, int argc, char **argv)
{
    struct avahi_browse browse = {.columns = columns()};
    const struct option_table own = {rows, ROWS, take, &browse};
    int first, exit_code;

    if (!command_begin(command, &browse.options, &own, argc, argv, &first, &exit_code))
        return exit_code;
    return run(command, &browse, argc - first, argv + first);
}
