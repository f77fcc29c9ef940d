/* SPDX-License-Identifier: MIT */
#include "entry_group.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>

#include <avahi-common/error.h>
#include <avahi-common/strlst.h>

#include "txt.h"

AvahiIfIndex entry_group_interface(const struct request *request)
{
    return request->interface[0] ? (AvahiIfIndex)if_nametoindex(request->interface)
                                 : AVAHI_IF_UNSPEC;
}

static int make(struct entry_group *group, struct client_pool *pool,
                AvahiEntryGroupCallback changed, void *userdata)
{
    for (int i = 0; i < 2; i++) {
        struct pool_client *client = client_pool_take(pool);
        if (!client)
            return pool->error;
        group->group = avahi_entry_group_new(client->client, changed, userdata);
        if (group->group) {
            group->client = client;
            return 0;
        }
        int error = avahi_client_errno(client->client);
        client_pool_give_back(client);
        if (error != AVAHI_ERR_TOO_MANY_OBJECTS)
            return error;
        client_pool_mark_full(client); /* the next one then */
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

static int add_service(struct entry_group *group, const char *name, const struct request *request)
{
    AvahiStringList *txt;
    if (!make_txt(request, &txt))
        return AVAHI_ERR_NO_MEMORY;
    int error =
        avahi_entry_group_add_service_strlst(group->group, group->interface, AVAHI_PROTO_UNSPEC, 0,
                                             name, request->type, NULL, NULL, request->port, txt);
    avahi_string_list_free(txt);
    for (size_t i = 0; error == 0 && i < request->subtype_count; i++) {
        char subtype[sizeof request->subtypes[0] + sizeof "._sub." + sizeof request->type];
        snprintf(subtype, sizeof subtype, "%s._sub.%s", request->subtypes[i], request->type);
        error = avahi_entry_group_add_service_subtype(group->group, group->interface,
                                                      AVAHI_PROTO_UNSPEC, 0, name, request->type,
                                                      NULL, subtype);
    }
    return error;
}

int entry_group_register(struct entry_group *group, struct client_pool *pool, const char *name,
                         const struct request *request, AvahiEntryGroupCallback changed,
                         void *userdata)
{
    group->interface = entry_group_interface(request);
    if (group->interface == 0)
        return AVAHI_ERR_INVALID_INTERFACE;
    int error = make(group, pool, changed, userdata);
    if (error == 0)
        error = add_service(group, name, request);
    return error != 0 ? error : avahi_entry_group_commit(group->group);
}

int entry_group_update_txt(struct entry_group *group, const char *name,
                           const struct request *request)
{
    AvahiStringList *txt;
    if (!make_txt(request, &txt))
        return AVAHI_ERR_NO_MEMORY;
    int error = avahi_entry_group_update_service_txt_strlst(
        group->group, group->interface, AVAHI_PROTO_UNSPEC, 0, name, request->type, NULL, txt);
    avahi_string_list_free(txt);
    return error;
}

void entry_group_free(struct entry_group *group)
{
    if (group->group)
        avahi_entry_group_free(group->group);
    client_pool_give_back(group->client);
    entry_group_forget(group);
}

void entry_group_forget(struct entry_group *group)
{
    *group = (struct entry_group){0};
}
