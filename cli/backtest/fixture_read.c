// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "cli/backtest/fixture_impl.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/base/time_text.h"

const char *const FIXTURE_KIND_NAMES[FIXTURE_KINDS] = {
    [FIXTURE_QUALIFIES] = "qualifies", [FIXTURE_LEAVES] = "leaves", [FIXTURE_LEAD] = "lead",
    [FIXTURE_WITHDRAWN] = "withdrawn", [FIXTURE_STAGE] = "stage",   [FIXTURE_SIGNAL] = "signal",
};

// Monday.
#define START_DEFAULT_MS INT64_C(1767571200000) // 2026-01-05T00:00:00Z

enum { TEXT_MAX = 1024, WHEN_MAX_MS = INT32_MAX };

struct reading {
    struct config *config;
    struct fixture *fixture;
    struct fixture_case *now;
    size_t n_ids; // of the case
};

// ---- Instants ----

// "47h59m59s": parts, each smaller than the one before.
static bool parse_offset(struct span text, int64_t *out)
{
    int64_t total = 0;
    const char *p = text.ptr, *end = p + text.len;
    if (text.len == 0)
        return false;
    while (p < end) {
        const char *unit = p;
        int64_t part;
        while (unit < end && *unit >= '0' && *unit <= '9')
            unit++;
        const char *next = unit;
        while (next < end && (*next < '0' || *next > '9'))
            next++;
        if (!time_parse_duration(span_make(p, (size_t)(next - p)), &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
        p = next;
    }
    *out = total;
    return true;
}

// An offset from the case's start, or an instant.
static bool read_when(struct reading *r, const struct config_node *node, int64_t *out)
{
    int64_t offset;
    if (config_kind(node) == CONFIG_SCALAR && parse_offset(config_text(node), &offset)) {
        *out = r->now->start_ms + offset;
        return true;
    }
    if (config_kind(node) == CONFIG_SCALAR && time_parse(config_text(node), out))
        return true;
    config_error_hint(r->config, node, "write 47h59m59s after the start, or 2026-01-05T10:00:00Z",
                      "expected a time");
    return false;
}

// ---- Events ----

static json_t *scalar_json(const struct config_node *node)
{
    struct span text = config_text(node);
    int64_t integer;
    double number;
    if (config_plain(node) && (span_is(text, "true") || span_is(text, "false")))
        return json_boolean(span_is(text, "true"));
    if (config_plain(node) && (span_is(text, "null") || text.len == 0))
        return json_null();
    if (config_plain(node) && text_to_i64(text, &integer))
        return json_integer(integer);
    if (config_plain(node) && text_to_double(text, &number))
        return json_real(number);
    return json_stringn(text.ptr, text.len);
}

static json_t *node_json(const struct config_node *node)
{
    if (config_kind(node) == CONFIG_SCALAR)
        return scalar_json(node);
    bool list = config_kind(node) == CONFIG_SEQUENCE;
    json_t *out = list ? json_array() : json_object();
    for (size_t i = 0; i < config_count(node); i++) {
        json_t *item = node_json(config_at(node, i));
        char *key = list ? NULL : mem_dup(config_text(config_key_at(node, i)));
        if (list)
            json_array_append_new(out, item);
        else
            json_object_set_new(out, key, item);
        mem_free(key);
    }
    return out;
}

// What an event says, before it is repeated.
struct event_form {
    const char *type;
    struct span user, account, name, id;
    const struct config_node *properties, *traits, *context;
    int64_t at_ms, received_ms, every_ms, times;
    bool received;
};

// "u{n}" is "u3" for the third of several.
static char *numbered(struct span text, int64_t n)
{
    struct buf out = {0};
    const char *p = text.ptr;
    for (size_t i = 0; i < text.len; i++) {
        if (i + 3 <= text.len && memcmp(p + i, "{n}", 3) == 0) {
            buf_printf(&out, "%lld", (long long)n);
            i += 2;
        } else {
            buf_append_u8(&out, (uint8_t)p[i]);
        }
    }
    char *made = mem_dup(buf_span(&out));
    buf_deinit(&out);
    return made;
}

static void put_text(json_t *o, const char *key, struct span text, int64_t n)
{
    if (text.len == 0)
        return;
    char *made = numbered(text, n);
    json_object_set_new(o, key, json_string(made));
    mem_free(made);
}

static void put_time(json_t *o, const char *key, int64_t ms)
{
    char text[TIME_TEXT_MAX];
    json_object_set_new(o, key, json_string(time_format(ms, text)));
}

static void put_identity(json_t *o, const struct event_form *form, int64_t n)
{
    json_t *context = form->context == NULL ? json_object() : node_json(form->context);
    put_text(o, "userId", form->user, n);
    if (strcmp(form->type, "group") == 0)
        put_text(o, "groupId", form->account, n);
    else
        put_text(context, "groupId", form->account, n);
    json_object_set_new(o, "context", context);
}

static void add_line(struct reading *r, const struct event_form *form, int64_t n)
{
    json_t *o = json_object();
    char id[64];
    json_object_set_new(o, "type", json_string(form->type));
    snprintf(id, sizeof id, "%zu", ++r->n_ids);
    if (form->id.len > 0)
        put_text(o, "messageId", form->id, n);
    else
        json_object_set_new(o, "messageId", json_string(id));
    put_identity(o, form, n);
    int64_t at_ms = form->at_ms + (n - 1) * form->every_ms;
    put_time(o, "timestamp", at_ms);
    put_time(o, "receivedAt", form->received ? form->received_ms : at_ms);
    bool named = strcmp(form->type, "page") == 0 || strcmp(form->type, "screen") == 0;
    put_text(o, named ? "name" : "event", form->name, n);
    if (form->properties != NULL)
        json_object_set_new(o, "properties", node_json(form->properties));
    if (form->traits != NULL)
        json_object_set_new(o, "traits", node_json(form->traits));
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(17));
    struct fixture_case *now = r->now;
    MEM_GROW(now->lines, now->n_lines, now->lines_cap);
    now->lines[now->n_lines++] = mem_dup_text(text);
    free(text);
    json_decref(o);
}

static bool read_some_text(struct reading *r, const struct config_node *mapping, const char *key,
                           struct span *out)
{
    const struct config_node *node = config_get(mapping, key);
    return node == NULL || config_read_text(r->config, node, TEXT_MAX, out);
}

static bool read_mapping(struct reading *r, const struct config_node *node,
                         const struct config_node **out)
{
    *out = node;
    if (node == NULL || config_kind(node) == CONFIG_MAPPING)
        return true;
    config_error_hint(r->config, node, "as in {plan: trial}", "expected names and values");
    return false;
}

// Which call it is, and what it names or carries.
static bool read_call(struct reading *r, const struct config_node *node, struct event_form *form)
{
    static const char *const CALLS[] = {"track", "page", "screen", "identify", "group"};
    const struct config_node *value = NULL;
    for (size_t i = 0; i < ARRAY_LEN(CALLS); i++) {
        const struct config_node *found = config_get(node, CALLS[i]);
        if (found == NULL)
            continue;
        if (value != NULL) {
            config_error(r->config, found, "an event is one call, this has two");
            return false;
        }
        value = found;
        form->type = CALLS[i];
    }
    if (value == NULL) {
        config_error_hint(r->config, node, "add track: and the event's name, or identify: {..}",
                          "expected one of track, page, screen, identify, group");
        return false;
    }
    if (strcmp(form->type, "identify") == 0 || strcmp(form->type, "group") == 0)
        return read_mapping(r, value, &form->traits);
    return config_read_text(r->config, value, TEXT_MAX, &form->name);
}

static bool read_repetition(struct reading *r, const struct config_node *node,
                            struct event_form *form)
{
    const struct config_node *times = config_get(node, "times"), *every = config_get(node, "every");
    form->times = 1;
    bool good =
        times == NULL || config_read_i64(r->config, times, 1, FIXTURE_TIMES_MAX, &form->times);
    if (every != NULL)
        good = config_read_duration(r->config, every, 0, WHEN_MAX_MS, &form->every_ms) && good;
    return good;
}

static void read_event(struct reading *r, const struct config_node *node)
{
    static const char *const KEYS[] = {
        "at",    "user",       "account", "track",    "page", "screen", "identify",
        "group", "properties", "context", "received", "id",   "times",  "every",
    };
    struct event_form form = {0};
    if (!config_check_keys(r->config, node, KEYS, ARRAY_LEN(KEYS)))
        return;
    const struct config_node *at = config_get(node, "at"), *received = config_get(node, "received");
    bool good = read_call(r, node, &form);
    if (at == NULL)
        config_error_hint(r->config, node, "add at: 6h (after the start)", "missing key \"at\"");
    good = at != NULL && read_when(r, at, &form.at_ms) && good;
    form.received = received != NULL;
    if (form.received)
        good = read_when(r, received, &form.received_ms) && good;
    good = read_some_text(r, node, "user", &form.user) && good;
    good = read_some_text(r, node, "account", &form.account) && good;
    good = read_some_text(r, node, "id", &form.id) && good;
    good = read_mapping(r, config_get(node, "properties"), &form.properties) && good;
    good = read_mapping(r, config_get(node, "context"), &form.context) && good;
    good = read_repetition(r, node, &form) && good;
    for (int64_t n = 1; good && n <= form.times; n++)
        add_line(r, &form, n);
}

// ---- Expectations ----

static bool read_kept(struct reading *r, const struct config_node *mapping, const char *key,
                      const char **out)
{
    struct span text;
    const struct config_node *node = config_get(mapping, key);
    if (node == NULL)
        return true;
    if (!config_read_text(r->config, node, TEXT_MAX, &text))
        return false;
    *out = arena_dup(&r->fixture->arena, text);
    return true;
}

// "" is the account itself.
static bool read_user(struct reading *r, const struct config_node *mapping, const char **out)
{
    const struct config_node *node = config_get(mapping, "user");
    bool none = node != NULL && config_kind(node) == CONFIG_SCALAR && config_text(node).len == 0;
    if (none)
        *out = "";
    return none || read_kept(r, mapping, "user", out);
}

static bool read_kind(struct reading *r, const struct config_node *node, struct fixture_fact *fact)
{
    for (size_t i = 0; i < FIXTURE_KINDS; i++) {
        if (config_get(node, FIXTURE_KIND_NAMES[i]) == NULL)
            continue;
        fact->kind = (enum fixture_kind)i;
        return read_kept(r, node, FIXTURE_KIND_NAMES[i], &fact->what);
    }
    config_error_hint(r->config, node, "as in {qualifies: pql, account: acme, user: ann}",
                      "expected one of qualifies, leaves, lead, withdrawn, stage, signal");
    return false;
}

static void read_fact(struct reading *r, const struct config_node *node)
{
    static const char *const KEYS[] = {
        "qualifies", "leaves", "lead",    "withdrawn", "stage", "signal", "account", "user",
        "label",     "queue",  "message", "reason",    "event", "at",     "episode", "value",
    };
    struct fixture_fact fact = {.line = config_line(node)};
    if (!config_check_keys(r->config, node, KEYS, ARRAY_LEN(KEYS)) || !read_kind(r, node, &fact))
        return;
    const struct config_node *at = config_get(node, "at"), *value = config_get(node, "value");
    const struct config_node *episode = config_get(node, "episode");
    bool good = read_kept(r, node, "account", &fact.account);
    good = read_user(r, node, &fact.user) && good;
    good = read_kept(r, node, "label", &fact.label) && good;
    good = read_kept(r, node, "queue", &fact.queue) && good;
    good = read_kept(r, node, "message", &fact.message) && good;
    good = read_kept(r, node, "reason", &fact.reason) && good;
    good = read_kept(r, node, "event", &fact.event) && good;
    fact.has_at = at != NULL;
    fact.has_episode = episode != NULL;
    fact.has_value = value != NULL;
    if (fact.has_at)
        good = read_when(r, at, &fact.at_ms) && good;
    if (fact.has_episode)
        good = config_read_i64(r->config, episode, 1, INT32_MAX, &fact.episode) && good;
    if (fact.has_value)
        good = config_read_bool(r->config, value, &fact.value) && good;
    if (!good)
        return;
    struct fixture_case *now = r->now;
    MEM_GROW(now->facts, now->n_facts, now->facts_cap);
    now->facts[now->n_facts++] = fact;
}

// ---- Cases ----

static void read_list(struct reading *r, const struct config_node *mapping, const char *key,
                      void (*each)(struct reading *, const struct config_node *))
{
    const struct config_node *list = config_get(mapping, key);
    if (list == NULL)
        return;
    if (config_kind(list) != CONFIG_SEQUENCE) {
        config_error(r->config, list, "expected a list");
        return;
    }
    for (size_t i = 0; i < config_count(list); i++)
        each(r, config_at(list, i));
}

static void read_case(struct reading *r, const struct config_node *node)
{
    static const char *const KEYS[] = {"case", "start", "events", "until", "expect"};
    struct fixture *fixture = r->fixture;
    if (!config_check_keys(r->config, node, KEYS, ARRAY_LEN(KEYS)))
        return;
    MEM_GROW(fixture->cases, fixture->n_cases, fixture->cases_cap);
    r->now = &fixture->cases[fixture->n_cases++];
    *r->now =
        (struct fixture_case){.name = "", .line = config_line(node), .start_ms = START_DEFAULT_MS};
    r->n_ids = 0;
    const struct config_node *start = config_get(node, "start"), *until = config_get(node, "until");
    if (config_get(node, "case") == NULL)
        config_error_hint(r->config, node, "add case: and what it is about",
                          "missing key \"case\"");
    (void)read_kept(r, node, "case", &r->now->name);
    if (start != NULL && !time_parse(config_text(start), &r->now->start_ms))
        config_error_hint(r->config, start, "as in 2026-01-05T00:00:00Z", "expected an instant");
    r->now->has_until = until != NULL && read_when(r, until, &r->now->until_ms);
    if (config_get(node, "expect") == NULL)
        config_error_hint(r->config, node, "expect: [] where nothing may follow",
                          "missing key \"expect\"");
    read_list(r, node, "events", read_event);
    read_list(r, node, "expect", read_fact);
}

static void read_root(struct reading *r, const struct config_node *root)
{
    static const char *const KEYS[] = {"playbook", "cases"};
    const struct config_node *cases = config_get(root, "cases");
    if (!config_check_keys(r->config, root, KEYS, ARRAY_LEN(KEYS)))
        return;
    (void)read_kept(r, root, "playbook", &r->fixture->playbook);
    if (config_get(root, "playbook") == NULL)
        config_error_hint(r->config, root, "add playbook: and its file",
                          "missing key \"playbook\"");
    if (cases == NULL || config_kind(cases) != CONFIG_SEQUENCE || config_count(cases) == 0) {
        config_error_hint(r->config, cases == NULL ? root : cases, "add cases: with one or more",
                          "expected a list of cases");
        return;
    }
    for (size_t i = 0; i < config_count(cases) && i < FIXTURE_CASES_MAX; i++)
        read_case(r, config_at(cases, i));
    if (config_count(cases) > FIXTURE_CASES_MAX)
        config_error(r->config, cases, "more than %d cases", FIXTURE_CASES_MAX);
}

enum err fixture_read(const char *path, struct fixture *out, struct buf *report)
{
    struct config *config = config_load_file(path);
    struct reading r = {.config = config, .fixture = out};
    const struct config_node *root = config_root(config);
    *out = (struct fixture){.playbook = ""};
    arena_init(&out->arena, 4096, 0);
    if (root != NULL)
        read_root(&r, root);
    bool good = config_error_count(config) == 0;
    config_report(config, report);
    config_destroy(config);
    return good ? ERR_OK : ERR_INVALID;
}

void fixture_deinit(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->n_cases; i++) {
        struct fixture_case *one = &fixture->cases[i];
        for (size_t j = 0; j < one->n_lines; j++)
            mem_free(one->lines[j]);
        mem_free(one->lines);
        mem_free(one->facts);
    }
    mem_free(fixture->cases);
    arena_deinit(&fixture->arena);
}
