/* SPDX-License-Identifier: MIT */
/*
 * For clients: reads the bridge's records (README.md), one header that can be copied alone.
 *
 * Nothing is allocated and nothing is copied but what is asked for: a client needs one static
 * buffer of SIZE bytes, or none if it looks at a record where its MQTT library keeps it. A value is
 * a piece of the record's own text, good for as long as that is. What is not there, or is not as it
 * must be, is a value of length 0, or false; and what takes a value takes that one, too, so
 * that questions can be put into each other:
 *
 *     struct client_json record = client_record(payload, length);
 *     char name[256], path[256];
 *     int64_t port;
 *
 *     if (client_json_is(client_json_member(record, "state"), "up") &&
 *         client_json_text(client_json_member(record, "name"), name, sizeof name) &&
 *         client_json_number(client_json_member(record, "port"), &port))
 *         ...
 *     client_json_text(client_json_member(client_json_member(record, "txt"), "path"), path, ...)
 *
 * Any bytes are safe input. There is no recursion and no global state; any thread. The second half
 * remembers records by their topics, for programs that want to hear of changes rather than records:
 * deploy/client/client.c is one.
 */
#ifndef CLIENT_RECORD_H
#define CLIENT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Deeper than any record. */
#define CLIENT_JSON_DEPTH_MAX 8

/* One JSON value, as it is written: a string with its quotes. Borrowed, and not closed by a NUL;
 * printf("%.*s", (int)value.length, value.at) shows it. */
struct client_json {
    const char *at;
    size_t length; /* 0: there is no value */
};

static inline struct client_json client_json_none(void)
{
    struct client_json none = {"", 0};
    return none;
}

/* ---- inside: each takes what is at *at, no further than `end`, and moves *at behind it ---- */

static inline struct client_json client_json_between(const char *at, const char *end)
{
    struct client_json value = {at, (size_t)(end - at)};
    return value;
}

static inline bool client_json_accept(const char **at, const char *end, char byte)
{
    if (*at == end || **at != byte)
        return false;
    ++*at;
    return true;
}

static inline void client_json_skip_blanks(const char **at, const char *end)
{
    while (client_json_accept(at, end, ' ') || client_json_accept(at, end, '\t') ||
           client_json_accept(at, end, '\n') || client_json_accept(at, end, '\r'))
        ;
}

/* So many hex digits of either case, or -1. */
static inline int32_t client_json_take_hex(const char **at, const char *end, int digits)
{
    static const char hex[] = "0123456789ABCDEFabcdef";
    int32_t value = 0;

    for (; digits > 0; digits--) {
        const char *found = *at < end ? (const char *)memchr(hex, **at, sizeof hex - 1) : NULL;

        if (!found)
            return -1;
        value = value * 16 + (int32_t)(found - hex < 16 ? found - hex : found - hex - 6);
        ++*at;
    }
    return value;
}

/* A character behind "\u", which may be written as a surrogate pair (RFC 8259 section 7), or -1:
 * half a pair, and NUL, which no C string can hold. */
static inline int32_t client_json_take_unicode(const char **at, const char *end)
{
    int32_t unit = client_json_take_hex(at, end, 4);

    if (unit >= 0xd800 && unit <= 0xdbff) {
        bool pair = client_json_accept(at, end, '\\') && client_json_accept(at, end, 'u');
        int32_t low = pair ? client_json_take_hex(at, end, 4) : -1;

        return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + (unit - 0xd800) * 0x400 + low - 0xdc00
                                              : -1;
    }
    return unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff) ? -1 : unit;
}

/* A character behind '\\', or -1. */
static inline int32_t client_json_take_escape(const char **at, const char *end)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *found = *at < end ? (const char *)memchr(letters, **at, sizeof letters - 1) : NULL;

    if (!found)
        return client_json_accept(at, end, 'u') ? client_json_take_unicode(at, end) : -1;
    ++*at;
    return meant[found - letters];
}

/* Writes a character as UTF-8; returns its bytes. */
static inline int client_json_put_utf8(char out[4], int32_t character)
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    for (int i = length - 1; i > 0; i--, character >>= 6)
        out[i] = (char)(0x80 | (character & 0x3f));
    out[0] = (char)(leads[length] | character);
    return length;
}

/* Bytes of the well-formed UTF-8 sequence (RFC 3629) at `at`, or 0. */
static inline int client_json_utf8_length(const char *at, const char *end)
{
    unsigned first = (unsigned char)at[0];
    int length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (first > 0xf4 || length > end - at)
        return 0;
    for (int i = 1; i < length; i++)
        if (((unsigned char)at[i] & 0xc0) != 0x80)
            return 0;

    unsigned second = length > 1 ? (unsigned char)at[1] : 0;
    bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second > 0x9f, too_large = first == 0xf4 && second > 0x8f;
    return overlong || surrogate || too_large ? 0 : length;
}

/* One character of a string, as UTF-8. Returns its bytes, 0 for the closing quote, -1 for none. */
static inline int client_json_take_character(const char **at, const char *end, char out[4])
{
    if (client_json_accept(at, end, '"'))
        return 0;
    if (client_json_accept(at, end, '\\')) {
        int32_t character = client_json_take_escape(at, end);
        return character < 0 ? -1 : client_json_put_utf8(out, character);
    }
    if (*at == end || (unsigned char)**at < 0x20)
        return -1;

    int length = client_json_utf8_length(*at, end);

    for (int i = 0; i < length; i++)
        out[i] = *(*at)++;
    return length > 0 ? length : -1;
}

static inline bool client_json_take_string(const char **at, const char *end)
{
    char character[4];
    int length = client_json_accept(at, end, '"') ? 1 : -1;

    while (length > 0)
        length = client_json_take_character(at, end, character);
    return length == 0;
}

static inline bool client_json_take_digits(const char **at, const char *end)
{
    const char *start = *at;

    while (*at < end && **at >= '0' && **at <= '9')
        ++*at;
    return *at > start;
}

static inline bool client_json_take_number(const char **at, const char *end)
{
    client_json_accept(at, end, '-');
    if (!client_json_accept(at, end, '0') && !client_json_take_digits(at, end))
        return false;
    if (client_json_accept(at, end, '.') && !client_json_take_digits(at, end))
        return false;
    if (!client_json_accept(at, end, 'e') && !client_json_accept(at, end, 'E'))
        return true;
    if (!client_json_accept(at, end, '+'))
        client_json_accept(at, end, '-');
    return client_json_take_digits(at, end);
}

static inline bool client_json_take_word(const char **at, const char *end, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(end - *at) < length || memcmp(*at, word, length) != 0)
        return false;
    *at += length;
    return true;
}

/* A value that holds no others. */
static inline bool client_json_take_scalar(const char **at, const char *end)
{
    if (*at < end && **at == '"')
        return client_json_take_string(at, end);
    return client_json_take_word(at, end, "true") || client_json_take_word(at, end, "false") ||
           client_json_take_word(at, end, "null") || client_json_take_number(at, end);
}

/* A key with its colon, and the blanks around both. */
static inline bool client_json_take_key(const char **at, const char *end)
{
    client_json_skip_blanks(at, end);
    if (!client_json_take_string(at, end))
        return false;
    client_json_skip_blanks(at, end);
    if (!client_json_accept(at, end, ':'))
        return false;
    client_json_skip_blanks(at, end);
    return true;
}

/*
 * What may stand behind a value: any number of closing brackets, then a comma and, in an object, a
 * key; or the end of the outermost value, where *depth becomes 0. `open` are the closing brackets
 * that are still to come.
 */
static inline bool client_json_take_behind(const char **at, const char *end, const char *open,
                                           unsigned *depth)
{
    while (*depth > 0) {
        client_json_skip_blanks(at, end);
        if (client_json_accept(at, end, ',')) {
            client_json_skip_blanks(at, end);
            return open[*depth - 1] == ']' || client_json_take_key(at, end);
        }
        if (!client_json_accept(at, end, open[*depth - 1]))
            return false;
        --*depth;
    }
    return true;
}

/* Any value, whatever it holds. */
static inline bool client_json_take_value(const char **at, const char *end)
{
    char open[CLIENT_JSON_DEPTH_MAX];
    unsigned depth = 0;

    do {
        bool object = client_json_accept(at, end, '{');

        if (!object && !client_json_accept(at, end, '[')) {
            if (!client_json_take_scalar(at, end))
                return false;
        } else {
            if (depth == CLIENT_JSON_DEPTH_MAX)
                return false;
            open[depth++] = object ? '}' : ']';
            client_json_skip_blanks(at, end);
            if (*at == end || **at != open[depth - 1]) { /* not empty: its first value follows */
                if (object && !client_json_take_key(at, end))
                    return false;
                continue;
            }
        }
        if (!client_json_take_behind(at, end, open, &depth))
            return false;
    } while (depth > 0);
    return true;
}

/* The string that begins at `at`: is it this text? */
static inline bool client_json_same(const char *at, const char *end, const char *text)
{
    char character[4];
    int length = client_json_accept(&at, end, '"') ? 1 : -1;

    while (length > 0) {
        length = client_json_take_character(&at, end, character);
        if (length > 0 && strncmp(text, character, (size_t)length) != 0)
            return false;
        text += length > 0 ? length : 0;
    }
    return length == 0 && *text == '\0';
}

/* ---- reading a record ---- */

/*
 * The record that is a message's payload: one JSON object by the letter of RFC 8259, in UTF-8,
 * nested at most CLIENT_JSON_DEPTH_MAX levels, with nothing but spaces behind it. The value ends
 * with its closing brace. No value for anything else, the empty payload included.
 */
static inline struct client_json client_record(const void *payload, size_t length)
{
    const char *start = length > 0 ? (const char *)payload : "";
    const char *end = start + length, *at = start;

    if (*start != '{' || !client_json_take_value(&at, end))
        return client_json_none();

    struct client_json record = client_json_between(start, at);

    while (client_json_accept(&at, end, ' '))
        ;
    return at == end ? record : client_json_none();
}

/* The member of an object that has this key, the first one of several. */
static inline struct client_json client_json_member(struct client_json object, const char *key)
{
    const char *at = object.at, *end = object.at + object.length;

    if (!client_json_accept(&at, end, '{'))
        return client_json_none();
    do {
        client_json_skip_blanks(&at, end);

        const char *name = at;

        if (!client_json_take_key(&at, end))
            break;

        const char *value = at;

        if (!client_json_take_value(&at, end))
            break;
        if (client_json_same(name, end, key))
            return client_json_between(value, at);
        client_json_skip_blanks(&at, end);
    } while (client_json_accept(&at, end, ','));
    return client_json_none();
}

/* An array's value at this index, from 0. */
static inline struct client_json client_json_item(struct client_json array, size_t index)
{
    const char *at = array.at, *end = array.at + array.length;

    if (!client_json_accept(&at, end, '['))
        return client_json_none();
    do {
        client_json_skip_blanks(&at, end);

        const char *value = at;

        if (!client_json_take_value(&at, end))
            break;
        if (index-- == 0)
            return client_json_between(value, at);
        client_json_skip_blanks(&at, end);
    } while (client_json_accept(&at, end, ','));
    return client_json_none();
}

/*
 * A string, its escapes decoded: UTF-8, closed with a NUL. False if the value is no string, or does
 * not fit `size` bytes with its NUL; `out` is the empty string then. `size` is at least 1.
 */
static inline bool client_json_text(struct client_json value, char *out, size_t size)
{
    const char *at = value.at, *end = value.at + value.length;
    size_t used = 0;
    char character[4];
    int length = client_json_accept(&at, end, '"') ? 1 : -1;

    while (length > 0) {
        length = client_json_take_character(&at, end, character);
        if (length > 0 && used + (size_t)length >= size)
            length = -1;
        for (int i = 0; i < length; i++)
            out[used++] = character[i];
    }
    out[length == 0 ? used : 0] = '\0';
    return length == 0;
}

/* Is it the string `text`? */
static inline bool client_json_is(struct client_json value, const char *text)
{
    return client_json_same(value.at, value.at + value.length, text);
}

/* A whole number. False, and *out untouched, if it is none, has a fraction or an exponent, or does
 * not fit. */
static inline bool client_json_number(struct client_json value, int64_t *out)
{
    const char *at = value.at, *end = value.at + value.length;
    bool negative = value.length > 0 && *at == '-';
    int64_t number = 0; /* below zero until the end, where there is room for one more */

    if (!client_json_take_number(&at, end) || at != end)
        return false;
    for (at = value.at + negative; at < end; at++) {
        if (*at < '0' || *at > '9' || number < (INT64_MIN + (*at - '0')) / 10)
            return false;
        number = number * 10 - (*at - '0');
    }
    if (!negative && number == INT64_MIN)
        return false;
    *out = negative ? number : -number;
    return true;
}

/* True or false. False, and *out untouched, if it is neither. */
static inline bool client_json_bool(struct client_json value, bool *out)
{
    bool is_true = value.length == 4 && memcmp(value.at, "true", 4) == 0;

    if (!is_true && !(value.length == 5 && memcmp(value.at, "false", 5) == 0))
        return false;
    *out = is_true;
    return true;
}

/*
 * The object that an object becomes with these members only, in this order, and without those that
 * it does not have; "" if it has none. `keys` ends with NULL; they need no escapes. Closed with a
 * NUL. False if it does not fit `size` bytes; `out` is "" then. The length of the object, and one,
 * is always enough. `size` is at least 1.
 */
static inline bool client_json_pick(struct client_json object, const char *const *keys, char *out,
                                    size_t size)
{
    size_t used = 0;

    for (out[0] = '\0'; *keys; keys++) {
        struct client_json value = client_json_member(object, *keys);
        size_t length = strlen(*keys);

        if (value.length == 0)
            continue;
        if (used + length + value.length + 6 > size) { /* with {"":} and the NUL */
            out[0] = '\0';
            return false;
        }
        memcpy(out + used, used > 0 ? ",\"" : "{\"", 2);
        memcpy(out + used + 2, *keys, length);
        memcpy(out + used + 2 + length, "\":", 2);
        used += 4 + length;
        memcpy(out + used, value.at, value.length);
        used += value.length;
    }
    if (used > 0)
        memcpy(out + used, "}", 2);
    return true;
}

/* ---- remembering records ---- */

enum client_event {
    CLIENT_NO_EVENT,
    CLIENT_ADD,
    CLIENT_CHANGE,
    CLIENT_REMOVE,
};

/* "add", "change", "remove", or "" for no event. */
static inline const char *client_event_name(enum client_event event)
{
    static const char *const names[] = {"", "add", "change", "remove"};

    return names[event];
}

/* Room for what counts of a record: all of one of the default size. Define it otherwise before. */
#ifndef CLIENT_TEXT_SIZE
#define CLIENT_TEXT_SIZE 4096
#endif
#define CLIENT_TOPIC_SIZE 1024

/* What was last said at one topic. An array of these, static and all 0 to begin with, is all that a
 * client needs to tell what was added, changed and removed: see client_known_take(). */
struct client_known {
    char topic[CLIENT_TOPIC_SIZE];
    char text[CLIENT_TEXT_SIZE]; /* a JSON object of those members that count */
    enum client_event event;     /* not told yet */
    bool used;
    bool confirmed; /* said since the connection is there */
};

/*
 * To be called when the connection to the broker is there, before the client subscribes: to the
 * services first, and to bridge/state last. What has not come again when that says `online` went
 * while the client was away.
 */
static inline void client_known_connected(struct client_known *known, size_t count)
{
    for (size_t i = 0; i < count; i++)
        known[i].confirmed = false;
}

/* Where this is remembered, or else a free place, or else NULL. */
static inline struct client_known *client_known_find(struct client_known *known, size_t count,
                                                     const char *topic)
{
    struct client_known *place = NULL;

    for (size_t i = 0; i < count; i++) {
        if (known[i].used && strcmp(known[i].topic, topic) == 0)
            return &known[i];
        if (!known[i].used && !place)
            place = &known[i];
    }
    return place;
}

/* The text that now stands at a topic, whose place this is; "" if there is nothing any more. */
static inline void client_known_set(struct client_known *place, const char *topic, const char *text)
{
    if (!place->used && text[0])
        place->event = CLIENT_ADD;
    else if (place->used && strcmp(place->text, text) != 0)
        place->event = text[0] ? CLIENT_CHANGE : CLIENT_REMOVE;
    if (!text[0])
        return;
    memcpy(place->topic, topic, strlen(topic) + 1);
    memcpy(place->text, text, strlen(text) + 1);
    place->used = place->confirmed = true;
}

/* Is it the state record that says that all there is was published? */
static inline bool client_record_is_online(const char *topic, struct client_json state)
{
    static const char suffix[] = "/bridge/state";
    size_t length = strlen(topic);

    return client_json_is(state, "online") && length >= sizeof suffix &&
           strcmp(topic + length + 1 - sizeof suffix, suffix) == 0;
}

/*
 * Takes a message of the bridge's: a service record, a status, bridge/state. These members of it
 * count (`keys` as in client_json_pick()), and make the text that is remembered. False if there is
 * no room for it; it is not remembered then. Behind each message, client_known_next() tells what
 * there is to tell.
 */
static inline bool client_known_take(struct client_known *known, size_t count,
                                     const char *const *keys, const char *topic,
                                     const void *payload, size_t length)
{
    struct client_json record = client_record(payload, length);
    struct client_json state = client_json_member(record, "state");
    struct client_known *place = client_known_find(known, count, topic);
    char text[sizeof place->text];

    if (client_json_is(state, "gone"))
        record = client_json_none();

    bool room = client_json_pick(record, keys, text, sizeof text) && place &&
                strlen(topic) < sizeof place->topic;

    if (room)
        client_known_set(place, topic, text);
    if (client_record_is_online(topic, state))
        for (size_t i = 0; i < count; i++)
            if (known[i].used && !known[i].confirmed)
                known[i].event = CLIENT_REMOVE;
    return room;
}

/*
 * One that was added or changed or, with its last text, removed, and what of it: CLIENT_NO_EVENT
 * and *entry untouched if there is no other. *entry is good until the next message is taken.
 */
static inline enum client_event client_known_next(struct client_known *known, size_t count,
                                                  const struct client_known **entry)
{
    for (size_t i = 0; i < count; i++) {
        enum client_event event = known[i].event;

        if (event == CLIENT_NO_EVENT)
            continue;
        known[i].event = CLIENT_NO_EVENT;
        known[i].used = event != CLIENT_REMOVE;
        *entry = &known[i];
        return event;
    }
    return CLIENT_NO_EVENT;
}

/* ---- topics and requests ---- */

/*
 * One level of a topic, percent-decoded and closed with a NUL; counted from the end, which is 0: of
 * a service's topic these are the interface, the name, the type and the domain, however many levels
 * the prefix has. A name is whatever bytes the device chose, not always UTF-8. False if there is no
 * such level, if it holds a bare '%' or a NUL, or does not fit `size` bytes with its own NUL; `out`
 * is the empty string then. `size` is at least 1.
 */
static inline bool client_topic_level(const char *topic, unsigned from_end, char *out, size_t size)
{
    const char *end = topic + strlen(topic), *at = end;
    size_t used = 0;

    for (out[0] = '\0';; end = --at) {
        while (at > topic && at[-1] != '/')
            at--;
        if (from_end-- == 0)
            break;
        if (at == topic)
            return false;
    }
    while (at < end) {
        int32_t byte = client_json_accept(&at, end, '%') ? client_json_take_hex(&at, end, 2)
                                                         : (unsigned char)*at++;

        if (byte <= 0 || used + 1 >= size) {
            out[0] = '\0';
            return false;
        }
        out[used++] = (char)byte;
    }
    out[used] = '\0';
    return true;
}

/*
 * The reverse of client_json_text(), for requests: a JSON string with its quotes, closed with a
 * NUL. False if it does not fit `size` bytes; `out` is the empty string then. 6 * strlen(text) + 3
 * bytes are always enough. `size` is at least 1; `text` is UTF-8, or the bridge refuses it.
 */
static inline bool client_json_quote(const char *text, char *out, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 1; /* the opening quote */

    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        size_t escaped = byte < 0x20 ? sizeof escape : byte == '"' || byte == '\\' ? 1 : 0;

        if (used + escaped + 3 > size) /* with a byte, the closing quote and the NUL */
            break;
        memcpy(out + used, escape, escaped);
        used += escaped;
        if (byte >= 0x20)
            out[used++] = (char)byte;
    }
    if (*text || used + 2 > size) {
        out[0] = '\0';
        return false;
    }
    out[0] = '"';
    memcpy(out + used, "\"", 2);
    return true;
}

#endif
