/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct filter {
    struct mdns_options options;
};

static void list_free(const char *const *list)
{
    if (!list)
        return;
    for (size_t i = 0; list[i]; i++)
        free((void *)(uintptr_t)list[i]);
    free((void *)(uintptr_t)list);
}

static const char *const *list_copy(const char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(list[i]);
        if (!copy[i]) {
            list_free((const char *const *)copy);
            return NULL;
        }
    }
    return (const char *const *)copy;
}

struct filter *filter_new(const struct mdns_options *options)
{
    struct filter *filter = calloc(1, sizeof *filter);
    if (!filter)
        return NULL;
    filter->options = *options;
    filter->options.types = list_copy(options->types);
    filter->options.domains = list_copy(options->domains);
    filter->options.interfaces = list_copy(options->interfaces);
    filter->options.ignore_interfaces = list_copy(options->ignore_interfaces);
    if (filter->options.types && filter->options.domains && filter->options.interfaces &&
        filter->options.ignore_interfaces)
        return filter;
    filter_free(filter);
    return NULL;
}

void filter_free(struct filter *filter)
{
    if (!filter)
        return;
    list_free(filter->options.types);
    list_free(filter->options.domains);
    list_free(filter->options.interfaces);
    list_free(filter->options.ignore_interfaces);
    free(filter);
}

static bool lists_equal(const char *const *a, const char *const *b)
{
    while (*a && *b && strcmp(*a, *b) == 0)
        a++, b++;
    return !*a && !*b;
}

bool filter_equal(const struct filter *a, const struct filter *b)
{
    const struct mdns_options *x = &a->options, *y = &b->options;
    return x->browse == y->browse && x->names_win == y->names_win && x->enumerate == y->enumerate &&
           x->ipv4 == y->ipv4 && x->ipv6 == y->ipv6 && x->local == y->local &&
           x->max_services == y->max_services && x->txt_max == y->txt_max &&
           lists_equal(x->types, y->types) && lists_equal(x->domains, y->domains) &&
           lists_equal(x->interfaces, y->interfaces) &&
           lists_equal(x->ignore_interfaces, y->ignore_interfaces);
}

const struct mdns_options *filter_options(const struct filter *filter)
{
    return &filter->options;
}

static bool glob_list_matches(const char *const *globs, const char *text)
{
    for (; *globs; globs++)
        if (fnmatch(*globs, text, 0) == 0)
            return true;
    return false;
}

bool filter_wants_type(const struct filter *filter, const char *type, bool enumerated)
{
    if (!filter->options.browse)
        return false;
    if (enumerated && filter->options.enumerate)
        return true;
    for (const char *const *listed = filter->options.types; *listed; listed++)
        if (strcasecmp(*listed, type) == 0)
            return true;
    return false;
}

bool filter_wants_domain(const struct filter *filter, const char *domain)
{
    for (const char *const *listed = filter->options.domains; *listed; listed++)
        if (strcasecmp(*listed, domain) == 0)
            return true;
    return false;
}

static bool is_ignored(const struct mdns_options *options, const char *interface)
{
    if (!glob_list_matches(options->ignore_interfaces, interface))
        return false;
    for (const char *const *name = options->interfaces; options->names_win && *name; name++)
        if (strcmp(*name, interface) == 0)
            return false;
    return true;
}

bool filter_wants_instance(const struct filter *filter, const char *interface,
                           enum service_protocol protocol, bool local)
{
    const struct mdns_options *options = &filter->options;
    return (protocol == SERVICE_IPV4 ? options->ipv4 : options->ipv6) &&
           (options->local || !local) && !is_ignored(options, interface) &&
           (!options->interfaces[0] || glob_list_matches(options->interfaces, interface));
}
