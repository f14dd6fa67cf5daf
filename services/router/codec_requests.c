// SPDX-License-Identifier: Apache-2.0
// What can be told of a request by itself: its texts and numbers, before the core sees it.
#include "common/base/text.h"
#include "services/router/codec.h"

static enum err check_text(const char *field, const char *text, bool needed, struct err_info *info)
{
    struct span span = span_of(text);
    if (span.len == 0 && needed)
        return err_set(info, ERR_INVALID, "%s: expected a text, got nothing", field);
    if (span.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "%s: longer than %d bytes", field, ROUTER_TEXT_MAX);
    if (!text_is_clean_utf8(span))
        return err_set(info, ERR_INVALID, "%s: not UTF-8", field);
    return ERR_OK;
}

struct text {
    const char *field, *text;
    bool needed;
};

static enum err check_texts(const struct text *texts, size_t n, struct err_info *info)
{
    for (size_t i = 0; i < n; i++) {
        enum err err = check_text(texts[i].field, texts[i].text, texts[i].needed, info);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

enum err router_codec_check_release(const Assay__Router__V1__ReleaseRequest *in,
                                    struct err_info *info)
{
    if (in->delay_ms < 0 || in->delay_ms > ROUTER_DELAY_MS_MAX)
        return err_set(info, ERR_INVALID, "delay_ms: %lld is not between 0 and %lld",
                       (long long)in->delay_ms, (long long)ROUTER_DELAY_MS_MAX);
    return check_text("reason", in->reason, false, info);
}

enum err router_codec_check_park(const Assay__Router__V1__ParkRequest *in, struct err_info *info)
{
    const struct text texts[] = {
        {"lead_id", in->lead_id, true}, {"reason", in->reason, true}, {"by", in->by, false}};
    return check_texts(texts, ARRAY_LEN(texts), info);
}

enum err router_codec_check_redrive(const Assay__Router__V1__RedriveRequest *in,
                                    struct err_info *info)
{
    if ((in->lead_id[0] == '\0') == (in->queue[0] == '\0'))
        return err_set(info, ERR_INVALID, "lead_id, queue: exactly one of them is needed");
    const struct text texts[] = {
        {"lead_id", in->lead_id, false}, {"queue", in->queue, false}, {"by", in->by, false}};
    return check_texts(texts, ARRAY_LEN(texts), info);
}

enum err router_codec_check_assign(const Assay__Router__V1__AssignRequest *in,
                                   struct err_info *info)
{
    const struct text texts[] = {{"lead_id", in->lead_id, true},
                                 {"rep", in->rep, false},
                                 {"by", in->by, false},
                                 {"reason", in->reason, false}};
    return check_texts(texts, ARRAY_LEN(texts), info);
}

enum err router_codec_check_change_rep(const Assay__Router__V1__ChangeRepRequest *in,
                                       struct err_info *info)
{
    const struct text texts[] = {{"team", in->team, true},
                                 {"rep", in->rep, true},
                                 {"by", in->by, false},
                                 {"reason", in->reason, false}};
    enum err err = check_texts(texts, ARRAY_LEN(texts), info);
    if (err != ERR_OK)
        return err;
    if (in->add + in->remove + in->reset > 1)
        return err_set(info, ERR_INVALID, "add, remove, reset: at most one of them");
    struct router_rep_change change;
    const char *wrong = router_codec_rep_change(in, &change);
    if (wrong != NULL)
        return err_set(info, ERR_INVALID, "%s: out of its bounds", wrong);
    bool sets = change.set_active || change.set_weight || change.set_open || change.set_per_day ||
                change.set_per_period || change.set_units || change.set_absent;
    if (!sets && !in->add && !in->remove && !in->reset)
        return err_set(info, ERR_INVALID, "there is nothing to change");
    if (sets && (in->remove || in->reset))
        return err_set(info, ERR_INVALID, "%s: stands alone", in->remove ? "remove" : "reset");
    return ERR_OK;
}

enum err router_codec_check_answer_prompt(const Assay__Router__V1__AnswerPromptRequest *in,
                                          struct err_info *info)
{
    const struct text texts[] = {{"account_id", in->account_id, true},
                                 {"user_id", in->user_id, false},
                                 {"prompt", in->prompt, true}};
    enum err err = check_texts(texts, ARRAY_LEN(texts), info);
    if (err != ERR_OK)
        return err;
    if (in->answer < ASSAY__ROUTER__V1__PROMPT_ANSWER__PROMPT_ANSWER_DISMISSED ||
        in->answer > ASSAY__ROUTER__V1__PROMPT_ANSWER__PROMPT_ANSWER_CONVERTED)
        return err_set(info, ERR_INVALID, "answer: expected dismissed or converted, got %d",
                       (int)in->answer);
    return ERR_OK;
}

enum err router_codec_check_get_prompts(const Assay__Router__V1__GetPromptsRequest *in,
                                        struct err_info *info)
{
    const struct text texts[] = {{"account_id", in->account_id, true},
                                 {"user_id", in->user_id, false}};
    return check_texts(texts, ARRAY_LEN(texts), info);
}

enum err router_codec_check_get_account(const Assay__Router__V1__GetAccountRequest *in,
                                        struct err_info *info)
{
    return check_text("account_id", in->account_id, true, info);
}
