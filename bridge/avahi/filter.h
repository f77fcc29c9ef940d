/* SPDX-License-Identifier: MIT */
/*
 * What to browse for: the Avahi side's own copy of the options, and the questions it asks of them.
 * No Avahi in here. Not shared between threads.
 */
#ifndef BRIDGE_AVAHI_FILTER_H
#define BRIDGE_AVAHI_FILTER_H

#include <stdbool.h>

#include "mdns.h"

struct filter;

/* A deep copy; NULL if memory is short. */
struct filter *filter_new(const struct mdns_options *options);

/* NULL is fine. */
void filter_free(struct filter *filter);

/* Do they want the same? */
bool filter_equal(const struct filter *a, const struct filter *b);

/* The options it was made of, in its own memory. */
const struct mdns_options *filter_options(const struct filter *filter);

/* Is this type (as Avahi writes it) browsed for, `enumerated` or only listed? Case does not matter. */
bool filter_wants_type(const struct filter *filter, const char *type, bool enumerated);

/* Is this domain browsed? Case does not matter. */
bool filter_wants_domain(const struct filter *filter, const char *domain);

/* May a service on this interface and protocol, of this host or of another one, be shown? */
bool filter_wants_instance(const struct filter *filter, const char *interface,
                           enum service_protocol protocol, bool local);

#endif
