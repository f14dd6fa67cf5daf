// SPDX-License-Identifier: Apache-2.0
// links: rpc loop assay_proto base clock router_core
// runs: assay-router
//
// Teams, prompts and experiments of the shipped router, over kills.
#include <criterion/criterion.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "common/clock/clock.h"
#include "tests/support/router_process.h"

static const char TEAMS[] = "playbook: test\n"
                            "version: 1\n"
                            "measures:\n"
                            "  projects: {count: Project Created}\n"
                            "signals:\n"
                            "  ready: {projects: {at_least: 3}}\n"
                            "  strong: {projects: {at_least: 9}}\n"
                            "qualify: {pql: ready}\n"
                            "route:\n"
                            "  - {when: strong, motion: sales, priority: 7}\n"
                            "  - {when: always, motion: self_serve, message: upgrade}\n"
                            "queues:\n"
                            "  self_serve: {lease: 60s, attempts: 100}\n"
                            "  sales: {lease: 60s, attempts: 100}\n"
                            "teams:\n"
                            "  smb:\n"
                            "    queue: sales\n"
                            "    caps: {open: 2}\n"
                            "    sla: {first_touch: 1h}\n"
                            "    reps: {ana: {}, ben: {weight: 2}}\n"
                            "experiments:\n"
                            "  speed: {arms: {fast: {share: 100%}}, size: 50}\n"
                            "prompts:\n"
                            "  upgrade: {text: Upgrade now, offer: 20 % off, priority: 3}\n"
                            "  grow: {when: strong, text: Grow, priority: 9}\n";

static void restart(struct router_process *w)
{
    kill(w->pid, SIGKILL);
    cr_assert_eq(wait_end(w), 128 + SIGKILL);
    start(w);
}

#define REFUSED(w, Method, method, request, expected, word)                                        \
    do {                                                                                           \
        cr_assert_eq(ASK(w, Method, method, request, NULL), expected, "%s", (w)->info.text);       \
        cr_assert(strstr((w)->info.text, word) != NULL, "%s", (w)->info.text);                     \
    } while (0)

static uint64_t journal_last(struct router_process *w)
{
    Assay__Router__V1__GetQueuesRequest request = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesResponse *answer = NULL;
    INSIST(w, GetQueues, get_queues, &request, &answer);
    return answer->journal_last;
}

static const Assay__Router__V1__Lead *lead_of(struct router_process *w, const char *account)
{
    Assay__Router__V1__ListLeadsRequest list = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    Assay__Router__V1__ListLeadsResponse *leads = NULL;
    list.account_id = (char *)account;
    INSIST(w, ListLeads, list_leads, &list, &leads);
    cr_assert_eq(leads->n_leads, 1);
    return leads->leads[0];
}

static const char *rep_of(struct router_process *w, const char *account)
{
    return lead_of(w, account)->rep;
}

// A lead for the team, by an event of now: promises are counted from then on.
static void bring(struct router_process *w, uint64_t number, const char *account)
{
    static const char *const NAMES[] = {"strong", "qualify.pql"};
    Assay__Router__V1__Signal signals[2], *list[2];
    for (uint64_t i = 0; i < 2; i++) {
        signal_fill(&signals[i], number, i, account, NAMES[i]);
        signals[i].at_ms = signals[i].known_at_ms = clock_wall_ms();
        list[i] = &signals[i];
    }
    Assay__Router__V1__ApplySignalsRequest request = ASSAY__ROUTER__V1__APPLY_SIGNALS_REQUEST__INIT;
    request.n_signals = 2;
    request.signals = list;
    INSIST(w, ApplySignals, apply_signals, &request, NULL);
}

static const Assay__Router__V1__Team *team(struct router_process *w)
{
    Assay__Router__V1__GetTeamsRequest request = ASSAY__ROUTER__V1__GET_TEAMS_REQUEST__INIT;
    Assay__Router__V1__GetTeamsResponse *answer = NULL;
    INSIST(w, GetTeams, get_teams, &request, &answer);
    cr_assert_eq(answer->n_teams, 1);
    cr_assert_gt(answer->now_ms, 0);
    cr_assert_str_eq(answer->teams[0]->name, "smb");
    return answer->teams[0];
}

static const Assay__Router__V1__Rep *rep(struct router_process *w, const char *name)
{
    const Assay__Router__V1__Team *smb = team(w);
    for (size_t i = 0; i < smb->n_reps; i++)
        if (strcmp(smb->reps[i]->now->rep, name) == 0)
            return smb->reps[i];
    cr_assert_fail("there is no rep %s", name);
    return NULL;
}

// All decisions (of a lead, unless it is ""). A page may end where the log passes from the store to
// memory.
enum { LOG_MAX = 200 };
struct log {
    const Assay__Router__V1__Decision *items[LOG_MAX];
    size_t n;
};

static struct log read_log(struct router_process *w, const char *lead_id)
{
    struct log log = {.n = 0};
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    Assay__Router__V1__ListDecisionsResponse *page = NULL;
    request.lead_id = (char *)lead_id;
    do {
        INSIST(w, ListDecisions, list_decisions, &request, &page);
        for (size_t i = 0; i < page->n_decisions && log.n < LOG_MAX; i++)
            log.items[log.n++] = page->decisions[i];
        request.after = page->next;
    } while (page->next < page->last);
    return log;
}

// Four leads, two for each rep, and one that waits.
static void fill(struct router_process *w)
{
    static const char *const ACCOUNTS[] = {"a", "b", "c", "d", "e"};
    for (uint64_t i = 0; i < 5; i++)
        bring(w, i + 1, ACCOUNTS[i]);
}

static void check_filled(struct router_process *w)
{
    static const char *const REPS[] = {"ana", "ben", "ben", "ana", ""};
    for (int i = 0; i < 5; i++) {
        char account[] = {(char)('a' + i), '\0'};
        const Assay__Router__V1__Lead *lead = lead_of(w, account);
        cr_assert_str_eq(lead->rep, REPS[i], "%s has %s", account, lead->rep);
        cr_assert_str_eq(lead->team, "smb");
        cr_assert_eq(lead->held_since_ms > 0, i == 4);
        cr_assert_eq(lead->touch_by_ms > 0, i < 4);
        cr_assert_eq(lead->touch_by_ms, i < 4 ? lead->assigned_at_ms + 3600000 : 0);
        cr_assert_eq(lead->n_arms, 1);
        cr_assert_str_eq(lead->arms[0]->arm, "fast");
    }
    const Assay__Router__V1__Team *smb = team(w);
    cr_assert_str_eq(smb->queue, "sales");
    cr_assert_eq(smb->held, 1);
    cr_assert_gt(smb->oldest_held_ms, 0);
    cr_assert_eq(smb->first_touch_ms, 3600000);
    cr_assert_eq(smb->n_reps, 2);
    const Assay__Router__V1__Rep *ben = rep(w, "ben");
    cr_assert_eq(ben->now->verdict, ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_OPEN);
    cr_assert_eq(ben->now->open, 2);
    cr_assert_eq(ben->now->weight, 2);
    cr_assert_eq(ben->now->cap, 2);
    cr_assert_eq(ben->caps->open, 2);
    cr_assert_eq(ben->ever_assigned, 2);
    cr_assert(!ben->by_hand);
}

static const Assay__Router__V1__LeaseResponse *lease_as(struct router_process *w, const char *who,
                                                        uint32_t max)
{
    Assay__Router__V1__LeaseRequest request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    request.queue = (char *)"sales";
    request.consumer = (char *)who;
    request.max = max;
    Assay__Router__V1__LeaseResponse *answer = NULL;
    INSIST(w, Lease, lease, &request, &answer);
    return answer;
}

Test(router_teams, leads_go_to_reps_and_slots_are_filled_again)
{
    struct router_process w;
    router_process_make(&w, TEAMS, TEST_BIN_DIR "/assay-router");
    start(&w);
    fill(&w);
    check_filled(&w);
    restart(&w);
    check_filled(&w);

    Assay__Router__V1__GetQueuesRequest ask_queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesResponse *queues = NULL;
    INSIST(&w, GetQueues, get_queues, &ask_queues, &queues);
    cr_assert_str_eq(queues->queues[0]->name, "sales");
    cr_assert_str_eq(queues->queues[0]->team, "smb");
    cr_assert_eq(queues->queues[0]->ready, 4);
    cr_assert_eq(queues->queues[0]->held, 1);
    cr_assert_eq(queues->queues[0]->untouched, 4);

    // A rep gets his own; what he completes makes room for the one that waits.
    const Assay__Router__V1__LeaseResponse *leased = lease_as(&w, "ben", 10);
    cr_assert_eq(leased->n_leads, 2);
    cr_assert_str_eq(leased->leads[0]->account_id, "b");
    Assay__Router__V1__CompleteRequest complete = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
    complete.lead_id = leased->leads[0]->lead_id;
    complete.lease_token = leased->leads[0]->lease_token;
    complete.outcome = (char *)"won";
    INSIST(&w, Complete, complete, &complete, NULL);
    cr_assert_str_eq(rep_of(&w, "e"), "ben");
    restart(&w);
    cr_assert_str_eq(rep_of(&w, "e"), "ben");
    const Assay__Router__V1__Rep *ben = rep(&w, "ben");
    cr_assert_eq(ben->won, 1);
    cr_assert_eq(ben->touched, 1);
    cr_assert_eq(ben->ever_assigned, 3);
    cr_assert_eq(lease_as(&w, "c", 10)->n_leads, 3); // anybody else: any assigned lead
    router_process_end(&w);
}

Test(router_teams, decisions_name_the_candidates)
{
    struct router_process w;
    router_process_make(&w, TEAMS, TEST_BIN_DIR "/assay-router");
    start(&w);
    fill(&w);
    const Assay__Router__V1__Lead *lead = lead_of(&w, "c");
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    Assay__Router__V1__ListDecisionsResponse *page = NULL;
    request.after = lead->assigned_offset - 1;
    request.max = 1;
    INSIST(&w, ListDecisions, list_decisions, &request, &page);
    cr_assert_eq(page->n_decisions, 1);
    const Assay__Router__V1__LeadDecision *d = page->decisions[0]->lead;
    cr_assert_eq(d->step, ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ASSIGNED);
    cr_assert_str_eq(d->lead_id, lead->lead_id);
    cr_assert_str_eq(d->rep, "ben");
    cr_assert_str_eq(d->team, "smb");
    cr_assert_eq(d->due_ms, lead->touch_by_ms);
    cr_assert_eq(d->n_candidates, 2);
    cr_assert_str_eq(d->candidates[0]->rep, "ana");
    cr_assert_eq(d->candidates[0]->verdict, ASSAY__ROUTER__V1__VERDICT__VERDICT_BEHIND);
    cr_assert_eq(d->candidates[0]->assigned, 1);
    cr_assert_eq(d->candidates[1]->verdict, ASSAY__ROUTER__V1__VERDICT__VERDICT_CHOSEN);
    cr_assert_eq(d->candidates[1]->weight, 2);
    // The last one of "e" says why nobody could take it.
    struct log log = read_log(&w, lead_of(&w, "e")->lead_id);
    cr_assert_eq(log.n, 2); // created, held
    d = log.items[1]->lead;
    cr_assert_eq(d->step, ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_HELD);
    cr_assert_eq(d->n_candidates, 2);
    cr_assert_eq(d->candidates[0]->verdict, ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_OPEN);
    cr_assert_eq(d->candidates[0]->cap, 2);
    cr_assert_eq(d->due_ms, 0);
    router_process_end(&w);
}

static void check_metrics(struct router_process *w, const char *const *lines, size_t n)
{
    (void)journal_last(w); // answered after the numbers of what came before were published
    Assay__Admin__V1__GetMetricsRequest request = ASSAY__ADMIN__V1__GET_METRICS_REQUEST__INIT;
    Assay__Admin__V1__GetMetricsResponse *answer = NULL;
    cr_assert_eq(ask(w, "assay.admin.v1.AdminService/GetMetrics", &request.base,
                     &assay__admin__v1__get_metrics_response__descriptor, &answer),
                 ERR_OK, "%s", w->info.text);
    for (size_t i = 0; i < n; i++)
        cr_assert(strstr(answer->text, lines[i]) != NULL, "%s is not in\n%s", lines[i],
                  answer->text);
}

Test(router_teams, metrics_tell_of_queues_and_reps)
{
    static const char *const BEFORE[] = {"assay_router_leads_assigned_total 4\n",
                                         "assay_router_leads_held_total 1\n",
                                         "assay_router_queue_ready{queue=\"sales\"} 4\n",
                                         "assay_router_queue_held{queue=\"sales\"} 1\n",
                                         "assay_router_queue_untouched{queue=\"sales\"} 4\n",
                                         "assay_router_queue_waiting{queue=\"self_serve\"} 0\n"};
    // What was counted before the kill is not counted again; what is known is told again.
    static const char *const AFTER[] = {"assay_router_leads_assigned_total 0\n",
                                        "assay_router_queue_ready{queue=\"sales\"} 4\n",
                                        "assay_router_queue_held{queue=\"sales\"} 1\n"};
    struct router_process w;
    router_process_make(&w, TEAMS, TEST_BIN_DIR "/assay-router");
    start(&w);
    fill(&w);
    check_metrics(&w, BEFORE, ARRAY_LEN(BEFORE));
    restart(&w);
    check_metrics(&w, AFTER, ARRAY_LEN(AFTER));
    router_process_end(&w);
}

static enum err assign(struct router_process *w, const char *account, const char *to,
                       Assay__Router__V1__AssignResponse **answer)
{
    Assay__Router__V1__AssignRequest request = ASSAY__ROUTER__V1__ASSIGN_REQUEST__INIT;
    request.lead_id = lead_of(w, account)->lead_id;
    request.rep = (char *)to;
    request.by = (char *)"olga";
    request.reason = (char *)"knows them";
    return ASK(w, Assign, assign, &request, answer);
}

Test(router_teams, a_lead_is_given_by_hand)
{
    struct router_process w;
    router_process_make(&w, TEAMS, TEST_BIN_DIR "/assay-router");
    start(&w);
    fill(&w);
    Assay__Router__V1__AssignResponse *answer = NULL;
    cr_assert_eq(assign(&w, "e", "ana", &answer), ERR_OK, "%s", w.info.text);
    cr_assert_str_eq(answer->lead->rep, "ana");
    cr_assert_eq(assign(&w, "e", "ana", &answer), ERR_OK, "%s", w.info.text); // his already
    cr_assert_eq(assign(&w, "a", "ben", &answer), ERR_OK, "%s", w.info.text);
    cr_assert_eq(assign(&w, "a", "cleo", NULL), ERR_NOT_FOUND);
    send_one(&w, 100, "z", "qualify.pql"); // of a queue without a team
    cr_assert_eq(assign(&w, "z", "ana", NULL), ERR_CONFLICT);
    restart(&w);
    cr_assert_str_eq(rep_of(&w, "e"), "ana");
    cr_assert_str_eq(rep_of(&w, "a"), "ben");
    cr_assert_eq(rep(&w, "ben")->now->open, 3);
    cr_assert_eq(rep(&w, "ana")->credited, 1);
    uint64_t before = journal_last(&w);
    Assay__Router__V1__AssignRequest request = ASSAY__ROUTER__V1__ASSIGN_REQUEST__INIT;
    REFUSED(&w, Assign, assign, &request, ERR_INVALID, "lead_id");
    request.lead_id = (char *)"L1";
    REFUSED(&w, Assign, assign, &request, ERR_NOT_FOUND, "lead_id");
    request.by = (char *)"\xff";
    REFUSED(&w, Assign, assign, &request, ERR_INVALID, "by");
    cr_assert_eq(journal_last(&w), before);
    router_process_end(&w);
}

static Assay__Router__V1__ChangeRepRequest change_of(const char *name)
{
    Assay__Router__V1__ChangeRepRequest change = ASSAY__ROUTER__V1__CHANGE_REP_REQUEST__INIT;
    change.team = (char *)"smb";
    change.rep = (char *)name;
    change.by = (char *)"olga";
    return change;
}

Test(router_teams, a_rep_is_changed_over_the_playbook)
{
    struct router_process w;
    router_process_make(&w, TEAMS, TEST_BIN_DIR "/assay-router");
    start(&w);
    Assay__Router__V1__SetNumber number = ASSAY__ROUTER__V1__SET_NUMBER__INIT;
    Assay__Router__V1__SetAbsence absence = ASSAY__ROUTER__V1__SET_ABSENCE__INIT;
    Assay__Router__V1__ChangeRepRequest ana = change_of("ana"), cleo = change_of("cleo");
    absence.until_ms = 4102444800000; // the year 2100
    ana.absent = &absence;
    INSIST(&w, ChangeRep, change_rep, &ana, NULL);
    number.value = 7;
    cleo.add = true;
    cleo.open = &number;
    INSIST(&w, ChangeRep, change_rep, &cleo, NULL);
    cr_assert_eq(ASK(&w, ChangeRep, change_rep, &cleo, NULL), ERR_CONFLICT);
    fill(&w);
    for (int times = 0; times < 2; times++) {
        cr_assert_str_eq(rep_of(&w, "a"), "ben");
        cr_assert_str_eq(rep_of(&w, "b"), "cleo");
        cr_assert_str_eq(rep_of(&w, "e"), "cleo"); // ben is full
        cr_assert_eq(rep(&w, "ana")->now->verdict, ASSAY__ROUTER__V1__VERDICT__VERDICT_ABSENT);
        cr_assert_eq(rep(&w, "ana")->absent_until_ms, absence.until_ms);
        cr_assert(rep(&w, "ana")->by_hand);
        cr_assert(rep(&w, "cleo")->added);
        cr_assert_eq(rep(&w, "cleo")->caps->open, 7);
        restart(&w);
    }
    // He is gone: what he has goes to others, as far as they can take it.
    cleo = change_of("cleo");
    cleo.remove = true;
    INSIST(&w, ChangeRep, change_rep, &cleo, NULL);
    cr_assert_str_eq(rep_of(&w, "b"), "");
    ana = change_of("ana");
    ana.reset = true;
    INSIST(&w, ChangeRep, change_rep, &ana, NULL);
    restart(&w);
    cr_assert_str_eq(rep_of(&w, "b"), "ana");
    cr_assert(!rep(&w, "ana")->by_hand);
    router_process_end(&w);
}

Test(router_teams, bad_changes_name_the_field_and_are_not_journaled)
{
    struct router_process w;
    router_process_make(&w, TEAMS, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "strong");
    uint64_t before = journal_last(&w);
    Assay__Router__V1__SetNumber number = ASSAY__ROUTER__V1__SET_NUMBER__INIT;
    Assay__Router__V1__ChangeRepRequest change = ASSAY__ROUTER__V1__CHANGE_REP_REQUEST__INIT;
    REFUSED(&w, ChangeRep, change_rep, &change, ERR_INVALID, "team");
    change = change_of("");
    REFUSED(&w, ChangeRep, change_rep, &change, ERR_INVALID, "rep");
    change = change_of("ana");
    REFUSED(&w, ChangeRep, change_rep, &change, ERR_INVALID, "nothing");
    change.remove = change.reset = true;
    REFUSED(&w, ChangeRep, change_rep, &change, ERR_INVALID, "remove");
    change = change_of("ana");
    change.weight = &number;
    REFUSED(&w, ChangeRep, change_rep, &change, ERR_INVALID, "weight");
    change = change_of("ana");
    change.open = &number;
    number.value = -1;
    REFUSED(&w, ChangeRep, change_rep, &change, ERR_INVALID, "open");
    change = change_of("ana");
    change.per_period = &number;
    number.value = 3;
    change.period_ms = 5;
    REFUSED(&w, ChangeRep, change_rep, &change, ERR_INVALID, "period_ms");
    change = change_of("ana");
    change.active = &number;
    REFUSED(&w, ChangeRep, change_rep, &change, ERR_INVALID, "active");
    number.value = 0;
    change.team = (char *)"nobody";
    REFUSED(&w, ChangeRep, change_rep, &change, ERR_NOT_FOUND, "team");
    Assay__Router__V1__AnswerPromptRequest answer = ASSAY__ROUTER__V1__ANSWER_PROMPT_REQUEST__INIT;
    REFUSED(&w, AnswerPrompt, answer_prompt, &answer, ERR_INVALID, "account_id");
    answer.account_id = (char *)"nobody";
    REFUSED(&w, AnswerPrompt, answer_prompt, &answer, ERR_INVALID, "prompt");
    answer.prompt = (char *)"nothing";
    REFUSED(&w, AnswerPrompt, answer_prompt, &answer, ERR_INVALID, "answer");
    answer.answer = ASSAY__ROUTER__V1__PROMPT_ANSWER__PROMPT_ANSWER_DISMISSED;
    REFUSED(&w, AnswerPrompt, answer_prompt, &answer, ERR_NOT_FOUND, "account_id");
    answer.account_id = (char *)"a";
    REFUSED(&w, AnswerPrompt, answer_prompt, &answer, ERR_NOT_FOUND, "prompt");
    Assay__Router__V1__GetPromptsRequest prompts = ASSAY__ROUTER__V1__GET_PROMPTS_REQUEST__INIT;
    REFUSED(&w, GetPrompts, get_prompts, &prompts, ERR_INVALID, "account_id");
    cr_assert_eq(journal_last(&w), before);
    router_process_end(&w);
}

// ---- Prompts and experiments --------------------------------------------------------------------

static const Assay__Router__V1__GetPromptsResponse *
prompts_for(struct router_process *w, const char *account, const char *user)
{
    Assay__Router__V1__GetPromptsRequest request = ASSAY__ROUTER__V1__GET_PROMPTS_REQUEST__INIT;
    Assay__Router__V1__GetPromptsResponse *answer = NULL;
    request.account_id = (char *)account;
    request.user_id = (char *)user;
    INSIST(w, GetPrompts, get_prompts, &request, &answer);
    return answer;
}

Test(router_teams, prompts_are_shown_until_they_are_answered)
{
    struct router_process w;
    router_process_make(&w, TEAMS, TEST_BIN_DIR "/assay-router");
    start(&w);
    cr_assert_eq(prompts_for(&w, "a", "u")->n_prompts, 0);
    send_one(&w, 1, "a", "qualify.pql"); // its route says `upgrade`
    const Assay__Router__V1__GetPromptsResponse *shown = prompts_for(&w, "a", "u");
    cr_assert_eq(shown->n_prompts, 1);
    cr_assert_str_eq(shown->prompts[0]->name, "upgrade");
    cr_assert_str_eq(shown->prompts[0]->text, "Upgrade now");
    cr_assert_str_eq(shown->prompts[0]->offer, "20 % off");
    cr_assert_str_eq(shown->prompts[0]->lead_id, lead_of(&w, "a")->lead_id);
    send_one(&w, 2, "b", "strong");
    shown = prompts_for(&w, "b", "u");
    cr_assert_eq(shown->n_prompts, 1);
    cr_assert_str_eq(shown->prompts[0]->name, "grow");
    cr_assert_eq(shown->prompts[0]->priority, 9);
    cr_assert_eq(prompts_for(&w, "b", "another")->n_prompts, 0);
    cr_assert_eq(prompts_for(&w, "nobody", "u")->n_prompts, 0);

    Assay__Router__V1__AnswerPromptRequest answer = ASSAY__ROUTER__V1__ANSWER_PROMPT_REQUEST__INIT;
    answer.account_id = (char *)"b";
    answer.user_id = (char *)"u";
    answer.prompt = (char *)"grow";
    answer.answer = ASSAY__ROUTER__V1__PROMPT_ANSWER__PROMPT_ANSWER_DISMISSED;
    for (int times = 0; times < 2; times++) { // again: no effect
        INSIST(&w, AnswerPrompt, answer_prompt, &answer, NULL);
        cr_assert_eq(prompts_for(&w, "b", "u")->n_prompts, 0);
        restart(&w);
    }
    cr_assert_eq(prompts_for(&w, "b", "u")->n_prompts, 0);
    cr_assert_eq(prompts_for(&w, "a", "u")->n_prompts, 1);
    struct log log = read_log(&w, "");
    size_t n = 0;
    for (size_t i = 0; i < log.n; i++) {
        const Assay__Router__V1__Decision *d = log.items[i];
        if (d->decision_case != ASSAY__ROUTER__V1__DECISION__DECISION_PROMPT)
            continue;
        n++;
        cr_assert_str_eq(d->prompt->prompt, "grow");
        cr_assert_str_eq(d->prompt->account_id, "b");
        cr_assert_str_eq(d->prompt->user_id, "u");
        cr_assert_str_eq(d->prompt->answer, "dismissed");
    }
    cr_assert_eq(n, 1);
    router_process_end(&w);
}

Test(router_teams, experiments_count_their_leads)
{
    struct router_process w;
    router_process_make(&w, TEAMS, TEST_BIN_DIR "/assay-router");
    start(&w);
    fill(&w);
    restart(&w);
    Assay__Router__V1__GetExperimentsRequest request =
        ASSAY__ROUTER__V1__GET_EXPERIMENTS_REQUEST__INIT;
    Assay__Router__V1__GetExperimentsResponse *answer = NULL;
    INSIST(&w, GetExperiments, get_experiments, &request, &answer);
    cr_assert_eq(answer->n_experiments, 1);
    cr_assert_str_eq(answer->experiments[0]->name, "speed");
    cr_assert_eq(answer->experiments[0]->size, 50);
    cr_assert_eq(answer->experiments[0]->n_arms, 1);
    cr_assert_str_eq(answer->experiments[0]->arms[0]->name, "fast");
    cr_assert_eq(answer->experiments[0]->arms[0]->leads, 5);
    cr_assert(!answer->experiments[0]->arms[0]->holdout);
    router_process_end(&w);
}
