/* SPDX-License-Identifier: MIT */
#include "lookup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static_assert(sizeof(struct lookup_answer) <= PIPE_BUF, "written and read at once");

struct question {
    int fd; /* for the answer */
    char host[];
};

static void find(struct lookup_answer *answer, const char *host, int flags)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list = NULL;

    *answer = (struct lookup_answer){0};
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return;
    for (const struct addrinfo *at = list; at && answer->count < LOOKUP_ADDRESSES_MAX;
         at = at->ai_next)
        if (getnameinfo(at->ai_addr, at->ai_addrlen, answer->addresses[answer->count],
                        LOOKUP_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0)
            answer->count++;
    freeaddrinfo(list);
}

bool lookup_address(struct lookup_answer *answer, const char *host)
{
    find(answer, host, AI_NUMERICHOST);
    return answer->count > 0;
}

static void *ask(void *argument)
{
    struct question *question = argument;
    struct lookup_answer answer;

    find(&answer, question->host, 0);
    (void)!write(question->fd, &answer, sizeof answer); /* fails where the question is forgotten */
    close(question->fd);
    free(question);
    return NULL;
}

/* Signals are the main thread's; and blocked, SIGPIPE does not end us where the question is forgotten. */
static int start_thread(struct question *question)
{
    sigset_t all, before;
    pthread_t thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, ask, question);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error)
        pthread_detach(thread);
    return error;
}

int lookup_ask(const char *host)
{
    size_t size = strlen(host) + 1;
    struct question *question = malloc(sizeof *question + size);
    int fds[2], error;

    if (!question)
        return -ENOMEM;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        error = errno;
    } else {
        question->fd = fds[1];
        memcpy(question->host, host, size);
        error = start_thread(question);
        if (!error)
            return fds[0];
        close(fds[0]);
        close(fds[1]);
    }
    free(question);
    return -error;
}

void lookup_take(struct lookup_answer *answer, int fd)
{
    if (read(fd, answer, sizeof *answer) != sizeof *answer)
        answer->count = 0;
    close(fd);
}
