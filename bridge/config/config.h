/* SPDX-License-Identifier: MIT */
/*
 * The configuration as a plain value (README.md of proto, section 7).
 *
 * Nothing in here logs or exits; what is wrong comes back as text. A struct config belongs to
 * whoever made it, and is not shared between threads.
 */
#ifndef BRIDGE_CONFIG_H
#define BRIDGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "log.h"
#include "topic.h"
#include "url.h"

#define CONFIG_FILE_DEFAULT "/etc/mdns-mqtt-bridge/bridge.conf"
#define CONFIG_KEYS 31 /* in the sections with fixed names */
#define CONFIG_VALUE_MAX                                                                           \
    180 /* bytes of a value, or of one item of a list: it fits a line of the file */
#define CONFIG_LIST_MAX 256                /* items */
#define CONFIG_CLIENT_MAX TOPIC_CLIENT_MAX /* bytes of a client's name */
#define CONFIG_CLIENTS_MAX 1024            /* sections [advertise CLIENT] */
#define CONFIG_ERROR_SIZE 512              /* of one message with its closing NUL */
#define CONFIG_ERRORS_MAX 20

/* A list of texts. Read it through config_list_items(). */
struct config_list {
    char **items; /* ends with NULL; NULL altogether while it is empty */
    size_t count;
};

enum broker_protocol { BROKER_MQTT_311, BROKER_MQTT_5 };

/* Texts that are not set are empty. */
struct config_broker {
    struct mqtt_url url;
    char username[CONFIG_VALUE_MAX + 1];
    char password_file[CONFIG_VALUE_MAX + 1]; /* see config_read_password() */
    char ca_file[CONFIG_VALUE_MAX + 1];       /* empty: the system's certificates */
    char cert_file[CONFIG_VALUE_MAX + 1];
    char key_file[CONFIG_VALUE_MAX + 1];
    char client_id[CONFIG_VALUE_MAX + 1]; /* empty: a random one */
    uint32_t keepalive;                   /* seconds */
    enum broker_protocol protocol;
};

struct config_records {
    char prefix[TOPIC_PREFIX_MAX + 1];
    uint32_t size;           /* bytes */
    uint32_t stats_interval; /* seconds */
};

struct browse_types {
    bool automatic; /* what the network enumerates */
    struct config_list named;
};

struct config_browse {
    bool enabled;
    struct browse_types types;
    struct config_list domains;    /* "local" */
    struct config_list interfaces; /* globs; empty: all */
    struct config_list ignore_interfaces;
    bool ipv4, ipv6;
    bool local; /* this host's own services, too */
    uint32_t max_services;
    uint32_t avahi_grace; /* seconds */
};

struct port_range {
    uint16_t first, last; /* both included */
};

struct port_list {
    struct port_range *ranges;
    size_t count; /* 0: all ports, too */
};

enum port_check { PORT_CHECK_OFF, PORT_CHECK_WARN, PORT_CHECK_ENFORCE };

/* What clients, or one client, may advertise. */
struct advertise_policy {
    bool enabled;
    struct config_list types;      /* empty: all */
    struct config_list deny_types; /* wins over `types` */
    struct port_list ports;
    uint32_t max_per_client;
    enum port_check port_check;
    char
        user[CONFIG_VALUE_MAX + 1]; /* who has to own the ports; empty: see adverts_port_allows() */
};

/* A section [advertise CLIENT]. */
struct client_policy {
    char client[CONFIG_CLIENT_MAX + 1];
    struct advertise_policy
        policy; /* complete once the file is read: unset keys are the general ones */
    unsigned lines[CONFIG_KEYS]; /* as in struct config */
};

struct config {
    struct config_broker broker;
    struct config_records records;
    struct config_browse browse;
    struct advertise_policy advertise; /* of clients without a section of their own */
    uint32_t advertise_max_total;
    struct client_policy *clients;
    size_t client_count;
    enum log_level log_level;
    unsigned lines[CONFIG_KEYS]; /* of the file that set a key; 0: it did not */
};

/* What is wrong with a file, in the order of its lines. Reading ends when it is full. */
struct config_errors {
    size_t count;
    char text[CONFIG_ERRORS_MAX][CONFIG_ERROR_SIZE];
};

/* Fills in the defaults. Returns 0 or -ENOMEM; needs config_free() only after 0. */
int config_init(struct config *config);

/* Frees what it holds and empties it. Fine on an emptied (or zeroed) one. */
void config_free(struct config *config);

/*
 * Sets one key from its text, as in the file; lists are replaced. Returns false and the message
 * "'VALUE': what is wrong", after which the key has no usable value. Section and key must exist.
 */
bool config_set(struct config *config, const char *section, const char *key, const char *value,
                char error[CONFIG_ERROR_SIZE]);

/*
 * Reads a file over what is set. Adds an error "PATH:LINE: …" for everything that is wrong with it;
 * after errors the config is only fit for config_free(). Unless `required`, the file may be
 * missing.
 */
void config_read_file(struct config *config, const char *path, bool required,
                      struct config_errors *errors);

/* Adds an error for each pair of keys that do not go together. `path` as given to
 * config_read_file(). */
void config_check(const struct config *config, const char *path, struct config_errors *errors);

/* Adds an error for each file that the configuration names and that cannot be read. */
void config_check_files(const struct config *config, const char *path,
                        struct config_errors *errors);

/* Is ignore-interfaces at its default? */
bool config_ignores_by_default(const struct config *config);

/* Writes all of it as a file that config_read_file() reads back. Returns 0, or -EIO. */
int config_dump(const struct config *config, FILE *out);

/* The items of a list, NULL at the end; the list's. */
const char *const *config_list_items(const struct config_list *list);

/* What this client may advertise; the config's. Any text is fine as a name. */
const struct advertise_policy *config_policy(const struct config *config, const char *client);

/*
 * Reads the password that goes with the user name: from password-file if that is set, else from
 * $CREDENTIALS_DIRECTORY/mqtt-password if that exists. A line feed at its end is not part of it.
 * Returns 1 with the password in `out`, closed with a NUL; 0 if there is none, or no user name; or
 * -errno: -ENODATA an empty file, -EMSGSIZE if the file does not fit `size` with a NUL, -EINVAL a
 * NUL in it or not a regular file. In all but the first case `out` is empty.
 */
int config_read_password(const struct config *config, char *out, size_t size);

#endif
