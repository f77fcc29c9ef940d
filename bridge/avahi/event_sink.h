/* SPDX-License-Identifier: MIT */
/* Where the parts of the Avahi side put their events. Internal to the Avahi side, its thread only. */
#ifndef BRIDGE_AVAHI_EVENT_SINK_H
#define BRIDGE_AVAHI_EVENT_SINK_H

#include "mdns.h"

struct event_sink {
    void (*put)(void *context, struct mdns_event *event); /* takes ownership; may wait */
    void *context;
};

/* NULL is fine: memory is short only where the machine is lost, and an event less is the smaller harm. */
static inline void event_sink_put(const struct event_sink *sink, struct mdns_event *event)
{
    if (event)
        sink->put(sink->context, event);
}

#endif
