/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "exit_codes.h"
#include "output.h"

#define LONGEST_WAIT_MS 60000

static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGWINCH, SIGUSR1, SIGUSR2};

static sigset_t signals_before;

/* By nohup, or by the shell for a job in the background: then it is to stay ignored. */
static bool is_ignored(int number)
{
    struct sigaction action;
    return number != SIGCHLD && sigaction(number, NULL, &action) == 0 &&
           action.sa_handler == SIG_IGN;
}

int loop_open(struct loop *loop, struct mqtt *mqtt, void *context)
{
    *loop = (struct loop){.mqtt = mqtt, .context = context, .signal_fd = -1};
    sigemptyset(&loop->signals);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (!is_ignored(taken[i]))
            sigaddset(&loop->signals, taken[i]);
    sigprocmask(SIG_BLOCK, &loop->signals, &signals_before);
    /* Where it is ignored, as the program that started us may have left it, the kernel collects children
     * itself and sends no signal; then their numbers belong to others. */
    signal(SIGCHLD, SIG_DFL);
    loop->signal_fd = signalfd(-1, &loop->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return loop->signal_fd < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
    if (loop->signal_fd >= 0)
        close(loop->signal_fd);
    loop->signal_fd = -1;
}

void loop_take_suspension(struct loop *loop)
{
    if (is_ignored(SIGTSTP))
        return;
    sigaddset(&loop->signals, SIGTSTP);
    sigprocmask(SIG_BLOCK, &loop->signals, NULL);
    signalfd(loop->signal_fd, &loop->signals, 0);
}

/* By the same signal again: unlike SIGSTOP, it does nothing where no shell would wake us. */
void loop_suspend(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* it stops here */
    sigprocmask(SIG_BLOCK, &set, NULL);
}

bool loop_is_end(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
}

void loop_child_signals(void)
{
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &signals_before, NULL);
}

void loop_add_timer(struct loop *loop, struct loop_timer *timer,
                    void (*fire)(void *context, int64_t now), void *context)
{
    size_t slot = 0;
    while (slot < LOOP_TIMERS_MAX && loop->timers[slot])
        slot++;
    assert(slot < LOOP_TIMERS_MAX);
    *timer = (struct loop_timer){NEVER, fire, context};
    loop->timers[slot] = timer;
}

void loop_end(struct loop *loop, int exit_code)
{
    if (!loop->ended)
        loop->exit_code = exit_code;
    loop->ended = true;
}

static int64_t next_deadline(const struct loop *loop)
{
    int64_t next = loop->mqtt ? mqtt_deadline(loop->mqtt) : NEVER;
    for (size_t i = 0; i < LOOP_TIMERS_MAX; i++)
        if (loop->timers[i] && loop->timers[i]->due < next)
            next = loop->timers[i]->due;
    return next;
}

static void read_signals(struct loop *loop)
{
    struct signalfd_siginfo info;
    while (read(loop->signal_fd, &info, sizeof info) == sizeof info) {
        int number = (int)info.ssi_signo;
        loop->signal_code = info.ssi_code;
        if (loop->signal)
            loop->signal(loop->context, number);
        else if (loop_is_end(number))
            loop_end(loop, loop->endless ? EXIT_DONE : 128 + number);
    }
}

static void fire_timers(struct loop *loop, int64_t now)
{
    for (size_t i = 0; i < LOOP_TIMERS_MAX; i++) {
        struct loop_timer *timer = loop->timers[i];
        if (!timer || timer->due > now)
            continue;
        timer->due = NEVER;
        timer->fire(timer->context, now);
    }
}

static void turn(struct loop *loop)
{
    struct pollfd fds[2] = {{.fd = loop->signal_fd, .events = POLLIN}, {.fd = -1}};
    int64_t wait = next_deadline(loop) - clock_now();

    if (loop->mqtt) {
        fds[1].fd = mqtt_fd(loop->mqtt);
        fds[1].events = mqtt_events(loop->mqtt);
    }
    enum output_state output = output_flush();
    if (output != OUTPUT_FINE && loop->ends_with_output) {
        loop_end(loop, output == OUTPUT_UNREAD ? EXIT_DONE : EXIT_OUTPUT);
        return;
    }
    wait = wait < 0 ? 0 : wait > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : wait;
    if (poll(fds, 2, (int)wait) < 0)
        return; /* EINTR, by a signal that we do not take */

    int64_t now = clock_now();
    if (fds[0].revents)
        read_signals(loop);
    if (loop->mqtt && !loop->ended)
        mqtt_dispatch(loop->mqtt, fds[1].revents, now);
    if (!loop->ended)
        fire_timers(loop, now);
}

int loop_run(struct loop *loop)
{
    while (!loop->ended)
        turn(loop);
    return loop->exit_code;
}
