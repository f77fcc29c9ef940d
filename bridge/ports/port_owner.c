/* SPDX-License-Identifier: MIT */
#include "port_owner.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/types.h>

#include "ports_table.h"

#define SUBUID_PATH "/etc/subuid"
#define PASSWD_BUFFER_SIZE 16384 /* for the strings of one user */
#define LINE_SIZE 512

int port_owner_lookup(const char *user, struct port_owner *owner)
{
    struct passwd entry, *found = NULL;
    char buffer[PASSWD_BUFFER_SIZE];
    int error = getpwnam_r(user, &entry, buffer, sizeof buffer, &found);
    if (!found) /* "not found" is 0, or one of several errors: getpwnam_r(3) */
        return error == 0 || error == ESRCH ? -ENOENT : -error;
    *owner = (struct port_owner){.uid = entry.pw_uid};

    FILE *subuid = fopen(SUBUID_PATH, "re");
    if (!subuid) {
        owner->incomplete = errno != ENOENT;
        return 0;
    }
    port_owner_add_ranges(owner, user, subuid);
    fclose(subuid);
    return 0;
}

/* "NAME-OR-UID:FIRST:COUNT", somebody else's or not in this format: false. */
static bool parse_range(const struct port_owner *owner, const char *user, char *line,
                        struct port_owner_range *range)
{
    char *first = strchr(line, ':');
    char *count = first ? strchr(first + 1, ':') : NULL;
    if (!count)
        return false;
    *first++ = '\0';
    *count++ = '\0';

    uint32_t number = 0;
    if (!(user && strcmp(line, user) == 0) &&
        !(ports_parse_number(line, &number) && number == owner->uid))
        return false;
    if (!ports_parse_number(first, &range->first) || !ports_parse_number(count, &number) ||
        number == 0 || number - 1 > UINT32_MAX - range->first)
        return false;
    range->last = range->first + (number - 1);
    return true;
}

void port_owner_add_ranges(struct port_owner *owner, const char *user, FILE *subuid)
{
    char line[LINE_SIZE];
    bool skip = false; /* the rest of a line that was too long */
    while (fgets(line, sizeof line, subuid)) {
        const bool skipped = skip;
        char *end = strchr(line, '\n');
        skip = !end && !feof(subuid);
        if (skipped || skip)
            continue;
        if (end)
            *end = '\0';
        struct port_owner_range range;
        if (!parse_range(owner, user, line, &range))
            continue;
        if (owner->range_count < PORT_OWNER_RANGES_MAX)
            owner->ranges[owner->range_count++] = range;
        else
            owner->incomplete = true;
    }
    if (ferror(subuid))
        owner->incomplete = true;
}

bool port_owner_has(const struct port_owner *owner, uint32_t uid)
{
    if (uid == owner->uid)
        return true;
    if (uid == 0)
        return false;
    for (size_t i = 0; i < owner->range_count; i++)
        if (uid >= owner->ranges[i].first && uid <= owner->ranges[i].last)
            return true;
    return false;
}
