/* SPDX-License-Identifier: MIT */
#include "avahi_publish_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* What the command line holds. */
struct line {
    struct avahi_publish_options *options;
    bool on[ROWS]; /* which options were given */
    const char *domain;
    const char *subtypes[REQUEST_SUBTYPES_MAX + 1]; /* so that one is too many */
    size_t subtype_count;
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    struct line *line = context;
    line->on[row] = true;
    if (row == ROW_DOMAIN)
        line->domain = value;
    if (row != ROW_SUBTYPE)
        return true;
    *problem = "there are 8 at most";
    if (line->subtype_count > REQUEST_SUBTYPES_MAX)
        return false;
    line->subtypes[line->subtype_count++] = value;
    return true;
}

/* Avahi wants "_printer._sub._ipp._tcp", the bridge "_printer", which is of the service's own type. */
static bool add_subtype(struct request_builder *builder, const char *subtype)
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
    if (text_same_ignoring_case(type, builder->type))
        return request_builder_add_subtype(builder, label);
    fprintf(stderr, "The subtype '%s' is left out: the bridge has those of %s only\n", subtype,
            builder->type);
    return true;
}

/* In Avahi's words, where Avahi has some. */
static int check_request(const struct request_builder *builder)
{
    struct status_error error;
    char *request = request_builder_build(builder, NULL, &error);
    bool is_name = error.code == STATUS_BAD_NAME, is_type = error.code == STATUS_BAD_TYPE;

    if (request) {
        free(request);
        return -1;
    }
    fprintf(stderr, "Failed to add service: %s\n",
            is_name   ? "Invalid service name"
            : is_type ? "Invalid service type"
                      : error.message);
    return is_name || is_type ? EXIT_DONE : AVAHI_PUBLISH_FAILED;
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

/* Takes NAME TYPE PORT [TXT...]: the exit code, or -1: go on. */
static int read_request(const struct line *line, int count, char **arguments)
{
    struct request_builder *builder = &line->options->builder;

    if (count < 3) {
        fputs("Bad number of arguments\n", stderr);
        return AVAHI_PUBLISH_FAILED;
    }
    builder->name = arguments[0];
    builder->type = arguments[1];
    if (!parse_port(&builder->port, arguments[2]))
        return AVAHI_PUBLISH_FAILED;
    for (int i = 3; i < count; i++)
        if (!request_builder_add_txt(builder, arguments[i]))
            return AVAHI_PUBLISH_FAILED;
    int exit_code = check_request(builder);
    for (size_t i = 0; exit_code < 0 && i < line->subtype_count; i++)
        if (!add_subtype(builder, line->subtypes[i]))
            exit_code = EXIT_DONE;
    return exit_code;
}

/* What cannot be done for a container, or NULL. */
static const char *refuse(const struct line *line, bool address)
{
    if (address)
        return "the bridge advertises services and no addresses";
    if (line->on[ROW_HOST])
        return "-H: the bridge advertises services of its own host only";
    if (line->domain && strcmp(line->domain, "local") != 0 && strcmp(line->domain, "local.") != 0)
        return "-d: the bridge advertises in the domain `local` only";
    return NULL;
}

/* What is wrong with the command line as a whole, or NULL. */
static const char *check(const struct line *line, const char *program)
{
    bool address = strstr(program, "address"), service = strstr(program, "service");
    const char *problem =
        refuse(line, (address && !line->on[ROW_SERVICE]) || line->on[ROW_ADDRESS]);

    if (!problem && !service && !line->on[ROW_SERVICE])
        problem = "No command specified.";
    return problem;
}

bool avahi_publish_options_read(struct avahi_publish_options *options,
                                const struct command *command, int argc, char **argv,
                                int *exit_code)
{
    struct line line = {.options = options};
    const struct option_table own = {rows, ROWS, take, &line};
    int first;

    *options = (struct avahi_publish_options){.builder.lease = REQUEST_BUILDER_LEASE_DEFAULT};
    options->plan.request = &options->builder;
    if (!command_begin(command, &options->common, &own, argc, argv, &first, exit_code)) {
        *exit_code = *exit_code == EXIT_DONE ? EXIT_DONE : AVAHI_PUBLISH_FAILED;
        return false;
    }
    options->verbose = line.on[ROW_VERBOSE];
    options->no_fail = line.on[ROW_NO_FAIL];
    if (line.on[ROW_VERSION]) {
        printf("%s, of mdns-mqtt %s\n", command->name, command_version);
        *exit_code = EXIT_DONE;
        return false;
    }
    const char *problem = check(&line, command->name);
    if (problem) {
        fprintf(stderr, "%s\n", problem);
        *exit_code = AVAHI_PUBLISH_FAILED;
        return false;
    }
    *exit_code = read_request(&line, argc - first, argv + first);
    return *exit_code < 0;
}
