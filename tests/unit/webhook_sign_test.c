// SPDX-License-Identifier: Apache-2.0
// links: webhook_message
//
// Signatures against vectors of the Standard Webhooks libraries, and what is no secret.
#include <criterion/criterion.h>

#include <stdio.h>

#include "services/router/webhook/sign.h"

static struct webhook_key key_of(const char *text)
{
    struct webhook_key key;
    struct err_info info = {""};
    cr_assert_eq(webhook_key_read(span_of(text), &key, &info), ERR_OK, "%s", info.text);
    return key;
}

static void assert_signed(const struct webhook_key *keys, size_t n, const char *id, int64_t at_s,
                          const char *body, const char *expected)
{
    struct buf out = {0};
    webhook_sign(keys, n, id, at_s, span_of(body), &out);
    cr_assert(span_is(buf_span(&out), expected), "%.*s", (int)out.len, (const char *)out.bytes);
    buf_deinit(&out);
}

static const char BODY[] = "{\"event_type\":\"ping\",\"data\":{\"success\":true}}";

static const struct {
    const char *secret, *id;
    int64_t at_s;
    const char *body, *signature;
} VECTORS[] = {
    // The one that the specification's own libraries test against.
    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
     "{\"test\": 2432232314}", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    // Computed by its JavaScript library: keys of 24, 32 and 64 bytes.
    {"whsec_GB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5", "msg_loFOjxBNrRLzqYUf", 1731705121, BODY,
     "v1,HzPiFReDzcHpO+51aY+g52YnrDfihCFSWfJfBufLozU="},
    {"whsec_ICcuNTxDSlFYX2ZtdHuCiZCXnqWss7rByM/W3eTr8vk=", "msg_loFOjxBNrRLzqYUf", 1731705121, BODY,
     "v1,OkCxpJIortwtubigd9Y4qm8F9gQ54moPgc5nDyw27O8="},
    {"whsec_QEdOVVxjanF4f4aNlJuiqbC3vsXM09rh6O/2/QQLEhkgJy41PENKUVhfZm10e4KJkJeepayzusHIz9bd5Ovy"
     "+Q==",
     "msg_loFOjxBNrRLzqYUf", 1731705121, BODY, "v1,Uh1Mi9Y/cMZhFNlwZcwifmhdkhOrFg8sXUkDtbywPZw="},
};

Test(webhook_sign, the_vectors_of_the_specification)
{
    for (size_t i = 0; i < ARRAY_LEN(VECTORS); i++) {
        struct webhook_key key = key_of(VECTORS[i].secret);
        assert_signed(&key, 1, VECTORS[i].id, VECTORS[i].at_s, VECTORS[i].body,
                      VECTORS[i].signature);
    }
}

Test(webhook_sign, each_part_is_signed)
{
    struct webhook_key key = key_of(VECTORS[0].secret);
    struct buf other = {0};
    static const struct {
        const char *id;
        int64_t at_s;
        const char *body;
    } OTHERS[] = {
        {"msg_p5jXN8AQM9LWM0D4loKWxJel", 1614265330, "{\"test\": 2432232314}"},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265331, "{\"test\": 2432232314}"},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232315}"},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        buf_clear(&other);
        webhook_sign(&key, 1, OTHERS[i].id, OTHERS[i].at_s, span_of(OTHERS[i].body), &other);
        cr_assert(span_starts(buf_span(&other), "v1,"));
        cr_assert_eq(other.len, strlen(VECTORS[0].signature));
        cr_assert(!span_is(buf_span(&other), VECTORS[0].signature));
    }
    buf_deinit(&other);
}

Test(webhook_sign, two_keys_give_two_signatures)
{
    struct webhook_key keys[] = {key_of(VECTORS[1].secret), key_of(VECTORS[2].secret)};
    char both[256];
    snprintf(both, sizeof both, "%s %s", VECTORS[1].signature, VECTORS[2].signature);
    assert_signed(keys, 2, VECTORS[1].id, VECTORS[1].at_s, BODY, both);
}

Test(webhook_sign, a_file_may_end_with_a_line_end)
{
    char text[256];
    snprintf(text, sizeof text, " \t%s\r\n", VECTORS[0].secret);
    struct webhook_key key = key_of(text);
    assert_signed(&key, 1, VECTORS[0].id, VECTORS[0].at_s, VECTORS[0].body, VECTORS[0].signature);
}

Test(webhook_sign, what_is_no_secret_is_refused_and_not_repeated)
{
    static const char *const BAD[] = {
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",  // no whole number of bytes
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", // 23 bytes
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La LaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS-",
        "whsec_QEdOVVxjanF4f4aNlJuiqbC3vsXM09rh6O/2/QQLEhkgJy41PENKUVhfZm10e4KJkJeepayzusHIz9bd5O"
        "vy+QAA", // 66 bytes
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct webhook_key key;
        struct err_info info = {""};
        cr_assert_eq(webhook_key_read(span_of(BAD[i]), &key, &info), ERR_INVALID, "%s", BAD[i]);
        cr_assert_eq(key.n, 0);
        cr_assert(strstr(info.text, "expected") != NULL);
        cr_assert(strstr(info.text, "MfKQ9r8G") == NULL, "%s", info.text);
    }
}
