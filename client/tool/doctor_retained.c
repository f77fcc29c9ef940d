/* SPDX-License-Identifier: MIT */
/* The next three checks, by what is retained at the broker. */
#include "doctor.h"

#include <stdio.h>

static void check_bridge(struct doctor_report *report, const struct doctor_environment *environment,
                         const char *prefix, const struct doctor_retained *retained)
{
    const struct state_record *state = &retained->state;
    const char *advice = doctor_advice(DOCTOR_BRIDGE, environment);

    if (!retained->has_state && retained->other_prefix[0])
        doctor_failed(report, DOCTOR_BRIDGE, advice,
                      "none with the prefix %s; but there is one with --prefix %s", prefix,
                      retained->other_prefix);
    else if (!retained->has_state)
        doctor_failed(report, DOCTOR_BRIDGE, advice,
                      "there is none with the prefix %s, or you may not read %s/bridge/state",
                      prefix, prefix);
    else if (state->life == BRIDGE_STARTING && !state->avahi_up)
        doctor_ok(report, DOCTOR_BRIDGE, "it is starting, and waits for Avahi");
    else if (state->life != BRIDGE_ONLINE)
        doctor_failed(report, DOCTOR_BRIDGE, advice, "it is %s", bridge_life_name(state->life));
    else
        doctor_ok(report, DOCTOR_BRIDGE, "version %s on %s is online", state->version,
                  state->hostname);
}

bool doctor_is_online(const struct doctor_retained *retained)
{
    return retained->has_state && retained->state.life == BRIDGE_ONLINE;
}

static void check_avahi(struct doctor_report *report, const struct doctor_environment *environment,
                        const struct doctor_retained *retained)
{
    if (!retained->has_state || retained->state.life == BRIDGE_OFFLINE)
        doctor_skipped(report, DOCTOR_AVAHI, "only the bridge could tell");
    else if (!retained->state.avahi_up)
        doctor_failed(report, DOCTOR_AVAHI, doctor_advice(DOCTOR_AVAHI, environment),
                      "the bridge does not reach avahi-daemon");
    else
        doctor_ok(report, DOCTOR_AVAHI, "the bridge has it");
}

static void check_read(struct doctor_report *report, const struct doctor_environment *environment,
                       const struct doctor_retained *retained)
{
    size_t wanted = doctor_is_online(retained) ? retained->state.services : 0;

    if (retained->services > 0 || (doctor_is_online(retained) && wanted == 0))
        doctor_ok(report, DOCTOR_READ, "%zu services", retained->services);
    else if (wanted > 0)
        doctor_failed(report, DOCTOR_READ, doctor_advice(DOCTOR_READ, environment),
                      "the bridge knows %zu services, and you may read none", wanted);
    else
        doctor_skipped(report, DOCTOR_READ, "there is nothing to be read");
}

void doctor_check_retained(struct doctor_report *report,
                           const struct doctor_environment *environment, const char *prefix,
                           const struct doctor_retained *retained)
{
    check_bridge(report, environment, prefix, retained);
    check_avahi(report, environment, retained);
    check_read(report, environment, retained);
}
