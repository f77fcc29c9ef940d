/* SPDX-License-Identifier: MIT */
#include "mdns_group.h"

#include <net/if.h>
#include <stdio.h>

#include <avahi-common/error.h>
#include <avahi-common/strlst.h>

#include "txt.h"

int group_make(struct group *group, struct mdns_clients *clients, AvahiEntryGroupCallback changed,
               void *userdata)
{
    if (group->group)
        return 0;
    for (int i = 0; i < 2; i++) {
        struct mdns_client *client = mdns_clients_take(clients);
        if (!client)
            return clients->error;
        group->group = avahi_entry_group_new(client->client, changed, userdata);
        if (group->group) {
            group->client = client;
            return 0;
        }
        int error = avahi_client_errno(client->client);
        mdns_clients_give_back(client);
        if (error != AVAHI_ERR_TOO_MANY_OBJECTS)
            return error;
        mdns_clients_mark_full(client); /* the next one then */
    }
    return AVAHI_ERR_TOO_MANY_OBJECTS;
}

/* Avahi's lists have the last string first. False if memory is short. */
static bool make_txt(const struct request *request, AvahiStringList **list)
{
    struct txt_string string;
    *list = NULL;
    for (size_t at = 0; (at = txt_next(&string, request->txt, request->txt_length, at));) {
        AvahiStringList *longer =
            avahi_string_list_add_arbitrary(*list, string.bytes, string.length);
        if (!longer) {
            avahi_string_list_free(*list);
            return false;
        }
        *list = longer;
    }
    return true;
}

/* 0 or Avahi's error. */
static int find_interface(const struct request *request, AvahiIfIndex *interface)
{
    *interface = AVAHI_IF_UNSPEC;
    if (!request->interface[0])
        return 0;
    *interface = (AvahiIfIndex)if_nametoindex(request->interface);
    return *interface == 0 ? AVAHI_ERR_INVALID_INTERFACE : 0;
}

bool group_has_interface(const struct request *request)
{
    AvahiIfIndex interface;
    return find_interface(request, &interface) == 0;
}

bool group_has_moved(const struct group *group, const struct request *request)
{
    AvahiIfIndex interface;
    return find_interface(request, &interface) == 0 && interface != group->interface;
}

int group_register(struct group *group, const char *name, const struct request *request)
{
    AvahiIfIndex interface;
    AvahiStringList *txt;
    int error = find_interface(request, &interface);
    if (error != 0)
        return error;
    group->interface = interface;
    if (!make_txt(request, &txt))
        return AVAHI_ERR_NO_MEMORY;
    error =
        avahi_entry_group_add_service_strlst(group->group, interface, AVAHI_PROTO_UNSPEC, 0, name,
                                             request->type, NULL, NULL, request->port, txt);
    avahi_string_list_free(txt);
    for (size_t i = 0; error == 0 && i < request->subtype_count; i++) {
        char subtype[sizeof request->subtypes[0] + sizeof "._sub." + sizeof request->type];
        snprintf(subtype, sizeof subtype, "%s._sub.%s", request->subtypes[i], request->type);
        error = avahi_entry_group_add_service_subtype(group->group, interface, AVAHI_PROTO_UNSPEC,
                                                      0, name, request->type, NULL, subtype);
    }
    return error != 0 ? error : avahi_entry_group_commit(group->group);
}

int group_update_txt(struct group *group, const char *name, const struct request *request)
{
    AvahiStringList *txt;
    if (!make_txt(request, &txt))
        return AVAHI_ERR_NO_MEMORY;
    int error = avahi_entry_group_update_service_txt_strlst(
        group->group, group->interface, AVAHI_PROTO_UNSPEC, 0, name, request->type, NULL, txt);
    avahi_string_list_free(txt);
    return error;
}

void group_free(struct group *group)
{
    if (group->group)
        avahi_entry_group_free(group->group);
    mdns_clients_give_back(group->client);
    *group = (struct group){0};
}
