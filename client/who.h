/* SPDX-License-Identifier: MIT */
/*
 * Who we are to the bridge (CLIENT), and what kind of place we run in. Looks into /proc and the
 * environment; no connection.
 */
#ifndef CLIENT_WHO_H
#define CLIENT_WHO_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "place.h"
#include "topic.h"

enum who_runtime {
    WHO_HOST,   /* no container that we know of */
    WHO_PODMAN, /* /run/.containerenv, or who_is_of_podman() */
    WHO_DOCKER, /* /.dockerenv */
    WHO_OTHER,  /* another container: `container` is in the environment, or a user namespace */
};

enum who_runtime who_runtime(void);

/* "in Podman", "in Docker", "in a container", "on this host" */
const char *who_runtime_name(enum who_runtime runtime);

/*
 * The CLIENT to advertise as: `given` (--client); MDNS_MQTT_CLIENT; the user at the broker; the user
 * whose socket it is, where the socket lies, or was mounted from, in deploy/grant's .../USER/s; outside
 * of containers the user that runs us. NULL, or why there is none (static text).
 */
const char *who_client(char client[TOPIC_CLIENT_MAX + 1], const char *given,
                       const struct options *options, const struct place *place);

/*
 * The folder that is mounted where `path` is, as it is called in its own file system, from the text of
 * /proc/self/mountinfo; escapes are undone. The last one counts, as it hides those before. False: none
 * is mounted there. *is_path: what is mounted is `path` itself, not the folder it is in.
 */
bool who_mounted_from(char *out, size_t size, const char *mountinfo, const char *path,
                      bool *is_path);

/* The same of this process. */
bool who_mounted(char *out, size_t size, const char *path, bool *is_path);

/* Does the text of /proc/self/mountinfo tell that Podman made this container? */
bool who_is_of_podman(const char *mountinfo);

/* USER of ".../USER/s". False: the path is no such one. */
bool who_of_folder(char client[TOPIC_CLIENT_MAX + 1], const char *folder);

/* The name of the user with this uid, as /etc/passwd or the environment have it. False: unknown. */
bool who_user(char *out, size_t size);

#endif
