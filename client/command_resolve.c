/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "command.h"
#include "look.h"
#include "print.h"
#include "say.h"
#include "text.h"

static const struct option_row rows[] = {{"domain", 'd', "DOMAIN", "this domain only"}};

struct resolve {
    struct look look;
    struct options options;
    struct look_wish wish;
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    (void)row, (void)problem;
    struct resolve *resolve = context;
    resolve->wish.domain = value;
    return true;
}

static void write_all(struct resolve *resolve)
{
    size_t count;
    const struct service_record **list = tree_list(resolve->look.tree, &count);

    for (size_t i = 0; list && i < count; i++)
        (resolve->options.json ? print_service_json : print_service)(list[i]);
    free(list);
    loop_end(&resolve->look.session.loop, EXIT_DONE);
}

static void on_service(void *context, const struct service_record *before,
                       const struct service_record *now)
{
    (void)before;
    struct resolve *resolve = context;
    if (now && tree_is_complete(resolve->look.tree)) /* it was waited for */
        write_all(resolve);
}

static void on_complete(void *context)
{
    struct resolve *resolve = context;
    if (tree_count(resolve->look.tree) > 0)
        write_all(resolve);
    else
        look_wait(&resolve->look);
}

int command_resolve(const struct command *command, int argc, char **argv)
{
    static const struct tree_handlers handlers = {.service = on_service, .complete = on_complete};
    struct resolve resolve = {.wish.once = true};
    const struct option_table own = {rows, sizeof rows / sizeof *rows, take, &resolve};
    char name[100];
    int first, exit_code;

    if (!command_begin(command, &resolve.options, &own, argc, argv, &first, &exit_code))
        return exit_code;
    if (argc - first != 2)
        return command_usage(command, "a name and a type are needed");
    resolve.wish.name = argv[first];
    resolve.wish.type = argv[first + 1];

    exit_code = (int)look_open(&resolve.look, &resolve.options, &resolve.wish, &handlers, &resolve);
    if (exit_code == EXIT_DONE)
        exit_code = look_run(&resolve.look);
    look_close(&resolve.look);
    if (exit_code == EXIT_NOT_FOUND) {
        text_excerpt(name, sizeof name, resolve.wish.name);
        say("there is no service '%s' of this type", name);
    }
    return exit_code;
}
