/* SPDX-License-Identifier: MIT */
/* From the configuration to what each side wants to know of it. Main thread; nothing is copied. */
#ifndef BRIDGE_SETUP_H
#define BRIDGE_SETUP_H

#include <stdbool.h>

#include "config.h"
#include "mdns.h"
#include "mqtt.h"
#include "session.h"

/* Strings and lists are the configuration's. */
struct mdns_options setup_mdns(const struct config *config);
struct mqtt_options setup_mqtt(const struct config *config);
struct session_options setup_session(const struct config *config);

/* Do they differ in what is set at the start for good: connections, topics, sizes? */
bool setup_needs_restart(const struct config *a, const struct config *b);

#endif
