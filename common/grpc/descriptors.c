// SPDX-License-Identifier: Apache-2.0
// Field numbers are those of google/protobuf/descriptor.proto.
#include "common/grpc/descriptors.h"

#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/mem.h"

enum {
    SET_FILE = 1,
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_DEPENDENCY = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_EXTENSION = 7,
    MESSAGE_NAME = 1,
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_EXTENSION = 6,
    MESSAGE_ONEOF = 8,
    MEMBER_NAME = 1,    // of fields, oneofs, methods, enum values, enums, services
    MEMBERS = 2,        // of services and enums
    FIELD_EXTENDEE = 2, // ".package.Type"
    FIELD_NUMBER = 3,
};

enum { NESTED_MAX = 32 };

struct symbol {
    char *name;
    size_t file;
};

struct extension {
    char *type;
    int32_t number;
    size_t file;
};

struct file {
    struct span bytes;
    char *name;
    char **imports;
    size_t n_imports, imports_cap;
};

struct descriptors {
    struct arena arena; // names
    struct file *files;
    size_t n_files, files_cap;
    struct symbol *symbols; // sorted by name
    size_t n_symbols, symbols_cap;
    struct extension *extensions;
    size_t n_extensions, extensions_cap;
    bool bad;
};

// ---- Reading ------------------------------------------------------------------------------------

struct wire {
    const uint8_t *at, *end;
    uint32_t field;
    struct span bytes; // of a field with a length
    uint64_t number;   // of a varint
};

static bool wire_varint(struct wire *wire, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
        uint8_t byte = *wire->at++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool wire_skip(struct wire *wire, uint64_t n)
{
    if (n > (uint64_t)(wire->end - wire->at))
        return false;
    wire->bytes = span_make(wire->at, (size_t)n);
    wire->at += n;
    return true;
}

// The next field; false at the end, and with `*bad` when there is no field.
static bool wire_next(struct wire *wire, bool *bad)
{
    uint64_t tag, n;
    if (wire->at == wire->end || *bad)
        return false;
    bool good = wire_varint(wire, &tag);
    wire->field = (uint32_t)(tag >> 3);
    wire->bytes = (struct span){0};
    wire->number = 0;
    if (good && (tag & 7) == 0)
        good = wire_varint(wire, &wire->number);
    else if (good && (tag & 7) == 1)
        good = wire_skip(wire, 8);
    else if (good && (tag & 7) == 2)
        good = wire_varint(wire, &n) && wire_skip(wire, n);
    else if (good && (tag & 7) == 5)
        good = wire_skip(wire, 4);
    else
        good = false;
    *bad = !good;
    return good;
}

static struct wire wire_of(struct span bytes)
{
    return (struct wire){.at = bytes.ptr, .end = (const uint8_t *)bytes.ptr + bytes.len};
}

// The last value of a field that is text.
static struct span wire_text(struct descriptors *d, struct span bytes, uint32_t field)
{
    struct wire wire = wire_of(bytes);
    struct span text = {"", 0};
    while (wire_next(&wire, &d->bad))
        if (wire.field == field)
            text = wire.bytes;
    return text;
}

// ---- Symbols ------------------------------------------------------------------------------------

static const char *symbol_join(struct descriptors *d, const char *scope, struct span name)
{
    if (scope[0] == '\0')
        return arena_dup(&d->arena, name);
    return arena_printf(&d->arena, "%s." SPAN_FMT, scope, SPAN_ARG(name));
}

static const char *symbol_add(struct descriptors *d, const char *scope, struct span bytes)
{
    MEM_GROW(d->symbols, d->n_symbols, d->symbols_cap);
    const char *name = symbol_join(d, scope, wire_text(d, bytes, MEMBER_NAME));
    d->symbols[d->n_symbols++] = (struct symbol){(char *)name, d->n_files - 1};
    return name;
}

static void extension_add(struct descriptors *d, const char *scope, struct span bytes)
{
    struct wire wire = wire_of(bytes);
    struct extension extension = {.type = (char *)"", .file = d->n_files - 1};
    while (wire_next(&wire, &d->bad)) {
        if (wire.field == FIELD_EXTENDEE && wire.bytes.len > 0)
            extension.type = arena_dup(
                &d->arena, span_make((const char *)wire.bytes.ptr + 1, wire.bytes.len - 1));
        else if (wire.field == FIELD_NUMBER)
            extension.number = (int32_t)wire.number;
    }
    (void)symbol_add(d, scope, bytes);
    MEM_GROW(d->extensions, d->n_extensions, d->extensions_cap);
    d->extensions[d->n_extensions++] = extension;
}

// An enum or a service. An enum's values stand beside it, a service's methods in it.
static void members_add(struct descriptors *d, const char *scope, struct span bytes, bool inside)
{
    struct wire wire = wire_of(bytes);
    const char *name = symbol_add(d, scope, bytes);
    while (wire_next(&wire, &d->bad))
        if (wire.field == MEMBERS)
            (void)symbol_add(d, inside ? name : scope, wire.bytes);
}

static void message_add(struct descriptors *d, const char *scope, struct span bytes, int depth)
{
    struct wire wire = wire_of(bytes);
    const char *name = symbol_add(d, scope, bytes);
    d->bad = d->bad || depth > NESTED_MAX;
    while (wire_next(&wire, &d->bad)) {
        if (wire.field == MESSAGE_FIELD || wire.field == MESSAGE_ONEOF)
            (void)symbol_add(d, name, wire.bytes);
        else if (wire.field == MESSAGE_NESTED)
            message_add(d, name, wire.bytes, depth + 1);
        else if (wire.field == MESSAGE_ENUM)
            members_add(d, name, wire.bytes, false);
        else if (wire.field == MESSAGE_EXTENSION)
            extension_add(d, name, wire.bytes);
    }
}

static void file_add(struct descriptors *d, struct span bytes)
{
    struct wire wire = wire_of(bytes);
    MEM_GROW(d->files, d->n_files, d->files_cap);
    struct file *file = &d->files[d->n_files++];
    *file =
        (struct file){.bytes = bytes, .name = arena_dup(&d->arena, wire_text(d, bytes, FILE_NAME))};
    const char *package = arena_dup(&d->arena, wire_text(d, bytes, FILE_PACKAGE));
    while (wire_next(&wire, &d->bad)) {
        if (wire.field == FILE_DEPENDENCY) {
            MEM_GROW(file->imports, file->n_imports, file->imports_cap);
            file->imports[file->n_imports++] = arena_dup(&d->arena, wire.bytes);
        } else if (wire.field == FILE_MESSAGE) {
            message_add(d, package, wire.bytes, 0);
        } else if (wire.field == FILE_ENUM || wire.field == FILE_SERVICE) {
            members_add(d, package, wire.bytes, wire.field == FILE_SERVICE);
        } else if (wire.field == FILE_EXTENSION) {
            extension_add(d, package, wire.bytes);
        }
    }
}

static int symbol_cmp(const void *a, const void *b)
{
    return strcmp(((const struct symbol *)a)->name, ((const struct symbol *)b)->name);
}

enum err descriptors_create(struct span set, struct descriptors **out, struct err_info *info)
{
    struct descriptors *d = mem_zalloc(sizeof *d);
    struct wire wire = wire_of(set);
    arena_init(&d->arena, 16384, 0);
    while (wire_next(&wire, &d->bad))
        if (wire.field == SET_FILE)
            file_add(d, wire.bytes);
    if (d->bad) {
        descriptors_destroy(d);
        return err_set(info, ERR_INVALID, "no set of file descriptors");
    }
    if (d->n_symbols > 0)
        qsort(d->symbols, d->n_symbols, sizeof *d->symbols, symbol_cmp);
    *out = d;
    return ERR_OK;
}

void descriptors_destroy(struct descriptors *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->n_files; i++)
        mem_free(d->files[i].imports);
    mem_free(d->files);
    mem_free(d->symbols);
    mem_free(d->extensions);
    arena_deinit(&d->arena);
    mem_free(d);
}

// ---- Finding ------------------------------------------------------------------------------------

size_t descriptors_count(const struct descriptors *d)
{
    return d->n_files;
}

size_t descriptors_file(const struct descriptors *d, const char *name)
{
    for (size_t i = 0; i < d->n_files; i++)
        if (strcmp(d->files[i].name, name) == 0)
            return i;
    return DESCRIPTORS_NONE;
}

size_t descriptors_symbol(const struct descriptors *d, const char *name)
{
    struct symbol key = {.name = (char *)name};
    const struct symbol *found =
        d->n_symbols == 0 ? NULL
                          : bsearch(&key, d->symbols, d->n_symbols, sizeof *d->symbols, symbol_cmp);
    return found == NULL ? DESCRIPTORS_NONE : found->file;
}

size_t descriptors_extension(const struct descriptors *d, const char *type, int32_t number)
{
    for (size_t i = 0; i < d->n_extensions; i++)
        if (d->extensions[i].number == number && strcmp(d->extensions[i].type, type) == 0)
            return d->extensions[i].file;
    return DESCRIPTORS_NONE;
}

size_t descriptors_extensions(const struct descriptors *d, const char *type, int32_t *out,
                              size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n_extensions && n < max; i++)
        if (strcmp(d->extensions[i].type, type) == 0)
            out[n++] = d->extensions[i].number;
    return n;
}

static size_t descriptors_collect(const struct descriptors *d, size_t at, struct span *out,
                                  size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (out[i].ptr == d->files[at].bytes.ptr)
            return n; // it is there
    out[n++] = d->files[at].bytes;
    for (size_t i = 0; i < d->files[at].n_imports; i++) {
        size_t import = descriptors_file(d, d->files[at].imports[i]);
        if (import != DESCRIPTORS_NONE)
            n = descriptors_collect(d, import, out, n);
    }
    return n;
}

size_t descriptors_with_imports(const struct descriptors *d, size_t file, struct span *out)
{
    CHECK(file < d->n_files);
    return descriptors_collect(d, file, out, 0);
}
