// SPDX-License-Identifier: Apache-2.0
#include "common/base/hash.h"
#include "services/scorer/core/identity_impl.h"

enum { VIEW_PARTS_MAX = 100 };

bool core_identity_place(struct core *core, struct span identity, struct identity_place *out)
{
    enum { ID_MAX = 512 };
    char id[ID_MAX] = HOME_PREFIX;
    size_t n = strlen(id);
    uint32_t number;
    if (identity.len == 0 || identity.len > ID_MAX - n || core->plan == NULL)
        return false;
    memcpy(id + n, identity.ptr, identity.len);
    struct span home = span_make(id, n + identity.len);
    const struct account *account = account_find(core, hash64(home), home, &number);
    if (account == NULL || !identity_is_away(account->identity) || !account->identity->sent)
        return false;
    out->account = span_of(account->identity->account);
    out->user = span_of(account->identity->user);
    out->since_ms = account->identity->since_ms;
    return true;
}

// ---- Who acts as whom ----

// NULL: the account, or the user in it, is not known.
static struct user *view_user(struct core *core, struct span id, struct span user,
                              struct account **account)
{
    uint32_t number;
    *account = core->plan == NULL ? NULL : account_find(core, hash64(id), id, &number);
    if (*account == NULL || (*account)->pending || user.len == 0)
        return NULL;
    return user_find(core, *account, hash64(user), user);
}

size_t core_acting_as(struct core *core, struct span account_id, struct span user_asked,
                      struct arena *arena, const struct span **out)
{
    struct account *account;
    const struct user *user = view_user(core, account_id, user_asked, &account);
    const struct parts *parts = user == NULL ? NULL : account->parts;
    struct span *ids = arena_alloc(arena, sizeof *ids);
    size_t n = 0;
    *out = ids;
    ids[0] = span_make(arena_dup(arena, user_asked), user_asked.len);
    if (parts == NULL || parts->n_others == 0)
        return user_asked.len > 0;
    *out = ids = arena_alloc(arena, (parts->n_others + 1) * sizeof *ids);
    for (uint32_t i = 0; i < account->n_users; i++) {
        struct span id = user_id(core, account->users[i].user);
        if (parts_ordinal_as(parts, i) == user->ordinal)
            ids[n++] = span_make(arena_dup(arena, id), id.len);
    }
    return n;
}

const char *core_known_as(struct core *core, struct span account_id, struct span identity,
                          struct arena *arena)
{
    struct account *account;
    struct user *user = view_user(core, account_id, identity, &account);
    const struct user *as = user == NULL ? NULL : parts_as(account, user);
    return as == user ? "" : arena_dup(arena, user_id(core, as));
}

// ---- Views ----

static const char *view_text(struct arena *arena, const char *text)
{
    return text == NULL ? "" : arena_dup(arena, span_of(text));
}

static void view_links(const struct linked_set *set, enum link_kind kind, enum default_account rule,
                       struct arena *arena, struct identity_link *links, size_t *n)
{
    const struct linked *in_force = linked_in_force(set, kind, rule);
    for (uint32_t i = 0; i < set->n; i++) {
        const struct linked *linked = &set->items[i];
        links[(*n)++] = (struct identity_link){
            .kind = kind,
            .target = view_text(arena, linked->target),
            .first_ms = linked->first_ms,
            .last_ms = linked->last_ms,
            .message_id = view_text(arena, linked->by),
            .undone = linked->undone,
            .in_force = linked == in_force,
        };
    }
}

static const char *view_what(const struct identity_event *event, struct arena *arena)
{
    switch (event->what) {
    case IDENTITY_MOVED:
        return arena_printf(arena, "counts in %s", event->target);
    case IDENTITY_HOME:
        return "counts by itself";
    case IDENTITY_SENT:
        return arena_printf(arena, "merged into %s", event->target);
    case IDENTITY_RETURNED:
        return "came back";
    case IDENTITY_UNDONE:
        return arena_printf(arena, "undone: %s", event->target);
    case IDENTITY_REDONE:
        return arena_printf(arena, "redone: %s", event->target);
    }
    return "";
}

static void view_history(const struct identity *identity, struct arena *arena,
                         struct identity_view *out)
{
    uint32_t n = identity->n_history, first = 0;
    if (n > IDENTITY_HISTORY_MAX)
        first = n - IDENTITY_HISTORY_MAX;
    struct identity_change *changes = arena_alloc(arena, (n - first + 1) * sizeof *changes);
    for (uint32_t i = first; i < n; i++) {
        const struct identity_event *event = &identity->history[i % IDENTITY_HISTORY_MAX];
        changes[out->n_history++] = (struct identity_change){event->at_ms, view_what(event, arena),
                                                             view_text(arena, event->by)};
    }
    out->history = changes;
}

static void view_acts(const struct identity *identity, struct span x, struct arena *arena,
                      struct identity_view *out)
{
    struct identity_acting *acts = arena_alloc(arena, (identity->n_met + 1) * sizeof *acts);
    const char *id = arena_dup(arena, x);
    for (uint32_t i = 0; i < identity->n_met; i++) {
        const struct met *met = &identity->met[i];
        acts[i] = (struct identity_acting){view_text(arena, met->account), id,
                                           met->user == NULL ? id : view_text(arena, met->user)};
    }
    out->acts = acts;
    out->n_acts = identity->n_met;
}

static void view_identity(const struct core *core, const struct identity *identity,
                          struct arena *arena, struct identity_view *out)
{
    enum default_account rule = core->playbook->default_account;
    struct identity_link *links =
        arena_alloc(arena, (identity->users.n + identity->groups.n + 1) * sizeof *links);
    view_links(&identity->users, LINK_USER, rule, arena, links, &out->n_links);
    view_links(&identity->groups, LINK_GROUP, rule, arena, links, &out->n_links);
    out->links = links;
    out->account = view_text(arena, identity->account);
    out->user = view_text(arena, identity->user);
    out->sent = identity->sent;
    out->since_ms = identity->since_ms;
    view_history(identity, arena, out);
}

// The first ones by id.
static void view_acting(const struct core *core, const struct account *account, struct arena *arena,
                        struct identity_view *out)
{
    const struct parts *parts = account->parts;
    struct identity_acting *acting = arena_alloc(arena, (VIEW_PARTS_MAX + 1) * sizeof *acting);
    const char *where = arena_dup(arena, account_id(core, account));
    for (uint32_t i = 0; i < parts->n_as; i++) {
        if (parts->as[i] == i)
            continue;
        const char *id = arena_dup(arena, user_id(core, account->users[i].user));
        size_t at = out->n_acting;
        while (at > 0 && strcmp(acting[at - 1].identity, id) > 0)
            at--;
        if (at == VIEW_PARTS_MAX)
            continue;
        out->n_acting += out->n_acting < VIEW_PARTS_MAX;
        memmove(acting + at + 1, acting + at, (out->n_acting - at - 1) * sizeof *acting);
        struct span user = user_id(core, account->users[parts->as[i]].user);
        acting[at] = (struct identity_acting){where, id, arena_dup(arena, user)};
    }
    out->acting = acting;
    out->n_acting_all = parts->n_others;
}

// The first ones by id.
static void view_parts(const struct core *core, const struct account *account, struct arena *arena,
                       struct identity_view *out)
{
    const struct parts *parts = account->parts;
    struct identity_part *views = arena_alloc(arena, (VIEW_PARTS_MAX + 1) * sizeof *views);
    for (uint32_t i = 0; i < parts->n; i++) {
        const struct part *part = parts->items[i];
        const char *id = arena_dup(arena, span_make(part->id, part->id_len));
        size_t at = out->n_parts;
        while (at > 0 && strcmp(views[at - 1].identity, id) > 0)
            at--;
        if (at == VIEW_PARTS_MAX)
            continue;
        out->n_parts += out->n_parts < VIEW_PARTS_MAX;
        memmove(views + at + 1, views + at, (out->n_parts - at - 1) * sizeof *views);
        struct span user = user_id(core, account->users[part->user].user);
        views[at] = (struct identity_part){
            .identity = id,
            .user = arena_dup(arena, user),
            .by = view_text(arena, part->by),
            .since_ms = part->since_ms,
        };
    }
    out->parts = views;
    out->n_parts_all = parts->n;
}

void core_identity_view(struct core *core, struct span id, struct arena *arena,
                        struct identity_view *out)
{
    uint32_t number;
    const struct account *account =
        core->plan == NULL ? NULL : account_find(core, hash64(id), id, &number);
    *out = (struct identity_view){.account = "", .user = ""};
    if (account == NULL || account->pending)
        return;
    struct span x;
    if (account->identity != NULL && identity_is_personal(id, &x)) {
        view_identity(core, account->identity, arena, out);
        view_acts(account->identity, x, arena, out);
    }
    if (account->parts != NULL) {
        view_parts(core, account, arena, out);
        view_acting(core, account, arena, out);
    }
    out->known = out->n_links > 0 || out->n_history > 0 || out->n_parts > 0 || out->n_acts > 0 ||
                 out->n_acting > 0;
}
