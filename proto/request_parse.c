/* SPDX-License-Identifier: MIT */
/*
 * From bytes to a request in three steps, each bounded by the one before it:
 *
 * 1. json_check() reads the payload by the letter of RFC 8259, with no allocation. What passes is
 *    small, UTF-8, without NUL and nested no deeper than a request is.
 * 2. cJSON makes a tree of it.
 * 3. Each member has one function that takes it, in the table below; what is not in the table, or
 *    comes twice, is refused. So nothing here searches the tree, and the work grows with its size.
 */
#include "request.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "json.h"
#include "status.h"
#include "text.h"
#include "txt.h"

#define DEPTH_MAX 3 /* the request, "txt", {"b64": …} */

/* A member that does not fit its field cannot be valid either, so the rules come first. */
static void copy(char *field, const char *text)
{
    memcpy(field, text, strlen(text) + 1);
}

static bool is_text(const cJSON *item, bool (*is_valid)(const char *))
{
    return cJSON_IsString(item) && is_valid(item->valuestring);
}

/* Beyond 2^53 a double has no fraction; comparing with a cast integer would overflow there. */
static bool is_whole_number(const cJSON *item)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : 0.5;

    return value <= -0x1p53 || value >= 0x1p53 || value == (double)(int64_t)value;
}

/* ---- the members ---- */

/* Takes one member, or refuses it. */
typedef bool take_function(struct request *request, const cJSON *item, struct status_error *error);

static bool take_name(struct request *request, const cJSON *item, struct status_error *error)
{
    if (!is_text(item, request_name_is_valid))
        return status_refuse(error, STATUS_BAD_NAME, "name",
                             "expected a string of 1 to 63 bytes without control characters");
    copy(request->name, item->valuestring);
    return true;
}

static bool take_type(struct request *request, const cJSON *item, struct status_error *error)
{
    if (!is_text(item, request_type_is_valid))
        return status_refuse(error, STATUS_BAD_TYPE, "type",
                             "expected _NAME._tcp or _NAME._udp, where NAME is 1 to 15 letters, "
                             "digits and single hyphens, a letter among them");
    copy(request->type, item->valuestring);
    return true;
}

static bool take_port(struct request *request, const cJSON *item, struct status_error *error)
{
    if (!is_whole_number(item) || item->valuedouble < 1 || item->valuedouble > UINT16_MAX)
        return status_refuse(error, STATUS_BAD_PORT, "port",
                             "expected a whole number from 1 to 65535");
    request->port = (uint16_t)item->valuedouble;
    return true;
}

static bool take_txt(struct request *request, const cJSON *item, struct status_error *error)
{
    struct txt txt = {.bytes = request->txt, .capacity = sizeof request->txt};
    struct txt_problem problem;
    char attribute[STATUS_KEY_MAX - 3];
    char key[STATUS_KEY_MAX + 1];

    if (!cJSON_IsObject(item))
        return status_refuse(error, STATUS_BAD_TXT, "txt", "expected an object of attributes");
    if (!txt_from_json(&txt, item, &problem)) {
        text_excerpt(attribute, sizeof attribute, problem.key);
        snprintf(key, sizeof key, "txt.%s", attribute);
        if (txt.omitted > 0)
            return status_refuse(error, STATUS_BAD_TXT, key,
                                 "no room left, TXT data has at most %d bytes", REQUEST_TXT_MAX);
        return status_refuse(error, STATUS_BAD_TXT, key, "%s", problem.what);
    }
    request->txt_length = txt.length;
    return true;
}

static bool has_subtype(const struct request *request, const char *subtype)
{
    for (size_t i = 0; i < request->subtype_count; i++)
        if (text_same_ignoring_case(request->subtypes[i], subtype))
            return true;
    return false;
}

static bool take_subtypes(struct request *request, const cJSON *item, struct status_error *error)
{
    const cJSON *subtype;

    if (!cJSON_IsArray(item))
        return status_refuse(error, STATUS_BAD_KEY, "subtypes", "expected an array of strings");
    cJSON_ArrayForEach(subtype, item)
    {
        if (request->subtype_count == REQUEST_SUBTYPES_MAX)
            return status_refuse(error, STATUS_BAD_KEY, "subtypes", "more than %d",
                                 REQUEST_SUBTYPES_MAX);
        if (!is_text(subtype, request_subtype_is_valid))
            return status_refuse(error, STATUS_BAD_KEY, "subtypes",
                                 "expected strings of '_' and 2 to 62 letters, digits, '-', '_'");
        if (has_subtype(request, subtype->valuestring))
            return status_refuse(error, STATUS_BAD_KEY, "subtypes", "%s given twice",
                                 subtype->valuestring);
        copy(request->subtypes[request->subtype_count++], subtype->valuestring);
    }
    return true;
}

static bool take_interface(struct request *request, const cJSON *item, struct status_error *error)
{
    if (!is_text(item, request_interface_is_valid))
        return status_refuse(error, STATUS_BAD_KEY, "interface",
                             "expected the name of a network interface");
    copy(request->interface, item->valuestring);
    return true;
}

static bool take_rename(struct request *request, const cJSON *item, struct status_error *error)
{
    if (!cJSON_IsBool(item))
        return status_refuse(error, STATUS_BAD_KEY, "rename", "expected true or false");
    request->rename = cJSON_IsTrue(item);
    return true;
}

static bool take_lease(struct request *request, const cJSON *item, struct status_error *error)
{
    if (!is_whole_number(item))
        return status_refuse(error, STATUS_BAD_KEY, "lease", "expected a number of seconds");
    request->lease = request_clamp_lease(item->valuedouble);
    return true;
}

static bool take_transaction(struct request *request, const cJSON *item, struct status_error *error)
{
    if (!is_text(item, request_transaction_is_valid))
        return status_refuse(error, STATUS_BAD_KEY, "transaction",
                             "expected a string of at most %d characters, none a control character",
                             REQUEST_TRANSACTION_CHARACTERS);
    copy(request->transaction, item->valuestring);
    return true;
}

static const struct member {
    const char *key;
    take_function *take;
    bool required;
} members[] = {
    {"name", take_name, true},
    {"type", take_type, true},
    {"port", take_port, true},
    {"txt", take_txt, false},
    {"subtypes", take_subtypes, false},
    {"interface", take_interface, false},
    {"rename", take_rename, false},
    {"lease", take_lease, false},
    {"transaction", take_transaction, false},
};

#define MEMBERS (sizeof members / sizeof members[0])

/* ---- the whole ---- */

static bool read_members(struct request *request, const cJSON *object, struct status_error *error)
{
    bool seen[MEMBERS] = {false};
    const cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        size_t i = 0;

        while (i < MEMBERS && strcmp(members[i].key, item->string) != 0)
            i++;
        if (i == MEMBERS)
            return status_refuse(error, STATUS_BAD_KEY, *item->string ? item->string : "\"\"",
                                 "a request has no such key");
        if (seen[i])
            return status_refuse(error, STATUS_BAD_KEY, members[i].key, "given twice");
        seen[i] = true;
        if (!members[i].take(request, item, error))
            return false;
    }
    for (size_t i = 0; i < MEMBERS; i++)
        if (members[i].required && !seen[i])
            return status_refuse(error, STATUS_MISSING_KEY, members[i].key,
                                 "a request needs this key");
    return true;
}

/*
 * Reads the tree. The transaction comes first, and is all that stays of a request that is refused;
 * what is wrong with it is found again in its turn.
 */
static enum request_result read_tree(struct request *out, const cJSON *object,
                                     struct status_error *error)
{
    const cJSON *transaction = cJSON_GetObjectItemCaseSensitive(object, "transaction");
    struct request request = {.rename = true};

    if (transaction && take_transaction(&request, transaction, error))
        copy(out->transaction, request.transaction);
    if (!read_members(&request, object, error))
        return REQUEST_REFUSED;
    *out = request;
    return REQUEST_OK;
}

/* The key as it is spelt in the payload, which json_check() may not have read to the end. */
static bool refuse_json(struct status_error *error, const struct json_problem *problem)
{
    char key[STATUS_KEY_MAX + 2]; /* one more than fits, so that status_refuse() shows the cut */
    size_t length = problem->key_length < sizeof key - 1 ? problem->key_length : sizeof key - 1;

    if (length > 0)
        memcpy(key, problem->key, length);
    key[length] = '\0';
    return status_refuse(error, STATUS_BAD_JSON, key, "%s, at byte %zu", problem->what,
                         problem->at + 1);
}

enum request_result request_parse(struct request *out, struct status_error *error,
                                  const uint8_t *payload, size_t length, size_t max)
{
    struct json_problem problem;

    *out = (struct request){0};
    *error = (struct status_error){0};
    if (length > max) {
        status_refuse(error, STATUS_TOO_LARGE, "", "%zu bytes, where %zu are the most", length,
                      max);
        return REQUEST_REFUSED;
    }
    if (!json_check(&problem, payload, length, DEPTH_MAX)) {
        refuse_json(error, &problem);
        return REQUEST_REFUSED;
    }

    cJSON *tree = cJSON_ParseWithLength((const char *)payload, length);
    enum request_result result = REQUEST_NO_MEMORY;

    if (cJSON_IsObject(tree)) {
        result = read_tree(out, tree, error);
    } else if (tree) {
        status_refuse(error, STATUS_BAD_JSON, "", "expected an object");
        result = REQUEST_REFUSED;
    }
    cJSON_Delete(tree);
    return result;
}
