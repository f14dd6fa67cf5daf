// SPDX-License-Identifier: Apache-2.0
// links: keys base
//
// Keys as a file and in memory: what is taken, what is refused and why, and every mistake with its
// line.
#include <criterion/criterion.h>

#include <stdio.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/keys/keys_bucket.h"
#include "common/keys/keys.h"
#include "tests/support/temp_folder.h"

enum { NOW = 1000000 };

static const struct keys_key *add(struct keys *keys, const char *name, enum keys_role role,
                                  char token[TOKEN_CHARS + 1])
{
    struct keys_spec spec = {.role = role, .name = span_of(name)};
    const struct keys_key *key;
    struct err_info info = {""};
    cr_assert_eq(keys_add(keys, &spec, NOW, token, &key, &info), ERR_OK, "%s", info.text);
    return key;
}

// Written and read again: as a service sees them.
static struct keys *reread(struct keys *keys)
{
    struct buf text = {0}, report = {0};
    struct keys *out = NULL;
    keys_write(keys, &text);
    enum err err = keys_read_text("keys.yaml", buf_span(&text), &out, &report, NULL);
    cr_assert_eq(err, ERR_OK, "%.*s", (int)report.len, (const char *)report.bytes);
    buf_deinit(&text);
    buf_deinit(&report);
    keys_release(keys);
    return out;
}

static void assert_verdict(const struct keys *keys, const char *token, int64_t now_ms,
                           enum keys_verdict verdict, const char *name)
{
    const struct keys_key *key;
    enum keys_verdict got = keys_ask(keys, span_of(token), now_ms, &key);
    cr_assert_eq(got, verdict, "%s, not %s", keys_verdict_name(got), keys_verdict_name(verdict));
    cr_assert_str_eq(key == NULL ? "" : key->name, name);
}

Test(keys, tokens_name_their_key_and_role)
{
    struct keys *keys = keys_create();
    char a[TOKEN_CHARS + 1], b[TOKEN_CHARS + 1], letter;
    struct span id;
    const struct keys_key *key = add(keys, "web", KEYS_WRITE, a);
    cr_assert(token_parse(span_of(a), &letter, &id));
    cr_assert_eq(letter, 'w');
    cr_assert(span_is(id, key->id));
    add(keys, "crm", KEYS_CONSUMER, b);
    cr_assert_eq(b[6], 'c');
    cr_assert_neq(strcmp(a + 18, b + 18), 0);
    for (size_t i = 0; i < TOKEN_CHARS; i++)
        cr_assert(!token_parse(span_make(a, i), &letter, &id));
    a[TOKEN_CHARS - 1] = 'u'; // not of the alphabet
    cr_assert(!token_parse(span_of(a), &letter, &id));
    keys_release(keys);
}

Test(keys, the_file_holds_no_secret)
{
    struct keys *keys = keys_create();
    char token[TOKEN_CHARS + 1];
    struct buf text = {0};
    add(keys, "web", KEYS_WRITE, token);
    keys_write(keys, &text);
    buf_append_u8(&text, 0);
    cr_assert(strstr((const char *)text.bytes, "name: \"web\"") != NULL);
    cr_assert(strstr((const char *)text.bytes, token + TOKEN_CHARS - TOKEN_SECRET_CHARS) == NULL);
    cr_assert(strstr((const char *)text.bytes, token) == NULL);
    buf_deinit(&text);
    keys_release(keys);
}

Test(keys, asks_by_token)
{
    struct keys *keys = keys_create();
    char a[TOKEN_CHARS + 1], b[TOKEN_CHARS + 1], wrong[TOKEN_CHARS + 1], longest[300] = "";
    add(keys, "web", KEYS_WRITE, a);
    add(keys, "crm", KEYS_CONSUMER, b);
    keys = reread(keys);
    assert_verdict(keys, a, NOW, KEYS_GOOD, "web");
    assert_verdict(keys, b, NOW, KEYS_GOOD, "crm");
    // Every single character counts.
    for (size_t i = 0; i < TOKEN_CHARS; i++) {
        const struct keys_key *key;
        memcpy(wrong, a, sizeof wrong);
        wrong[i] = wrong[i] == '0' ? '1' : '0';
        cr_assert_neq(keys_ask(keys, span_of(wrong), NOW, &key), KEYS_GOOD, "%zu", i);
    }
    memcpy(wrong, a, sizeof wrong);
    memcpy(wrong + 18, b + 18, TOKEN_SECRET_CHARS); // another key's secret
    assert_verdict(keys, wrong, NOW, KEYS_WRONG, "web");
    assert_verdict(keys, "", NOW, KEYS_UNKNOWN, "");
    assert_verdict(keys, "dev", NOW, KEYS_UNKNOWN, "");
    memset(longest, 'a', sizeof longest - 1);
    assert_verdict(keys, longest, NOW, KEYS_UNKNOWN, "");
    keys_release(keys);
}

Test(keys, two_files_have_no_digest_in_common)
{
    struct token_salt a, b;
    struct token_digest x, y, again;
    token_salt_make(&a);
    token_salt_make(&b);
    token_digest(&a, span_of("the same key"), &x);
    token_digest(&b, span_of("the same key"), &y);
    token_digest(&a, span_of("the same key"), &again);
    cr_assert(!token_digest_eq(&x, &y));
    cr_assert(token_digest_eq(&x, &again));
    again.bytes[TOKEN_DIGEST_BYTES - 1] ^= 1;
    cr_assert(!token_digest_eq(&x, &again));
}

Test(keys, expire_and_are_disabled)
{
    struct keys *keys = keys_create();
    struct keys_spec spec = {.role = KEYS_ADMIN, .name = span_of("ops"), .expires_ms = NOW + 10};
    const struct keys_key *key;
    char a[TOKEN_CHARS + 1], b[TOKEN_CHARS + 1];
    cr_assert_eq(keys_add(keys, &spec, NOW, a, &key, NULL), ERR_OK);
    keys_disable(keys, add(keys, "old", KEYS_ADMIN, b), true);
    keys = reread(keys);
    assert_verdict(keys, a, NOW + 9, KEYS_GOOD, "ops");
    assert_verdict(keys, a, NOW + 10, KEYS_EXPIRED, "ops");
    assert_verdict(keys, b, NOW, KEYS_DISABLED, "old");
    // Whoever does not have the secret is not told what state the key is in.
    b[TOKEN_CHARS - 1] = b[TOKEN_CHARS - 1] == '0' ? '1' : '0';
    assert_verdict(keys, b, NOW, KEYS_WRONG, "old");
    keys_release(keys);
}

Test(keys, rotate_keeps_the_old_token_for_a_while)
{
    struct keys *keys = keys_create();
    char first[TOKEN_CHARS + 1], second[TOKEN_CHARS + 1], third[TOKEN_CHARS + 1];
    const struct keys_key *key = add(keys, "web", KEYS_WRITE, first);
    cr_assert_eq(keys_rotate(keys, key, NOW, 100, second, NULL), ERR_OK);
    keys = reread(keys);
    assert_verdict(keys, first, NOW + 99, KEYS_GOOD, "web");
    assert_verdict(keys, first, NOW + 100, KEYS_REPLACED, "web");
    assert_verdict(keys, second, NOW + 100, KEYS_GOOD, "web");
    // Again, keeping nothing: both end at once.
    cr_assert_eq(keys_rotate(keys, keys_at(keys, 0), NOW + 50, 0, third, NULL), ERR_OK);
    keys = reread(keys);
    assert_verdict(keys, first, NOW + 50, KEYS_WRONG, "web");
    assert_verdict(keys, second, NOW + 50, KEYS_WRONG, "web");
    assert_verdict(keys, third, NOW + 50, KEYS_GOOD, "web");
    keys_release(keys);
}

Test(keys, rotation_has_a_bound_and_never_lengthens)
{
    struct keys *keys = keys_create();
    struct err_info info;
    char token[TOKEN_CHARS + 1], first[TOKEN_CHARS + 1];
    const struct keys_key *key = add(keys, "web", KEYS_WRITE, first);
    cr_assert_eq(keys_rotate(keys, key, NOW, 100, token, NULL), ERR_OK);
    cr_assert_eq(keys_rotate(keys, key, NOW, 1000, token, NULL), ERR_OK);
    cr_assert_eq(keys_rotate(keys, key, NOW, 1000, token, NULL), ERR_OK);
    cr_assert_eq(keys_rotate(keys, key, NOW, 1000, token, &info), ERR_FULL);
    // The first one has ended: there is room.
    cr_assert_eq(keys_rotate(keys, key, NOW + 100, 1000, token, NULL), ERR_OK);
    keys = reread(keys);
    assert_verdict(keys, first, NOW + 100, KEYS_WRONG, "web");
    keys_release(keys);
}

Test(keys, take_over_the_keys_of_another_system)
{
    struct keys *keys = keys_create();
    struct keys_spec spec = {.role = KEYS_WRITE, .name = span_of("shop")};
    const struct keys_key *key;
    struct err_info info;
    cr_assert_eq(keys_import(keys, &spec, span_of("Xk29sLmQ0aR7"), NOW, &key, NULL), ERR_OK);
    spec.name = span_of("again");
    cr_assert_eq(keys_import(keys, &spec, span_of("Xk29sLmQ0aR7"), NOW, &key, &info), ERR_CONFLICT);
    cr_assert_eq(keys_import(keys, &spec, span_of("short"), NOW, &key, &info), ERR_INVALID);
    cr_assert_eq(keys_import(keys, &spec, span_of("with a blank"), NOW, &key, &info), ERR_INVALID);
    cr_assert_eq(keys_import(keys, &spec, span_of("user:password"), NOW, &key, &info), ERR_INVALID);
    cr_assert_eq(keys_count(keys), 1);
    keys = reread(keys);
    assert_verdict(keys, "Xk29sLmQ0aR7", NOW, KEYS_GOOD, "shop");
    assert_verdict(keys, "Xk29sLmQ0aR8", NOW, KEYS_UNKNOWN, "");
    keys_release(keys);
}

Test(keys, limits_are_values_or_beginnings)
{
    struct keys *keys = keys_create();
    const char *values[] = {"eu-*", "acme", "zeta", "acme", "b*"};
    const char *one[] = {"x"};
    const struct keys_list lists[] = {{"origins", values, 5}, {"rooms", one, 1}};
    struct keys_spec spec = {
        .role = KEYS_WRITE, .name = span_of("web"), .lists = lists, .n_lists = 2};
    const struct keys_key *key;
    char token[TOKEN_CHARS + 1];
    cr_assert_eq(keys_add(keys, &spec, NOW, token, &key, NULL), ERR_OK);
    keys = reread(keys);
    key = keys_at(keys, 0);
    static const char *const ALLOWED[] = {"acme", "zeta", "eu-", "eu-1", "b", "bx"};
    static const char *const REFUSED[] = {"", "acm", "acme1", "eu", "zet", "EU-1", "a", "c"};
    for (size_t i = 0; i < ARRAY_LEN(ALLOWED); i++)
        cr_assert(keys_allows(key, "origins", span_of(ALLOWED[i])), "%s", ALLOWED[i]);
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++)
        cr_assert(!keys_allows(key, "origins", span_of(REFUSED[i])), "%s", REFUSED[i]);
    cr_assert(keys_allows(key, "rooms", span_of("x")));
    cr_assert(!keys_allows(key, "rooms", span_of("y")));
    cr_assert(keys_allows(key, "doors", span_of("anything"))); // no such list
    cr_assert(keys_allows(NULL, "rooms", span_of("y")));
    cr_assert_eq(keys_list_of(key, "origins")->n, 4);
    keys_release(keys);
}

Test(keys, what_is_refused_changes_nothing)
{
    struct keys *keys = keys_create();
    const char *star[] = {"a*b"};
    const struct keys_list lists[] = {{"rooms", star, 1}}, none[] = {{"rooms", star, 0}};
    char token[TOKEN_CHARS + 1];
    const struct keys_key *key = add(keys, "web", KEYS_WRITE, token);
    const struct keys_spec bad[] = {
        {.name = span_of("")},
        {.name = span_of(" web2")},
        {.name = span_of("a\nb")},
        {.name = span_of("\xff")},
        {.name = span_of("x"), .burst = 5},
        {.name = span_of("x"), .rate = -1},
        {.name = span_of("x"), .lists = lists, .n_lists = 1},
        {.name = span_of("x"), .lists = none, .n_lists = 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert_eq(keys_add(keys, &bad[i], NOW, token, &key, NULL), ERR_INVALID, "%zu", i);
    const struct keys_spec twice = {.name = span_of("web")};
    cr_assert_eq(keys_add(keys, &twice, NOW, token, &key, NULL), ERR_CONFLICT);
    cr_assert_eq(keys_count(keys), 1);
    keys_release(keys);
}

Test(keys, are_removed)
{
    struct keys *keys = keys_create();
    char a[TOKEN_CHARS + 1], b[TOKEN_CHARS + 1], c[TOKEN_CHARS + 1];
    add(keys, "a", KEYS_WRITE, a);
    add(keys, "b", KEYS_CONSUMER, b);
    add(keys, "c", KEYS_SERVICE, c);
    keys_remove(keys, keys_find(keys, span_of("b")));
    keys = reread(keys);
    cr_assert_eq(keys_count(keys), 2);
    assert_verdict(keys, a, NOW, KEYS_GOOD, "a");
    assert_verdict(keys, b, NOW, KEYS_UNKNOWN, "");
    assert_verdict(keys, c, NOW, KEYS_GOOD, "c");
    keys_release(keys);
}

Test(keys, everything_of_a_key_survives_the_file)
{
    struct keys *keys = keys_create();
    const char *values[] = {"a \"quoted\" \\ one", "zw\xc3\xb6lf", "tail*"};
    const struct keys_list lists[] = {{"rooms", values, 3}};
    struct keys_spec spec = {.role = KEYS_CONSUMER,
                             .name = span_of("crm: \"the\" one # really"),
                             .expires_ms = 1800000000123,
                             .rate = 7,
                             .lists = lists,
                             .n_lists = 1};
    char token[TOKEN_CHARS + 1];
    const struct keys_key *key;
    cr_assert_eq(keys_add(keys, &spec, 1700000000456, token, &key, NULL), ERR_OK);
    keys_disable(keys, key, true);
    keys = reread(keys);
    key = keys_at(keys, 0);
    cr_assert_str_eq(key->name, "crm: \"the\" one # really");
    cr_assert_eq(key->role, KEYS_CONSUMER);
    cr_assert_eq(key->expires_ms, 1800000000123);
    cr_assert_eq(key->created_ms, 1700000000456);
    cr_assert_eq(key->rate, 7);
    cr_assert_eq(key->burst, 7);
    cr_assert(key->disabled);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        cr_assert(keys_allows(key, "rooms", span_of(values[i])), "%s", values[i]);
    keys_release(keys);
}

// ---- Mistakes -----------------------------------------------------------------------------------

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SALT "salt: 00112233445566778899aabbccddeeff\n"
#define KEY(more) "  - {id: k1, role: write, name: web, secrets: [{digest: " DIGEST "}]" more "}\n"

static void assert_report(const char *text, const char *part)
{
    struct buf report = {0};
    struct keys *keys = NULL;
    struct err_info info;
    cr_assert_eq(keys_read_text("k.yaml", span_of(text), &keys, &report, &info), ERR_INVALID, "%s",
                 text);
    buf_append_u8(&report, 0);
    cr_assert(strstr((const char *)report.bytes, part) != NULL, "%s\nhas not: %s",
              (const char *)report.bytes, part);
    buf_deinit(&report);
}

Test(keys, says_every_mistake_with_its_line)
{
    static const struct {
        const char *text, *part;
    } CASES[] = {
        {"", "k.yaml"},
        {"keys: []\n", "missing \"salt\""},
        {SALT, "missing \"keys\""},
        {SALT "keys: 5\n", "k.yaml:2:7: $.keys: expected a list"},
        {"salt: 0011\nkeys: []\n", "k.yaml:1:7: $.salt: expected 32 hexadecimal digits"},
        {SALT "keys:\n" KEY(", rat: 5"), "did you mean \"rate\"?"},
        {SALT "keys:\n" KEY(", rate: 0"), "k.yaml:3:"},
        {SALT "keys:\n" KEY(", burst: 5"), "a burst needs a rate"},
        {SALT "keys:\n" KEY(", expires: soon"), "expected an instant"},
        {SALT "keys:\n" KEY(", limits: {rooms: []}"), "expected a list of 1 to 1000"},
        {SALT "keys:\n" KEY(", limits: {rooms: ['a*b']}"), "a star may stand at the end only"},
        {SALT "keys:\n" KEY(", limits: {}"), "expected 1 to 8 words"},
        {SALT "keys:\n" KEY("") KEY(""), "another key has this name"},
        {SALT "keys:\n  - {id: a, role: owner, name: x, secrets: [{digest: " DIGEST "}]}\n",
         "$.keys[0].role"},
        {SALT "keys:\n  - {id: a, role: write, name: x, secrets: []}\n", "list of 1 to 4"},
        {SALT "keys:\n  - {id: a, role: write, name: x, secrets: [{digest: 77}]}\n",
         "expected 64 hexadecimal digits"},
        {SALT "keys:\n  - {id: a, role: write, name: x}\n", "missing \"secrets\""},
        {SALT "keys:\n  - {id: A b, role: write, name: x, secrets: [{digest: " DIGEST "}]}\n",
         "expected small letters and digits"},
        {SALT "keys:\n  - {id: a, role: write, name: x, secrets: [{digest: " DIGEST "}]}\n"
              "  - {id: a, role: write, name: y, secrets: [{digest: " DIGEST "}]}\n",
         "the id a is there twice"},
        {SALT "keys:\n  - {id: a, role: write, name: x, secrets: [{digest: " DIGEST "}]}\n"
              "  - {id: b, role: write, name: y, secrets: [{digest: " DIGEST "}]}\n",
         "b has a secret that a has too"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        assert_report(CASES[i].text, CASES[i].part);
}

Test(keys, a_file_that_others_may_write_is_not_read)
{
    struct temp_folder folder;
    struct keys *keys = NULL;
    struct buf report = {0};
    struct err_info info;
    temp_folder_make(&folder);
    struct temp_folder path = temp_folder_at(&folder, "keys.yaml");
    cr_assert_eq(keys_read_file(path.path, &keys, &report, &info), ERR_NOT_FOUND);
    FILE *file = fopen(path.path, "w");
    CHECK(file != NULL && fputs(SALT "keys: []\n", file) >= 0 && fclose(file) == 0);
    CHECK(chmod(path.path, 0620) == 0);
    cr_assert_eq(keys_read_file(path.path, &keys, &report, &info), ERR_INVALID);
    cr_assert(strstr(info.text, "chmod 600") != NULL);
    CHECK(chmod(path.path, 0640) == 0);
    cr_assert_eq(keys_read_file(path.path, &keys, &report, &info), ERR_OK);
    cr_assert_eq(keys_count(keys), 0);
    keys_release(keys);
    buf_deinit(&report);
    temp_folder_remove(&folder);
}

// ---- Rates --------------------------------------------------------------------------------------

Test(bucket, gives_its_rate_and_its_burst)
{
    struct keys_bucket bucket = {0};
    const struct keys_bucket_limit limit = {.rate = 10, .burst = 5};
    int64_t wait_ms = 0, taken = 0;
    for (int64_t now = NOW; now < NOW + 10000; now += 7)
        for (int i = 0; i < 3; i++)
            taken += keys_bucket_take(&bucket, &limit, 1, now, &wait_ms);
    cr_assert(taken >= 104 && taken <= 106, "%lld", (long long)taken); // 10 s and the burst
}

Test(bucket, says_when_there_is_more)
{
    struct keys_bucket bucket = {0};
    const struct keys_bucket_limit limit = {.rate = 100, .burst = 100};
    int64_t wait_ms;
    // A large request passes whole and is paid for afterwards.
    cr_assert(keys_bucket_take(&bucket, &limit, 2500, NOW, &wait_ms));
    cr_assert(!keys_bucket_take(&bucket, &limit, 1, NOW, &wait_ms));
    cr_assert_eq(wait_ms, 24001);
    cr_assert(!keys_bucket_take(&bucket, &limit, 1, NOW + wait_ms - 1, &wait_ms));
    cr_assert_eq(wait_ms, 1);
    cr_assert(keys_bucket_take(&bucket, &limit, 1, NOW + 24001, &wait_ms));
    // A clock that goes back, or stands still for ever, gives nothing and breaks nothing.
    cr_assert(keys_bucket_take(&bucket, &limit, 1000, NOW + 30000, &wait_ms));
    cr_assert(!keys_bucket_take(&bucket, &limit, 1, NOW - 5000000, &wait_ms));
    cr_assert(keys_bucket_take(&bucket, &limit, 1, INT64_MAX, &wait_ms));
}
