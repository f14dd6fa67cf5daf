// SPDX-License-Identifier: Apache-2.0
// Broken files and their whole reports: what is wrong, the file, its length, the report.
#pragma once

#include <stddef.h>

static const struct broken {
    const char *what, *text;
    size_t len;
    const char *report;
} BROKEN[] = {
    {"good",
     "listen: x\n"
     "points: {a: 1}\n"
     "rules:\n"
     "  - seen\n",
     41, ""},
    {"unknown key, near",
     "listen: x\n"
     "worker: 4\n",
     20,
     "f.yaml:2:1: $: unknown key \"worker\"\n"
     "  2 | worker: 4\n"
     "    | ^ did you mean \"workers\"?\n"},
    {"unknown key, swapped letters, other case",
     "listen: x\n"
     "Wiat: 4s\n",
     19,
     "f.yaml:2:1: $: unknown key \"Wiat\"\n"
     "  2 | Wiat: 4s\n"
     "    | ^ did you mean \"wait\"?\n"},
    {"unknown key, far",
     "listen: x\n"
     "colour: red\n",
     22,
     "f.yaml:2:1: $: unknown key \"colour\"\n"
     "  2 | colour: red\n"
     "    | ^ expected one of listen, on, workers, wait, size, level, points, rules, ratio\n"},
    {"unknown key in a nested place, short list",
     "listen: x\n"
     "rules:\n"
     "  - all:\n"
     "      - seen\n"
     "      - none: []\n",
     56,
     "f.yaml:5:9: $.rules[0].all[1]: unknown key \"none\"\n"
     "  5 |       - none: []\n"
     "    |         ^ expected one of all, any\n"},
    {"missing key", "on: true\n", 9,
     "f.yaml:1:1: $: missing key \"listen\"\n"
     "  1 | on: true\n"
     "    | ^\n"},
    {"missing key of an empty mapping", "{}\n", 3,
     "f.yaml:1:1: $: missing key \"listen\"\n"
     "  1 | {}\n"
     "    | ^\n"},
    {"not a mapping",
     "- a\n"
     "- b\n",
     8,
     "f.yaml:1:1: $: expected a mapping, found a list\n"
     "  1 | - a\n"
     "    | ^\n"},
    {"not a mapping but a text", "hello\n", 6,
     "f.yaml:1:1: $: expected a mapping, found \"hello\"\n"
     "  1 | hello\n"
     "    | ^\n"},
    {"empty", "", 0, "f.yaml: the file is empty\n"},
    {"only comments",
     "# nothing here\n"
     "\n",
     16, "f.yaml: the file is empty\n"},
    {"only a document mark", "---\n", 4, "f.yaml: the file is empty\n"},
    {"bool: a word",
     "listen: x\n"
     "on: yes\n",
     18,
     "f.yaml:2:5: $.on: expected true or false, found \"yes\"\n"
     "  2 | on: yes\n"
     "    |     ^ write true\n"},
    {"bool: in quotes",
     "listen: x\n"
     "on: \"true\"\n",
     21,
     "f.yaml:2:5: $.on: expected true or false, found \"true\"\n"
     "  2 | on: \"true\"\n"
     "    |     ^ without quotes\n"},
    {"bool: a list",
     "listen: x\n"
     "on: [true]\n",
     21,
     "f.yaml:2:5: $.on: expected true or false, found a list\n"
     "  2 | on: [true]\n"
     "    |     ^\n"},
    {"int: a word",
     "listen: x\n"
     "workers: many\n",
     24,
     "f.yaml:2:10: $.workers: expected a whole number, found \"many\"\n"
     "  2 | workers: many\n"
     "    |          ^\n"},
    {"int: a fraction",
     "listen: x\n"
     "workers: 1.5\n",
     23,
     "f.yaml:2:10: $.workers: expected a whole number, found \"1.5\"\n"
     "  2 | workers: 1.5\n"
     "    |          ^\n"},
    {"int: in quotes",
     "listen: x\n"
     "workers: '4'\n",
     23,
     "f.yaml:2:10: $.workers: expected a whole number, found \"4\"\n"
     "  2 | workers: '4'\n"
     "    |          ^ without quotes\n"},
    {"int: nothing",
     "listen: x\n"
     "workers:\n",
     19,
     "f.yaml:2:9: $.workers: expected a whole number, found nothing\n"
     "  2 | workers:\n"
     "    |         ^\n"},
    {"int: too small",
     "listen: x\n"
     "workers: 0\n",
     21,
     "f.yaml:2:10: $.workers: must be from 1 to 64, found \"0\"\n"
     "  2 | workers: 0\n"
     "    |          ^\n"},
    {"int: too large",
     "listen: x\n"
     "workers: 65\n",
     22,
     "f.yaml:2:10: $.workers: must be from 1 to 64, found \"65\"\n"
     "  2 | workers: 65\n"
     "    |          ^\n"},
    {"int: more than 64 bits",
     "listen: x\n"
     "workers: 99999999999999999999\n",
     40,
     "f.yaml:2:10: $.workers: must be from 1 to 64, found \"99999999999999999999\"\n"
     "  2 | workers: 99999999999999999999\n"
     "    |          ^\n"},
    {"int: more than 64 bits, unbounded",
     "listen: x\n"
     "points:\n"
     "  \"Report Run\": 99999999999999999999\n",
     55,
     "f.yaml:3:17: $.points[\"Report Run\"]: expected a whole number of at most 64 bits, found "
     "\"99999999999999999999\"\n"
     "  3 |   \"Report Run\": 99999999999999999999\n"
     "    |                 ^\n"},
    {"int: a mapping",
     "listen: x\n"
     "workers: {a: 1}\n",
     26,
     "f.yaml:2:10: $.workers: expected a whole number, found a mapping\n"
     "  2 | workers: {a: 1}\n"
     "    |          ^\n"},
    {"double: a word",
     "listen: x\n"
     "ratio: half\n",
     22,
     "f.yaml:2:8: $.ratio: expected a number, found \"half\"\n"
     "  2 | ratio: half\n"
     "    |        ^\n"},
    {"double: infinite",
     "listen: x\n"
     "ratio: .inf\n",
     22,
     "f.yaml:2:8: $.ratio: expected a number, found \".inf\"\n"
     "  2 | ratio: .inf\n"
     "    |        ^\n"},
    {"double: out of bounds",
     "listen: x\n"
     "ratio: 1.25\n",
     22,
     "f.yaml:2:8: $.ratio: must be from 0 to 1, found \"1.25\"\n"
     "  2 | ratio: 1.25\n"
     "    |        ^\n"},
    {"duration: no unit",
     "listen: x\n"
     "wait: 30\n",
     19,
     "f.yaml:2:7: $.wait: expected a duration, found \"30\"\n"
     "  2 | wait: 30\n"
     "    |       ^ write 30d, 48h, 5m, 10s or 250ms\n"},
    {"duration: unknown unit",
     "listen: x\n"
     "wait: 30sec\n",
     22,
     "f.yaml:2:7: $.wait: expected a duration, found \"30sec\"\n"
     "  2 | wait: 30sec\n"
     "    |       ^ write 30d, 48h, 5m, 10s or 250ms\n"},
    {"duration: too short",
     "listen: x\n"
     "wait: 250ms\n",
     22,
     "f.yaml:2:7: $.wait: must be from 1s to 1h, found \"250ms\"\n"
     "  2 | wait: 250ms\n"
     "    |       ^\n"},
    {"duration: too long",
     "listen: x\n"
     "wait: 1d\n",
     19,
     "f.yaml:2:7: $.wait: must be from 1s to 1h, found \"1d\"\n"
     "  2 | wait: 1d\n"
     "    |       ^\n"},
    {"duration: negative",
     "listen: x\n"
     "wait: -5s\n",
     20,
     "f.yaml:2:7: $.wait: expected a duration, found \"-5s\"\n"
     "  2 | wait: -5s\n"
     "    |       ^ write 30d, 48h, 5m, 10s or 250ms\n"},
    {"size: unknown unit",
     "listen: x\n"
     "size: 64Mb\n",
     21,
     "f.yaml:2:7: $.size: expected a size, found \"64Mb\"\n"
     "  2 | size: 64Mb\n"
     "    |       ^ write 4096, 64MiB or 8GiB\n"},
    {"size: too small",
     "listen: x\n"
     "size: 1MB\n",
     20,
     "f.yaml:2:7: $.size: must be from 1MiB to 8GiB, found \"1MB\"\n"
     "  2 | size: 1MB\n"
     "    |       ^\n"},
    {"size: too large",
     "listen: x\n"
     "size: 9GiB\n",
     21,
     "f.yaml:2:7: $.size: must be from 1MiB to 8GiB, found \"9GiB\"\n"
     "  2 | size: 9GiB\n"
     "    |       ^\n"},
    {"size: overflow",
     "listen: x\n"
     "size: 99999999999TiB\n",
     31,
     "f.yaml:2:7: $.size: expected a size, found \"99999999999TiB\"\n"
     "  2 | size: 99999999999TiB\n"
     "    |       ^ write 4096, 64MiB or 8GiB\n"},
    {"text: too long", "listen: aaaaaaaaaaaaaaaaaaaaa\n", 30,
     "f.yaml:1:9: $.listen: a text of at most 20 bytes is allowed, this has 21\n"
     "  1 | listen: aaaaaaaaaaaaaaaaaaaaa\n"
     "    |         ^\n"},
    {"text: empty", "listen: \"\"\n", 11,
     "f.yaml:1:9: $.listen: expected a text, found an empty text\n"
     "  1 | listen: \"\"\n"
     "    |         ^\n"},
    {"text: null", "listen: null\n", 13,
     "f.yaml:1:9: $.listen: expected a text, found \"null\"\n"
     "  1 | listen: null\n"
     "    |         ^ quote it to mean the text\n"},
    {"text: a list", "listen: [a]\n", 12,
     "f.yaml:1:9: $.listen: expected a text, found a list\n"
     "  1 | listen: [a]\n"
     "    |         ^\n"},
    {"text: NUL inside", "listen: \"a\\0b\"\n", 15,
     "f.yaml:1:9: $.listen: a text must not contain NUL\n"
     "  1 | listen: \"a\\0b\"\n"
     "    |         ^\n"},
    {"choice: near",
     "listen: x\n"
     "level: debg\n",
     22,
     "f.yaml:2:8: $.level: unknown value \"debg\"\n"
     "  2 | level: debg\n"
     "    |        ^ did you mean \"debug\"?\n"},
    {"choice: far",
     "listen: x\n"
     "level: verbose\n",
     25,
     "f.yaml:2:8: $.level: unknown value \"verbose\"\n"
     "  2 | level: verbose\n"
     "    |        ^ expected one of off, error, warn, info, debug\n"},
    {"choice: a mapping",
     "listen: x\n"
     "level: {}\n",
     20,
     "f.yaml:2:8: $.level: expected a value, found a mapping\n"
     "  2 | level: {}\n"
     "    |        ^ expected one of off, error, warn, info, debug\n"},
    {"choice deep in a list",
     "listen: x\n"
     "rules:\n"
     "- seen\n"
     "- all:\n"
     "  - seen\n"
     "  - any: [missing, stael]\n",
     66,
     "f.yaml:6:20: $.rules[1].all[1].any[1]: unknown value \"stael\"\n"
     "  6 |   - any: [missing, stael]\n"
     "    |                    ^ did you mean \"stale\"?\n"},
    {"duplicate key",
     "listen: x\n"
     "on: true\n"
     "workers: 3\n"
     "on: false\n",
     40,
     "f.yaml:4:1: $: duplicate key \"on\" (first on line 2)\n"
     "  4 | on: false\n"
     "    | ^\n"},
    {"duplicate key that YAML would see as the same",
     "listen: x\n"
     "points: {a: 1, \"a\": 2}\n",
     33,
     "f.yaml:2:16: $.points: duplicate key \"a\" (first on line 2)\n"
     "  2 | points: {a: 1, \"a\": 2}\n"
     "    |                ^\n"},
    {"empty key",
     "listen: x\n"
     "points: {\"\": 1}\n",
     26,
     "f.yaml:2:10: $.points: empty key\n"
     "  2 | points: {\"\": 1}\n"
     "    |          ^\n"},
    {"a list as a key",
     "listen: x\n"
     "points:\n"
     "  ? [a, b]\n"
     "  : 1\n",
     35,
     "f.yaml:3:5: $.points: a key must be a text\n"
     "  3 |   ? [a, b]\n"
     "    |     ^\n"},
    {"alias and anchor",
     "listen: x\n"
     "points: &p {a: 1}\n"
     "rules: *p\n",
     38,
     "f.yaml:2:9: $.points: anchors are not supported\n"
     "  2 | points: &p {a: 1}\n"
     "    |         ^ write the value out where it is needed\n"
     "f.yaml:3:8: $.rules: aliases are not supported\n"
     "  3 | rules: *p\n"
     "    |        ^ write the value out where it is needed\n"
     "2 errors\n"},
    {"tag",
     "listen: x\n"
     "workers: !!int 4\n",
     27,
     "f.yaml:2:10: $.workers: tags are not supported\n"
     "  2 | workers: !!int 4\n"
     "    |          ^\n"},
    {"tag directive",
     "%TAG !e! tag:example.com,2000:\n"
     "---\n"
     "listen: x\n",
     45,
     "f.yaml:1:1: tags are not supported\n"
     "  1 | %TAG !e! tag:example.com,2000:\n"
     "    | ^\n"},
    {"two documents",
     "listen: x\n"
     "---\n"
     "listen: x\n",
     24,
     "f.yaml:2:1: more than one document in a file\n"
     "  2 | ---\n"
     "    | ^\n"},
    {"a quoted key in the path",
     "listen: x\n"
     "points:\n"
     "  \"Report Run\": x\n"
     "  \"say \\\"hi\\\"\": y\n"
     "  ok-1: z\n"
     "  1st: w\n",
     73,
     "f.yaml:3:17: $.points[\"Report Run\"]: expected a whole number, found \"x\"\n"
     "  3 |   \"Report Run\": x\n"
     "    |                 ^\n"
     "f.yaml:4:17: $.points[\"say \\\"hi\\\"\"]: expected a whole number, found \"y\"\n"
     "  4 |   \"say \\\"hi\\\"\": y\n"
     "    |                 ^\n"
     "f.yaml:5:9: $.points.ok-1: expected a whole number, found \"z\"\n"
     "  5 |   ok-1: z\n"
     "    |         ^\n"
     "f.yaml:6:8: $.points[\"1st\"]: expected a whole number, found \"w\"\n"
     "  6 |   1st: w\n"
     "    |        ^\n"
     "4 errors\n"},
    {"syntax: mapping in a mapping", "listen: x: y\n", 13,
     "f.yaml:1:10: not valid YAML: mapping values are not allowed in this context\n"
     "  1 | listen: x: y\n"
     "    |          ^\n"},
    {"syntax: a tab",
     "points:\n"
     "\ta: 1\n",
     14,
     "f.yaml:2:1: not valid YAML: found character that cannot start any token\n"
     "  2 |  a: 1\n"
     "    | ^ quote a text that starts like this; indent with spaces, not tabs\n"},
    {"syntax: bad indent",
     "points:\n"
     "  a: 1\n"
     " b: 2\n",
     21,
     "f.yaml:3:2: not valid YAML: did not find expected key, while parsing a block mapping that "
     "starts on line 1\n"
     "  3 |  b: 2\n"
     "    |  ^\n"},
    {"syntax: an open quote", "listen: \"abc\n", 13,
     "f.yaml:2:1: not valid YAML: found unexpected end of stream, while scanning a quoted scalar "
     "that starts on line 1\n"
     "  2 | \n"
     "    | ^\n"},
    {"syntax: an open list",
     "rules: [a, b\n"
     "listen: x\n",
     23,
     "f.yaml:2:7: not valid YAML: did not find expected ',' or ']', while parsing a flow sequence "
     "that starts on line 1\n"
     "  2 | listen: x\n"
     "    |       ^\n"},
    {"syntax: a reserved character", "listen: @x\n", 11,
     "f.yaml:1:9: not valid YAML: found character that cannot start any token\n"
     "  1 | listen: @x\n"
     "    |         ^ quote a text that starts like this; indent with spaces, not tabs\n"},
    {"syntax: control character", "listen: a\001b\n", 12,
     "f.yaml:1:10: not valid YAML: control characters are not allowed\n"
     "  1 | listen: a b\n"
     "    |          ^\n"},
    {"NUL byte",
     "listen: x\n"
     "\000\n",
     12,
     "f.yaml:2:1: the file contains a NUL byte\n"
     "  2 |  \n"
     "    | ^\n"},
    {"bad UTF-8",
     "listen: x\n"
     "on: \377\n",
     16,
     "f.yaml:2:5: the file is not UTF-8\n"
     "  2 | on: ?\n"
     "    |     ^\n"},
    {"bad UTF-8 after good", "listen: \303\244\303\266\303\n", 14,
     "f.yaml:1:11: the file is not UTF-8\n"
     "  1 | listen: \303\244\303\266?\n"
     "    |           ^\n"},
    {"UTF-16",
     "\377\376l\000i\000s\000t\000e\000n\000:\000 \000x\000\n"
     "\000",
     22,
     "f.yaml:1:1: the file is not UTF-8\n"
     "  1 | ??l i s t e n :   x \n"
     "    | ^\n"},
    {"deep", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n", 67,
     "f.yaml:1:33: nested too deeply (32 at most)\n"
     "  1 | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"
     "    |                                 ^\n"},
    {"columns count characters, not bytes",
     "listen: x\n"
     "points: {\303\244\303\266\303\274: 1, \"\303\237\": q}\n",
     39,
     "f.yaml:2:23: $.points[\"\303\237\"]: expected a whole number, found \"q\"\n"
     "  2 | points: {\303\244\303\266\303\274: 1, \"\303\237\": q}\n"
     "    |                       ^\n"},
    {"a byte order mark",
     "\357\273\277listen: x\n"
     "workers: 0\n",
     24,
     "f.yaml:2:10: $.workers: must be from 1 to 64, found \"0\"\n"
     "  2 | workers: 0\n"
     "    |          ^\n"},
    {"Windows line ends",
     "listen: x\r\n"
     "workers: 0\r\n",
     23,
     "f.yaml:2:10: $.workers: must be from 1 to 64, found \"0\"\n"
     "  2 | workers: 0\n"
     "    |          ^\n"},
    {"a long line, cut around the caret",
     "listen: x\n"
     "points: {key0: 0, key1: 1, key2: 2, key3: 3, key4: 4, key5: 5, key6: 6, key7: 7, key8: 8, "
     "key9: 9, key10: 10, key11: 11, key12: 12, key13: 13, key14: 14, key15: 15, key16: 16, key17: "
     "17, key18: 18, key19: 19, key20: 20, key21: 21, key22: 22, key23: 23, key24: 24, key25: 25, "
     "key26: 26, key27: 27, key28: 28, key29: 29, bad: x, more0: 0, more1: 1, more2: 2, more3: 3, "
     "more4: 4, more5: 5, more6: 6, more7: 7, more8: 8, more9: 9, more10: 10, more11: 11, more12: "
     "12, more13: 13, more14: 14, more15: 15, more16: 16, more17: 17, more18: 18, more19: 19, "
     "more20: 20, more21: 21, more22: 22, more23: 23, more24: 24, more25: 25, more26: 26, more27: "
     "27, more28: 28, more29: 29}\n",
     677,
     "f.yaml:2:325: $.points.bad: expected a whole number, found \"x\"\n"
     "  2 | ... key26: 26, key27: 27, key28: 28, key29: 29, bad: x, more0: 0, more1: 1, more2: 2, "
     "more3: 3, more4: ...\n"
     "    |                                                      ^\n"},
    {"a long line, mistake at its end",
     "listen: x\n"
     "points: {key0: 0, key1: 1, key2: 2, key3: 3, key4: 4, key5: 5, key6: 6, key7: 7, key8: 8, "
     "key9: 9, key10: 10, key11: 11, key12: 12, key13: 13, key14: 14, key15: 15, key16: 16, key17: "
     "17, key18: 18, key19: 19, key20: 20, key21: 21, key22: 22, key23: 23, key24: 24, key25: 25, "
     "key26: 26, key27: 27, key28: 28, key29: 29, bad: x}\n",
     337,
     "f.yaml:2:325: $.points.bad: expected a whole number, found \"x\"\n"
     "  2 | ... 21, key22: 22, key23: 23, key24: 24, key25: 25, key26: 26, key27: 27, key28: 28, "
     "key29: 29, bad: x}\n"
     "    |                                                                                        "
     "              ^\n"},
    {"a long text is cut in the message",
     "listen: x\n"
     "on: "
     "ababababababababababababababababababababababababababababababababababababababababababababababa"
     "bababababababababababababab\n",
     135,
     "f.yaml:2:5: $.on: expected true or false, found "
     "\"abababababababababababababababababababababababababababababab...\"\n"
     "  2 | on: "
     "ababababababababababababababababababababababababababababababababababababababababababababababa"
     "bab...\n"
     "    |     ^\n"},
    {"a newline in a value",
     "listen: x\n"
     "on: \"a\\nb\"\n",
     21,
     "f.yaml:2:5: $.on: expected true or false, found \"a\\nb\"\n"
     "  2 | on: \"a\\nb\"\n"
     "    |     ^ without quotes\n"},
    {"several at once, in order of the file",
     "workers: 100\n"
     "colour: red\n"
     "wait: soon\n"
     "points: {a: b, c: 1, a: 2}\n"
     "level: wran\n"
     "rules: [all, *x]\n",
     92,
     "f.yaml:1:1: $: missing key \"listen\"\n"
     "  1 | workers: 100\n"
     "    | ^\n"
     "f.yaml:1:10: $.workers: must be from 1 to 64, found \"100\"\n"
     "  1 | workers: 100\n"
     "    |          ^\n"
     "f.yaml:2:1: $: unknown key \"colour\"\n"
     "  2 | colour: red\n"
     "    | ^ expected one of listen, on, workers, wait, size, level, points, rules, ratio\n"
     "f.yaml:3:7: $.wait: expected a duration, found \"soon\"\n"
     "  3 | wait: soon\n"
     "    |       ^ write 30d, 48h, 5m, 10s or 250ms\n"
     "f.yaml:4:13: $.points.a: expected a whole number, found \"b\"\n"
     "  4 | points: {a: b, c: 1, a: 2}\n"
     "    |             ^\n"
     "f.yaml:4:22: $.points: duplicate key \"a\" (first on line 4)\n"
     "  4 | points: {a: b, c: 1, a: 2}\n"
     "    |                      ^\n"
     "f.yaml:5:8: $.level: unknown value \"wran\"\n"
     "  5 | level: wran\n"
     "    |        ^ did you mean \"warn\"?\n"
     "f.yaml:6:9: $.rules[0]: unknown value \"all\"\n"
     "  6 | rules: [all, *x]\n"
     "    |         ^ expected one of seen, missing, stale\n"
     "f.yaml:6:14: $.rules[1]: aliases are not supported\n"
     "  6 | rules: [all, *x]\n"
     "    |              ^ write the value out where it is needed\n"
     "9 errors\n"},
    {"gutter of two digits",
     "listen: x\n"
     "\n"
     "\n"
     "\n"
     "\n"
     "\n"
     "\n"
     "\n"
     "\n"
     "# line 10\n"
     "workers: 0\n",
     39,
     "f.yaml:11:10: $.workers: must be from 1 to 64, found \"0\"\n"
     "  11 | workers: 0\n"
     "     |          ^\n"},
    {"an alias as a key",
     "listen: x\n"
     "points: {*a : 1}\n",
     27,
     "f.yaml:2:10: $.points: aliases are not supported\n"
     "  2 | points: {*a : 1}\n"
     "    |          ^ write the value out where it is needed\n"},
    {"anchor and tag on a key",
     "listen: x\n"
     "points:\n"
     "  &k !t key: 1\n",
     33,
     "f.yaml:3:3: $.points: anchors are not supported\n"
     "  3 |   &k !t key: 1\n"
     "    |   ^ write the value out where it is needed\n"
     "f.yaml:3:3: $.points: tags are not supported\n"
     "  3 |   &k !t key: 1\n"
     "    |   ^\n"
     "2 errors\n"},
    {"bool: off",
     "listen: x\n"
     "on: off\n",
     18,
     "f.yaml:2:5: $.on: expected true or false, found \"off\"\n"
     "  2 | on: off\n"
     "    |     ^ write false\n"},
    {"more mistakes inside a refused key",
     "listen: x\n"
     "points:\n"
     "  ? [*a]\n"
     "  : {b: *c}\n",
     39,
     "f.yaml:3:5: $.points: a key must be a text\n"
     "  3 |   ? [*a]\n"
     "    |     ^\n"
     "f.yaml:3:6: $.points[?][0]: aliases are not supported\n"
     "  3 |   ? [*a]\n"
     "    |      ^ write the value out where it is needed\n"
     "f.yaml:4:9: $.points[?].b: aliases are not supported\n"
     "  4 |   : {b: *c}\n"
     "    |         ^ write the value out where it is needed\n"
     "3 errors\n"},
};
