/* SPDX-License-Identifier: MIT */
/*
 * A path is four percent-encoded levels with slashes between them. As an encoded level holds no
 * slash, splitting at slashes is all the parsing there is; text_percent_decode() refuses a level
 * that is empty, too long for its field or not in canonical form, so that path and identity are one
 * to one.
 */
#include "topic.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

/* What a CLIENT and an ID are made of (README.md, section 2). */
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

static const char status_level[] = "/status";

static char *put_level(char *end, const char *text)
{
    return end + text_percent_encode(end, (const uint8_t *)text, strlen(text));
}

size_t topic_path(char out[TOPIC_PATH_SIZE], const struct service_id *id)
{
    char *end = out;

    end = put_level(end, id->domain);
    *end++ = '/';
    end = put_level(end, id->type);
    *end++ = '/';
    end = put_level(end, id->name);
    *end++ = '/';
    end = put_level(end, id->interface);
    return (size_t)(end - out);
}

/* Takes one level off the path, and the slash behind it; at the last level *path becomes NULL. */
static bool take_level(char *out, size_t size, const char **path)
{
    const char *level = *path;

    if (!level)
        return false;

    const char *slash = strchr(level, '/');

    *path = slash ? slash + 1 : NULL;
    return text_percent_decode(out, size, level, slash ? (size_t)(slash - level) : strlen(level));
}

bool topic_path_parse(struct service_id *id, const char *path)
{
    return take_level(id->domain, sizeof id->domain, &path) &&
           take_level(id->type, sizeof id->type, &path) &&
           take_level(id->name, sizeof id->name, &path) &&
           take_level(id->interface, sizeof id->interface, &path) && !path;
}

/* ---- requests ---- */

/* Takes a name that needs no encoding. */
static bool take_plain(char out[TOPIC_CLIENT_MAX + 1], const char *name, size_t length)
{
    if (length < 1 || length > TOPIC_CLIENT_MAX || strspn(name, PLAIN) < length ||
        (length == 1 && name[0] == '.') || (length == 2 && memcmp(name, "..", 2) == 0))
        return false;
    memcpy(out, name, length);
    out[length] = '\0';
    return true;
}

enum topic_advertise topic_advertise_parse(struct request_owner *owner, const char *path)
{
    const char *slash = strchr(path, '/');
    const char *last = strrchr(path, '/');
    size_t length = strlen(path);

    *owner = (struct request_owner){0};
    if (!slash)
        return TOPIC_STRAY;
    if (last != slash)
        return strcmp(last, status_level) == 0 ? TOPIC_STATUS : TOPIC_STRAY;

    if (take_plain(owner->client, path, (size_t)(slash - path)) &&
        take_plain(owner->id, slash + 1, strlen(slash + 1)))
        return TOPIC_REQUEST;
    *owner = (struct request_owner){0};
    return length <= TOPIC_BAD_REQUEST_MAX ? TOPIC_BAD_REQUEST : TOPIC_STRAY;
}

size_t topic_request_path(char out[TOPIC_REQUEST_SIZE], const struct request_owner *owner)
{
    return (size_t)snprintf(out, TOPIC_REQUEST_SIZE, "%s/%s", owner->client, owner->id);
}

size_t topic_status_path(char out[TOPIC_STATUS_SIZE], const struct request_owner *owner)
{
    return (size_t)snprintf(out, TOPIC_STATUS_SIZE, "%s/%s%s", owner->client, owner->id,
                            status_level);
}

bool topic_client_parse(char client[TOPIC_CLIENT_MAX + 1], const char *path)
{
    client[0] = '\0';
    return take_plain(client, path, strlen(path));
}

bool topic_prefix_is_valid(const char *prefix)
{
    size_t length = strlen(prefix);
    uint32_t previous = '/'; /* as if a level had just ended: so the first must not be empty */
    uint32_t codepoint;

    if (length > TOPIC_PREFIX_MAX || prefix[0] == '$')
        return false;

    for (size_t at = 0, count; at < length; at += count, previous = codepoint) {
        count = text_utf8_next((const uint8_t *)prefix + at, length - at, &codepoint);
        if (count == 0 || text_mqtt_may_refuse(codepoint) || codepoint == '+' || codepoint == '#')
            return false;
        if (codepoint == '/' && previous == '/')
            return false;
    }
    return previous != '/';
}

/* What follows "LEVELS/" in a topic, or NULL. */
static const char *behind(const char *topic, const char *levels)
{
    size_t length = strlen(levels);
    return strncmp(topic, levels, length) == 0 && topic[length] == '/' ? topic + length + 1 : NULL;
}

const char *topic_below(const char *topic, const char *prefix, const char *parent)
{
    const char *rest = behind(topic, prefix);
    return rest && *parent ? behind(rest, parent) : rest;
}
