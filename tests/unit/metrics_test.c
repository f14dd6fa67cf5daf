// SPDX-License-Identifier: Apache-2.0
// links: metrics base
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/metrics/metrics.h"

#define LANE_METRICS(X)                                                                            \
    X(COUNTER, records, "assay_lane_records_total", "Records folded")                              \
    X(GAUGE, waiting, "assay_lane_waiting", "Batches in the lane's queue")                         \
    X(HISTOGRAM, commit, "assay_lane_commit_seconds", "Time of a journal commit")
struct lane_metrics {
    METRICS_FIELDS(LANE_METRICS)
};
#define LANE_DESC(kind, field, name, help)                                                         \
    METRICS_DESC(struct lane_metrics, kind, field, name, help)
static const struct metrics_desc LANE_DESCS[] = {LANE_METRICS(LANE_DESC)};

#define LOOP_METRICS(X)                                                                            \
    X(SECONDS, turn, "assay_loop_turn_seconds", "Back\\slash and\nnewline")                        \
    X(SECONDS_TOTAL, busy, "assay_loop_busy_seconds_total", "Time in callbacks")                   \
    X(COUNTER, records, "assay_lane_records_total", "Records folded")
struct loop_metrics {
    METRICS_FIELDS(LOOP_METRICS)
};
#define LOOP_DESC(kind, field, name, help)                                                         \
    METRICS_DESC(struct loop_metrics, kind, field, name, help)
static const struct metrics_desc LOOP_DESCS[] = {LOOP_METRICS(LOOP_DESC)};

// The bucket lines below show every bound; what is counted where is the test's choice.
static const char EXPECTED[] = "# HELP assay_lane_records_total Records folded\n"
                               "# TYPE assay_lane_records_total counter\n"
                               "assay_lane_records_total{lane=\"0\"} 12\n"
                               "assay_lane_records_total{lane=\"1\"} 18446744073709551615\n"
                               "assay_lane_records_total 4\n"
                               "# HELP assay_lane_waiting Batches in the lane's queue\n"
                               "# TYPE assay_lane_waiting gauge\n"
                               "assay_lane_waiting{lane=\"0\"} -5\n"
                               "assay_lane_waiting{lane=\"1\"} 0\n"
                               "# HELP assay_lane_commit_seconds Time of a journal commit\n"
                               "# TYPE assay_lane_commit_seconds histogram\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.0001\"} 2\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.00025\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.0005\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.001\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.0025\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.005\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.01\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.025\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.05\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.1\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.25\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"0.5\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"1\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"2.5\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"5\"} 3\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"10\"} 4\n"
                               "assay_lane_commit_seconds_bucket{lane=\"0\",le=\"+Inf\"} 5\n"
                               "assay_lane_commit_seconds_sum{lane=\"0\"} 20.000200002\n"
                               "assay_lane_commit_seconds_count{lane=\"0\"} 5\n"
                               "assay_lane_commit_seconds_bucket{lane=\"1\",le=\"0.0001\"} 0\n";

static const char EXPECTED_END[] = "assay_lane_commit_seconds_sum{lane=\"1\"} 0\n"
                                   "assay_lane_commit_seconds_count{lane=\"1\"} 0\n"
                                   "# HELP assay_loop_turn_seconds Back\\\\slash and\\nnewline\n"
                                   "# TYPE assay_loop_turn_seconds gauge\n"
                                   "assay_loop_turn_seconds 1.5\n"
                                   "# HELP assay_loop_busy_seconds_total Time in callbacks\n"
                                   "# TYPE assay_loop_busy_seconds_total counter\n"
                                   "assay_loop_busy_seconds_total 2.25\n";

static void write_all(struct buf *out)
{
    static struct lane_metrics lanes[2];
    static struct loop_metrics loop;
    struct metrics *metrics = metrics_create();
    metrics_register(metrics, LANE_DESCS, ARRAY_LEN(LANE_DESCS), &lanes[0], "lane=\"0\"");
    metrics_register(metrics, LANE_DESCS, ARRAY_LEN(LANE_DESCS), &lanes[1], "lane=\"1\"");
    metrics_register(metrics, LOOP_DESCS, ARRAY_LEN(LOOP_DESCS), &loop, "");
    metrics_add(&lanes[0].records, 10);
    metrics_add(&lanes[0].records, 2);
    metrics_mirror(&lanes[1].records, UINT64_MAX);
    metrics_mirror(&loop.records, 4);
    metrics_set(&lanes[0].waiting, -5);
    metrics_set(&loop.turn, 1500000000);
    metrics_mirror(&loop.busy, 2250000000);
    metrics_observe(&lanes[0].commit, 0);
    metrics_observe(&lanes[0].commit, 100000); // a bound belongs to its bucket
    metrics_observe(&lanes[0].commit, 100001);
    metrics_observe(&lanes[0].commit, 10000000000);
    metrics_observe(&lanes[0].commit, 10000000001);
    cr_assert_eq(metrics_value(&lanes[0].records), 12);
    metrics_write(metrics, out);
    metrics_destroy(metrics);
}

Test(metrics, writes_the_exact_text)
{
    struct buf out = {0};
    write_all(&out);
    buf_append_u8(&out, 0);
    const char *text = (const char *)out.bytes;
    cr_assert(strncmp(text, EXPECTED, sizeof EXPECTED - 1) == 0, "got:\n%s", text);
    cr_assert(out.len > sizeof EXPECTED_END);
    cr_assert_str_eq(text + out.len - sizeof EXPECTED_END, EXPECTED_END);
    buf_deinit(&out);
}

Test(metrics, pleases_promtool)
{
    if (system("command -v promtool >/dev/null 2>&1") != 0)
        cr_skip_test("promtool is not installed");
    struct buf out = {0};
    write_all(&out);
    FILE *tool = popen("promtool check metrics", "w");
    cr_assert_not_null(tool);
    cr_assert_eq(fwrite(out.bytes, 1, out.len, tool), out.len);
    cr_assert_eq(pclose(tool), 0);
    buf_deinit(&out);
}

Test(metrics, writes_nothing_without_sets)
{
    struct buf out = {0};
    struct metrics *metrics = metrics_create();
    metrics_write(metrics, &out);
    cr_assert_eq(out.len, 0);
    metrics_destroy(metrics);
    metrics_destroy(NULL);
}
