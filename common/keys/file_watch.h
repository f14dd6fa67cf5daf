// SPDX-License-Identifier: Apache-2.0
// Looks at a file again and again, on a thread of its own: disks and networks behind a path may
// take their time, which no loop has.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct file_watch;
// Called on the watch's thread when the file is another than it was when the watch was opened or
// last told of it (inode, size, times), or has gone (`there` false, once). False: it could not be
// taken now, ask again the next time.
typedef bool (*file_watch_fn)(void *arg, bool there);
// Copies `path`.
struct file_watch *file_watch_open(const char *path, int64_t every_ms,
                                   file_watch_fn changed_on_watch, void *arg);
// Waits until a callback under way has returned. NULL is allowed.
void file_watch_close(struct file_watch *watch);
