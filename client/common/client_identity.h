/* SPDX-License-Identifier: MIT */
/*
 * Who we are to the bridge (CLIENT), as far as it can be found out without being said. Reads /proc,
 * /etc/passwd and the environment; no connection. Main thread only.
 */
#ifndef CLIENT_IDENTITY_H
#define CLIENT_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "broker_place.h"
#include "options.h"
#include "topic.h"

/*
 * The CLIENT to advertise as: `given` (--client); MDNS_MQTT_CLIENT; the user at the broker; the user
 * whose socket it is, where the socket lies, or was mounted from, in deploy/grant's .../USER/s; outside
 * of containers the user that runs us. NULL, or why there is none (static text).
 */
const char *client_identity_find(char client[TOPIC_CLIENT_MAX + 1], const char *given,
                                 const struct options *options, const struct broker_place *place);

/* USER of ".../USER/s". False: the path is no such one. */
bool client_identity_of_folder(char client[TOPIC_CLIENT_MAX + 1], const char *folder);

/* The name of the user with our uid, as /etc/passwd or the environment have it. False: unknown. */
bool client_identity_user(char *out, size_t size);

#endif
