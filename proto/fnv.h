/* SPDX-License-Identifier: MIT */
/*
 * FNV-1a, byte by byte: draft-eastlake-fnv. To tell texts apart, against nobody who tries to make two that
 * are alike. Any thread.
 */
#ifndef PROTO_FNV_H
#define PROTO_FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV_32_BASIS UINT32_C(0x811c9dc5) /* the hash of nothing, to begin with */
#define FNV_64_BASIS UINT64_C(0xcbf29ce484222325)

/* The hash of what `hash` is of, and these bytes behind it. */
static inline uint32_t fnv_32(uint32_t hash, const void *bytes, size_t length)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ byte[i]) * UINT32_C(0x01000193);
    return hash;
}

static inline uint64_t fnv_64(uint64_t hash, const void *bytes, size_t length)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
