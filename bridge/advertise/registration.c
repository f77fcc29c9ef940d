/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What the Avahi side is to have of an advertisement. Each accepted request that differs in more than its TXT data is a
 * registration of its own, with a number that is never used for another one:
 *
 *     current      what stands on the network, or is tried first
 *     candidate    what is to take its place. When it is established, the current one is withdrawn; when it fails,
 *                  it is forgotten, and the current one has been there all the time.
 *
 * A later request takes the candidate's place. While Avahi is away every number stands for nothing: all is registered
 * again when it is back, in the order in which names were held.
 */
#include "advertisement.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "log.h"

static void say_renamed(const struct advertise *advertise, const struct registration *registration)
{
    if (registration && registration->step != REGISTRATION_DUE)
        advertise->outlets.renamed(advertise->outlets.context, registration->request.type,
                                   registration->name);
}

/* ---- What is wanted ---- */

static struct registration *registration_new(struct advertise *advertise,
                                             const struct registration *before,
                                             const struct request *request)
{
    struct registration *registration = calloc(1, sizeof *registration);
    if (!registration)
        return NULL;
    registration->number = ++advertise->last_number;
    registration->request = *request;
    /* The same name as before keeps its number: "Web app #2" does not become "Web app" by a new port. */
    bool keeps_name = before && request->rename && before->name[0] &&
                      strcmp(before->request.name, request->name) == 0 &&
                      strcasecmp(before->request.type, request->type) == 0;
    memcpy(registration->name, keeps_name ? before->name : request->name,
           sizeof registration->name);
    return registration;
}

void registration_withdraw(struct advertise *advertise, struct registration *registration)
{
    if (!registration || registration->step == REGISTRATION_DUE)
        return;
    struct withdrawal *withdrawal = calloc(1, sizeof *withdrawal);
    say_renamed(advertise, registration);
    registration->step = REGISTRATION_DUE;
    if (!withdrawal) {
        log_error("advertise '%s': out of memory", registration->name);
        return;
    }
    withdrawal->number = registration->number;
    registration->number = 0; /* what is still said of it is about nothing */
    DL_APPEND(advertise->withdrawals, withdrawal);
}

void registration_drop(struct advertise *advertise, struct registration **registration)
{
    registration_withdraw(advertise, *registration);
    free(*registration);
    *registration = NULL;
}

void registration_drop_both(struct advertise *advertise, struct advertisement *advertisement)
{
    registration_drop(advertise, &advertisement->candidate);
    registration_drop(advertise, &advertisement->current);
}

void registration_promote(struct advertise *advertise, struct advertisement *advertisement)
{
    registration_drop(advertise, &advertisement->current);
    advertisement->current = advertisement->candidate;
    advertisement->candidate = NULL;
}

static void change_txt(struct registration *registration, const struct request *request)
{
    registration->request = *request;
    if (registration->step != REGISTRATION_DUE)
        registration->revision++;
}

void advertise_want(struct advertise *advertise, struct advertisement *advertisement,
                    const struct request *request)
{
    struct registration *const both[] = {advertisement->candidate, advertisement->current};
    advertise_todo(advertise, advertisement);
    for (int i = 0; i < 2; i++) {
        if (!both[i])
            continue;
        enum request_change change = request_compare(&both[i]->request, request);
        if (change == REQUEST_CHANGED)
            continue;
        if (change == REQUEST_TXT_CHANGED)
            change_txt(both[i], request);
        if (both[i] == advertisement->current)
            registration_drop(advertise, &advertisement->candidate);
        return;
    }
    struct registration *registration =
        registration_new(advertise, advertisement->current, request);
    registration_drop(advertise, &advertisement->candidate);
    if (!registration)
        log_error("advertise %s: out of memory", advertisement->path);
    else if (advertisement->current)
        advertisement->candidate = registration;
    else
        advertisement->current = registration;
}

/* ---- To the Avahi side ---- */

static void forget_withdrawal(struct advertise *advertise)
{
    struct withdrawal *withdrawal = advertise->withdrawals;
    DL_DELETE(advertise->withdrawals, withdrawal);
    free(withdrawal);
}

bool registration_hand_out_withdrawals(struct advertise *advertise)
{
    while (advertise->withdrawals) {
        if (advertise->outlets.withdraw(advertise->outlets.context,
                                        advertise->withdrawals->number) != 0)
            return false;
        forget_withdrawal(advertise);
    }
    return true;
}

void registration_forget_withdrawals(struct advertise *advertise)
{
    while (advertise->withdrawals)
        forget_withdrawal(advertise);
}

static bool hand_out(struct advertise *advertise, struct registration *registration,
                     const struct registration *replaces)
{
    const struct advertise_outlets *outlets = &advertise->outlets;
    if (!registration)
        return true;
    if (registration->step == REGISTRATION_DUE) {
        /* Behind a restart of Avahi the name that was asked for may be free again. */
        const char *name =
            registration->held_since > 0 ? registration->request.name : registration->name;
        if (outlets->register_(outlets->context, registration->number,
                               replaces ? replaces->number : 0, name, &registration->request) != 0)
            return false;
        registration->step = REGISTRATION_ASKED;
    } else if (registration->sent != registration->revision) {
        if (outlets->update_txt(outlets->context, registration->number, registration->revision,
                                &registration->request) != 0)
            return false;
        registration->sent = registration->revision;
    }
    return true;
}

bool registration_hand_out(struct advertise *advertise, struct advertisement *advertisement)
{
    return hand_out(advertise, advertisement->current, NULL) &&
           hand_out(advertise, advertisement->candidate, advertisement->current);
}

/* ---- From the Avahi side ---- */

/* Who has a name longest has it first after a restart of Avahi. */
static void take_name(struct advertise *advertise, const struct advertisement *advertisement,
                      struct registration *registration, const char *name)
{
    const struct registration *current = advertisement->current;
    bool is_of_current =
        current && current != registration && strcmp(current->held_name, name) == 0;
    if (is_of_current)
        registration->held_since = current->held_since;
    else if (strcmp(registration->held_name, name) != 0)
        registration->held_since = ++advertise->last_held_since;
    memcpy(registration->held_name, name, sizeof registration->held_name);
    memcpy(registration->name, name, sizeof registration->name);
}

static void registration_established(struct advertise *advertise,
                                     struct advertisement *advertisement,
                                     struct registration *registration,
                                     const struct registration_event *event)
{
    take_name(advertise, advertisement, registration, event->name);
    registration->step = REGISTRATION_STANDS;
    registration->reported = event->revision;
    if (registration == advertisement->candidate)
        registration_promote(advertise, advertisement);
}

static void registration_failed(struct advertise *advertise, struct advertisement *advertisement,
                                struct registration **registration,
                                const struct registration_event *event)
{
    static const struct {
        enum status_code code;
        const char *key;
    } rows[] = {
        [REGISTRATION_CONFLICT] = {STATUS_CONFLICT, "name"},
        [REGISTRATION_NO_INTERFACE] = {STATUS_AVAHI, "interface"},
        [REGISTRATION_REFUSED] = {STATUS_AVAHI, ""},
    };
    struct registration *failed = *registration;
    bool was_wanted = failed == wanted(advertisement);
    *registration = NULL;
    if (!advertisement->current) {
        advertisement->current = advertisement->candidate;
        advertisement->candidate = NULL;
    } else if (was_wanted) {
        advertise_port_of_former(advertise, advertisement);
    }
    /* A later request that was refused has the say. */
    if (was_wanted && advertisement->error.code == STATUS_NO_ERROR) {
        struct status_error error;
        status_refuse(&error, rows[event->failure].code, rows[event->failure].key, "%s",
                      event->message);
        advertise_refuse(advertise, advertisement,
                         event->failure == REGISTRATION_NO_INTERFACE ? &failed->request : NULL,
                         &error);
    }
    free(failed);
}

static struct registration **find_number(const struct advertise *advertise, uint32_t number,
                                         struct advertisement **owner)
{
    for (struct advertisement *a = advertise->all; a; a = a->hh.next) {
        *owner = a;
        if (a->current && a->current->number == number)
            return &a->current;
        if (a->candidate && a->candidate->number == number)
            return &a->candidate;
    }
    return NULL;
}

static void take_event(struct advertise *advertise, const struct registration_event *event)
{
    struct advertisement *advertisement;
    struct registration **registration = find_number(advertise, event->number, &advertisement);
    if (!registration)
        return;
    say_renamed(advertise, *registration);
    switch (event->state) {
    case REGISTRATION_PENDING:
        memcpy((*registration)->name, event->name, sizeof(*registration)->name);
        (*registration)->step = REGISTRATION_ASKED;
        break;
    case REGISTRATION_ESTABLISHED:
        registration_established(advertise, advertisement, *registration, event);
        break;
    case REGISTRATION_FAILED:
        registration_failed(advertise, advertisement, registration, event);
        break;
    }
    say_renamed(advertise, advertisement->current);
    say_renamed(advertise, advertisement->candidate);
    advertise_todo(advertise, advertisement);
    advertise_say(advertise, advertisement);
}

static void begin_again(struct registration *registration)
{
    if (!registration)
        return;
    registration->step = REGISTRATION_DUE;
    registration->revision = registration->sent = registration->reported = 0;
}

static void avahi_down(struct advertise *advertise)
{
    advertise->avahi_up = false;
    registration_forget_withdrawals(advertise);
    for (struct advertisement *a = advertise->all; a; a = a->hh.next) {
        begin_again(a->current);
        begin_again(a->candidate);
        if (wanted(a))
            advertise_say(advertise, a);
    }
}

static int by_held_since(const struct advertisement *a, const struct advertisement *b)
{
    /* 0 is for those who never had a name: they come last. */
    uint64_t rank_a = (a->current ? a->current->held_since : 0) - 1;
    uint64_t rank_b = (b->current ? b->current->held_since : 0) - 1;
    return (rank_a > rank_b) - (rank_a < rank_b);
}

static void avahi_up(struct advertise *advertise)
{
    advertise->avahi_up = true;
    for (struct advertisement *a = advertise->all; a; a = a->hh.next)
        advertise_todo(advertise, a);
    DL_SORT(advertise->todo, by_held_since);
}

void advertise_mdns_event(struct advertise *advertise, const struct mdns_event *event)
{
    if (event->kind == MDNS_UP)
        avahi_up(advertise);
    else if (event->kind == MDNS_DOWN)
        avahi_down(advertise);
    else if (event->kind == MDNS_REGISTRATION)
        take_event(advertise, &event->registration);
}

/* ---- Whose is it ---- */

/* An advertisement for one interface owns nothing on another one. */
static bool is_of(const struct registration *registration, const struct service_id *id)
{
    return registration && registration->step != REGISTRATION_DUE &&
           strcasecmp(registration->name, id->name) == 0 &&
           strcasecmp(registration->request.type, id->type) == 0 &&
           (!registration->request.interface[0] ||
            strcmp(registration->request.interface, id->interface) == 0);
}

const char *advertise_owner(const struct advertise *advertise, const struct service_id *id)
{
    for (const struct advertisement *a = advertise->all; a; a = a->hh.next)
        if (is_of(a->current, id) || is_of(a->candidate, id))
            return a->path;
    return NULL;
}
