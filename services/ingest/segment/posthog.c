// SPDX-License-Identifier: Apache-2.0
// An event of PostHog's has a name, a `distinct_id` and properties, and says by names and
// properties with a "$" what others say by kinds of calls. In order:
//
//   $identify, $set          identify; traits are `$set` and `$set_once`; `$anon_distinct_id` is
//                            who the user was before
//   $groupidentify           group; the account is `$group_key`, its traits `$group_set`
//   $create_alias            alias; `alias` is another id of the user, or the user's id if it had
//                            none
//   $pageview, $screen       page and screen, named by `$pathname` or `$current_url`,
//                            `$screen_name`
//   anything else            track
//
// `$groups` names the account. With a type of groups in the configuration only that one does;
// without, the first one. A call's own `$set` is its context's traits. Events that the SDK makes by
// itself ($feature_flag_called, $pageleave ...) are tracked with context.active false: nobody did
// anything. The id is an anonymous one when it is the device's, or when the SDK says so.
#include "services/ingest/segment/posthog.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/time_text.h"

// What has a meaning of its own among the properties; all empty at first.
struct told {
    struct span distinct_id, device_id, anon_distinct_id, alias, token;
    struct span group_type, group_key, group;
    struct span pathname, current_url, screen_name;
    bool anonymous;             // $is_identified is false
    struct segment_list traits; // $set and $group_set, without their prefix
    struct segment_list once;
};

static struct span text_of(struct reader *r, const struct segment_property *item)
{
    if (item->kind == SEGMENT_TEXT)
        return item->text;
    if (item->kind == SEGMENT_INTEGER)
        return span_of(arena_printf(r->arena, "%lld", (long long)item->integer));
    return (struct span){0};
}

static bool cut(struct span *key, const char *prefix)
{
    size_t n = strlen(prefix);
    if (!span_starts(*key, prefix) || key->len == n)
        return false;
    *key = span_make((const char *)key->ptr + n, key->len - n);
    return true;
}

static void add(struct reader *r, struct segment_list *list, struct segment_property item)
{
    if (list->n == list->cap) {
        size_t cap = list->cap == 0 ? 8 : list->cap * 2;
        struct segment_property *items = arena_alloc(r->arena, cap * sizeof *items);
        if (list->n > 0)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = item;
}

static void add_text(struct reader *r, struct segment_list *list, const char *key, struct span text)
{
    if (text.len > 0)
        add(r, list,
            (struct segment_property){.key = span_of(key), .kind = SEGMENT_TEXT, .text = text});
}

static void add_all(struct reader *r, struct segment_list *to, const struct segment_list *from,
                    const char *prefix)
{
    for (size_t i = 0; i < from->n; i++) {
        struct segment_property item = from->items[i];
        if (prefix[0] != '\0')
            item.key = span_of(arena_printf(r->arena, "%s%.*s", prefix, SPAN_ARG(item.key)));
        add(r, to, item);
    }
}

// Texts that have a place of their own; they do not stay among the properties.
static struct span *told_text(struct told *told, struct span key)
{
    return span_is(key, "distinct_id")         ? &told->distinct_id
           : span_is(key, "token")             ? &told->token
           : span_is(key, "$device_id")        ? &told->device_id
           : span_is(key, "$anon_distinct_id") ? &told->anon_distinct_id
           : span_is(key, "alias")             ? &told->alias
           : span_is(key, "$group_type")       ? &told->group_type
           : span_is(key, "$group_key")        ? &told->group_key
                                               : NULL;
}

// Those that stay.
static struct span *seen_text(struct told *told, struct span key)
{
    return span_is(key, "$pathname")      ? &told->pathname
           : span_is(key, "$current_url") ? &told->current_url
           : span_is(key, "$screen_name") ? &told->screen_name
                                          : NULL;
}

static const char *context_key(struct span key)
{
    return span_is(key, "$lib")                                             ? "library.name"
           : span_is(key, "$lib_version")                                   ? "library.version"
           : span_is(key, "$raw_user_agent") || span_is(key, "$user_agent") ? "userAgent"
           : span_is(key, "$ip")                                            ? "ip"
                                                                            : NULL;
}

static bool is_alias(struct span event)
{
    return span_is(event, "$create_alias") || span_is(event, "$merge_dangerously");
}

// One property. True: it stays one.
static bool tell(struct reader *r, struct told *told, struct span group,
                 const struct segment_property *in)
{
    struct segment_property item = *in;
    struct span *text = told_text(told, item.key);
    if (text != NULL && (text != &told->alias || is_alias(r->event))) {
        *text = text_of(r, in);
        return false;
    }
    if (cut(&item.key, "$groups.")) {
        if (told->group.len == 0 && (group.len == 0 || span_eq(group, item.key)))
            told->group = text_of(r, in);
        return false;
    }
    if (cut(&item.key, "$set_once.")) {
        add(r, &told->once, item);
        return false;
    }
    if (cut(&item.key, "$set.") || cut(&item.key, "$group_set.")) {
        add(r, &told->traits, item);
        return false;
    }
    if (span_is(item.key, "$is_identified") && item.kind == SEGMENT_FLAG)
        told->anonymous = !item.flag;
    if (context_key(item.key) != NULL) {
        add_text(r, &r->out->context, context_key(item.key), text_of(r, in));
        return false;
    }
    if (seen_text(told, item.key) != NULL)
        *seen_text(told, item.key) = text_of(r, in);
    return true;
}

static void sort_properties(struct reader *r, struct told *told, struct span group)
{
    struct segment_list *list = &r->out->properties;
    size_t n = 0;
    reader_drop_repeated(list);
    for (size_t i = 0; i < list->n; i++) {
        if (tell(r, told, group, &list->items[i]))
            list->items[n++] = list->items[i];
    }
    list->n = n;
}

static void settle_user(struct reader *r, const struct told *told)
{
    struct segment_event *out = r->out;
    struct span id = out->user_id.len > 0 ? out->user_id : told->distinct_id;
    bool anonymous = told->anonymous || (id.len > 0 && span_eq(id, told->device_id));
    out->user_id = anonymous ? (struct span){0} : id;
    out->anonymous_id = anonymous                        ? id
                        : told->anon_distinct_id.len > 0 ? told->anon_distinct_id
                                                         : told->device_id;
    if (span_eq(out->user_id, out->anonymous_id))
        out->anonymous_id = (struct span){0};
}

// Who sends a $groupidentify without a user is called "$TYPE_KEY".
static bool is_group_itself(struct reader *r, const struct told *told, struct span id)
{
    return span_is(id, arena_printf(r->arena, "$%.*s_%.*s", SPAN_ARG(told->group_type),
                                    SPAN_ARG(told->group_key)));
}

static void as_group(struct reader *r, const struct told *told)
{
    r->out->kind = SEGMENT_GROUP;
    r->out->group_id = told->group_key;
    if (is_group_itself(r, told, r->out->user_id))
        r->out->user_id = (struct span){0};
}

// Who has no user id yet gets one by it; for anybody else it is another one that he had.
static void as_alias(struct segment_event *out, const struct told *told)
{
    bool anonymous = out->user_id.len == 0;
    out->kind = SEGMENT_ALIAS;
    out->previous_id = anonymous ? out->anonymous_id : told->alias;
    out->user_id = anonymous ? told->alias : out->user_id;
    out->anonymous_id = (struct span){0};
}

static void as_track(struct reader *r)
{
    struct segment_event *out = r->out;
    bool by_hand = !span_starts(r->event, "$") || span_is(r->event, "$autocapture") ||
                   span_is(r->event, "$rageclick");
    out->kind = SEGMENT_TRACK;
    out->name = r->event;
    if (!by_hand)
        add(r, &out->context,
            (struct segment_property){.key = span_of("active"), .kind = SEGMENT_FLAG});
}

static void settle_kind(struct reader *r, const struct told *told, struct span group)
{
    struct segment_event *out = r->out;
    struct span event = r->event;
    bool ours = group.len == 0 || span_eq(group, told->group_type);
    out->group_id = told->group;
    if (span_is(event, "$identify") || span_is(event, "$set")) {
        out->kind = SEGMENT_IDENTIFY;
    } else if (span_is(event, "$groupidentify") && ours) {
        as_group(r, told);
    } else if (is_alias(event)) {
        as_alias(out, told);
    } else if (span_is(event, "$pageview")) {
        out->kind = SEGMENT_PAGE;
        out->name = told->pathname.len > 0 ? told->pathname : told->current_url;
    } else if (span_is(event, "$screen")) {
        out->kind = SEGMENT_SCREEN;
        out->name = told->screen_name;
    } else {
        as_track(r);
    }
}

// Traits: what was set inside the properties or beside them. The later ones stand over the earlier.
static void settle_traits(struct reader *r, struct told *told)
{
    struct segment_event *out = r->out;
    struct segment_list beside = out->traits;
    bool own = out->kind == SEGMENT_IDENTIFY || out->kind == SEGMENT_GROUP;
    struct segment_list *to = own ? &out->traits : &out->context;
    const char *prefix = own ? "" : "traits.";
    out->traits = (struct segment_list){0};
    if (!own && span_is(r->event, "$groupidentify")) // of a group that no account is
        return;
    add_all(r, to, &r->once, prefix);
    add_all(r, to, &told->once, prefix);
    add_all(r, to, &beside, prefix);
    add_all(r, to, &told->traits, prefix);
    if (to->n > SEGMENT_KEYS_MAX)
        (void)reader_fail(r, "$set: more than %d keys", SEGMENT_KEYS_MAX);
    else
        reader_drop_repeated(to);
}

void posthog_finish(struct reader *r, struct span group, int64_t now_ms, struct span *write_key)
{
    struct told told = {0};
    CHECK(r->done && !r->failed && r->dialect == DIALECT_POSTHOG);
    if (r->event.len == 0) {
        (void)reader_fail(r, "event: missing; expected the event's name");
        return;
    }
    sort_properties(r, &told, group);
    if (write_key->len == 0)
        *write_key = told.token;
    settle_user(r, &told);
    settle_kind(r, &told, group);
    settle_traits(r, &told);
    if (r->timestamp_ms == 0 && r->offset_ms > 0 && r->offset_ms < now_ms) {
        r->timestamp_ms = now_ms - r->offset_ms;
        r->out->sent_at_ms = now_ms;
    }
}
