/* SPDX-License-Identifier: MIT */
#include "mqtt_client.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <mosquitto.h>

/* One for the whole life: the broker then ends a connection that only it believes in. */
static char *make_client_id(void)
{
    uint8_t bytes[16];
    char id[sizeof "mdnsb-" + 2 * sizeof bytes];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return NULL;
    int length = snprintf(id, sizeof id, "mdnsb-");
    for (size_t i = 0; i < sizeof bytes; i++)
        length += snprintf(id + length, sizeof id - (size_t)length, "%02x", bytes[i]);
    return strdup(id);
}

/* False only if memory is short; NULL stays NULL. */
static bool copy(const char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

bool mqtt_client_copy_options(struct mqtt_options *out, const struct mqtt_options *options)
{
    *out = *options;
    bool good = copy(&out->host, options->host);
    good &= copy(&out->ca_file, options->ca_file);
    good &= copy(&out->cert_file, options->cert_file);
    good &= copy(&out->key_file, options->key_file);
    good &= copy(&out->username, options->username);
    out->client_id = options->client_id ? strdup(options->client_id) : make_client_id();
    if (good && out->client_id)
        return true;
    mqtt_client_free_options(out);
    return false;
}

void mqtt_client_free_options(struct mqtt_options *options)
{
    const char *const texts[] = {options->host,     options->ca_file,   options->cert_file,
                                 options->key_file, options->client_id, options->username};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((void *)(uintptr_t)texts[i]);
    *options = (struct mqtt_options){0};
}

/* OpenSSL would ask at the terminal for an encrypted key's password, and the bridge would wait for it. */
static int no_password(char *out, int size, int writing, // NOLINT(readability-non-const-parameter)
                       void *userdata)
{
    (void)out, (void)size, (void)writing, (void)userdata;
    return 0;
}

static int set_options(struct mosquitto *client, const struct mqtt_options *options)
{
    int code = mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, options->protocol);
    /* Without it a single answer may wait 40 ms for a delayed ACK; a unix socket only gives a warning. */
    if (code == MOSQ_ERR_SUCCESS && options->port != 0)
        code = mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    if (code != MOSQ_ERR_SUCCESS || !options->tls)
        return code;
    /* Without a CA file the system's store: libmosquitto wants a directory then. */
    return mosquitto_tls_set(client, options->ca_file, options->ca_file ? NULL : "/etc/ssl/certs",
                             options->cert_file, options->key_file, no_password);
}

struct mosquitto *mqtt_client_new(const struct mqtt_options *options, void *userdata, int *code)
{
    struct mosquitto *client = mosquitto_new(options->client_id, true, userdata);
    *code = client ? set_options(client, options) : MOSQ_ERR_ERRNO;
    if (*code == MOSQ_ERR_SUCCESS)
        return client;
    int error = errno;
    mosquitto_destroy(client);
    errno = error;
    return NULL;
}
