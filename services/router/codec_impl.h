// SPDX-License-Identifier: Apache-2.0
// What the files of the codec share. Everything that they make lives in the arena.
#pragma once

#include "services/router/codec.h"

static inline char *codec_copy(const char *text, struct arena *arena)
{
    return arena_dup(arena, span_of(text));
}

// codec.c
Assay__Router__V1__Evidence **codec_evidence(const struct router_evidence *in, size_t n,
                                             struct arena *arena);
// codec_teams.c. Without copies of texts.
Assay__Router__V1__Candidate *codec_candidate(const struct router_candidate *in,
                                              struct arena *arena);
