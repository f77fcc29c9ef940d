/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "browser.h"
#include "clock.h"
#include "command.h"
#include "diagnostic.h"
#include "print.h"
#include "text.h"

static const struct option_row rows[] = {{"domain", 'd', "DOMAIN", "this domain only"}};

struct resolve {
    struct browser browser;
    struct options options;
    struct browser_plan plan;
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    (void)row, (void)problem;
    struct resolve *resolve = context;
    resolve->plan.domain = value;
    return true;
}

static void write_all(struct resolve *resolve)
{
    size_t count;
    const struct service_record **list = record_tree_list(resolve->browser.tree, &count);

    for (size_t i = 0; list && i < count; i++)
        (resolve->options.json ? print_service_json : print_service)(list[i]);
    free(list);
    loop_end(&resolve->browser.session.loop, EXIT_DONE);
}

static void on_service(void *context, const struct service_record *before,
                       const struct service_record *now)
{
    (void)before;
    struct resolve *resolve = context;
    if (now && record_tree_is_complete(resolve->browser.tree)) /* it was waited for */
        write_all(resolve);
}

static void on_complete(void *context)
{
    struct resolve *resolve = context;
    if (record_tree_count(resolve->browser.tree) > 0)
        write_all(resolve);
    else
        browser_wait(&resolve->browser);
}

int command_resolve(const struct command *command, int argc, char **argv)
{
    static const struct record_tree_handlers handlers = {.service = on_service,
                                                         .complete = on_complete};
    struct resolve resolve = {.plan.once = true};
    const struct option_table own = {rows, sizeof rows / sizeof *rows, take, &resolve};
    char name[100];
    int first, exit_code;

    if (!command_begin(command, &resolve.options, &own, argc, argv, &first, &exit_code))
        return exit_code;
    if (argc - first != 2)
        return command_usage(command, "a name and a type are needed");
    resolve.plan.name = argv[first];
    resolve.plan.type = argv[first + 1];

    exit_code =
        (int)browser_open(&resolve.browser, &resolve.options, &resolve.plan, &handlers, &resolve);
    if (exit_code == EXIT_DONE)
        exit_code = loop_run(&resolve.browser.session.loop);
    browser_close(&resolve.browser);
    if (exit_code == EXIT_NOT_FOUND) {
        text_excerpt(name, sizeof name, resolve.plan.name);
        diagnostic("there is no service '%s' of this type", name);
    }
    return exit_code;
}
