// SPDX-License-Identifier: Apache-2.0
// From libyaml's events to nodes. What YAML has beyond plain data (anchors, aliases, tags, merged
// documents, the same key twice) is reported where it stands, and reading goes on, so that all
// mistakes of a file come out at once. Only a syntax error or a passed bound ends it.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/config/config_impl.h"

struct config_frame {
    struct config_node *node;
    struct config_node *key; // of the value that comes next in a mapping
};

struct config_loader {
    struct config *config;
    struct config_frame frames[CONFIG_DEPTH_MAX];
    size_t depth;
    size_t n_nodes;
    size_t n_documents;
    bool stop;   // nothing more to read
    bool failed; // what was read is not to be used
};

static void config_fatal(struct config_loader *loader, uint32_t line, uint32_t column,
                         const char *hint, const char *message)
{
    config_error_at(loader->config, line, column, hint, "%s", message);
    loader->stop = true;
    loader->failed = true;
}

static void config_error_mark(struct config_loader *loader, yaml_mark_t mark, const char *hint,
                              const char *message)
{
    config_error_at(loader->config, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, hint, "%s",
                    message);
}

// libyaml's own complaint, in one sentence.
static void config_syntax_error(struct config_loader *loader, const yaml_parser_t *parser)
{
    struct config *config = loader->config;
    const char *problem = parser->problem != NULL ? parser->problem : "unreadable";
    const char *hint = NULL;
    uint32_t line = (uint32_t)parser->problem_mark.line + 1;
    uint32_t column = (uint32_t)parser->problem_mark.column + 1;
    CHECK(parser->error != YAML_MEMORY_ERROR);
    loader->stop = true;
    loader->failed = true;
    if (parser->error == YAML_READER_ERROR) {
        config_place_of(config, parser->problem_offset, &line, &column);
        config_error_at(config, line, column, NULL, "not valid YAML: %s", problem);
        return;
    }
    if (strstr(problem, "cannot start any token") != NULL)
        hint = "quote a text that starts like this; indent with spaces, not tabs";
    uint32_t context_line = (uint32_t)parser->context_mark.line + 1;
    if (parser->context == NULL || strstr(parser->context, "next token") != NULL)
        config_error_at(config, line, column, hint, "not valid YAML: %s", problem);
    else if (context_line == line)
        config_error_at(config, line, column, hint, "not valid YAML: %s, %s", problem,
                        parser->context);
    else
        config_error_at(config, line, column, hint, "not valid YAML: %s, %s that starts on line %u",
                        problem, parser->context, context_line);
}

static struct config_node *config_node_new(struct config_loader *loader, enum config_kind kind,
                                           yaml_mark_t mark)
{
    struct config *config = loader->config;
    struct config_node *node = arena_alloc(&config->arena, sizeof *node);
    node->kind = kind;
    node->line = (uint32_t)mark.line + 1;
    node->column = (uint32_t)mark.column + 1;
    if (kind != CONFIG_SCALAR) {
        node->next_container = config->containers;
        config->containers = node;
    }
    if (++loader->n_nodes > CONFIG_NODES_MAX)
        config_fatal(loader, node->line, node->column, NULL, "too many values (200000 at most)");
    return node;
}

// A key has come: it must be a new text.
static void config_take_key(struct config_loader *loader, struct config_frame *frame,
                            struct config_node *key)
{
    struct config *config = loader->config;
    key->is_key = true;
    frame->key = key;
    if (key->kind != CONFIG_SCALAR)
        config_error(config, key, "a key must be a text");
    else if (key->text.len == 0)
        config_error(config, key, "empty key");
    const struct config_node *first =
        key->kind == CONFIG_SCALAR ? config_map_key(frame->node, key->text) : NULL;
    if (first != NULL) {
        struct buf quoted = {0};
        config_quote(key->text, &quoted);
        config_error(config, key, "duplicate key " SPAN_FMT " (first on line %u)",
                     SPAN_ARG(buf_span(&quoted)), first->line);
        buf_deinit(&quoted);
    }
    key->bad = key->kind != CONFIG_SCALAR || key->text.len == 0 || first != NULL;
}

// Puts a node where it belongs. Values of a key that was refused hang in the air: they are checked
// like all others, but nobody finds them.
static void config_attach(struct config_loader *loader, struct config_node *node)
{
    if (loader->depth == 0) {
        loader->config->root = node;
        return;
    }
    struct config_frame *frame = &loader->frames[loader->depth - 1];
    node->parent = frame->node;
    if (frame->node->kind == CONFIG_SEQUENCE) {
        node->at = (uint32_t)frame->node->n;
        MEM_GROW(frame->node->items, frame->node->n, frame->node->cap);
        frame->node->items[frame->node->n++] = node;
    } else if (frame->key == NULL) {
        config_take_key(loader, frame, node);
    } else {
        node->key = frame->key;
        if (!frame->key->bad)
            config_map_add(frame->node, frame->key, node);
        frame->key = NULL;
    }
}

// Anchors and tags, of a node that has its place.
static void config_check_properties(struct config_loader *loader, const struct config_node *node,
                                    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        config_error_hint(loader->config, node, "write the value out where it is needed",
                          "anchors are not supported");
    if (tag != NULL)
        config_error(loader->config, node, "tags are not supported");
}

static void config_on_scalar(struct config_loader *loader, const yaml_event_t *event)
{
    struct config *config = loader->config;
    struct config_node *node = config_node_new(loader, CONFIG_SCALAR, event->start_mark);
    struct span text = {event->data.scalar.value, event->data.scalar.length};
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = span_make(arena_dup(&config->arena, text), text.len);
    config_attach(loader, node);
    config_check_properties(loader, node, event->data.scalar.anchor, event->data.scalar.tag);
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL) {
        config_error(config, node, "a text must not contain NUL");
        node->bad = true;
    }
}

static void config_on_alias(struct config_loader *loader, const yaml_event_t *event)
{
    struct config_node *node = config_node_new(loader, CONFIG_SCALAR, event->start_mark);
    node->text = span_of("*"); // as a key it is not an empty one
    config_attach(loader, node);
    config_error_hint(loader->config, node, "write the value out where it is needed",
                      "aliases are not supported");
    node->bad = true;
}

static void config_on_start(struct config_loader *loader, const yaml_event_t *event,
                            enum config_kind kind)
{
    struct config_node *node = config_node_new(loader, kind, event->start_mark);
    bool map = kind == CONFIG_MAPPING;
    if (loader->depth == CONFIG_DEPTH_MAX) {
        config_fatal(loader, node->line, node->column, NULL, "nested too deeply (32 at most)");
        return;
    }
    config_attach(loader, node);
    config_check_properties(
        loader, node, map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
        map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    loader->frames[loader->depth++] = (struct config_frame){node, NULL};
}

static void config_on_document(struct config_loader *loader, const yaml_event_t *event)
{
    if (event->data.document_start.tag_directives.start !=
        event->data.document_start.tag_directives.end)
        config_error_mark(loader, event->start_mark, NULL, "tags are not supported");
    if (++loader->n_documents > 1) {
        config_error_mark(loader, event->start_mark, NULL, "more than one document in a file");
        loader->stop = true;
    }
}

static void config_on_event(struct config_loader *loader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_STREAM_END_EVENT:
        loader->stop = true;
        break;
    case YAML_DOCUMENT_START_EVENT:
        config_on_document(loader, event);
        break;
    case YAML_ALIAS_EVENT:
        config_on_alias(loader, event);
        break;
    case YAML_SCALAR_EVENT:
        config_on_scalar(loader, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        config_on_start(loader, event, CONFIG_SEQUENCE);
        break;
    case YAML_MAPPING_START_EVENT:
        config_on_start(loader, event, CONFIG_MAPPING);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        CHECK(loader->depth > 0);
        loader->depth--;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

// libyaml's reader tells a bad byte by its offset only, and would take UTF-16: looked at before it.
static bool config_check_bytes(struct config_loader *loader)
{
    struct config *config = loader->config;
    struct span text = config_file_text(config);
    if (config->n_bytes > CONFIG_BYTES_MAX) {
        config_fatal(loader, 0, 0, NULL, "the file is larger than 4MiB");
        return false;
    }
    if (text_is_clean_utf8(text))
        return true;
    size_t bad = config_clean_len(text);
    uint32_t line, column;
    config_place_of(config, bad, &line, &column);
    config_fatal(loader, line, column, NULL,
                 config->bytes[bad] == '\0' ? "the file contains a NUL byte"
                                            : "the file is not UTF-8");
    return false;
}

void config_parse(struct config *config)
{
    struct config_loader loader = {.config = config};
    yaml_parser_t parser;
    if (!config_check_bytes(&loader))
        return;
    CHECK(yaml_parser_initialize(&parser) == 1);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)config->bytes, config->n_bytes);
    while (!loader.stop) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) != 1) {
            config_syntax_error(&loader, &parser);
            break;
        }
        config_on_event(&loader, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    const struct config_node *root = config->root;
    bool empty =
        root == NULL || (root->kind == CONFIG_SCALAR && root->plain && root->text.len == 0);
    if (empty && !loader.failed && (root == NULL || !root->bad))
        config_error_at(config, 0, 0, NULL, "the file is empty");
    if (empty || loader.failed)
        config->root = NULL;
}

static struct config *config_create(const char *name)
{
    struct config *config = mem_zalloc(sizeof *config);
    config->name = mem_dup_text(name);
    arena_init(&config->arena, 16 * 1024, 0);
    return config;
}

struct config *config_load_text(const char *name, struct span text)
{
    struct config *config = config_create(name);
    if (span_starts(text, "\xEF\xBB\xBF"))
        text = span_make((const char *)text.ptr + 3, text.len - 3);
    config->bytes = mem_dup(text);
    config->n_bytes = text.len;
    config_parse(config);
    return config;
}

// Reads to the end, or to one byte past the bound.
static enum err config_read_file(int fd, struct buf *out)
{
    enum { CHUNK = 64 * 1024 };
    while (out->len <= CONFIG_BYTES_MAX) {
        ssize_t n = read(fd, buf_reserve(out, CHUNK), CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        if (n == 0)
            break;
        out->len += (size_t)n;
    }
    return ERR_OK;
}

struct config *config_load_file(const char *path)
{
    struct buf bytes = {0};
    struct config *config;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && config_read_file(fd, &bytes) == ERR_OK) {
        config = config_load_text(path, buf_span(&bytes));
    } else {
        config = config_create(path);
        config_error_at(config, 0, 0, NULL, "cannot read it: %s", strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    buf_deinit(&bytes);
    return config;
}

void config_destroy(struct config *config)
{
    if (config == NULL)
        return;
    for (struct config_node *node = config->containers; node != NULL; node = node->next_container) {
        mem_free(node->items);
        mem_free(node->keys);
        index_deinit(&node->index);
    }
    arena_deinit(&config->arena);
    mem_free(config->mistakes);
    mem_free(config->bytes);
    mem_free(config->name);
    mem_free(config);
}

struct span config_file_text(const struct config *config)
{
    return span_make(config->bytes, config->n_bytes);
}
