// SPDX-License-Identifier: Apache-2.0
// Between the files that read the tests of an operand.
#pragma once

#include "services/playbook/load_impl.h"

struct load_test {
    struct loader *l;
    const struct config_node *key;   // the operand
    const struct config_node *right; // its tests
    struct condition operand;
    const char *left; // the operand as a text
    enum load_place place;
};

// What an operand is decides which tests it takes and how their right side is read.
enum load_class {
    CLASS_NUMBER,   // a measure that is a number and always there
    CLASS_MAYBE,    // a measure that is a number, or absent
    CLASS_DURATION, // a measure of a time
    CLASS_INSTANT,  // a first or last measure
    CLASS_VALUE,    // a measure that is a property of an event
    CLASS_GRADE,
    CLASS_TRAIT,
    CLASS_EVENT, // a property or a part of the context
};
enum { CLASSES = CLASS_EVENT + 1 };

// load_tests.c
enum load_class load_class_of(const struct loader *l, const struct condition *operand);
// The measure that is looked at, or NULL.
const struct load_measure *load_looked_at(const struct load_test *t);
// A test with its text; `name` is how it is told. Takes `threshold`.
int32_t load_add_test(struct load_test *t, struct condition *test, const char *name,
                      struct buf *threshold);

// load_thresholds.c: each false with the mistake reported. `threshold` gets the right side as text.
bool load_test_right(struct load_test *t, const struct config_node *node, struct condition *test,
                     struct buf *threshold);
// What a percentage is of: a trait or a measure.
bool load_ref(struct load_test *t, const struct config_node *node, struct operand_ref *out);

// load_growth.c: `grew_to`, `from_at_most`, `grew_by`, `ratio` and `over` are one test together;
// `at` is the first of them.
int32_t load_growth(struct load_test *t, const struct config_node *at);
