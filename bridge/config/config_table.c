/* SPDX-License-Identifier: MIT */
/*
 * One row a key. Defaults, reading and writing all come from here: a new key is a field in
 * config.h, a row below, and a line in the sample file.
 */
#include "config_table.h"

#include <assert.h>
#include <string.h>

#include "record.h"

static const char *const protocols[] = {"3.1.1", "5", NULL};
static const char *const port_checks[] = {"off", "warn", "enforce", NULL};

static_assert(sizeof(enum broker_protocol) == sizeof(int), "KIND_CHOICE is stored as an int");
static_assert(sizeof(enum port_check) == sizeof(int), "KIND_CHOICE is stored as an int");
static_assert(sizeof(enum log_level) == sizeof(int), "KIND_CHOICE is stored as an int");

/* The offset of a field; the compiler objects if the field is not of that type. */
#define FIELD(base, type, field)                                                                   \
    .offset = offsetof(struct base, field) + 0 * sizeof((type *)0 == &((struct base *)0)->field)

typedef char text_field[CONFIG_VALUE_MAX + 1];
typedef char prefix_field[TOPIC_PREFIX_MAX + 1];

#define BOOL(base, field) .kind = KIND_BOOL, FIELD(base, bool, field)
#define NUMBER(base, field, low, high)                                                             \
    .kind = KIND_NUMBER, FIELD(base, uint32_t, field), .min = (low), .max = (high)
#define CHOICE(base, field, type, names)                                                           \
    .kind = KIND_CHOICE, FIELD(base, type, field), .choices = (names)
#define TEXT(base, field) .kind = KIND_TEXT, FIELD(base, text_field, field)
#define PATH(base, field) .kind = KIND_PATH, FIELD(base, text_field, field)
#define LIST(base, of, field) .kind = (of), FIELD(base, struct config_list, field)

const char *const config_sections[CONFIG_SECTIONS] = {"broker", "records", "browse", "advertise",
                                                      "log"};

/* clang-format off */
const struct config_key config_keys[] = {
    {SECTION_BROKER, "url", "mqtt://127.0.0.1:1883", .kind = KIND_URL, FIELD(config, struct mqtt_url, broker.url)},
    {SECTION_BROKER, "username", "", TEXT(config, broker.username)},
    {SECTION_BROKER, "password-file", "", PATH(config, broker.password_file)},
    {SECTION_BROKER, "ca-file", "", PATH(config, broker.ca_file)},
    {SECTION_BROKER, "cert-file", "", PATH(config, broker.cert_file)},
    {SECTION_BROKER, "key-file", "", PATH(config, broker.key_file)},
    {SECTION_BROKER, "client-id", "", TEXT(config, broker.client_id)},
    {SECTION_BROKER, "keepalive", "30", NUMBER(config, broker.keepalive, 5, 65535)},
    {SECTION_BROKER, "protocol", "5", CHOICE(config, broker.protocol, enum broker_protocol, protocols)},

    {SECTION_RECORDS, "prefix", "mdns", .kind = KIND_PREFIX, FIELD(config, prefix_field, records.prefix)},
    {SECTION_RECORDS, "size", "4096", NUMBER(config, records.size, RECORD_SIZE_MIN, RECORD_SIZE_MAX)},
    {SECTION_RECORDS, "stats-interval", "60", NUMBER(config, records.stats_interval, 1, 86400)},

    {SECTION_BROWSE, "enabled", "yes", BOOL(config, browse.enabled)},
    {SECTION_BROWSE, "types", "auto", .kind = KIND_BROWSE_TYPES, FIELD(config, struct browse_types, browse.types)},
    {SECTION_BROWSE, "domains", "local", LIST(config, KIND_DOMAINS, browse.domains)},
    {SECTION_BROWSE, "interfaces", "", LIST(config, KIND_GLOBS, browse.interfaces)},
    {SECTION_BROWSE, "ignore-interfaces", "lo veth* br-* docker* podman* cni* tap*",
     LIST(config, KIND_GLOBS, browse.ignore_interfaces)},
    {SECTION_BROWSE, "ipv4", "yes", BOOL(config, browse.ipv4)},
    {SECTION_BROWSE, "ipv6", "yes", BOOL(config, browse.ipv6)},
    {SECTION_BROWSE, "local", "yes", BOOL(config, browse.local)},
    {SECTION_BROWSE, "max-services", "4096", NUMBER(config, browse.max_services, 1, 65536)},
    {SECTION_BROWSE, "avahi-grace", "30", NUMBER(config, browse.avahi_grace, 0, 3600)},

    {SECTION_ADVERTISE, "enabled", "yes", BOOL(advertise_policy, enabled), .per_client = true},
    {SECTION_ADVERTISE, "types", "", LIST(advertise_policy, KIND_TYPES, types), .per_client = true},
    {SECTION_ADVERTISE, "deny-types", "", LIST(advertise_policy, KIND_TYPES, deny_types), .per_client = true},
    {SECTION_ADVERTISE, "ports", "all", .kind = KIND_PORTS, FIELD(advertise_policy, struct port_list, ports), .per_client = true},
    {SECTION_ADVERTISE, "max-per-client", "32", NUMBER(advertise_policy, max_per_client, 1, 1024), .per_client = true},
    {SECTION_ADVERTISE, "max-total", "512", NUMBER(config, advertise_max_total, 1, 4096)},
    {SECTION_ADVERTISE, "port-check", "warn", CHOICE(advertise_policy, port_check, enum port_check, port_checks), .per_client = true},
    {SECTION_ADVERTISE, "user", "", TEXT(advertise_policy, user), .per_client = true},

    {SECTION_LOG, "level", "info", CHOICE(config, log_level, enum log_level, log_level_names)},
};
/* clang-format on */

static_assert(sizeof config_keys / sizeof *config_keys == CONFIG_KEYS, "config.h: CONFIG_KEYS");

const struct config_key *config_find_key(enum config_section section, const char *name)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++)
        if (config_keys[i].section == section && strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    return NULL;
}

size_t config_key_index(const struct config_key *key)
{
    return (size_t)(key - config_keys);
}
