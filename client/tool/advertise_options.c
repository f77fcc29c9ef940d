/* SPDX-License-Identifier: MIT */
#include "advertise_options.h"

#include <string.h>

#include "request.h"

enum {
    ROW_NAME,
    ROW_TYPE,
    ROW_PORT,
    ROW_TXT,
    ROW_SUBTYPE,
    ROW_INTERFACE,
    ROW_NO_RENAME,
    ROW_LEASE,
    ROW_CLIENT,
    ROW_ID,
    ROW_PRESENCE,
    ROW_WHEN_LISTENING,
    ROW_CONTAINER_PORT,
    ROWS
};

static const struct option_row rows[ROWS] = {
    [ROW_NAME] = {"name", 0, "NAME", "what people see; needed"},
    [ROW_TYPE] = {"type", 0, "TYPE", "such as _http._tcp; needed"},
    [ROW_PORT] = {"port", 0, "PORT", "the port on the host, where it is published; needed"},
    [ROW_TXT] = {"txt", 0, "KEY=VALUE", "a TXT attribute, or KEY alone; again for each"},
    [ROW_SUBTYPE] = {"subtype", 0, "_SUBTYPE", "such as _printer; again for each"},
    [ROW_INTERFACE] = {"interface", 0, "IFACE", "on this interface of the host only"},
    [ROW_NO_RENAME] = {"no-rename", 0, NULL, "if the name is taken, fail"},
    [ROW_LEASE] = {"lease", 0, "SECONDS", "ends so long after the last renewal (120); 0: never"},
    [ROW_CLIENT] = {"client", 0, "CLIENT", "as whom; else MDNS_MQTT_CLIENT, or found out"},
    [ROW_ID] = {"id", 0, "ID", "one of CLIENT's advertisements; made of the rest by default"},
    [ROW_PRESENCE] = {"presence", 0, NULL, "this is all of CLIENT: its last will is `offline`"},
    [ROW_WHEN_LISTENING] = {"when-listening", 0, NULL, "not before the port is listened on"},
    [ROW_CONTAINER_PORT] = {"container-port", 0, "PORT", "... which is this one in here"},
};

static bool take_lease(struct request_builder *builder, const char *value)
{
    int64_t milliseconds;
    if (strchr(value, '.') || !options_seconds(&milliseconds, value))
        return false;
    builder->lease = (uint32_t)(milliseconds / 1000);
    return builder->lease == 0 || builder->lease >= REQUEST_LEASE_MIN;
}

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    struct advertise_options *advertise = context;
    struct request_builder *builder = &advertise->builder;

    switch (row) {
    case ROW_NAME:
        builder->name = value;
        return true;
    case ROW_TYPE:
        builder->type = value;
        return true;
    case ROW_PORT:
        *problem = "expected a port from 1 to 65535";
        return options_port(&builder->port, value);
    case ROW_TXT:
        return request_builder_add_txt(builder, value);
    case ROW_SUBTYPE:
        return request_builder_add_subtype(builder, value);
    case ROW_INTERFACE:
        builder->interface = value;
        return true;
    case ROW_NO_RENAME:
        return builder->no_rename = true;
    case ROW_LEASE:
        *problem = "expected 30 to 86400 seconds, or 0";
        return take_lease(builder, value);
    case ROW_CLIENT:
        advertise->plan.client = value;
        return true;
    case ROW_ID:
        advertise->plan.id = value;
        return true;
    case ROW_PRESENCE:
        return advertise->plan.presence = true;
    case ROW_WHEN_LISTENING:
        return advertise->when_listening = true;
    case ROW_CONTAINER_PORT:
        *problem = "expected a port from 1 to 65535";
        return options_port(&advertise->container_port, value);
    }
    return false;
}

/* What is wrong with the command line as a whole, or NULL. */
static const char *check(const struct advertise_options *advertise)
{
    if (!advertise->builder.name || !advertise->builder.type || !advertise->builder.port)
        return "--name, --type and --port are needed";
    if (advertise->container_port && !advertise->when_listening)
        return "--container-port goes with --when-listening";
    if (advertise->command && advertise->common.timeout_ms >= 0)
        return "--timeout does not go with a COMMAND, which decides when to end";
    return NULL;
}

/* Where "--" is, or argc. What is behind it is the COMMAND's, options and all. */
static int find_command(int argc, char **argv)
{
    int at = 1;
    while (at < argc && strcmp(argv[at], "--") != 0)
        at++;
    return at;
}

bool advertise_options_read(struct advertise_options *options, const struct command *command,
                            int argc, char **argv, int *exit_code)
{
    const struct option_table own = {rows, ROWS, take, options};
    int dashes = find_command(argc, argv), first;

    *options = (struct advertise_options){.builder.lease = REQUEST_BUILDER_LEASE_DEFAULT};
    options->plan.request = &options->builder;
    if (dashes + 1 < argc)
        options->command = argv + dashes + 1;
    if (!command_begin(command, &options->common, &own, dashes, argv, &first, exit_code))
        return false;
    const char *problem = first < dashes ? "a COMMAND stands behind --" : check(options);
    if (problem)
        *exit_code = command_usage(command, "%s", problem);
    if (!options->container_port)
        options->container_port = options->builder.port;
    return !problem;
}
