// SPDX-License-Identifier: Apache-2.0
// The playbooks wide.yaml and lean.yaml, read once: to load one for every input would take most of
// the time. Their text, as rows store it, is just "wide" or "lean", and the loader, where a program
// is linked with this, gives the very same playbook for that text. Whoever takes one does not
// destroy it.
#pragma once

#include "services/playbook/load.h"

enum lent { LENT_WIDE, LENT_LEAN, LENT_PLAYBOOKS };
struct playbook *lent_playbook(enum lent which);

// What the linker puts in place of playbook_load and playbook_destroy, and these themselves.
enum err __wrap_playbook_load(const char *file, struct span text, struct playbook **out,
                              struct buf *report);
enum err __real_playbook_load(const char *file, struct span text, struct playbook **out,
                              struct buf *report);
void __wrap_playbook_destroy(struct playbook *playbook);
void __real_playbook_destroy(struct playbook *playbook);
