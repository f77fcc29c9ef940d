/* SPDX-License-Identifier: MIT */
#include "container.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"

#define MOUNTINFO "/proc/self/mountinfo"
#define MOUNTINFO_MAX 262144

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

size_t container_folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash > path ? (size_t)(slash - path) : 1;
}

bool container_mounted_from(char *out, size_t size, const char *mountinfo, const char *path,
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
        if (!whole && (strlen(point) != container_folder_length(path) ||
                       strncmp(point, path, container_folder_length(path)) != 0))
            continue;
        found = true;
        *is_path = whole;
        snprintf(out, size, "%s", root);
    }
    return found;
}

/* What the kernel says of our mounts, to be freed; NULL: nothing. */
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

bool container_mounted(char *out, size_t size, const char *path, bool *is_path)
{
    char *mountinfo = read_mountinfo();
    bool found = mountinfo && container_mounted_from(out, size, mountinfo, path, is_path);
    free(mountinfo);
    return found;
}

/* ---- the runtime ---- */

/* Are our users others than those of the host? Its map of them is "0 0 4294967295". */
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
 * /etc/hostname, which is mounted from where Podman keeps its containers. */
bool container_is_podman(const char *mountinfo)
{
    char from[512];
    bool is_path;
    return container_mounted_from(from, sizeof from, mountinfo, "/etc/hostname", &is_path) &&
           is_path && strstr(from, "-containers/") && strstr(from, "/userdata/");
}

static bool is_podman(void)
{
    char *mountinfo = read_mountinfo();
    bool is =
        access("/run/.containerenv", F_OK) == 0 || (mountinfo && container_is_podman(mountinfo));
    free(mountinfo);
    return is;
}

enum container_runtime container_runtime(void)
{
    if (is_podman())
        return CONTAINER_PODMAN;
    if (access("/.dockerenv", F_OK) == 0)
        return CONTAINER_DOCKER;
    return options_environment("container") || in_user_namespace() ? CONTAINER_OTHER
                                                                   : CONTAINER_NONE;
}

const char *container_runtime_name(enum container_runtime runtime)
{
    static const char *const names[] = {
        [CONTAINER_NONE] = "on this host",
        [CONTAINER_PODMAN] = "in Podman",
        [CONTAINER_DOCKER] = "in Docker",
        [CONTAINER_OTHER] = "in a container",
    };
    return names[runtime];
}
