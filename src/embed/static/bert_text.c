#include "embed/static/bert_text.h"

#include <glib.h>
#include <stddef.h>

static bool bert_text_is_control(int32_t point)
{
    switch (g_unichar_type((gunichar)point)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
        return point != '\t' && point != '\n' && point != '\r';
    default:
        return false;
    }
}

static bool bert_text_is_space(int32_t point)
{
    if ((point >= '\t' && point <= '\r') || point == 0x85)
        return true;
    switch (g_unichar_type((gunichar)point)) {
    case G_UNICODE_SPACE_SEPARATOR:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return true;
    default:
        return false;
    }
}

static bool bert_text_is_ideograph(int32_t point)
{
    static const struct {
        int32_t first, last;
    } blocks[] = {{0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF},
        {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
        {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};

    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (point >= blocks[i].first && point <= blocks[i].last)
            return true;
    return false;
}

static bool bert_text_is_punctuation(int32_t point)
{
    if (point < 0x80)
        return g_ascii_ispunct((char)point);
    switch (g_unichar_type((gunichar)point)) {
    case G_UNICODE_CONNECT_PUNCTUATION:
    case G_UNICODE_DASH_PUNCTUATION:
    case G_UNICODE_CLOSE_PUNCTUATION:
    case G_UNICODE_FINAL_PUNCTUATION:
    case G_UNICODE_INITIAL_PUNCTUATION:
    case G_UNICODE_OTHER_PUNCTUATION:
    case G_UNICODE_OPEN_PUNCTUATION:
        return true;
    default:
        return false;
    }
}

/* One character for one: of all, only U+0130 has a lower case of two. */
static int bert_text_put(
    bool lowercase, int32_t point, bool alone, struct bert_char *out)
{
    if (lowercase && point == 0x130) {
        out[0] = (struct bert_char){'i', BERT_LETTER};
        out[1] = (struct bert_char){0x307, BERT_LETTER};
        return 2;
    }
    if (lowercase)
        point = (int32_t)g_unichar_tolower((gunichar)point);
    alone = alone || bert_text_is_punctuation(point);
    out[0] = (struct bert_char){point, alone ? BERT_ALONE : BERT_LETTER};
    return 1;
}

static int bert_text_decompose(
    bool lowercase, int32_t point, bool alone, struct bert_char *out)
{
    gunichar parts[BERT_CHARS];
    size_t n = g_unichar_fully_decompose(
        (gunichar)point, FALSE, parts, BERT_CHARS - 1);
    int at = 0;

    for (size_t i = 0; i < n && i < BERT_CHARS - 1; i++)
        if (g_unichar_type(parts[i]) != G_UNICODE_NON_SPACING_MARK)
            at += bert_text_put(lowercase, (int32_t)parts[i], alone, out + at);
    return at;
}

int bert_text_read(const struct bert_rules *rules, int32_t point,
    struct bert_char chars[BERT_CHARS])
{
    bool alone;

    if (point < 0)
        return 0;
    if (rules->clean_text &&
        (point == 0 || point == 0xFFFD || bert_text_is_control(point)))
        return 0;
    if (bert_text_is_space(point)) {
        chars[0] = (struct bert_char){' ', BERT_SPACE};
        return 1;
    }
    alone = rules->handle_chinese_chars && bert_text_is_ideograph(point);
    return rules->strip_accents
               ? bert_text_decompose(rules->lowercase, point, alone, chars)
               : bert_text_put(rules->lowercase, point, alone, chars);
}
