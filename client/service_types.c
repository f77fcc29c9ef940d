/* SPDX-License-Identifier: MIT */
/*
 * The database is a GDBM file of 16 kB. Reading it takes less than a library would that is in no
 * minimal container image:
 *
 *     header      magic, block size, place and size of the directory, ...
 *     directory   of buckets: file offsets, the same one several times over
 *     bucket      64 bits of this and that, six free areas, bits, count, then the elements:
 *                 hash, four bytes of the key, offset of key and data, their sizes
 *
 * all in the byte order and sizes of the machine that wrote it, where an offset has 64 bits. The
 * file is looked at, rather than looked up: hashing would be more code than it saves time. Every
 * offset is checked, as for any input.
 */
#include "service_types.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (4u << 20)

#define MAGIC 0x13579acf
#define MAGIC_64 0x13579acd /* names the 64 bit form in newer versions; the layout is the same */
#define AT_MAGIC 0
#define AT_DIRECTORY 8
#define AT_DIRECTORY_SIZE 16
#define AT_BUCKET_SIZE 24
#define BUCKET_HEAD 112
#define ELEMENT_SIZE 24
#define ELEMENT_AT_DATA 8
#define ELEMENT_AT_KEY_SIZE 16
#define ELEMENT_AT_DATA_SIZE 20

/* Where Debian (by architecture), Fedora and Alpine have it. */
static const char *const places[] = {"/usr/lib/*-linux-*/avahi/service-types.db",
                                     "/usr/lib64/avahi/service-types.db",
                                     "/usr/lib/avahi/service-types.db"};

struct pair {
    const uint8_t *key, *data;
    size_t key_length, data_length;
};

/* ---- the file ---- */

void service_types_read(struct service_types *types, const char *path)
{
    *types = (struct service_types){0};
    FILE *file = fopen(path, "rbe");
    if (!file)
        return;
    types->bytes = malloc(FILE_MAX);
    if (types->bytes)
        types->length = fread(types->bytes, 1, FILE_MAX, file);
    fclose(file);
}

void service_types_open(struct service_types *types)
{
    *types = (struct service_types){0};
    for (size_t i = 0; i < sizeof places / sizeof *places && !types->bytes; i++) {
        glob_t found;
        if (glob(places[i], 0, NULL, &found) == 0 && found.gl_pathc > 0)
            service_types_read(types, found.gl_pathv[0]);
        globfree(&found);
    }
}

void service_types_close(struct service_types *types)
{
    free(types->bytes);
    *types = (struct service_types){0};
}

/* ---- what is in it ---- */

/* `size` bytes at an offset, or NULL if the file does not have them. */
static const uint8_t *piece(const struct service_types *types, uint64_t at, uint64_t size)
{
    return at <= types->length && size <= types->length - at ? types->bytes + at : NULL;
}

static uint32_t read_32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t read_64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

typedef bool see_pair(void *context, const struct pair *pair);

/* Until `see` returns false. */
static bool walk_bucket(const struct service_types *types, uint64_t at, uint32_t bucket_size,
                        see_pair *see, void *context)
{
    const uint8_t *bucket = piece(types, at, bucket_size);
    if (!bucket || bucket_size < BUCKET_HEAD)
        return true;
    for (size_t i = 0; i < (bucket_size - BUCKET_HEAD) / ELEMENT_SIZE; i++) {
        const uint8_t *element = bucket + BUCKET_HEAD + i * ELEMENT_SIZE;
        uint32_t key = read_32(element + ELEMENT_AT_KEY_SIZE);
        uint32_t data = read_32(element + ELEMENT_AT_DATA_SIZE);
        uint64_t place = read_64(element + ELEMENT_AT_DATA);
        const uint8_t *text = piece(types, place, (uint64_t)key + data);
        bool is_free = read_32(element) == UINT32_MAX; /* the hash of nothing */

        if (!is_free && text && key > 0 &&
            !see(context, &(struct pair){text, text + key, key, data}))
            return false;
    }
    return true;
}

static void walk(const struct service_types *types, see_pair *see, void *context)
{
    const uint8_t *header = piece(types, 0, AT_BUCKET_SIZE + 4);
    if (!header || (read_32(header) != MAGIC && read_32(header) != MAGIC_64))
        return;
    uint64_t at = read_64(header + AT_DIRECTORY), before = 0;
    uint32_t size = read_32(header + AT_DIRECTORY_SIZE);
    const uint8_t *directory = piece(types, at, size);

    for (uint32_t i = 0; directory && i + 8 <= size; i += 8) {
        uint64_t bucket = read_64(directory + i);
        if (bucket != before &&
            !walk_bucket(types, bucket, read_32(header + AT_BUCKET_SIZE), see, context))
            return;
        before = bucket;
    }
}

struct search {
    const char *key;
    bool found;
    char name[SERVICE_TYPES_NAME_MAX + 1];
};

static bool match(void *context, const struct pair *pair)
{
    struct search *search = context;
    size_t length =
        pair->data_length < SERVICE_TYPES_NAME_MAX ? pair->data_length : SERVICE_TYPES_NAME_MAX;

    if (pair->key_length != strlen(search->key) ||
        memcmp(pair->key, search->key, pair->key_length) != 0)
        return true;
    memcpy(search->name, pair->data, length);
    search->name[length] = '\0';
    search->found = true;
    return false;
}

static void find(const struct service_types *types, struct search *search, const char *key)
{
    search->key = key;
    walk(types, match, search);
}

const char *service_types_name(const struct service_types *types, const char *type,
                               const char *locale, char out[SERVICE_TYPES_NAME_MAX + 1])
{
    static const char *const cuts[] = {"", "@", "_"}; /* de_AT@euro, de_AT, de */
    struct search search = {0};
    char language[32], key[300];

    snprintf(language, sizeof language, "%s", locale);
    for (size_t i = 0; *language && !search.found && i < sizeof cuts / sizeof *cuts; i++) {
        language[strcspn(language, cuts[i])] = '\0';
        snprintf(key, sizeof key, "%s[%s]", type, language);
        find(types, &search, key);
    }
    if (!search.found)
        find(types, &search, type);
    memcpy(out, search.name, sizeof search.name);
    return search.found ? out : type;
}

struct visit {
    void (*each)(void *context, const char *type);
    void *context;
};

static bool visit(void *context, const struct pair *pair)
{
    struct visit *visit = context;
    char type[SERVICE_TYPES_NAME_MAX + 1];

    if (pair->key_length <= SERVICE_TYPES_NAME_MAX && !memchr(pair->key, '[', pair->key_length)) {
        memcpy(type, pair->key, pair->key_length);
        type[pair->key_length] = '\0';
        visit->each(visit->context, type);
    }
    return true;
}

void service_types_each(const struct service_types *types,
                        void (*each)(void *context, const char *type), void *context)
{
    struct visit all = {each, context};
    walk(types, visit, &all);
}
