/* SPDX-License-Identifier: MIT */
/*
 * A container does not know the user that it runs for. But the kernel tells what the folder of the
 * socket is called where it was mounted from, and deploy/grant names that folder after the user. A
 * guess at worst: it is the broker who decides who may advertise as whom.
 */
#include "who.h"

#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOUNTINFO "/proc/self/mountinfo"
#define MOUNTINFO_MAX 262144

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* ---- mounts ---- */

/* A field of mountinfo, in which blanks and backslashes are \ooo. Returns what follows it. */
static const char *read_field(char *out, size_t size, const char *at)
{
    size_t length = 0;
    while (*at && *at != ' ' && *at != '\n') {
        char c = *at++;
        if (c == '\\' && strspn(at, "01234567") >= 3) {
            c = (char)((at[0] - '0') * 64 + (at[1] - '0') * 8 + (at[2] - '0'));
            at += 3;
        }
        if (length + 1 < size)
            out[length++] = c;
    }
    out[length] = '\0';
    return at + (*at == ' ');
}

/* The folder of a path, without its closing slash. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash > path ? (size_t)(slash - path) : 1;
}

bool who_mounted_from(char *out, size_t size, const char *mountinfo, const char *path,
                      bool *is_path)
{
    char skipped[64], root[512], point[512];
    bool found = false;

    for (const char *line = mountinfo; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *at = read_field(skipped, sizeof skipped, line); /* ID */
        at = read_field(skipped, sizeof skipped, at);               /* parent */
        at = read_field(skipped, sizeof skipped, at);               /* device */
        at = read_field(root, sizeof root, at);
        read_field(point, sizeof point, at);
        bool whole = strcmp(point, path) == 0;
        if (!whole && (strlen(point) != folder_length(path) ||
                       strncmp(point, path, folder_length(path)) != 0))
            continue;
        found = true;
        *is_path = whole;
        snprintf(out, size, "%s", root);
    }
    return found;
}

/* What the kernel tells of our mounts, to be freed; NULL: nothing. */
static char *read_mountinfo(void)
{
    char *text = malloc(MOUNTINFO_MAX);
    FILE *file = fopen(MOUNTINFO, "re");

    if (text)
        text[file ? fread(text, 1, MOUNTINFO_MAX - 1, file) : 0] = '\0';
    if (file)
        fclose(file);
    return text;
}

bool who_mounted(char *out, size_t size, const char *path, bool *is_path)
{
    char *mountinfo = read_mountinfo();
    bool found = mountinfo && who_mounted_from(out, size, mountinfo, path, is_path);
    free(mountinfo);
    return found;
}

/* ---- the runtime ---- */

/* Are the users of this place others than those of the host? There they are "0 0 4294967295". */
static bool in_user_namespace(void)
{
    char line[64] = "", *rest;
    FILE *map = fopen("/proc/self/uid_map", "re");
    if (!map)
        return false;
    bool read = fgets(line, sizeof line, map);
    fclose(map);
    bool from_0 = strtoul(line, &rest, 10) == 0;
    bool to_0 = strtoul(rest, &rest, 10) == 0;
    return read && !(from_0 && to_0 && strtoul(rest, NULL, 10) == UINT32_MAX);
}

/* Podman leaves /run/.containerenv, but where it has made /run anew, as with --read-only. There is still
 * the file that tells of the host's name, which is mounted from where Podman keeps its containers. */
bool who_is_of_podman(const char *mountinfo)
{
    char from[512];
    bool is_path;
    return who_mounted_from(from, sizeof from, mountinfo, "/etc/hostname", &is_path) && is_path &&
           strstr(from, "-containers/") && strstr(from, "/userdata/");
}

static bool is_podman(void)
{
    char *mountinfo = read_mountinfo();
    bool is = access("/run/.containerenv", F_OK) == 0 || (mountinfo && who_is_of_podman(mountinfo));
    free(mountinfo);
    return is;
}

enum who_runtime who_runtime(void)
{
    if (is_podman())
        return WHO_PODMAN;
    if (access("/.dockerenv", F_OK) == 0)
        return WHO_DOCKER;
    return environment("container") || in_user_namespace() ? WHO_OTHER : WHO_HOST;
}

const char *who_runtime_name(enum who_runtime runtime)
{
    static const char *const names[] = {
        [WHO_HOST] = "on this host",
        [WHO_PODMAN] = "in Podman",
        [WHO_DOCKER] = "in Docker",
        [WHO_OTHER] = "in a container",
    };
    return names[runtime];
}

/* ---- CLIENT ---- */

static bool is_client(const char *name)
{
    char client[TOPIC_CLIENT_MAX + 1];
    return topic_client_parse(client, name);
}

bool who_of_folder(char client[TOPIC_CLIENT_MAX + 1], const char *folder)
{
    size_t length = strlen(folder), start;
    if (length < 4 || strcmp(folder + length - 2, "/s") != 0)
        return false;
    length -= 2;
    for (start = length; start > 0 && folder[start - 1] != '/'; start--)
        ;
    if (start == 0 || length - start > TOPIC_CLIENT_MAX)
        return false;
    memcpy(client, folder + start, length - start);
    client[length - start] = '\0';
    return is_client(client);
}

static bool of_socket(char client[TOPIC_CLIENT_MAX + 1], const struct place *place)
{
    char folder[512];
    bool is_path;
    if (place->port != 0)
        return false;
    if (who_mounted(folder, sizeof folder, place->host, &is_path) && !is_path)
        return who_of_folder(client, folder);
    snprintf(folder, sizeof folder, "%.*s", (int)folder_length(place->host), place->host);
    return who_of_folder(client, folder);
}

bool who_user(char *out, size_t size)
{
    const struct passwd *entry = NULL;
    FILE *file = fopen("/etc/passwd", "re"); /* no getpwuid(): a static program cannot have it */

    if (file)
        while ((entry = fgetpwent(file)) && entry->pw_uid != geteuid())
            ;
    const char *name = entry ? entry->pw_name : environment("USER");
    if (name)
        snprintf(out, size, "%s", name);
    if (file)
        fclose(file);
    return name;
}

const char *who_client(char client[TOPIC_CLIENT_MAX + 1], const char *given,
                       const struct options *options, const struct place *place)
{
    const char *name = given ? given : environment("MDNS_MQTT_CLIENT");

    if (!name)
        name = options->username;
    if (name) {
        if (!is_client(name))
            return "a CLIENT is 1 to 64 characters of A-Z a-z 0-9 . _ - and not . or ..";
        snprintf(client, TOPIC_CLIENT_MAX + 1, "%s", name);
        return NULL;
    }
    if (of_socket(client, place))
        return NULL;
    if (who_runtime() == WHO_HOST && who_user(client, TOPIC_CLIENT_MAX + 1) && is_client(client))
        return NULL;
    return "who is it that advertises? Say it with --client, or in MDNS_MQTT_CLIENT; on the host, "
           "`deploy/grant --list` tells which names you have";
}
