/* SPDX-License-Identifier: MIT */
/*
 * In place of libavahi-client's entry groups: notes what is asked of Avahi, and says what a test wants Avahi to
 * say. For one test program, which links it in place of the library.
 */
#ifndef TESTS_FAKE_ENTRY_GROUPS_H
#define TESTS_FAKE_ENTRY_GROUPS_H

#include <check.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <net/if.h>

#include <avahi-client/client.h>
#include <avahi-client/publish.h>
#include <avahi-common/error.h>

#define FAKE_GROUPS_MAX 256

struct AvahiEntryGroup {
    AvahiEntryGroupCallback callback;
    void *userdata;
    char name[64];
    bool committed, freed;
};

static struct {
    AvahiEntryGroup groups[FAKE_GROUPS_MAX];
    unsigned made, live;
    AvahiClientCallback client_changed;
    void *client_userdata;
    char taken[64];     /* a name that another program of this host has, or "" */
    unsigned interface; /* index of the one interface that there is; 0: none */
    /* Errors of the next call of that kind. */
    int make_error, add_error, txt_error;
    int error; /* avahi_client_errno() */
    char trace[4096];
} fake;

/* Adds to what play() compares, behind a comma. */
static void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void trace(const char *format, ...)
{
    size_t length = strlen(fake.trace);
    va_list arguments;
    if (length > 0)
        length += (size_t)snprintf(fake.trace + length, sizeof fake.trace - length, ", ");
    va_start(arguments, format);
    vsnprintf(fake.trace + length, sizeof fake.trace - length, format, arguments);
    va_end(arguments);
}

static int take_error(int *error)
{
    int taken = *error;
    *error = 0;
    return taken;
}

AvahiClient *avahi_client_new(const AvahiPoll *poll, AvahiClientFlags flags,
                              AvahiClientCallback callback, void *userdata,
                              int *error) // NOLINT(readability-non-const-parameter): as is Avahi's
{
    (void)poll, (void)flags, (void)error;
    fake.client_changed = callback;
    fake.client_userdata = userdata;
    callback((AvahiClient *)&fake, AVAHI_CLIENT_S_RUNNING, userdata);
    return (AvahiClient *)&fake;
}

/* Takes its groups with it. */
void avahi_client_free(AvahiClient *client)
{
    (void)client;
    for (unsigned i = 0; i < fake.made; i++)
        fake.groups[i].freed = true;
    fake.live = 0;
}

int avahi_client_errno(AvahiClient *client)
{
    (void)client;
    return fake.error;
}

AvahiEntryGroup *avahi_entry_group_new(AvahiClient *client, AvahiEntryGroupCallback callback,
                                       void *userdata)
{
    (void)client;
    fake.error = take_error(&fake.make_error);
    if (fake.error != 0)
        return NULL;
    ck_assert_uint_lt(fake.made, FAKE_GROUPS_MAX);
    AvahiEntryGroup *group = &fake.groups[fake.made++];
    fake.live++;
    *group = (AvahiEntryGroup){.callback = callback, .userdata = userdata};
    callback(group, AVAHI_ENTRY_GROUP_UNCOMMITED, userdata);
    return group;
}

int avahi_entry_group_free(AvahiEntryGroup *group)
{
    ck_assert(!group->freed);
    group->freed = true;
    fake.live--;
    if (group->committed)
        trace("-%s", group->name);
    return 0;
}

AvahiClient *avahi_entry_group_get_client(AvahiEntryGroup *group)
{
    ck_assert(!group->freed);
    return (AvahiClient *)&fake;
}

int avahi_entry_group_add_service_strlst(AvahiEntryGroup *group, AvahiIfIndex interface,
                                         AvahiProtocol protocol, AvahiPublishFlags flags,
                                         const char *name, const char *type, const char *domain,
                                         const char *host, uint16_t port, AvahiStringList *txt)
{
    (void)interface, (void)protocol, (void)flags, (void)type, (void)domain, (void)host, (void)port;
    (void)txt;
    ck_assert(!group->freed && !group->committed);
    snprintf(group->name, sizeof group->name, "%s", name);
    return strcmp(name, fake.taken) == 0 ? AVAHI_ERR_COLLISION : take_error(&fake.add_error);
}

int avahi_entry_group_add_service_subtype(AvahiEntryGroup *group, AvahiIfIndex interface,
                                          AvahiProtocol protocol, AvahiPublishFlags flags,
                                          const char *name, const char *type, const char *domain,
                                          const char *subtype)
{
    (void)group, (void)interface, (void)protocol, (void)flags, (void)name, (void)type, (void)domain;
    trace("subtype %s", subtype);
    return 0;
}

int avahi_entry_group_commit(AvahiEntryGroup *group)
{
    ck_assert(!group->freed);
    group->committed = true;
    trace("+%s", group->name);
    return 0;
}

int avahi_entry_group_update_service_txt_strlst(AvahiEntryGroup *group, AvahiIfIndex interface,
                                                AvahiProtocol protocol, AvahiPublishFlags flags,
                                                const char *name, const char *type,
                                                const char *domain, AvahiStringList *strlst)
{
    (void)interface, (void)protocol, (void)flags, (void)name, (void)type, (void)domain;
    ck_assert(!group->freed && group->committed);
    fake.error = take_error(&fake.txt_error);
    if (fake.error == 0)
        trace("txt of %s is %s", group->name, avahi_string_list_get_text(strlst));
    return fake.error;
}

unsigned if_nametoindex(const char *name)
{
    (void)name;
    return fake.interface;
}

/* Avahi reports the state of the group that has committed this name. */
static inline void fake_says(AvahiEntryGroupState state, const char *name)
{
    for (unsigned i = fake.made; i-- > 0;) {
        AvahiEntryGroup *group = &fake.groups[i];
        if (!group->freed && group->committed && strcmp(group->name, name) == 0) {
            group->callback(group, state, group->userdata);
            return;
        }
    }
    ck_abort_msg("nothing is registered as '%s'", name);
}

#endif
