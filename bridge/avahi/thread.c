/* SPDX-License-Identifier: MIT */
/*
 * The Avahi side's thread and its two queues; what it does is in daemon.c.
 *
 * Avahi's own AvahiSimplePoll runs here alone, so it does not matter that it makes one callback a turn
 * and prefers its time-outs. Callbacks may not free what they come from; so after each, and outside of
 * it, the loop takes the main thread's commands and does what is due.
 *
 * What to browse for has a slot of its own, where the newest options take the place of older ones: they get
 * through when the queue of commands is full.
 *
 * The up queue holds back the whole side when the main thread is slow: queue_push_wait() blocks here.
 */
#include "mdns.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <avahi-common/simple-watch.h>

#include "clock.h"
#include "daemon.h"
#include "filter.h"
#include "log.h"
#include "queue.h"

/* An event has about a kilobyte. The Avahi side waits where the main thread is slower than it. */
#define EVENTS_MAX 64
#define COMMANDS_MAX 256

enum command_kind {
    COMMAND_BROWSE, /* for what `browse_for` has; it only has to wake the thread */
    COMMAND_REGISTER,
    COMMAND_UPDATE_TXT,
    COMMAND_WITHDRAW,
};

struct command {
    enum command_kind kind;
    unsigned life; /* the main thread's, when it gave the command */
    uint32_t number;
    uint32_t replaces;               /* REGISTER */
    char name[SERVICE_NAME_MAX + 1]; /* REGISTER */
    uint32_t revision;               /* UPDATE_TXT */
    struct request request;          /* REGISTER, UPDATE_TXT */
};

struct mdns {
    /* Both threads. */
    struct queue *events;                /* of struct mdns_event, up */
    struct queue *commands;              /* of struct command, down */
    _Atomic(struct filter *) browse_for; /* what mdns_reconfigure() brought last, or NULL */
    atomic_bool stop;
    struct daemon_counters counters;
    int ended_fd; /* readable when the thread has ended */
    pthread_t thread;
    /* The main thread only. */
    unsigned
        life; /* how often it has heard that avahi-daemon was lost; to compare with `restarts` */
    /* The Avahi side's thread only. */
    AvahiSimplePoll *poll;
    AvahiWatch *commands_watch;
    struct daemon daemon;
};

static void put_event(void *context, struct mdns_event *event)
{
    struct mdns *mdns = context;
    queue_push_wait(mdns->events, event);
}

static void take_command(struct mdns *mdns, const struct command *command)
{
    struct daemon *daemon = &mdns->daemon;
    if (command->life != mdns->counters.restarts)
        return; /* the main thread did not know yet that avahi-daemon was lost, and its numbers with it */
    switch (command->kind) {
    case COMMAND_BROWSE:
        break;
    case COMMAND_REGISTER:
        daemon_register(daemon, command->number, command->replaces, command->name,
                        &command->request);
        break;
    case COMMAND_UPDATE_TXT:
        daemon_update_txt(daemon, command->number, command->revision, &command->request);
        break;
    case COMMAND_WITHDRAW:
        daemon_withdraw(daemon, command->number);
        break;
    }
}

static void take_commands(struct mdns *mdns)
{
    struct command *command;
    while ((command = queue_pop(mdns->commands))) {
        take_command(mdns, command);
        free(command);
    }
    struct filter *filter = atomic_exchange(&mdns->browse_for, NULL);
    if (filter)
        daemon_browse_for(&mdns->daemon, filter);
}

static void *thread_main(void *context)
{
    struct mdns *mdns = context;
    while (!mdns->stop) {
        take_commands(mdns);
        int64_t next_at = daemon_run(&mdns->daemon, clock_now());
        if (avahi_simple_poll_iterate(mdns->poll, timeout_until(next_at, clock_now())) != 0) {
            log_error("avahi: poll failed; the connection is made anew");
            daemon_poll_failed(&mdns->daemon);
        }
    }
    daemon_close(&mdns->daemon);
    uint64_t one = 1;
    (void)!write(mdns->ended_fd, &one, sizeof one);
    return NULL;
}

/* Commands are taken by the loop, after this callback; it only has to end the wait. */
static void commands_readable(AvahiWatch *watch, int fd, AvahiWatchEvent event, void *userdata)
{
    (void)watch, (void)fd, (void)event, (void)userdata;
}

static void mdns_free(struct mdns *mdns)
{
    if (mdns->commands_watch)
        avahi_simple_poll_get(mdns->poll)->watch_free(mdns->commands_watch);
    daemon_finish(&mdns->daemon);
    if (mdns->poll)
        avahi_simple_poll_free(mdns->poll);
    queue_free(mdns->commands);
    queue_free(mdns->events);
    filter_free(mdns->browse_for);
    if (mdns->ended_fd >= 0)
        close(mdns->ended_fd);
    free(mdns);
}

static bool make_parts(struct mdns *mdns, const struct mdns_options *options)
{
    struct filter *filter = filter_new(options);
    mdns->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mdns->events = queue_new(EVENTS_MAX, free);
    mdns->commands = queue_new(COMMANDS_MAX, free);
    mdns->poll = avahi_simple_poll_new();
    if (mdns->ended_fd < 0 || !mdns->events || !mdns->commands || !filter || !mdns->poll) {
        filter_free(filter);
        return false;
    }
    const AvahiPoll *poll = avahi_simple_poll_get(mdns->poll);
    mdns->commands_watch =
        poll->watch_new(poll, queue_fd(mdns->commands), AVAHI_WATCH_IN, commands_readable, mdns);
    return daemon_init(&mdns->daemon, poll, filter, &mdns->counters,
                       (struct event_sink){put_event, mdns}) &&
           mdns->commands_watch;
}

struct mdns *mdns_start(const struct mdns_options *options)
{
    struct mdns *mdns = calloc(1, sizeof *mdns);
    if (!mdns)
        return NULL;
    int error = make_parts(mdns, options) ? 0 : ENOMEM;
    if (!error) {
        /* Signals are the main thread's. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&mdns->thread, NULL, thread_main, mdns);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (!error)
        return mdns;
    mdns_free(mdns);
    errno = error;
    return NULL;
}

int mdns_fd(const struct mdns *mdns)
{
    return queue_fd(mdns->events);
}

struct mdns_event *mdns_next(struct mdns *mdns)
{
    struct mdns_event *event = queue_pop(mdns->events);
    mdns->life += event && event->kind == MDNS_DOWN;
    return event;
}

static int send_command(struct mdns *mdns, struct command command)
{
    struct command *sent = malloc(sizeof *sent);
    if (!sent)
        return -ENOMEM;
    *sent = command;
    sent->life = mdns->life;
    if (queue_push(mdns->commands, sent))
        return 0;
    free(sent);
    return -EAGAIN;
}

int mdns_reconfigure(struct mdns *mdns, const struct mdns_options *options)
{
    struct filter *filter = filter_new(options);
    if (!filter)
        return -ENOMEM;
    filter_free(atomic_exchange(&mdns->browse_for, filter));
    /* Where the queue is full the thread is awake, and comes to the filter when it has emptied it. */
    int result = send_command(mdns, (struct command){.kind = COMMAND_BROWSE});
    return result == -EAGAIN ? 0 : result;
}

int mdns_register(struct mdns *mdns, uint32_t number, uint32_t replaces, const char *name,
                  const struct request *request)
{
    struct command command = {
        .kind = COMMAND_REGISTER, .number = number, .replaces = replaces, .request = *request};
    snprintf(command.name, sizeof command.name, "%s", name);
    return send_command(mdns, command);
}

int mdns_update_txt(struct mdns *mdns, uint32_t number, uint32_t revision,
                    const struct request *request)
{
    return send_command(mdns, (struct command){.kind = COMMAND_UPDATE_TXT,
                                               .number = number,
                                               .revision = revision,
                                               .request = *request});
}

int mdns_withdraw(struct mdns *mdns, uint32_t number)
{
    return send_command(mdns, (struct command){.kind = COMMAND_WITHDRAW, .number = number});
}

void mdns_get_counters(const struct mdns *mdns, struct mdns_counters *counters)
{
    const struct daemon_counters *c = &mdns->counters;
    *counters = (struct mdns_counters){
        .clients = c->clients,
        .types = c->browse.types,
        .sightings = c->resolve.instances,
        .refused = c->browse.refused + c->resolve.refused,
        .ignored = c->browse.ignored + c->resolve.ignored,
        .restarts = c->restarts,
    };
}

void mdns_stop(struct mdns *mdns, int timeout_ms)
{
    if (!mdns)
        return;
    mdns->stop = true;
    queue_close(mdns->events);
    queue_close(mdns->commands);
    struct pollfd ended = {.fd = mdns->ended_fd, .events = POLLIN};
    int64_t deadline = clock_now() + timeout_ms;
    int ready;
    do {
        ready = poll(&ended, 1, timeout_until(deadline, clock_now()));
    } while (ready < 0 && errno == EINTR);
    if (ready != 1) {
        log_warning("avahi: a call hangs; leaving it to the end of the process");
        return;
    }
    pthread_join(mdns->thread, NULL);
    mdns_free(mdns);
}
