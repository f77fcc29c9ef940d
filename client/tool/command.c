/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>

#include "diagnostic.h"

const char *const command_version = BRIDGE_VERSION;

static const char *tool_of(const struct command *command)
{
    return command->drop_in ? "" : "mdns-mqtt ";
}

static void print_help(const struct command *command, const struct option_table *own)
{
    printf("Usage: %s%s %s\n%s.\n\n", tool_of(command), command->name, command->usage,
           command->summary);
    options_print_help(own, stdout);
}

bool command_begin(const struct command *command, struct options *options,
                   const struct option_table *own, int argc, char **argv, int *first,
                   int *exit_code)
{
    char error[OPTIONS_ERROR_SIZE];

    if (!options_parse(options, own, argc, argv, first, error)) {
        *exit_code = command_usage(command, "%s", error);
        return false;
    }
    if (options->help) {
        print_help(command, own);
        *exit_code = EXIT_DONE;
    }
    return !options->help;
}

int command_usage(const struct command *command, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    diagnostic("%s", text);
    fprintf(stderr, "Usage: %s%s %s\n", tool_of(command), command->name, command->usage);
    return EXIT_USAGE;
}
