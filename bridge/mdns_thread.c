/* SPDX-License-Identifier: MIT */
/*
 * The Avahi side's thread and its two queues; what it does is in mdns_life.c.
 *
 * Avahi's own AvahiSimplePoll runs here alone, so it does not matter that it makes one callback a turn
 * and prefers its time-outs. Callbacks may not free what they come from; so after each, and outside of
 * it, the loop takes the main thread's commands and does what is due.
 *
 * The up queue holds back the whole side when the main thread is slow: queue_push_wait() blocks here.
 */
#include "mdns.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <avahi-common/simple-watch.h>

#include "clock.h"
#include "log.h"
#include "mdns_filter.h"
#include "mdns_life.h"
#include "queue.h"

/* An event has about a kilobyte. The Avahi side waits where the main thread is slower than it. */
#define EVENTS_MAX 64
#define COMMANDS_MAX 256

enum command_kind { COMMAND_BROWSE, COMMAND_ADVERTISE, COMMAND_WITHDRAW };

struct command {
    enum command_kind kind;
    struct mdns_filter *filter; /* BROWSE: for this from now on */
    uint32_t id;                /* ADVERTISE, WITHDRAW */
    uint32_t generation;        /* ADVERTISE */
    struct request request;     /* ADVERTISE */
};

struct mdns {
    /* Both threads. */
    struct queue *events;   /* of struct mdns_event, up */
    struct queue *commands; /* of struct command, down */
    atomic_bool stop;
    struct life_counters counters;
    int ended_fd; /* readable when the thread has ended */
    pthread_t thread;
    /* The Avahi side's thread only. */
    AvahiSimplePoll *poll;
    AvahiWatch *commands_watch;
    struct life life;
};

static void emit(void *context, struct mdns_event *event)
{
    struct mdns *mdns = context;
    queue_push_wait(mdns->events, event);
}

static void take_commands(struct mdns *mdns)
{
    struct command *command;
    while ((command = queue_pop(mdns->commands))) {
        switch (command->kind) {
        case COMMAND_BROWSE:
            life_browse_for(&mdns->life, command->filter);
            break;
        case COMMAND_ADVERTISE:
            life_advertise(&mdns->life, command->id, command->generation, &command->request);
            break;
        case COMMAND_WITHDRAW:
            life_withdraw(&mdns->life, command->id);
            break;
        }
        free(command);
    }
}

static void *thread_main(void *context)
{
    struct mdns *mdns = context;
    while (!mdns->stop) {
        take_commands(mdns);
        int64_t next_at = life_run(&mdns->life, clock_now());
        if (avahi_simple_poll_iterate(mdns->poll, timeout_until(next_at, clock_now())) != 0) {
            log_error("avahi: poll failed; the connection is made anew");
            life_poll_failed(&mdns->life);
        }
    }
    life_close(&mdns->life);
    uint64_t one = 1;
    (void)!write(mdns->ended_fd, &one, sizeof one);
    return NULL;
}

/* Commands are taken by the loop, after this callback; it only has to end the wait. */
static void commands_readable(AvahiWatch *watch, int fd, AvahiWatchEvent event, void *userdata)
{
    (void)watch, (void)fd, (void)event, (void)userdata;
}

static void destroy_event(void *item)
{
    free(item);
}

static void destroy_command(void *item)
{
    struct command *command = item;
    mdns_filter_free(command->filter);
    free(command);
}

static void mdns_free(struct mdns *mdns)
{
    if (mdns->commands_watch)
        avahi_simple_poll_get(mdns->poll)->watch_free(mdns->commands_watch);
    life_finish(&mdns->life);
    if (mdns->poll)
        avahi_simple_poll_free(mdns->poll);
    queue_free(mdns->commands);
    queue_free(mdns->events);
    if (mdns->ended_fd >= 0)
        close(mdns->ended_fd);
    free(mdns);
}

static bool make_parts(struct mdns *mdns, const struct mdns_options *options)
{
    struct mdns_filter *filter = mdns_filter_new(options);
    mdns->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mdns->events = queue_new(EVENTS_MAX, destroy_event);
    mdns->commands = queue_new(COMMANDS_MAX, destroy_command);
    mdns->poll = avahi_simple_poll_new();
    if (mdns->ended_fd < 0 || !mdns->events || !mdns->commands || !filter || !mdns->poll) {
        mdns_filter_free(filter);
        return false;
    }
    const AvahiPoll *poll = avahi_simple_poll_get(mdns->poll);
    mdns->commands_watch =
        poll->watch_new(poll, queue_fd(mdns->commands), AVAHI_WATCH_IN, commands_readable, mdns);
    return life_init(&mdns->life, poll, filter, &mdns->counters, emit, mdns) &&
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
    return queue_pop(mdns->events);
}

static int send_command(struct mdns *mdns, struct command *command)
{
    if (!command)
        return -ENOMEM;
    if (queue_push(mdns->commands, command))
        return 0;
    destroy_command(command);
    return -EAGAIN;
}

static struct command *command_new(enum command_kind kind, uint32_t id)
{
    struct command *command = calloc(1, sizeof *command);
    if (command) {
        command->kind = kind;
        command->id = id;
    }
    return command;
}

int mdns_reconfigure(struct mdns *mdns, const struct mdns_options *options)
{
    struct command *command = command_new(COMMAND_BROWSE, 0);
    if (!command)
        return -ENOMEM;
    command->filter = mdns_filter_new(options);
    if (!command->filter) {
        free(command);
        return -ENOMEM;
    }
    return send_command(mdns, command);
}

int mdns_advertise(struct mdns *mdns, uint32_t id, uint32_t generation,
                   const struct request *request)
{
    struct command *command = command_new(COMMAND_ADVERTISE, id);
    if (command) {
        command->generation = generation;
        command->request = *request;
    }
    return send_command(mdns, command);
}

int mdns_withdraw(struct mdns *mdns, uint32_t id)
{
    return send_command(mdns, command_new(COMMAND_WITHDRAW, id));
}

void mdns_get_counters(const struct mdns *mdns, struct mdns_counters *counters)
{
    const struct life_counters *c = &mdns->counters;
    *counters = (struct mdns_counters){
        .clients = c->clients,
        .types = c->browse.types,
        .sightings = c->resolve.sightings,
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
