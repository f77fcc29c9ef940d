/* SPDX-License-Identifier: MIT */
/*
 * Whose sockets may stand behind an advertisement: those of a user of this host, and those of the
 * user ids that are lent to the user's rootless containers.
 */
#ifndef BRIDGE_PORT_OWNER_H
#define BRIDGE_PORT_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Rootless Podman and Docker need one range; more are for those with many nested ones. */
#define PORT_OWNER_RANGES_MAX 16

struct port_owner {
    uint32_t uid;
    size_t range_count;
    struct port_owner_range {
        uint32_t first, last; /* both included */
    } ranges[PORT_OWNER_RANGES_MAX];
    bool incomplete; /* there are more ranges, or they could not be read: who is not the owner here
                        may be it all the same */
};

/*
 * The user of that name, by getpwnam_r(), and its ranges in /etc/subuid. 0, or -errno; -ENOENT if
 * there is no such user, and so no rule. A missing file means no ranges, an unreadable one is
 * `incomplete`. May block where users come from a directory server, and so is port_owners.h's to
 * call. Any thread.
 */
int port_owner_lookup(const char *user, struct port_owner *owner);

/*
 * Adds the user's ranges from a file in the format of subuid(5), "NAME-OR-UID:FIRST:COUNT". Lines
 * of others, and what is not in this format, are passed over. `user` may be NULL; owner->uid counts
 * in any case. Any thread.
 */
void port_owner_add_ranges(struct port_owner *owner, const char *user, FILE *subuid);

/* Is it the user's own id, or in one of the ranges? Root is root's only, whatever a range says. */
bool port_owner_has(const struct port_owner *owner, uint32_t uid);

#endif
