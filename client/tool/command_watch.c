/* SPDX-License-Identifier: MIT */
/*
 * A live table. On a terminal it is drawn in place; elsewhere one table follows the other, as what
 * it shows changes. Changes within a tenth of a second are drawn at once.
 *
 * Drawing in place is done on the terminal's second screen, which forgets what stands there. So it is
 * entered when there is something to draw, with the first connection, and left for each line on stderr:
 * these are to be read on the first screen when we have ended. The last one also stands above the table,
 * until the connection is there again.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "browser.h"
#include "clock.h"
#include "command.h"
#include "diagnostic.h"
#include "print.h"
#include "table.h"
#include "terminal_text.h"

#define SETTLE_MS 100
#define WIDTH_ELSEWHERE 160 /* where there is no terminal */
#define LINES_MAX 100000

/* What terminals know since the VT100, and xterm's second screen. */
#define SCREEN_ENTER "\x1b[?1049h\x1b[?25l"
#define SCREEN_LEAVE "\x1b[?25h\x1b[?1049l"
#define CURSOR_HOME "\x1b[H"
#define LINE_END "\x1b[K\n"
#define ERASE_BELOW "\x1b[J"

static const struct option_row rows[] = {{"domain", 'd', "DOMAIN", "this domain only"}};

struct watch {
    struct browser browser;
    struct options options;
    struct browser_plan plan;
    struct loop_timer redraw;
    bool terminal;
    bool on_second_screen;
    char last_line[512]; /* the last line on stderr */
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    (void)row, (void)problem;
    struct watch *watch = context;
    watch->plan.domain = value;
    return true;
}

/* ---- the table ---- */

static void size_of_terminal(const struct watch *watch, size_t *width, size_t *height)
{
    struct winsize size;
    bool known = watch->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
                 size.ws_col > 0 && size.ws_row > 0;
    *width = known ? size.ws_col : WIDTH_ELSEWHERE;
    *height = known ? size.ws_row : LINES_MAX;
}

static void enter_second_screen(struct watch *watch)
{
    if (!watch->on_second_screen)
        fputs(SCREEN_ENTER, stdout);
    watch->on_second_screen = true;
}

static void leave_second_screen(struct watch *watch)
{
    if (watch->on_second_screen)
        fputs(SCREEN_LEAVE, stdout);
    watch->on_second_screen = false;
}

/* The line above the table. */
static void headline(const struct watch *watch, char *out, size_t size)
{
    const struct state_record *state = record_tree_bridge(watch->browser.tree);
    char host[sizeof state->hostname * 4 + 1] = "";
    size_t count = record_tree_count(watch->browser.tree);
    const char *url = watch->browser.session.place.url, *last = watch->last_line;
    const char *semicolon = *last ? "; " : "";

    if (state)
        terminal_text_escape(host, (const uint8_t *)state->hostname, strlen(state->hostname));
    if (!mqtt_is_connected(watch->browser.session.connection->mqtt))
        snprintf(out, size, "%zu services; %s%s", count, *last ? last : "no connection to ",
                 *last ? "" : url);
    else if (!state)
        snprintf(out, size, "%zu services; no bridge at %s%s%s", count, url, semicolon, last);
    else
        snprintf(out, size, "%zu services; bridge %s on %s, avahi %s%s%s", count,
                 bridge_life_name(state->life), host, state->avahi_up ? "up" : "down", semicolon,
                 last);
}

static void draw(void *context, int64_t now)
{
    (void)now;
    struct watch *watch = context;
    size_t count, width, height;
    char line[1800], fitted[4 * sizeof line];
    const char *end_of_line = watch->terminal ? LINE_END : "\n";

    if (watch->terminal && !watch->browser.session.connection->was_connected)
        return;
    const struct service_record **list = record_tree_list(watch->browser.tree, &count);
    if (!list)
        return;
    if (watch->terminal)
        enter_second_screen(watch);
    size_of_terminal(watch, &width, &height);
    headline(watch, line, sizeof line);
    if (terminal_text_width(line) > width)
        terminal_text_fit(fitted, sizeof fitted, line, width);
    else
        snprintf(fitted, sizeof fitted, "%s", line);
    printf("%s%s%s", watch->terminal ? CURSOR_HOME : "", fitted, end_of_line);
    /* The last line of a terminal stays empty: the end of that line would scroll it. */
    table_print(list, count, width, height > 2 ? height - 2 : 1, end_of_line);
    fputs(watch->terminal ? ERASE_BELOW : "\n", stdout);
    free(list);
}

static void redraw_soon(struct watch *watch)
{
    if (!watch->options.json && watch->redraw.due == NEVER)
        watch->redraw.due = clock_now() + SETTLE_MS;
}

/* ---- what happens ---- */

static void on_service(void *context, const struct service_record *before,
                       const struct service_record *now)
{
    struct watch *watch = context;
    if (watch->options.json)
        print_event_json(print_event(before, now), now ? now : before);
    redraw_soon(watch);
}

static void on_bridge(void *context, const struct state_record *state)
{
    struct watch *watch = context;
    if (watch->options.json)
        print_state_event_json(state);
    redraw_soon(watch);
}

static void on_connection(void *context, bool up)
{
    struct watch *watch = context;
    if (up)
        watch->last_line[0] = '\0';
    if (watch->options.json)
        printf("{\"event\":\"broker\",\"up\":%s}\n", up ? "true" : "false");
    redraw_soon(watch);
}

/* A line for stderr is about to be written. */
static void on_diagnostic(void *context, const char *line)
{
    struct watch *watch = context;
    snprintf(watch->last_line, sizeof watch->last_line, "%s", line);
    if (isatty(STDERR_FILENO))
        leave_second_screen(watch);
    redraw_soon(watch);
}

/* The first screen is the shell's. */
static void suspend(struct watch *watch)
{
    leave_second_screen(watch);
    fflush(stdout);
    loop_suspend();
    draw(watch, 0);
}

static void on_signal(void *context, int number)
{
    struct watch *watch = context;
    if (number == SIGWINCH && watch->terminal)
        draw(watch, 0);
    else if (number == SIGTSTP)
        suspend(watch);
    else if (loop_is_end(number))
        loop_end(&watch->browser.session.loop, EXIT_DONE);
}

static int run(struct watch *watch)
{
    static const struct record_tree_handlers handlers = {.service = on_service,
                                                         .bridge = on_bridge};
    int exit_code =
        (int)browser_open(&watch->browser, &watch->options, &watch->plan, &handlers, watch);

    if (exit_code == EXIT_DONE) {
        struct loop *loop = &watch->browser.session.loop;
        watch->terminal = !watch->options.json && isatty(STDOUT_FILENO);
        watch->browser.connection = on_connection;
        loop->signal = on_signal;
        loop_add_timer(loop, &watch->redraw, draw, watch);
        if (watch->terminal) {
            loop_take_suspension(loop);
            diagnostic_watch(on_diagnostic, watch);
        }
        redraw_soon(watch);
        exit_code = loop_run(&watch->browser.session.loop);
        leave_second_screen(watch);
        diagnostic_watch(NULL, NULL);
    }
    browser_close(&watch->browser);
    return exit_code;
}

int command_watch(const struct command *command, int argc, char **argv)
{
    struct watch watch = {0};
    const struct option_table own = {rows, sizeof rows / sizeof *rows, take, &watch};
    int first, exit_code;

    if (!command_begin(command, &watch.options, &own, argc, argv, &first, &exit_code))
        return exit_code;
    if (argc - first > 1)
        return command_usage(command, "one type at most");
    watch.plan.type = argv[first];
    return run(&watch);
}
