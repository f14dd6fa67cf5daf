// SPDX-License-Identifier: Apache-2.0
// Writes docs/reference/api.md on standard output, from a descriptor set with source info (protoc's
// --descriptor_set_out --include_imports --include_source_info):
//
//     reference SET assay.ingest.v1.IngestService assay.router.v1.RouterService ...
//
// Services come in the order given, each with its methods; then every message and enum that they
// reach. A method whose comment begins with "Between services only" is left out, and what it alone
// reaches with it.
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "descriptor.pb-c.h"

typedef Assay__Descriptor__File file_t;
typedef Assay__Descriptor__Message message_t;
typedef Assay__Descriptor__Enum enum_t;

enum { KIND_SERVICE = 6, KIND_MESSAGE = 4, KIND_ENUM = 5, PART = 2, PATH_MAX_LEN = 4 };
enum { TYPE_MESSAGE = 11, TYPE_ENUM = 14, LABEL_REPEATED = 3, TYPES = 512 };

// A message or an enum, by its place in a file.
struct type {
    const file_t *file;
    const message_t *message; // or:
    const enum_t *enumeration;
    int place;
};

struct reference {
    Assay__Descriptor__FileSet *set;
    struct type reached[TYPES]; // in the order in which they were met
    size_t n;
};

static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("reference: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

// ---- Reading ------------------------------------------------------------------------------------

static Assay__Descriptor__FileSet *read_set(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail("%s cannot be opened", path);
    size_t n = 0, cap = 1 << 22;
    uint8_t *bytes = malloc(cap);
    if (bytes == NULL || (n = fread(bytes, 1, cap, file)) == 0 || n == cap)
        fail("%s: nothing, or too much", path);
    fclose(file);
    Assay__Descriptor__FileSet *set = assay__descriptor__file_set__unpack(NULL, n, bytes);
    free(bytes);
    if (set == NULL)
        fail("%s is not a descriptor set", path);
    return set;
}

// The comment above what `path` names; "" without one.
static const char *comment_of(const file_t *file, const int32_t *path, size_t n)
{
    for (size_t i = 0; file->source_code_info != NULL && i < file->source_code_info->n_location;
         i++) {
        const Assay__Descriptor__Location *at = file->source_code_info->location[i];
        if (at->n_path == n && memcmp(at->path, path, n * sizeof *path) == 0)
            return at->leading_comments != NULL ? at->leading_comments : "";
    }
    return "";
}

static bool is_named(const file_t *file, const char *name, const char *full)
{
    size_t n = strlen(file->package);
    return strncmp(full, file->package, n) == 0 && full[n] == '.' &&
           strcmp(full + n + 1, name) == 0;
}

static struct type find_type(const struct reference *r, const char *full)
{
    full += full[0] == '.';
    for (size_t f = 0; f < r->set->n_file; f++) {
        const file_t *file = r->set->file[f];
        for (size_t i = 0; i < file->n_message_type; i++)
            if (is_named(file, file->message_type[i]->name, full))
                return (struct type){file, file->message_type[i], NULL, (int)i};
        for (size_t i = 0; i < file->n_enum_type; i++)
            if (is_named(file, file->enum_type[i]->name, full))
                return (struct type){file, NULL, file->enum_type[i], (int)i};
    }
    fail("%s is in no file", full);
    return (struct type){0};
}

// ---- What methods reach -------------------------------------------------------------------------

static void reach(struct reference *r, const char *full)
{
    struct type type = find_type(r, full);
    for (size_t i = 0; i < r->n; i++)
        if (r->reached[i].message == type.message && r->reached[i].enumeration == type.enumeration)
            return;
    if (r->n == TYPES)
        fail("more than %d types", TYPES);
    r->reached[r->n++] = type;
    for (size_t i = 0; type.message != NULL && i < type.message->n_field; i++)
        if (type.message->field[i]->type_name != NULL)
            reach(r, type.message->field[i]->type_name);
}

static const Assay__Descriptor__Service *find_service(const struct reference *r, const char *full,
                                                      const file_t **file, int *place)
{
    for (size_t f = 0; f < r->set->n_file; f++) {
        *file = r->set->file[f];
        for (size_t i = 0; i < (*file)->n_service; i++) {
            *place = (int)i;
            if (is_named(*file, (*file)->service[i]->name, full))
                return (*file)->service[i];
        }
    }
    fail("the service %s is in no file", full);
    return NULL;
}

static const char *method_comment(const file_t *file, int service, size_t method)
{
    int32_t path[PATH_MAX_LEN] = {KIND_SERVICE, service, PART, (int32_t)method};
    return comment_of(file, path, PATH_MAX_LEN);
}

static bool is_public(const file_t *file, int service, size_t method)
{
    static const char INSIDE[] = " Between services only";
    return strncmp(method_comment(file, service, method), INSIDE, sizeof INSIDE - 1) != 0;
}

// ---- Writing ------------------------------------------------------------------------------------

// A comment's lines as one paragraph, or as one cell of a table.
static void put_comment(const char *comment, bool cell)
{
    while (*comment == ' ' || *comment == '\n')
        comment++;
    size_t n = strlen(comment);
    while (n > 0 && (comment[n - 1] == '\n' || comment[n - 1] == ' '))
        n--;
    for (size_t i = 0; i < n; i++) {
        if (comment[i] == '|' && cell)
            fputs("\\|", stdout);
        else if (comment[i] != '\n')
            putchar(comment[i]);
        else if (comment[i + 1] != ' ')
            putchar(' ');
    }
}

static const char *last_part(const char *full)
{
    const char *dot = strrchr(full, '.');
    return dot == NULL ? full : dot + 1;
}

// Headings of messages that two packages have alike would lead to the wrong place, so they carry
// the package: "ingest.v1.Event".
static void put_name(const file_t *file, const char *name)
{
    printf("%s.%s", file->package + strlen("assay."), name);
}

// As Markdown viewers make anchors of headings: small letters, dots left out.
static void put_anchor(const file_t *file, const char *name)
{
    putchar('#');
    for (const char *c = file->package + strlen("assay."); *c != '\0'; c++)
        if (*c != '.')
            putchar(*c);
    for (const char *c = name; *c != '\0'; c++)
        putchar(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
}

static void put_link(const struct reference *r, const char *full)
{
    struct type type = find_type(r, full);
    printf("[%s](", last_part(full));
    put_anchor(type.file, last_part(full));
    putchar(')');
}

static void put_type(const struct reference *r, const Assay__Descriptor__Field *field)
{
    static const char *const NAMES[] = {
        "",        "double",   "float",    "int64",  "uint64", "int32", "fixed64",
        "fixed32", "bool",     "string",   "",       "",       "bytes", "uint32",
        "",        "sfixed32", "sfixed64", "sint32", "sint64",
    };
    if (field->label == LABEL_REPEATED)
        fputs("list of ", stdout);
    if (field->type_name != NULL)
        put_link(r, field->type_name);
    else
        fputs(NAMES[field->type], stdout);
}

static void put_service(const struct reference *r, const char *full)
{
    const file_t *file;
    int place;
    const Assay__Descriptor__Service *service = find_service(r, full, &file, &place);
    printf("\n## %s\n\n`%s`", service->name, full);
    const char *comment = comment_of(file, (int32_t[]){KIND_SERVICE, place}, 2);
    fputs(comment[0] != '\0' ? ": " : "", stdout);
    put_comment(comment, false);
    puts("\n\n| method | request | answer | |\n|---|---|---|---|");
    for (size_t i = 0; i < service->n_method; i++) {
        const Assay__Descriptor__Method *method = service->method[i];
        if (!is_public(file, place, i))
            continue;
        printf("| `%s` | ", method->name);
        put_link(r, method->input_type);
        fputs(method->server_streaming ? " | stream of " : " | ", stdout);
        put_link(r, method->output_type);
        fputs(" | ", stdout);
        put_comment(method_comment(file, place, i), true);
        puts(" |");
    }
}

static void put_field(const struct reference *r, const struct type *type, size_t i)
{
    const Assay__Descriptor__Field *field = type->message->field[i];
    int32_t path[PATH_MAX_LEN] = {KIND_MESSAGE, type->place, PART, (int32_t)i};
    printf("| `%s` | %d | ", field->name, field->number);
    put_type(r, field);
    fputs(" | ", stdout);
    if (field->has_oneof_index)
        printf("One of `%s`. ", type->message->oneof_decl[field->oneof_index]->name);
    put_comment(comment_of(type->file, path, PATH_MAX_LEN), true);
    puts(" |");
}

static void put_reached(const struct reference *r, const struct type *type)
{
    bool message = type->message != NULL;
    const char *name = message ? type->message->name : type->enumeration->name;
    int kind = message ? KIND_MESSAGE : KIND_ENUM;
    fputs("\n### ", stdout);
    put_name(type->file, name);
    const char *comment = comment_of(type->file, (int32_t[]){kind, type->place}, 2);
    puts("\n");
    if (comment[0] != '\0') {
        put_comment(comment, false);
        puts("\n");
    }
    if (message && type->message->n_field == 0) {
        puts("No fields.");
        return;
    }
    puts(message ? "| field | number | type | |\n|---|---|---|---|"
                 : "| value | number | |\n|---|---|---|");
    for (size_t i = 0; message && i < type->message->n_field; i++)
        put_field(r, type, i);
    for (size_t i = 0; !message && i < type->enumeration->n_value; i++) {
        int32_t path[PATH_MAX_LEN] = {KIND_ENUM, type->place, PART, (int32_t)i};
        printf("| `%s` | %d | ", type->enumeration->value[i]->name,
               type->enumeration->value[i]->number);
        put_comment(comment_of(type->file, path, PATH_MAX_LEN), true);
        puts(" |");
    }
}

int main(int argc, char **argv)
{
    static struct reference r;
    if (argc < 3)
        fail("expected a descriptor set and the names of services");
    r.set = read_set(argv[1]);
    puts("# Reference of the API\n\n"
         "Written by `./dev docs` from the files of `proto/`. Every method is served by gRPC "
         "([grpc](../grpc.md)), those without a stream also\n"
         "as JSON over HTTP (`POST /PACKAGE.SERVICE/METHOD`) and over NNG ([rpc](../rpc.md)). In "
         "JSON a field is called `lowerCamelCase`, 64-bit numbers are texts.\n"
         "What SDKs send over HTTP has [a reference of its own](http.md).");
    for (int i = 2; i < argc; i++)
        put_service(&r, argv[i]);
    for (int i = 2; i < argc; i++) {
        const file_t *file;
        int place;
        const Assay__Descriptor__Service *service = find_service(&r, argv[i], &file, &place);
        for (size_t m = 0; m < service->n_method; m++)
            if (is_public(file, place, m)) {
                reach(&r, service->method[m]->input_type);
                reach(&r, service->method[m]->output_type);
            }
    }
    puts("\n## Messages");
    for (size_t i = 0; i < r.n; i++)
        put_reached(&r, &r.reached[i]);
    assay__descriptor__file_set__free_unpacked(r.set, NULL);
    return 0;
}
