#include "ops/graph_look.h"

#include "base/text.h"
#include "ops/services.h"
#include <stdlib.h>
#include <string.h>

enum { LOOK_TITLE_CHARS = 72 };

int graph_look(const struct ops *ops, struct arena *arena, const char *depth,
    struct history_req *req, struct err *err)
{
    char *end = NULL;
    long n = depth == NULL ? GRAPH_DEPTH_USUAL : strtol(depth, &end, 10);

    if ((end != NULL && (*depth == '\0' || *end != '\0')) || n < 1 ||
        n > GRAPH_DEPTH_MOST)
        return err_set(err, ERR_INVALID, "must be a whole number from 1 to %d",
            GRAPH_DEPTH_MOST);
    req->depth = (int)n;
    if (req->tenant == NULL)
        req->tenant = ops->config->sync.tenant;
    req->stored = services_stored_name(ops, arena, req->service);
    return 0;
}

/* --- what both forms print --- */

static const char *look_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "" : text;
}

/* On one line, without what a terminal would act on; in DOT a quote and a
 * backslash need another one. */
static void look_put(struct buf *out, const char *text, size_t chars, bool dot)
{
    struct str s = str_of(text);

    s.len = utf8_prefix(s, chars);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (dot && (c == '"' || c == '\\'))
            buf_char(out, '\\');
        buf_char(out, c < ' ' || c == 0x7f ? ' ' : (char)c);
    }
}

static json_t *look_node(json_t *graph, const char *id)
{
    json_t *node;
    size_t i;

    json_array_foreach(json_object_get(graph, "nodes"), i, node)
    {
        if (strcmp(look_text(node, "nodeId"), id) == 0)
            return node;
    }
    return NULL;
}

static void look_put_node(struct buf *out, json_t *node)
{
    look_put(out, look_text(node, "service"), SIZE_MAX, false);
    buf_puts(out, "  ");
    look_put(out, look_text(node, "contentId"), SIZE_MAX, false);
    buf_puts(out, "  ");
    look_put(out, look_text(node, "title"), LOOK_TITLE_CHARS, false);
    buf_char(out, '\n');
}

/* --- lines --- */

static void look_put_edge(
    struct buf *out, json_t *graph, json_t *edge, const char *arrow)
{
    const char *other = look_text(edge, arrow[0] == '-' ? "target" : "source");

    buf_printf(out, "  %s %.2f  %-16s  ", arrow,
        json_number_value(json_object_get(edge, "weight")),
        look_text(edge, "type"));
    look_put_node(out, look_node(graph, other));
}

/* Edges that have a node at one end ("source" or "target"), but at the other
 * one not `but` (NULL: whatever). Returns how many. */
static size_t look_put_edges(struct buf *out, json_t *graph, const char *id,
    const char *end, const char *but)
{
    bool from = strcmp(end, "source") == 0;
    json_t *edge;
    size_t i, n = 0;

    json_array_foreach(json_object_get(graph, "edges"), i, edge)
    {
        if (strcmp(look_text(edge, end), id) != 0 ||
            (but != NULL &&
                strcmp(look_text(edge, from ? "target" : "source"), but) == 0))
            continue;
        n++;
        if (out != NULL)
            look_put_edge(out, graph, edge, from ? "->" : "<-");
    }
    return n;
}

static void look_put_waiting(struct buf *out, json_t *graph)
{
    json_t *link;
    size_t i;

    json_array_foreach(json_object_get(graph, "waiting"), i, link)
    {
        buf_printf(out, "  -> waits %-16s  %s  ", look_text(link, "type"),
            look_text(link, "service"));
        look_put(out, look_text(link, "contentId"), SIZE_MAX, false);
        buf_puts(out, "  (not stored)\n");
    }
}

void graph_look_lines(struct buf *out, json_t *graph)
{
    json_t *nodes = json_object_get(graph, "nodes"), *node;
    const char *item = NULL; /* whose edges have all been shown */
    size_t i;

    if (json_array_size(nodes) == 0)
        buf_puts(out, "the item is stored and waits to be linked\n");
    json_array_foreach(nodes, i, node)
    {
        const char *id = look_text(node, "nodeId");

        if (i > 0 && look_put_edges(NULL, graph, id, "source", item) == 0)
            continue;
        look_put_node(out, node);
        look_put_edges(out, graph, id, "source", item);
        if (i > 0)
            continue;
        look_put_edges(out, graph, id, "target", id);
        look_put_waiting(out, graph);
        item = id;
    }
    if (json_is_true(json_object_get(graph, "more")))
        buf_printf(
            out, "... and more: %d items are shown\n", HISTORY_GRAPH_NODES);
}

/* --- DOT --- */

static void graph_look_dot_put_node(struct buf *out, json_t *node)
{
    const char *title = look_text(node, "title");

    buf_puts(out, "  \"");
    look_put(out, look_text(node, "nodeId"), SIZE_MAX, true);
    buf_puts(out, "\" [label=\"");
    look_put(out, title, LOOK_TITLE_CHARS, true);
    buf_puts(out, title[0] != '\0' ? "\\n" : "");
    look_put(out, look_text(node, "service"), SIZE_MAX, true);
    buf_char(out, ' ');
    look_put(out, look_text(node, "contentId"), SIZE_MAX, true);
    buf_puts(out, json_integer_value(json_object_get(node, "depth")) == 0
                      ? "\", style=bold];\n"
                      : "\"];\n");
}

static void graph_look_dot_put_edge(struct buf *out, json_t *edge)
{
    buf_puts(out, "  \"");
    look_put(out, look_text(edge, "source"), SIZE_MAX, true);
    buf_puts(out, "\" -> \"");
    look_put(out, look_text(edge, "target"), SIZE_MAX, true);
    buf_puts(out, "\" [label=\"");
    look_put(out, look_text(edge, "type"), SIZE_MAX, true);
    buf_printf(out, " %.2f\"%s];\n",
        json_number_value(json_object_get(edge, "weight")),
        strcmp(look_text(edge, "method"), "declared") == 0 ? ", style=bold"
                                                           : "");
}

void graph_look_dot(struct buf *out, json_t *graph)
{
    json_t *each;
    size_t i;

    buf_puts(out, "digraph batchsync {\n  node [shape=box];\n");
    json_array_foreach(json_object_get(graph, "nodes"), i, each)
    {
        graph_look_dot_put_node(out, each);
    }
    json_array_foreach(json_object_get(graph, "edges"), i, each)
    {
        graph_look_dot_put_edge(out, each);
    }
    buf_puts(out, "}\n");
}
