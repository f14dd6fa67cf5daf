// SPDX-License-Identifier: Apache-2.0
// links: grpc_wire proto_descriptors base
#include <criterion/criterion.h>

#include "common/grpc/descriptors.h"
#include "common/grpc/frames.h"
#include "common/grpc/gzip.h"
#include "common/grpc/header.h"
#include "proto/descriptors.h"

Test(grpc_header, timeouts)
{
    const struct {
        const char *text;
        int64_t ms; // -1: none
    } cases[] = {
        {"1H", 3600000}, {"2M", 120000},     {"3S", 3000}, {"4m", 4},    {"1u", 1},
        {"1500u", 2},    {"1n", 1},          {"0n", 0},    {"0m", 0},    {"99999999S", 99999999000},
        {"", -1},        {"S", -1},          {"1", -1},    {"-1S", -1},  {"+1S", -1},
        {"1s", -1},      {"123456789S", -1}, {"1 S", -1},  {"1.5S", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        bool good = header_timeout(span_of(cases[i].text), &ms);
        cr_assert_eq(good, cases[i].ms >= 0, "%s", cases[i].text);
        cr_assert_eq(ms, cases[i].ms, "%s is %lld", cases[i].text, (long long)ms);
    }
}

Test(grpc_header, content_types)
{
    const char *const good[] = {"application/grpc", "application/grpc+proto",
                                "Application/gRPC; charset=utf-8", "application/grpc+proto;x"};
    const char *const bad[] = {"",
                               "application/grp",
                               "application/grpc-web",
                               "application/grpcx",
                               "application/grpc+json",
                               "text/application/grpc"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        cr_assert(header_is_grpc_type(span_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert(!header_is_grpc_type(span_of(bad[i])), "%s", bad[i]);
}

Test(grpc_header, texts_and_bytes)
{
    struct arena arena;
    char *out;
    arena_init(&arena, 256, 0);
    cr_assert_str_eq(header_percent_encode("50% \xc3\xa9\n~", &arena), "50%25 %C3%A9%0A~");
    cr_assert(header_bin(span_of("aGk,aGkK,aA=="), &arena, &out));
    cr_assert_str_eq(out, "aGk=,aGkK,aA==");
    cr_assert(header_bin(span_of(""), &arena, &out));
    cr_assert_str_eq(out, "");
    const char *const bad[] = {"a", "aaaaa", "a===", "aG-k", "aGk=a", "=", "aA="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert(!header_bin(span_of(bad[i]), &arena, &out), "%s", bad[i]);
    arena_deinit(&arena);
}

Test(grpc_frames, a_message_at_a_time)
{
    const uint8_t bytes[] = {0, 0, 0, 0, 2, 'h', 'i', 1, 0, 0, 0, 0, 0, 0, 0};
    struct frames frames = {.bytes_max = 2};
    struct span rest = span_make(bytes, sizeof bytes);
    cr_assert_eq(frames_take(&frames, &rest), FRAMES_MESSAGE);
    cr_assert(span_is(buf_span(&frames.body), "hi") && !frames_compressed(&frames));
    frames_next(&frames);
    cr_assert_eq(frames_take(&frames, &rest), FRAMES_MESSAGE);
    cr_assert(frames.body.len == 0 && frames_compressed(&frames));
    frames_next(&frames);
    cr_assert(!frames_inside(&frames));
    cr_assert_eq(frames_take(&frames, &rest), FRAMES_MORE);
    cr_assert(frames_inside(&frames) && rest.len == 0);
    rest = span_make("\0\3", 2);
    cr_assert_eq(frames_take(&frames, &rest), FRAMES_TOO_LARGE);
    cr_assert_eq(frames_length(&frames), 3);
    frames_deinit(&frames);
}

Test(grpc_gzip, within_its_bound)
{
    struct buf plain = {0}, packed = {0}, out = {0};
    for (int i = 0; i < 5000; i++)
        buf_append_u8(&plain, (uint8_t)(i * i));
    gzip_pack(buf_span(&plain), &packed);
    cr_assert_eq(gzip_unpack(buf_span(&packed), 5000, &out), ERR_OK);
    cr_assert(span_eq(buf_span(&plain), buf_span(&out)));
    buf_clear(&out);
    cr_assert_eq(gzip_unpack(buf_span(&packed), 4999, &out), ERR_FULL);
    buf_clear(&out);
    cr_assert_eq(gzip_unpack(span_make(packed.bytes, packed.len - 1), 5000, &out), ERR_INVALID);
    cr_assert_eq(gzip_unpack((struct span){"", 0}, 5000, &out), ERR_INVALID);
    buf_deinit(&plain);
    buf_deinit(&packed);
    buf_deinit(&out);
}

Test(grpc_descriptors, the_public_contracts)
{
    struct descriptors *d = NULL;
    struct span files[64];
    cr_assert_eq(
        descriptors_create(span_make(proto_descriptors, proto_descriptors_bytes), &d, NULL),
        ERR_OK);
    size_t router = descriptors_file(d, "assay/router/v1/router.proto");
    cr_assert_neq(router, DESCRIPTORS_NONE);
    const char *const symbols[] = {
        "assay.router.v1.RouterService", "assay.router.v1.RouterService.Lease",
        "assay.router.v1.LeaseRequest", "assay.router.v1.LeaseRequest.queue"};
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
        cr_assert_eq(descriptors_symbol(d, symbols[i]), router, "%s", symbols[i]);
    cr_assert_neq(descriptors_symbol(d, "assay.event.v1.Property.text"), DESCRIPTORS_NONE);
    cr_assert_neq(descriptors_symbol(d, "assay.event.v1.EVENT_KIND_TRACK"), DESCRIPTORS_NONE);
    cr_assert_eq(descriptors_symbol(d, "assay.router.v1.Lease"), DESCRIPTORS_NONE);
    cr_assert_eq(descriptors_symbol(d, ""), DESCRIPTORS_NONE);
    cr_assert_eq(descriptors_file(d, "assay/record/v1/record_router.proto"), DESCRIPTORS_NONE);
    cr_assert_eq(descriptors_extension(d, "assay.router.v1.LeaseRequest", 100), DESCRIPTORS_NONE);
    cr_assert_leq(descriptors_count(d), ARRAY_LEN(files));
    size_t ingest = descriptors_file(d, "assay/ingest/v1/ingest.proto");
    cr_assert_geq(descriptors_with_imports(d, ingest, files), 2);
    descriptors_destroy(d);
}

Test(grpc_descriptors, what_is_none)
{
    struct descriptors *d = NULL;
    struct err_info info;
    cr_assert_eq(descriptors_create((struct span){"", 0}, &d, &info), ERR_OK);
    cr_assert_eq(descriptors_count(d), 0);
    cr_assert_eq(descriptors_symbol(d, "a"), DESCRIPTORS_NONE);
    descriptors_destroy(d);
    cr_assert_eq(descriptors_create(span_make("\x0a\x05hi", 4), &d, &info), ERR_INVALID);
    for (size_t n = 1; n < 400; n++) // cut anywhere
        if (descriptors_create(span_make(proto_descriptors, n), &d, &info) == ERR_OK)
            descriptors_destroy(d);
}
