/* SPDX-License-Identifier: MIT */
/*
 * From Avahi's words to ours: escaped names to plain text, address to text, TXT list to wire form.
 */
#include "instance.h"

#include <stdlib.h>
#include <string.h>

#include <avahi-common/address.h>
#include <avahi-common/domain.h>
#include <avahi-common/strlst.h>

#include "txt.h"

unsigned instance_make_key(char key[INSTANCE_KEY_MAX], AvahiIfIndex interface,
                           AvahiProtocol protocol, const char *name, const char *type,
                           const char *domain)
{
    const struct instance_key head = {interface, protocol};
    const char *const parts[] = {name, type, domain};
    const size_t bounds[] = {AVAHI_LABEL_MAX, AVAHI_DOMAIN_NAME_MAX, AVAHI_DOMAIN_NAME_MAX};
    size_t length = sizeof head;
    memcpy(key, &head, sizeof head);
    for (unsigned i = 0; i < 3; i++) {
        size_t size = strlen(parts[i]) + 1;
        if (size > bounds[i])
            return 0;
        memcpy(key + length, parts[i], size);
        length += size;
    }
    return (unsigned)length;
}

struct instance *instance_new(const char *key, unsigned key_length)
{
    struct instance *instance = calloc(1, sizeof *instance + key_length);
    if (!instance)
        return NULL;
    memcpy(instance->key, key, key_length);
    instance->key_length = key_length;
    instance->name = instance->key + sizeof(struct instance_key);
    instance->type = instance->name + strlen(instance->name) + 1;
    instance->domain = instance->type + strlen(instance->type) + 1;
    return instance;
}

static struct instance_key key_head(const struct instance *instance)
{
    struct instance_key head;
    memcpy(&head, instance->key, sizeof head);
    return head;
}

AvahiIfIndex instance_interface(const struct instance *instance)
{
    return key_head(instance).interface;
}

AvahiProtocol instance_protocol(const struct instance *instance)
{
    return key_head(instance).protocol;
}

/* "a\.b.c\032d" to "a.b.c d". False where a label is malformed or all of it does not fit. */
static bool unescape(char *out, size_t size, const char *escaped)
{
    size_t length = 0;
    while (*escaped) {
        char label[AVAHI_LABEL_MAX];
        if (!avahi_unescape_label(&escaped, label, sizeof label))
            return false;
        size_t label_length = strlen(label);
        if (length + label_length + 2 > size)
            return false;
        if (length > 0)
            out[length++] = '.';
        memcpy(out + length, label, label_length);
        length += label_length;
    }
    out[length] = '\0';
    return length > 0;
}

bool instance_identity(const struct instance *instance, struct service_id *id)
{
    size_t name_length = strlen(instance->name);
    if (name_length == 0 || name_length > SERVICE_NAME_MAX)
        return false;
    memcpy(id->name, instance->name, name_length + 1);
    memcpy(id->interface, instance->interface, sizeof id->interface);
    return unescape(id->type, sizeof id->type, instance->type) &&
           unescape(id->domain, sizeof id->domain, instance->domain);
}

static struct mdns_event *event_new(const struct instance *instance, enum mdns_event_kind kind,
                                    size_t txt_length)
{
    struct mdns_event *event = calloc(1, sizeof *event + txt_length);
    if (!event)
        return NULL;
    event->kind = kind;
    event->protocol =
        instance_protocol(instance) == AVAHI_PROTO_INET6 ? SERVICE_IPV6 : SERVICE_IPV4;
    event->local = instance->local;
    event->txt_length = txt_length;
    if (instance_identity(instance, &event->id))
        return event;
    free(event);
    return NULL;
}

struct mdns_event *instance_lost_event(const struct instance *instance)
{
    return event_new(instance, MDNS_LOST, 0);
}

/*
 * In the order of the record: avahi-daemon's lists have the last string first, and reading one from
 * D-Bus reverses it.
 */
static void txt_from_list(struct txt *txt, AvahiStringList *list)
{
    for (; list; list = avahi_string_list_get_next(list))
        txt_add(txt, avahi_string_list_get_text(list), avahi_string_list_get_size(list));
}

static bool is_link_local(const AvahiAddress *address)
{
    const uint8_t *ip = address->data.ipv6.address;
    return address->proto == AVAHI_PROTO_INET6 && ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

struct mdns_event *instance_found_event(const struct instance *instance, const char *host,
                                        const AvahiAddress *address, uint16_t port,
                                        AvahiStringList *list, size_t txt_max)
{
    struct txt txt = {.bytes = malloc(txt_max), .capacity = txt_max};
    struct mdns_event *event = NULL;
    if (!txt.bytes)
        return NULL;
    txt_from_list(&txt, list);
    event = event_new(instance, MDNS_FOUND, txt.length);
    if (!event)
        goto out;
    memcpy(event->txt, txt.bytes, txt.length);
    event->txt_omitted = txt.omitted;
    event->port = port;
    if (!unescape(event->host, sizeof event->host, host)) {
        free(event);
        event = NULL;
        goto out;
    }
    avahi_address_snprint(event->address, AVAHI_ADDRESS_STR_MAX, address);
    if (is_link_local(address)) {
        size_t length = strlen(event->address);
        event->address[length] = '%';
        memcpy(event->address + length + 1, instance->interface, sizeof instance->interface);
    }
out:
    free(txt.bytes);
    return event;
}
