/* SPDX-License-Identifier: MIT */
/*
 * struct service: what DNS-SD says about one service, as a plain value.
 *
 * One service is one (domain, type, name, interface); what was seen of it over IPv4 and over IPv6
 * is merged before it becomes a struct service. All texts are unescaped: what Avahi writes as
 * "Kitchen\032printer" is "Kitchen printer" here.
 */
#ifndef PROTO_SERVICE_H
#define PROTO_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lengths are in bytes, without a closing NUL. */
#define SERVICE_NAME_MAX 63      /* RFC 6763 4.1.1: one DNS label */
#define SERVICE_TYPE_MAX 68      /* one label as RFC 1035 allows it (Avahi does, too) and "._tcp" */
#define SERVICE_DOMAIN_MAX 253   /* RFC 1035 3.1: 255 on the wire */
#define SERVICE_HOST_MAX 253     /* the same */
#define SERVICE_INTERFACE_MAX 15 /* Linux: IFNAMSIZ - 1 */
#define SERVICE_ADDRESS_MAX 63   /* 45 for the longest IPv6 text, "%", the interface */
#define SERVICE_OWNER_MAX 129    /* CLIENT/ID, 64 each */
#define SERVICE_TXT_MAX 65535    /* RFC 1035: RDLENGTH */

/* The IP protocols that mDNS runs over; also the order of addresses in a record. */
enum service_protocol { SERVICE_IPV4, SERVICE_IPV6, SERVICE_PROTOCOLS };

/* Which service this is. Any bytes but NUL; a name need not be UTF-8. */
struct service_id {
    char name[SERVICE_NAME_MAX + 1];
    char type[SERVICE_TYPE_MAX + 1];
    char domain[SERVICE_DOMAIN_MAX + 1];
    char interface[SERVICE_INTERFACE_MAX + 1];
};

/* The strings and the TXT data are borrowed: whoever fills the struct keeps them alive. */
struct service {
    const struct service_id *id;
    bool seen[SERVICE_PROTOCOLS];             /* over which protocols it resolves now */
    const char *addresses[SERVICE_PROTOCOLS]; /* numeric, with zone where link-local; NULL: none */
    const char *host;                         /* SRV target; "" where it is not known */
    uint16_t port;                            /* SRV port */
    const uint8_t *txt;                       /* normalised wire form, see txt.h */
    size_t txt_length;
    unsigned txt_omitted; /* attributes that txt_add() had no room for */
    bool local;           /* lives on this host */
    const char *owner;    /* "CLIENT/ID" for our own advertisements, or NULL */
};

#endif
