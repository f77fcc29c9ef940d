/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of pointers between two threads, with an eventfd that poll(2) can wait for.
 *
 * The queue owns what is in it; what is popped belongs to the caller. Any thread may call any function,
 * but queue_new() and queue_free(), which need the queue to themselves.
 */
#ifndef BRIDGE_QUEUE_H
#define BRIDGE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue;

/* `capacity` in items; `destroy` frees an item. NULL with errno set if it cannot be made. */
struct queue *queue_new(size_t capacity, void (*destroy)(void *item));

/* Destroys what is left in it. NULL is fine. */
void queue_free(struct queue *queue);

/*
 * Appends and takes ownership. Waits while the queue is full; a closed queue destroys the item at once.
 * For the side that may block.
 */
void queue_push_wait(struct queue *queue, void *item);

/* The same without waiting: false, and the item stays the caller's, where the queue is full. */
bool queue_push(struct queue *queue, void *item);

/* The oldest item, or NULL if there is none. */
void *queue_pop(struct queue *queue);

/* Wakes whoever waits, in queue_push_wait() or for queue_fd(); from now on nothing is taken. */
void queue_close(struct queue *queue);

/* Readable while the queue is not empty, and when it is closed; for poll(2) only. */
int queue_fd(const struct queue *queue);

#endif
