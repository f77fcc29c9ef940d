/* SPDX-License-Identifier: MIT */
/*
 * A ring under a mutex. The eventfd mirrors "not empty": written when the first item comes, read when
 * the last one goes, so it costs no system call for each item of a burst.
 */
#include "queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t room;
    void (*destroy)(void *item);
    size_t capacity, head, count;
    bool closed;
    int fd;
    void *items[];
};

struct queue *queue_new(size_t capacity, void (*destroy)(void *item))
{
    struct queue *queue = calloc(1, sizeof *queue + capacity * sizeof queue->items[0]);
    if (!queue)
        return NULL;
    queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->fd < 0) {
        free(queue);
        return NULL;
    }
    queue->capacity = capacity;
    queue->destroy = destroy;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->room, NULL);
    return queue;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    for (void *item; (item = queue_pop(queue));)
        queue->destroy(item);
    close(queue->fd);
    pthread_cond_destroy(&queue->room);
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

/* An eventfd of our own takes 8 bytes or says EAGAIN, which means that it is set or clear already. */
static void fd_set_readable(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void fd_clear(int fd)
{
    uint64_t value;
    while (read(fd, &value, sizeof value) < 0 && errno == EINTR)
        ;
}

static bool push_locked(struct queue *queue, void *item)
{
    if (queue->count == queue->capacity)
        return false;
    queue->items[(queue->head + queue->count++) % queue->capacity] = item;
    if (queue->count == 1)
        fd_set_readable(queue->fd);
    return true;
}

void queue_push_wait(struct queue *queue, void *item)
{
    pthread_mutex_lock(&queue->mutex);
    while (!queue->closed && queue->count == queue->capacity)
        pthread_cond_wait(&queue->room, &queue->mutex);
    bool taken = !queue->closed && push_locked(queue, item);
    pthread_mutex_unlock(&queue->mutex);
    if (!taken)
        queue->destroy(item);
}

bool queue_push(struct queue *queue, void *item)
{
    pthread_mutex_lock(&queue->mutex);
    bool taken = !queue->closed && push_locked(queue, item);
    pthread_mutex_unlock(&queue->mutex);
    return taken;
}

void *queue_pop(struct queue *queue)
{
    void *item = NULL;
    pthread_mutex_lock(&queue->mutex);
    if (queue->count > 0) {
        item = queue->items[queue->head];
        queue->head = (queue->head + 1) % queue->capacity;
        if (--queue->count == 0)
            fd_clear(queue->fd);
        pthread_cond_signal(&queue->room);
    }
    pthread_mutex_unlock(&queue->mutex);
    return item;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    fd_set_readable(queue->fd);
    pthread_cond_broadcast(&queue->room);
    pthread_mutex_unlock(&queue->mutex);
}

int queue_fd(const struct queue *queue)
{
    return queue->fd;
}
