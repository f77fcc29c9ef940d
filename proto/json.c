/* SPDX-License-Identifier: MIT */
/*
 * The grammar as a machine: `enum next` says what may come next, step() takes one token of it and
 * says what may come then. Nesting is a bounded array of what kind each open bracket is, so that no
 * input costs stack.
 */
#include "json.h"

#include <string.h>

#include "text.h"

enum next {
    NEXT_VALUE,
    NEXT_VALUE_OR_END, /* behind '[' */
    NEXT_KEY,
    NEXT_KEY_OR_END, /* behind '{' */
    NEXT_COMMA_OR_END,
    NEXT_NOTHING, /* the outermost value is complete */
    NEXT_FAILED,
};

struct scanner {
    const uint8_t *text;
    size_t length;
    size_t at;
    unsigned depth_max;
    unsigned depth;
    bool is_object[JSON_DEPTH_MAX];
    struct json_problem *problem;
};

/* Always false. */
static bool fail(struct scanner *scanner, const char *what)
{
    scanner->problem->what = what;
    scanner->problem->at = scanner->at;
    return false;
}

static enum next stop(struct scanner *scanner, const char *what)
{
    fail(scanner, what);
    return NEXT_FAILED;
}

/* The next byte, -1 at the end. */
static int peek(const struct scanner *scanner)
{
    return scanner->at < scanner->length ? scanner->text[scanner->at] : -1;
}

static bool accept(struct scanner *scanner, char byte)
{
    if (peek(scanner) != byte)
        return false;
    scanner->at++;
    return true;
}

static void skip_blanks(struct scanner *scanner)
{
    while (accept(scanner, ' ') || accept(scanner, '\t') || accept(scanner, '\n') ||
           accept(scanner, '\r'))
        ;
}

/* ---- strings ---- */

/* Four hex digits, or -1. */
static int32_t take_hex(struct scanner *scanner)
{
    int32_t value = 0;

    for (int i = 0; i < 4; i++) {
        int byte = peek(scanner);
        int digit;

        if (byte >= '0' && byte <= '9')
            digit = byte - '0';
        else if (byte >= 'a' && byte <= 'f')
            digit = byte - 'a' + 10;
        else if (byte >= 'A' && byte <= 'F')
            digit = byte - 'A' + 10;
        else
            return -1;
        value = value << 4 | digit;
        scanner->at++;
    }
    return value;
}

/* Behind "\u": a character, or the two halves of one (RFC 8259 section 7). */
static bool take_unicode(struct scanner *scanner)
{
    int32_t unit = take_hex(scanner);

    if (unit < 0)
        return fail(scanner, "expected four hexadecimal digits");
    if (unit == 0)
        return fail(scanner, "a NUL character");
    if (unit >= 0xd800 && unit <= 0xdbff) {
        int32_t low = accept(scanner, '\\') && accept(scanner, 'u') ? take_hex(scanner) : -1;

        if (low < 0xdc00 || low > 0xdfff)
            return fail(scanner, "half of a surrogate pair");
    } else if (unit >= 0xdc00 && unit <= 0xdfff) {
        return fail(scanner, "half of a surrogate pair");
    }
    return true;
}

static bool take_escape(struct scanner *scanner)
{
    int byte = peek(scanner);

    /* memchr, as strchr would find the closing NUL */
    if (byte < 0 || !memchr("\"\\/bfnrtu", byte, 9))
        return fail(scanner, "an unknown escape sequence");
    scanner->at++;
    return byte != 'u' || take_unicode(scanner);
}

/* Behind the opening quote, up to and with the closing one. */
static bool take_string(struct scanner *scanner)
{
    while (!accept(scanner, '"')) {
        int byte = peek(scanner);

        if (byte < 0)
            return fail(scanner, "a string without an end");
        if (byte < 0x20)
            return fail(scanner, "a control character in a string");
        if (accept(scanner, '\\')) {
            if (!take_escape(scanner))
                return false;
            continue;
        }

        size_t count =
            text_utf8_next(scanner->text + scanner->at, scanner->length - scanner->at, NULL);

        if (count == 0)
            return fail(scanner, "bytes that are not UTF-8");
        scanner->at += count;
    }
    return true;
}

/* ---- other values ---- */

static bool take_digits(struct scanner *scanner)
{
    size_t start = scanner->at;

    while (peek(scanner) >= '0' && peek(scanner) <= '9')
        scanner->at++;
    return scanner->at > start;
}

static bool take_number(struct scanner *scanner)
{
    size_t start = scanner->at;
    bool good = true;

    accept(scanner, '-');
    if (!accept(scanner, '0')) /* behind which no digit may follow */
        good = take_digits(scanner);
    if (good && accept(scanner, '.'))
        good = take_digits(scanner);
    if (good && (accept(scanner, 'e') || accept(scanner, 'E'))) {
        if (!accept(scanner, '+'))
            accept(scanner, '-');
        good = take_digits(scanner);
    }
    if (!good)
        return fail(scanner, "expected a digit");
    if (scanner->at - start > JSON_NUMBER_MAX)
        return fail(scanner, "a number of too many digits");
    return true;
}

static bool take_literal(struct scanner *scanner)
{
    static const char *const literals[] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        size_t length = strlen(literals[i]);

        if (scanner->length - scanner->at >= length &&
            memcmp(scanner->text + scanner->at, literals[i], length) == 0) {
            scanner->at += length;
            return true;
        }
    }
    return fail(scanner, "expected a value");
}

/* ---- structure ---- */

static enum next behind_value(const struct scanner *scanner)
{
    return scanner->depth > 0 ? NEXT_COMMA_OR_END : NEXT_NOTHING;
}

static enum next open_bracket(struct scanner *scanner, bool is_object)
{
    if (scanner->depth >= scanner->depth_max)
        return stop(scanner, "nested too deeply");
    scanner->at++;
    scanner->is_object[scanner->depth++] = is_object;
    return is_object ? NEXT_KEY_OR_END : NEXT_VALUE_OR_END;
}

/* What goes wrong from here on is not within that member. */
static void forget_key(struct scanner *scanner)
{
    scanner->problem->key = NULL;
    scanner->problem->key_length = 0;
}

static enum next close_bracket(struct scanner *scanner)
{
    if (--scanner->depth == 0)
        forget_key(scanner);
    return behind_value(scanner);
}

static enum next step_value(struct scanner *scanner)
{
    int byte = peek(scanner);
    bool good;

    if (byte == '{' || byte == '[')
        return open_bracket(scanner, byte == '{');
    if (accept(scanner, '"'))
        good = take_string(scanner);
    else if (byte == '-' || (byte >= '0' && byte <= '9'))
        good = take_number(scanner);
    else
        good = take_literal(scanner);
    return good ? behind_value(scanner) : NEXT_FAILED;
}

static enum next step_key(struct scanner *scanner)
{
    if (!accept(scanner, '"'))
        return stop(scanner, "expected a key in quotes");

    size_t start = scanner->at;

    if (!take_string(scanner))
        return NEXT_FAILED;
    if (scanner->depth == 1) {
        scanner->problem->key = scanner->text + start;
        scanner->problem->key_length = scanner->at - 1 - start;
    }
    skip_blanks(scanner);
    return accept(scanner, ':') ? NEXT_VALUE : stop(scanner, "expected ':'");
}

static enum next step_behind_value(struct scanner *scanner)
{
    bool is_object = scanner->is_object[scanner->depth - 1];

    if (accept(scanner, ',')) {
        if (scanner->depth == 1)
            forget_key(scanner);
        return is_object ? NEXT_KEY : NEXT_VALUE;
    }
    if (accept(scanner, is_object ? '}' : ']'))
        return close_bracket(scanner);
    return stop(scanner, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
}

static enum next step(struct scanner *scanner, enum next next)
{
    switch (next) {
    case NEXT_VALUE_OR_END:
        return accept(scanner, ']') ? close_bracket(scanner) : step_value(scanner);
    case NEXT_VALUE:
        return step_value(scanner);
    case NEXT_KEY_OR_END:
        return accept(scanner, '}') ? close_bracket(scanner) : step_key(scanner);
    case NEXT_KEY:
        return step_key(scanner);
    case NEXT_COMMA_OR_END:
        return step_behind_value(scanner);
    case NEXT_NOTHING:
        return scanner->at == scanner->length ? next : stop(scanner, "text behind the end");
    case NEXT_FAILED:
        break;
    }
    return NEXT_FAILED;
}

bool json_check(struct json_problem *problem, const uint8_t *text, size_t length, unsigned depth)
{
    struct scanner scanner = {.text = text,
                              .length = length,
                              .depth_max = depth < JSON_DEPTH_MAX ? depth : JSON_DEPTH_MAX,
                              .problem = problem};
    enum next next = NEXT_VALUE;

    *problem = (struct json_problem){0};
    do {
        skip_blanks(&scanner);
        next = step(&scanner, next);
    } while (next != NEXT_FAILED && !(next == NEXT_NOTHING && scanner.at == length));
    return next == NEXT_NOTHING;
}
