/* SPDX-License-Identifier: MIT */
#include "setup.h"

#include <string.h>

static const char *text_or_null(const char *text)
{
    return text[0] ? text : NULL;
}

struct mdns_options setup_mdns(const struct config *config)
{
    const struct config_browse *browse = &config->browse;
    return (struct mdns_options){
        .browse = browse->enabled,
        .enumerate = browse->types.automatic,
        .types = config_list_items(&browse->types.named),
        .domains = config_list_items(&browse->domains),
        .interfaces = config_list_items(&browse->interfaces),
        .ignore_interfaces = config_list_items(&browse->ignore_interfaces),
        .names_win = config_ignores_by_default(config),
        .ipv4 = browse->ipv4,
        .ipv6 = browse->ipv6,
        .local = browse->local,
        .max_services = browse->max_services,
        .txt_max = config->records.size,
    };
}

struct mqtt_options setup_mqtt(const struct config *config)
{
    const struct config_broker *broker = &config->broker;
    return (struct mqtt_options){
        .url = broker->url,
        .ca_file = text_or_null(broker->ca_file),
        .cert_file = text_or_null(broker->cert_file),
        .key_file = text_or_null(broker->key_file),
        .client_id = text_or_null(broker->client_id),
        .client_id_prefix = "mdnsb-",
        .username = text_or_null(broker->username),
        .keepalive = (int)broker->keepalive,
        .protocol = broker->protocol == BROKER_MQTT_5 ? 5 : 4,
        .back_off_max = 15000,
    };
}

struct session_options setup_session(const struct config *config)
{
    return (struct session_options){
        .prefix = config->records.prefix,
        .record_size = config->records.size,
        .avahi_grace_ms = config->browse.avahi_grace * INT64_C(1000),
        .stats_interval_ms = config->records.stats_interval * INT64_C(1000),
    };
}

static bool same_broker(const struct config_broker *a, const struct config_broker *b)
{
    return a->url.tls == b->url.tls && a->url.port == b->url.port &&
           strcmp(a->url.host, b->url.host) == 0 && strcmp(a->username, b->username) == 0 &&
           strcmp(a->password_file, b->password_file) == 0 && strcmp(a->ca_file, b->ca_file) == 0 &&
           strcmp(a->cert_file, b->cert_file) == 0 && strcmp(a->key_file, b->key_file) == 0 &&
           strcmp(a->client_id, b->client_id) == 0 && a->keepalive == b->keepalive &&
           a->protocol == b->protocol;
}

bool setup_needs_restart(const struct config *a, const struct config *b)
{
    return !same_broker(&a->broker, &b->broker) ||
           strcmp(a->records.prefix, b->records.prefix) != 0 ||
           a->records.size != b->records.size || a->browse.max_services != b->browse.max_services;
}
