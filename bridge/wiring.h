/* SPDX-License-Identifier: MIT */
/*
 * The bridge as a whole, and how its rooms hear of each other. Main thread only.
 */
#ifndef BRIDGE_WIRING_H
#define BRIDGE_WIRING_H

#include <stdbool.h>
#include <stdint.h>

#include "mdns.h"
#include "options.h"
#include "session.h"

struct bridge {
    struct options options;
    struct config config;
    struct mdns *mdns;
    struct session_rooms rooms;
    struct records records;
    struct session *session;
    int signal_fd;
    int64_t watchdog_interval, watchdog_at;
    bool said_goodbye; /* the broker has the state "offline" */
    int64_t ends_at;   /* INT64_MAX until a signal asks for the end */
    char status[128];
};

/* Opens all rooms and wires them. False, where that fails, with a line in the log; wiring_close() is to follow. */
bool wiring_open(struct bridge *bridge, int64_t now);

/* Closes what is open. Waits for calls of Avahi's that are under way, for a short while. */
void wiring_close(struct bridge *bridge);

#endif
