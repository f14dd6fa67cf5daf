// SPDX-License-Identifier: Apache-2.0
// A question about dead letters on its way: asked by a call, worked on by the letters' thread,
// answered on the loop. For the files that hold the methods.
#pragma once

#include "common/base/arena.h"
#include "common/rpc/rpc.h"
#include "services/ingest/ingest_impl.h"

struct letters_question {
    struct letters_job job; // first
    struct ingest *ingest;
    struct arena arena;   // the answer, and a copy of the request
    struct arena scratch; // of one letter; the thread's
    const ProtobufCMessage *request;
    ProtobufCMessage *answer;
    void (*closure)(const ProtobufCMessage *answer, void *closure_data);
    void *closure_data;
    // The method's own:
    size_t n, max;
    void *state;
    struct buf numbers; // of letters, 8 bytes each
};

// Copies `request`. `run` fills `answer`, in the arena; `done` NULL: the answer is then given. A
// question that cannot be asked is answered with the reason.
struct letters_question_opts {
    struct ingest *ingest;
    const ProtobufCMessage *request;
    void *closure; // as the method got it
    void *closure_data;
    void (*run)(struct letters_job *job, struct letters_shelf *shelf);
    void (*done)(struct letters_job *job);
};
void letters_question_ask(const struct letters_question_opts *opts);
// Asks once more, with another `run`: after `done`.
void letters_question_again(struct letters_question *question,
                            void (*run)(struct letters_job *job, struct letters_shelf *shelf),
                            void (*done)(struct letters_job *job));
// Answers with `answer`, or with an error, and ends the question.
void letters_question_answer(struct letters_question *question);
void letters_question_fail(struct letters_question *question, enum rpc_status status,
                           const char *text);
