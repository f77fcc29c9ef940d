/* SPDX-License-Identifier: MIT */
/* The table of commands. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "diagnostic.h"
#include "output.h"
#include "text.h"

static const struct command commands[] = {
    {"browse", "[OPTION]... [TYPE]", "Lists the services of the network, and what changes",
     command_browse, false},
    {"resolve", "[OPTION]... NAME TYPE", "Says all about one service", command_resolve, false},
    {"status", "[OPTION]...", "Says how the bridge is, and what it advertises", command_status,
     false},
    {"watch", "[OPTION]... [TYPE]", "Shows a table of the services, as they come and go",
     command_watch, false},
    {"advertise", "--name NAME --type TYPE --port PORT [OPTION]... [-- COMMAND [ARGUMENT]...]",
     "Advertises a service, alone or while COMMAND runs", command_advertise, false},
    {"doctor", "[OPTION]...", "Finds out what does not work, and says what to do about it",
     command_doctor, false},
    {"decode", "[OPTION]...", "Makes lines of mosquitto_sub readable", command_decode, false},
    {"avahi-browse", "[OPTION]... [TYPE]", "As Avahi's program of this name", command_avahi_browse,
     true},
    {"avahi-publish", "-s [OPTION]... NAME TYPE PORT [KEY=VALUE]...",
     "As Avahi's program of this name, for services", command_avahi_publish, true},
    {"avahi-publish-service", "[OPTION]... NAME TYPE PORT [KEY=VALUE]...",
     "As Avahi's program of this name", command_avahi_publish, true},
    {"avahi-publish-address", "", "Refused: the bridge advertises services and no addresses",
     command_avahi_publish, true},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static const struct command *find(const char *name, bool drop_in)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].drop_in == drop_in && strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_help(FILE *out)
{
    fputs("Usage: mdns-mqtt COMMAND [OPTION]... [ARGUMENT]...\n"
          "What is on the network, as mdns-mqtt-bridge tells it over MQTT.\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++)
        if (!commands[i].drop_in)
            fprintf(out, "  %-10s  %s\n", commands[i].name, commands[i].summary);
    fputs("\nCalled by one of these names, it behaves like the program:", out);
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].drop_in)
            fprintf(out, " %s", commands[i].name);
    fputs(".\nmdns-mqtt COMMAND --help says more.\n", out);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int run(int argc, char **argv)
{
    const char *name = base_name(argc > 0 ? argv[0] : "mdns-mqtt");
    const struct command *command = find(name, true);

    /* How wide characters are; the records are UTF-8 everywhere. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    if (command) {
        diagnostic_set_program(command->name);
        return command->run(command, argc, argv);
    }
    const char *word = argc > 1 ? argv[1] : "";
    command = find(word, false);
    if (command)
        return command->run(command, argc - 1, argv + 1);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(word, "--version") == 0) {
        printf("mdns-mqtt %s\n", command_version);
        return EXIT_DONE;
    }
    if (*word) {
        char shown[100];
        text_excerpt(shown, sizeof shown, word);
        diagnostic("%s: there is no such command", shown);
    }
    print_help(stderr);
    return EXIT_USAGE;
}

/* Else the first file that we open, such as the broker's socket, would be our output. To write there, or to
 * read, is an error still, and a COMMAND does not get it. */
static void open_missing(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

int main(int argc, char **argv)
{
    open_missing();
    /* That nobody reads stdout any more is for output.h, and of the broker's socket for libmosquitto. */
    signal(SIGPIPE, SIG_IGN);
    return output_end(run(argc, argv));
}
