/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "look.h"
#include "print.h"
#include "say.h"

enum { ROW_TERMINATE, ROW_DOMAIN };

static const struct option_row rows[] = {
    [ROW_TERMINATE] = {"terminate", 't', NULL, "end when all that is there has been written"},
    [ROW_DOMAIN] = {"domain", 'd', "DOMAIN", "this domain only"},
};

struct browse {
    struct look look;
    struct options options;
    struct look_wish wish;
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    (void)problem;
    struct browse *browse = context;
    if (row == ROW_TERMINATE)
        browse->wish.once = true;
    else
        browse->wish.domain = value;
    return true;
}

static void print(const struct browse *browse, enum print_event event,
                  const struct service_record *record)
{
    (browse->options.json ? print_event_json : print_service_line)(event, record);
}

static void on_service(void *context, const struct service_record *before,
                       const struct service_record *now)
{
    const struct browse *browse = context;
    if (browse->wish.once) /* written in order, when it is complete */
        return;
    print(browse, print_event(before, now), now ? now : before);
}

static void on_complete(void *context)
{
    const struct browse *browse = context;
    size_t count;
    if (!browse->wish.once)
        return;
    const struct service_record **list = tree_list(browse->look.tree, &count);
    for (size_t i = 0; list && i < count; i++)
        print(browse, PRINT_ADD, list[i]);
    free(list);
}

int command_browse(const struct command *command, int argc, char **argv)
{
    static const struct tree_handlers handlers = {.service = on_service, .complete = on_complete};
    struct browse browse = {0};
    const struct option_table own = {rows, sizeof rows / sizeof *rows, take, &browse};
    int first, exit_code;

    if (!command_begin(command, &browse.options, &own, argc, argv, &first, &exit_code))
        return exit_code;
    if (argc - first > 1)
        return command_usage(command, "one type at most");
    browse.wish.type = argv[first];

    exit_code = (int)look_open(&browse.look, &browse.options, &browse.wish, &handlers, &browse);
    if (exit_code == EXIT_DONE)
        exit_code = look_run(&browse.look);
    look_close(&browse.look);
    return exit_code;
}
