/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

void child_prepare(struct child *child)
{
    *child = (struct child){0};
    for (int fd = 0; fd < CHILD_FDS; fd++)
        child->ours[fd] = !is_open(fd);
}

static void close_ours(const struct child *child)
{
    for (int fd = 0; fd < CHILD_FDS; fd++)
        if (child->ours[fd] && is_open(fd))
            fcntl(fd, F_SETFD, FD_CLOEXEC); /* when exec succeeds */
}

/* Between fork and exec: what fails is written to the parent, which knows that nothing did when the pipe is
 * closed by exec. */
static void become(const struct child *child, char **argv, void (*restore_signals)(void),
                   pid_t parent, int report)
{
    restore_signals();
    close_ours(child);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent) /* else it has gone before that was set */
        execvp(argv[0], argv);
    int error = errno;
    (void)!write(report, &error, sizeof error);
    _exit(127);
}

int child_start(struct child *child, char **argv, void (*restore_signals)(void))
{
    int fds[2], error = 0;
    pid_t parent = getpid();

    fflush(NULL);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    child->pid = fork();
    if (child->pid == 0)
        become(child, argv, restore_signals, parent, fds[1]);
    int fork_error = errno;
    close(fds[1]);
    bool failed = child->pid < 0 || read(fds[0], &error, sizeof error) == sizeof error;
    close(fds[0]);
    if (!failed)
        return 0;
    if (child->pid > 0)
        waitpid(child->pid, NULL, 0);
    else
        error = fork_error;
    child->pid = 0;
    return -error;
}

bool child_reap(struct child *child)
{
    bool ended = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != child->pid)
            continue;
        child->status = status;
        child->pid = 0;
        ended = true;
    }
    return ended;
}

void child_signal(const struct child *child, int number, int code)
{
    bool has_got_it = code == SI_KERNEL && number != SIGHUP;
    if (child->pid > 0 && !has_got_it)
        kill(child->pid, number);
}

int child_exit_code(const struct child *child)
{
    return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status) : WEXITSTATUS(child->status);
}
