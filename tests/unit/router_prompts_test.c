// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
#include <criterion/criterion.h>

#include "services/router/core/prompts.h"
#include "services/router/core/state.h"
#include "tests/support/router_world.h"

#define EXPECT_LOG(w, expected)                                                                    \
    do {                                                                                           \
        const char *got_ = router_world_log(w);                                                    \
        cr_assert(strcmp(got_, expected) == 0, "expected:\n%s\ngot:\n%s", expected, got_);         \
    } while (0)

#define HEAD                                                                                       \
    "playbook: test\nversion: 1\n"                                                                 \
    "measures:\n"                                                                                  \
    "  projects: {count: Project Created}\n"                                                       \
    "  messages: {count: Message Sent, per: account}\n"                                            \
    "  paid: {count: Paid, per: account}\n"                                                        \
    "signals:\n"                                                                                   \
    "  ready: {projects: {at_least: 3}}\n"                                                         \
    "  near: {messages: {at_least: 80}}\n"                                                         \
    "  stop: {messages: {at_least: 5000}}\n"                                                       \
    "qualify: {pql: ready, pqa: near}\n"                                                           \
    "lifecycle: {customer: {paid: {at_least: 1}}}\n"

static const char PROMPTS[] = HEAD "route:\n"
                                   "  - {when: stop, motion: hold_out}\n"
                                   "  - {when: always, motion: self_serve, message: upgrade}\n"
                                   "prompts:\n"
                                   "  near_limit:\n"
                                   "    when: near\n"
                                   "    text: \"You've used 80 % of your messages\"\n"
                                   "    offer: \"20 % off\"\n"
                                   "    link: https://example.com/upgrade\n"
                                   "    priority: 10\n"
                                   "    expires: 14d\n"
                                   "    snooze: 7d\n"
                                   "  hello: {when: {projects: {at_least: 1}}, text: Hi}\n"
                                   "  upgrade: {text: Upgrade, priority: 5}\n";

static const int64_t DAY = 24 * 3600 * 1000;

static struct router_world w;
static struct arena arena;

static void setup(void)
{
    router_world_init(&w);
    arena_init(&arena, 4096, 0);
    router_core_set_playbook(w.core, router_world_playbook(PROMPTS), &w.effects);
    router_world_note(&w);
}

static void teardown(void)
{
    router_world_deinit(&w);
    arena_deinit(&arena);
}

TestSuite(router_prompts, .init = setup, .fini = teardown);

static void use(const char *text)
{
    router_core_set_playbook(w.core, router_world_playbook(text), &w.effects);
    router_world_note(&w);
}

static void send_at(int64_t at_ms, const char *account, const char *user, const char *name,
                    bool value)
{
    static const struct router_evidence EVIDENCE = {
        {"messages at_least 80", 20}, {"85", 2}, {"80", 2}, 0};
    struct router_signal s = router_world_signal(++w.position, 0, account, user, name, value);
    s.at_ms = s.known_at_ms = at_ms;
    s.evidence = &EVIDENCE;
    s.n_evidence = 1;
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    router_world_note(&w);
    buf_clear(&w.log);
}

// Names of what is shown, in order, with blanks between.
static const char *shown(int64_t now_ms, const char *account, const char *user)
{
    static char text[512];
    const struct router_prompt *prompts;
    arena_reset(&arena);
    size_t n =
        router_core_prompts(w.core, span_of(account), span_of(user), now_ms, &arena, &prompts);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            strcat(text, " ");
        strcat(text, prompts[i].name);
    }
    return text;
}

static enum err answer(int64_t now_ms, const char *user, const char *prompt,
                       enum router_answer said)
{
    enum err err = router_core_answer_prompt(w.core, now_ms, span_of("a"), span_of(user),
                                             span_of(prompt), said, &w.effects, NULL);
    router_world_note(&w);
    return err;
}

Test(router_prompts, each_is_shown_while_its_reason_holds_with_the_reason)
{
    cr_assert_str_eq(shown(1, "a", "u"), "");
    send_at(1, "a", "u", "prompt.hello", true);
    cr_assert_str_eq(shown(1, "a", "u"), "hello");
    send_at(2, "a", "", "near", true);
    cr_assert_str_eq(shown(2, "a", "u"), "near_limit hello"); // the stronger first
    const struct router_prompt *prompts;
    cr_assert_eq(router_core_prompts(w.core, span_of("a"), span_of("u"), 3, &arena, &prompts), 2);
    cr_assert_str_eq(prompts[0].text, "You've used 80 % of your messages");
    cr_assert_str_eq(prompts[0].offer, "20 % off");
    cr_assert_str_eq(prompts[0].link, "https://example.com/upgrade");
    cr_assert_str_eq(prompts[0].reason, "near: messages is 85, at_least 80");
    cr_assert_str_eq(prompts[1].reason, "hello: messages is 85, at_least 80");
    cr_assert_str_eq(prompts[0].lead_id, "");
    cr_assert_eq(prompts[0].since_ms, 2);
    cr_assert_eq(prompts[0].expires_at_ms, 2 + 14 * DAY);
    cr_assert_eq(prompts[1].expires_at_ms, 0);
    send_at(3, "a", "u2", "ready", true);
    cr_assert_str_eq(shown(3, "a", "u2"), "near_limit"); // of the account, not of the other user
    cr_assert_str_eq(shown(3, "a", ""), "near_limit");
    cr_assert_str_eq(shown(3, "a", "nobody"), "");
    cr_assert_str_eq(shown(3, "nowhere", "u"), "");
    send_at(4, "a", "", "near", false);
    cr_assert_str_eq(shown(4, "a", "u"), "hello");
}

Test(router_prompts, one_expires_so_long_after_its_reason)
{
    send_at(1000, "a", "u", "ready", true);
    send_at(1000, "a", "", "near", true);
    cr_assert_str_eq(shown(1000 + 14 * DAY - 1, "a", "u"), "near_limit");
    cr_assert_str_eq(shown(1000 + 14 * DAY, "a", "u"), "");
}

Test(router_prompts, a_lead_shows_its_message_to_its_contacts)
{
    send_at(1, "a", "u2", "ready", true);
    send_at(2, "a", "u", "qualify.pql", true);
    cr_assert_str_eq(shown(3, "a", "u"), "upgrade");
    cr_assert_str_eq(shown(3, "a", "u2"), "");
    const struct router_prompt *prompts;
    router_core_prompts(w.core, span_of("a"), span_of("u"), 3, &arena, &prompts);
    struct router_lead *lead = router_state_account_find(w.core, span_of("a"))->lead;
    cr_assert_str_eq(prompts[0].lead_id, lead->id);
    cr_assert_str_eq(prompts[0].reason, "pql: messages is 85, at_least 80");
    cr_assert_eq(prompts[0].since_ms, 2);
    // A lead of the account alone speaks to everybody.
    send_at(4, "b", "u", "ready", true);
    send_at(5, "b", "", "qualify.pqa", true);
    cr_assert_str_eq(shown(6, "b", "u"), "upgrade");
    // While it is handed out, too; not after its end.
    const struct router_lead *out[ROUTER_LEASE_LEADS_MAX];
    cr_assert_eq(router_world_lease(&w, 7, "self_serve", "c", 1, "", out), 1);
    cr_assert_str_eq(shown(7, "a", "u"), "upgrade");
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(out[0], token);
    cr_assert(router_core_complete(w.core, 8, span_of(out[0]->id), span_of(token), span_of("won"),
                                   out, &w.effects, NULL) == ERR_OK);
    cr_assert_str_eq(shown(9, "a", "u"), "");
    // Parked, it is silent.
    struct router_lead *other = router_state_account_find(w.core, span_of("b"))->lead;
    cr_assert(router_core_park(w.core, 10, span_of(other->id), span_of(""), span_of("later"),
                               span_of(""), out, &w.effects, NULL) == ERR_OK);
    cr_assert_str_eq(shown(11, "b", "u"), "");
}

Test(router_prompts, a_dismissed_one_comes_back_after_its_snooze)
{
    send_at(1, "a", "u", "ready", true);
    send_at(1, "a", "u2", "ready", true);
    send_at(2, "a", "", "near", true);
    cr_assert(answer(10, "u", "near_limit", ROUTER_DISMISSED) == ERR_OK);
    EXPECT_LOG(&w, "prompt near_limit a/u: dismissed\n");
    cr_assert(answer(11, "u", "near_limit", ROUTER_DISMISSED) == ERR_OK); // without effect
    EXPECT_LOG(&w, "");
    cr_assert_str_eq(shown(12, "a", "u"), "");
    cr_assert_str_eq(shown(12, "a", "u2"), "near_limit");
    cr_assert_str_eq(shown(10 + 7 * DAY - 1, "a", "u"), "");
    cr_assert_str_eq(shown(10 + 7 * DAY, "a", "u"), "near_limit");
    cr_assert(answer(10 + 7 * DAY, "u", "near_limit", ROUTER_DISMISSED) == ERR_OK);
    EXPECT_LOG(&w, "prompt near_limit a/u: dismissed\n");
    cr_assert_str_eq(shown(10 + 13 * DAY, "a", "u"), "");
    cr_assert(answer(10 + 13 * DAY, "u", "near_limit", ROUTER_CONVERTED) == ERR_OK);
    EXPECT_LOG(&w, "prompt near_limit a/u: converted\n");
    // Another reason begins anew.
    send_at(14 * DAY, "a", "", "near", false);
    cr_assert_str_eq(shown(14 * DAY, "a", "u"), "");
    send_at(15 * DAY, "a", "", "near", true);
    cr_assert_str_eq(shown(15 * DAY, "a", "u"), "near_limit");
}

Test(router_prompts, without_a_snooze_a_dismissed_one_stays_away_in_its_episode)
{
    send_at(1, "a", "u", "prompt.hello", true);
    cr_assert(answer(2, "u", "hello", ROUTER_DISMISSED) == ERR_OK);
    cr_assert_str_eq(shown(1000 * DAY, "a", "u"), "");
    send_at(1000 * DAY, "a", "u", "prompt.hello", false);
    send_at(1001 * DAY, "a", "u", "prompt.hello", true);
    cr_assert_str_eq(shown(1001 * DAY, "a", "u"), "hello");
    cr_assert(answer(1001 * DAY, "u", "hello", ROUTER_CONVERTED) == ERR_OK);
    cr_assert_str_eq(shown(1002 * DAY, "a", "u"), "");
}

Test(router_prompts, answers_are_checked)
{
    send_at(1, "a", "u", "ready", true);
    cr_assert(answer(2, "u", "nothing", ROUTER_DISMISSED) == ERR_NOT_FOUND);
    cr_assert(answer(2, "u", "near_limit", (enum router_answer)3) == ERR_INVALID);
    cr_assert(answer(2, "nobody", "near_limit", ROUTER_DISMISSED) == ERR_NOT_FOUND);
    cr_assert(router_core_answer_prompt(w.core, 2, span_of("b"), span_of("u"),
                                        span_of("near_limit"), ROUTER_DISMISSED, &w.effects,
                                        NULL) == ERR_NOT_FOUND);
}

Test(router_prompts, so_many_answers_of_a_user_are_remembered)
{
    static char text[16384];
    int len = snprintf(text, sizeof text, "%sprompts:\n", HEAD);
    for (int i = 0; i < 64; i++)
        len +=
            snprintf(text + len, sizeof text - (size_t)len, "  p%02d: {when: near, text: T}\n", i);
    use(text);
    send_at(1, "a", "u", "ready", true);
    send_at(1, "a", "", "near", true);
    const struct router_prompt *prompts;
    cr_assert_eq(router_core_prompts(w.core, span_of("a"), span_of("u"), 2, &arena, &prompts),
                 ROUTER_PROMPTS_MAX);
    for (int i = 0; i < 64; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%02d", i);
        cr_assert(answer(2 + i, "u", name, ROUTER_DISMISSED) == ERR_OK);
    }
    cr_assert_str_eq(shown(100, "a", "u"), "");
    // One of another playbook takes the place of the oldest.
    len = (int)strlen(text);
    snprintf(text + len, sizeof text - (size_t)len, " ");
    char *first = strstr(text, "p00");
    memcpy(first, "q00", 3);
    use(text);
    cr_assert(answer(200, "u", "q00", ROUTER_DISMISSED) == ERR_OK);
    memcpy(first, "p00", 3);
    use(text);
    cr_assert_str_eq(shown(201, "a", "u"), "p00");
}

// ---- Whom nothing is shown ----------------------------------------------------------------------

Test(router_prompts, who_must_not_be_contacted_or_did_not_agree_sees_none)
{
    static char text[4096];
    snprintf(text, sizeof text,
             "%scontact: {never: {user.unsubscribed: true}, consent: {user.agreed: true}}\n",
             PROMPTS);
    use(text);
    send_at(1, "a", "u", "ready", true);
    send_at(1, "a", "", "near", true);
    cr_assert_str_eq(shown(2, "a", "u"), "");
    cr_assert_str_eq(shown(2, "a", ""), "");
    send_at(3, "a", "u", "contact.consent", true);
    cr_assert_str_eq(shown(4, "a", "u"), "near_limit");
    send_at(5, "a", "u", "contact.never", true);
    cr_assert_str_eq(shown(6, "a", "u"), "");
}

Test(router_prompts, who_is_held_out_sees_none)
{
    send_at(1, "a", "u", "ready", true);
    send_at(1, "a", "", "near", true);
    send_at(2, "a", "", "stop", true);
    cr_assert_str_eq(shown(2, "a", "u"), "near_limit"); // there is no lead to hold out yet
    send_at(3, "a", "", "qualify.pqa", true);
    cr_assert_str_eq(shown(4, "a", "u"), "");
    // By an experiment: from the beginning on, so that nobody has seen anything before his lead.
    static char text[4096];
    snprintf(text, sizeof text, "%sexperiments: {nearly: {holdout: 99.99%%}}\n", PROMPTS);
    use(text);
    send_at(5, "b", "u", "ready", true);
    send_at(5, "b", "", "near", true);
    cr_assert_str_eq(shown(6, "b", "u"), "");
}

Test(router_prompts, a_customer_sees_only_what_began_after_that)
{
    send_at(1, "a", "u", "prompt.hello", true);
    send_at(1, "a", "", "near", true);
    send_at(10, "a", "", "stage.customer", true);
    cr_assert_str_eq(shown(11, "a", "u"), "");
    send_at(12, "a", "", "near", false);
    send_at(13, "a", "", "near", true);
    cr_assert_str_eq(shown(14, "a", "u"), "near_limit");
    send_at(15, "a", "", "stage.customer", false);
    cr_assert_str_eq(shown(16, "a", "u"), "near_limit hello");
}

// ---- From memory --------------------------------------------------------------------------------

Test(router_prompts, nothing_changes_by_looking)
{
    send_at(1, "a", "u", "ready", true);
    send_at(1, "a", "", "near", true);
    struct router_counts before, after;
    router_core_counts(w.core, &before);
    for (int i = 0; i < 100; i++)
        cr_assert_str_eq(shown(100 * DAY, "a", "u"), "");
    router_core_counts(w.core, &after);
    cr_assert_eq(memcmp(&before, &after, sizeof before), 0);
}
