/* SPDX-License-Identifier: MIT */
/*
 * The configuration as a whole. Every walk over its keys goes along config_keys (config_table.c):
 * the defaults are the table's texts, parsed like anybody else's, and the dump is the table,
 * written out.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_table.h"
#include "config_value.h"

/* Where the offsets of a key count in a config: keys per client are in the general policy. */
static void *base_of(const struct config_key *key, struct config *config)
{
    return key->per_client ? (void *)&config->advertise : (void *)config;
}

int config_init(struct config *config)
{
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        const struct config_key *key = &config_keys[i];
        char error[CONFIG_ERROR_SIZE];
        if (!config_value_parse(key, base_of(key, config), key->fallback, false, error)) {
            config_free(config);
            return -ENOMEM; /* the tests know that nothing else is wrong with the defaults */
        }
    }
    return 0;
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        const struct config_key *key = &config_keys[i];
        config_value_free(key, base_of(key, config));
        for (size_t j = 0; key->per_client && j < config->client_count; j++)
            config_value_free(key, &config->clients[j].policy);
    }
    free(config->clients);
    memset(config, 0, sizeof *config);
}

bool config_set(struct config *config, const char *section, const char *name, const char *value,
                char error[CONFIG_ERROR_SIZE])
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(config_sections[key->section], section) != 0 || strcmp(key->name, name) != 0)
            continue;
        config->lines[i] = 0;
        return config_value_parse(key, base_of(key, config), value, false, error);
    }
    snprintf(error, CONFIG_ERROR_SIZE, "there is no key %s in [%s]", name, section);
    return false;
}

struct client_policy *config_add_client(struct config *config, const char *client)
{
    size_t size = (config->client_count + 1) * sizeof *config->clients;
    struct client_policy *clients = realloc(config->clients, size);
    if (!clients)
        return NULL;
    config->clients = clients;
    struct client_policy *added = &clients[config->client_count++];
    memset(added, 0, sizeof *added);
    snprintf(added->client, sizeof added->client, "%s", client);
    return added;
}

bool config_inherit(struct config *config)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        const struct config_key *key = &config_keys[i];
        for (size_t j = 0; key->per_client && j < config->client_count; j++) {
            struct client_policy *client = &config->clients[j];
            if (client->lines[i] == 0 &&
                !config_value_copy(key, &client->policy, &config->advertise))
                return false;
        }
    }
    return true;
}

/* The line of the file that set a key. */
static unsigned line_of(const struct config *config, enum config_section section, const char *name)
{
    return config->lines[config_key_index(config_find_key(section, name))];
}

static void check_broker(const struct config *config, const char *path,
                         struct config_errors *errors)
{
    const struct config_broker *broker = &config->broker;
    const struct {
        const char *key;
        const char *value;
        bool wrong;
        const char *problem;
    } checks[] = {
        {"password-file", broker->password_file, !*broker->username, "needs a username"},
        {"cert-file", broker->cert_file, !*broker->key_file, "needs a key-file"},
        {"key-file", broker->key_file, !*broker->cert_file, "needs a cert-file"},
        {"ca-file", broker->ca_file, !broker->url.tls, "needs a URL with mqtts://"},
        {"cert-file", broker->cert_file, !broker->url.tls, "needs a URL with mqtts://"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (*checks[i].value && checks[i].wrong)
            config_add_error(errors, path, line_of(config, SECTION_BROKER, checks[i].key),
                             "[broker] %s: %s", checks[i].key, checks[i].problem);
}

void config_check_files(const struct config *config, const char *path, struct config_errors *errors)
{
    const struct {
        const char *key, *file;
    } files[] = {
        {"ca-file", config->broker.ca_file},
        {"cert-file", config->broker.cert_file},
        {"key-file", config->broker.key_file},
        {"password-file", config->broker.password_file},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i].file[0] && access(files[i].file, R_OK) != 0)
            config_add_error(errors, path, line_of(config, SECTION_BROKER, files[i].key),
                             "[broker] %s = '%s': %s", files[i].key, files[i].file,
                             strerror(errno));
}

bool config_ignores_by_default(const struct config *config)
{
    return line_of(config, SECTION_BROWSE, "ignore-interfaces") == 0;
}

void config_check(const struct config *config, const char *path, struct config_errors *errors)
{
    check_broker(config, path, errors);
    const struct config_browse *browse = &config->browse;
    if (!browse->ipv4 && !browse->ipv6)
        config_add_error(errors, path, line_of(config, SECTION_BROWSE, "ipv6"),
                         "[browse] ipv4 and ipv6: not both can be off (there is enabled = no)");
    if (!browse->types.automatic && browse->types.named.count == 0)
        config_add_error(errors, path, line_of(config, SECTION_BROWSE, "types"),
                         "[browse] types: needs auto or at least one service type");
    if (browse->domains.count == 0)
        config_add_error(errors, path, line_of(config, SECTION_BROWSE, "domains"),
                         "[browse] domains: needs at least one");
}

int config_dump(const struct config *config, FILE *out)
{
    for (size_t section = 0; section < CONFIG_SECTIONS; section++) {
        fprintf(out, "%s[%s]\n", section > 0 ? "\n" : "", config_sections[section]);
        for (size_t i = 0; i < CONFIG_KEYS; i++) {
            const struct config_key *key = &config_keys[i];
            if (key->section == section)
                config_value_write(key, key->per_client ? (const void *)&config->advertise : config,
                                   out);
        }
    }
    for (size_t j = 0; j < config->client_count; j++) {
        fprintf(out, "\n[advertise %s]\n", config->clients[j].client);
        for (size_t i = 0; i < CONFIG_KEYS; i++)
            if (config_keys[i].per_client)
                config_value_write(&config_keys[i], &config->clients[j].policy, out);
    }
    return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}

const struct advertise_policy *config_policy(const struct config *config, const char *client)
{
    for (size_t i = 0; i < config->client_count; i++)
        if (strcmp(config->clients[i].client, client) == 0)
            return &config->clients[i].policy;
    return &config->advertise;
}
