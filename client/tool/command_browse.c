/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "browser.h"
#include "command.h"
#include "diagnostic.h"
#include "print.h"

enum { ROW_TERMINATE, ROW_DOMAIN };

static const struct option_row rows[] = {
    [ROW_TERMINATE] = {"terminate", 't', NULL, "end when all that is there has been written"},
    [ROW_DOMAIN] = {"domain", 'd', "DOMAIN", "this domain only"},
};

struct browse {
    struct browser browser;
    struct options options;
    struct browser_plan plan;
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    (void)problem;
    struct browse *browse = context;
    if (row == ROW_TERMINATE)
        browse->plan.once = true;
    else
        browse->plan.domain = value;
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
    if (browse->plan.once) /* written in order, when it is complete */
        return;
    print(browse, print_event(before, now), now ? now : before);
}

static void on_complete(void *context)
{
    const struct browse *browse = context;
    size_t count;
    if (!browse->plan.once)
        return;
    const struct service_record **list = record_tree_list(browse->browser.tree, &count);
    for (size_t i = 0; list && i < count; i++)
        print(browse, PRINT_ADD, list[i]);
    free(list);
}

int command_browse(const struct command *command, int argc, char **argv)
{
    static const struct record_tree_handlers handlers = {.service = on_service,
                                                         .complete = on_complete};
    struct browse browse = {0};
    const struct option_table own = {rows, sizeof rows / sizeof *rows, take, &browse};
    int first, exit_code;

    if (!command_begin(command, &browse.options, &own, argc, argv, &first, &exit_code))
        return exit_code;
    if (argc - first > 1)
        return command_usage(command, "one type at most");
    browse.plan.type = argv[first];

    exit_code =
        (int)browser_open(&browse.browser, &browse.options, &browse.plan, &handlers, &browse);
    if (exit_code == EXIT_DONE)
        exit_code = loop_run(&browse.browser.session.loop);
    browser_close(&browse.browser);
    return exit_code;
}
