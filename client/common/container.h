/* SPDX-License-Identifier: MIT */
/*
 * What kind of container we run in, and what is mounted in it. Reads /proc, the environment, and the files
 * that container runtimes leave. Any thread.
 */
#ifndef CLIENT_CONTAINER_H
#define CLIENT_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

enum container_runtime {
    CONTAINER_NONE,   /* no container that we know of */
    CONTAINER_PODMAN, /* /run/.containerenv, or container_is_podman() */
    CONTAINER_DOCKER, /* /.dockerenv */
    CONTAINER_OTHER,  /* `container` is in the environment, or a user namespace */
};

/* Which of them it is. */
enum container_runtime container_runtime(void);

/* "in Podman", "in Docker", "in a container", "on this host" */
const char *container_runtime_name(enum container_runtime runtime);

/*
 * The folder that is mounted where `path` is, as it is called in its own file system, from the text of
 * /proc/self/mountinfo; escapes are undone. The last one counts, as it hides those before. False: none
 * is mounted there. *is_path: what is mounted is `path` itself, not the folder it is in.
 */
bool container_mounted_from(char *out, size_t size, const char *mountinfo, const char *path,
                            bool *is_path);

/* The same of this process. */
bool container_mounted(char *out, size_t size, const char *path, bool *is_path);

/* Does the text of /proc/self/mountinfo say that Podman made this container? */
bool container_is_podman(const char *mountinfo);

/* How many bytes of a path are its folder, without the closing slash. */
size_t container_folder_length(const char *path);

#endif
