/* SPDX-License-Identifier: MIT */
/*
 * What the service manager is told: sd_notify(3) without its library.
 *
 * Without a service manager ($NOTIFY_SOCKET unset) nothing happens. No function blocks, and none
 * fails: what cannot be sent at once is lost. They read the environment, and so are for the main
 * thread.
 */
#ifndef BRIDGE_NOTIFY_H
#define BRIDGE_NOTIFY_H

#include <stdint.h>

/* The main loop runs; also the end of what notify_reloading() began. */
void notify_ready(void);

/* The configuration is being read again. Followed by notify_ready(), whatever comes of it. */
void notify_reloading(void);

/* A clean exit has begun. */
void notify_stopping(void);

/* One line about how it goes, for `systemctl status`. Control characters become spaces. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The main loop is alive. */
void notify_watchdog(void);

/* How often to call notify_watchdog(), in milliseconds: half of what is allowed. 0: never. */
int64_t notify_watchdog_interval_ms(void);

#endif
