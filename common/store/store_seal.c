// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "common/base/hash.h"
#include "common/store/store.h"

enum { CHECKSUM_BYTES = 4 };

static uint32_t seal_checksum(const uint8_t *sealed, size_t len, uint64_t salt)
{
    return (uint32_t)hash64_seeded(span_make(sealed + CHECKSUM_BYTES, len - CHECKSUM_BYTES), salt);
}

void store_seal_salted(void *out, uint8_t schema, struct span body, uint64_t salt)
{
    uint8_t *bytes = out;
    bytes[CHECKSUM_BYTES] = schema;
    if (body.len > 0)
        memcpy(bytes + STORE_SEAL_BYTES, body.ptr, body.len);
    uint32_t sum = seal_checksum(bytes, STORE_SEAL_BYTES + body.len, salt);
    for (int i = 0; i < CHECKSUM_BYTES; i++)
        bytes[i] = (uint8_t)(sum >> (8 * i));
}

void store_seal(void *out, uint8_t schema, struct span body)
{
    store_seal_salted(out, schema, body, 0);
}

enum err store_unseal_salted(struct span value, uint64_t salt, uint8_t *schema, struct span *body,
                             struct err_info *info)
{
    if (value.len < STORE_SEAL_BYTES)
        return err_set(info, ERR_CORRUPT, "a value of %zu bytes is too short", value.len);
    const uint8_t *bytes = value.ptr;
    uint32_t stored = 0;
    for (int i = 0; i < CHECKSUM_BYTES; i++)
        stored |= (uint32_t)bytes[i] << (8 * i);
    uint32_t sum = seal_checksum(bytes, value.len, salt);
    if (stored != sum)
        return err_set(info, ERR_CORRUPT,
                       "wrong checksum: stored %08x, computed %08x over %zu bytes", stored, sum,
                       value.len);
    *schema = bytes[CHECKSUM_BYTES];
    *body = span_make(bytes + STORE_SEAL_BYTES, value.len - STORE_SEAL_BYTES);
    return ERR_OK;
}

enum err store_unseal(struct span value, uint8_t *schema, struct span *body, struct err_info *info)
{
    return store_unseal_salted(value, 0, schema, body, info);
}
