/* SPDX-License-Identifier: MIT */
/*
 * What to browse for: the Avahi side's own copy of the options, and the questions it asks of them.
 * No Avahi in here. Not shared between threads.
 */
#ifndef BRIDGE_MDNS_FILTER_H
#define BRIDGE_MDNS_FILTER_H

#include <stdbool.h>

#include "mdns.h"

struct mdns_filter;

/* A deep copy; NULL if memory is short. */
struct mdns_filter *mdns_filter_new(const struct mdns_options *options);

/* NULL is fine. */
void mdns_filter_free(struct mdns_filter *filter);

/* Do they want the same? */
bool mdns_filter_equal(const struct mdns_filter *a, const struct mdns_filter *b);

/* The options it was made of, in its own memory. */
const struct mdns_options *mdns_filter_options(const struct mdns_filter *filter);

/* Is this type (as Avahi writes it) browsed for, `enumerated` or only listed? Case does not matter. */
bool mdns_filter_wants_type(const struct mdns_filter *filter, const char *type, bool enumerated);

/* Is this domain browsed? Case does not matter. */
bool mdns_filter_wants_domain(const struct mdns_filter *filter, const char *domain);

/* May a service on this interface and protocol, of this host or of another one, be shown? */
bool mdns_filter_wants_sighting(const struct mdns_filter *filter, const char *interface,
                                enum service_protocol protocol, bool local);

#endif
