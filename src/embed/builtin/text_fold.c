#include "embed/builtin/text_fold.h"

#include <stdbool.h>
#include <stddef.h>

struct span {
    int32_t first, last;
    enum text_kind kind;
};

/* Beyond ASCII, ascending; what stands in none of them is a letter. */
static const struct span spans[] = {
    {0x0080, 0x00A9, TEXT_BREAK}, /* controls, Latin-1 punctuation */
    {0x00AB, 0x00B4, TEXT_BREAK},
    {0x00B6, 0x00B9, TEXT_BREAK},
    {0x00BB, 0x00BF, TEXT_BREAK},
    {0x00D7, 0x00D7, TEXT_BREAK},  /* multiplication sign */
    {0x00F7, 0x00F7, TEXT_BREAK},  /* division sign */
    {0x0300, 0x036F, TEXT_SILENT}, /* combining accents */
    {0x037E, 0x037E, TEXT_BREAK},  /* Greek question mark */
    {0x0387, 0x0387, TEXT_BREAK},
    {0x0483, 0x0489, TEXT_SILENT}, /* Cyrillic marks */
    {0x055A, 0x055F, TEXT_BREAK},  /* Armenian punctuation */
    {0x0589, 0x058F, TEXT_BREAK},
    {0x0591, 0x05BD, TEXT_SILENT}, /* Hebrew accents and points */
    {0x05BE, 0x05BE, TEXT_BREAK},  /* maqaf */
    {0x05BF, 0x05BF, TEXT_SILENT},
    {0x05C0, 0x05C0, TEXT_BREAK},
    {0x05C1, 0x05C2, TEXT_SILENT},
    {0x05C3, 0x05C3, TEXT_BREAK},
    {0x05C4, 0x05C5, TEXT_SILENT},
    {0x05C6, 0x05C6, TEXT_BREAK},
    {0x05C7, 0x05C7, TEXT_SILENT},
    {0x0600, 0x060F, TEXT_BREAK}, /* Arabic signs and punctuation */
    {0x0610, 0x061A, TEXT_SILENT},
    {0x061B, 0x061F, TEXT_BREAK},
    {0x0640, 0x0640, TEXT_SILENT}, /* tatweel */
    {0x064B, 0x065F, TEXT_SILENT}, /* Arabic vowel marks */
    {0x066A, 0x066D, TEXT_BREAK},
    {0x0670, 0x0670, TEXT_SILENT},
    {0x06D4, 0x06D4, TEXT_BREAK},
    {0x06D6, 0x06DC, TEXT_SILENT},
    {0x0964, 0x0965, TEXT_BREAK}, /* danda */
    {0x0E2F, 0x0E2F, TEXT_BREAK},
    {0x0E3F, 0x0E3F, TEXT_BREAK}, /* baht */
    {0x0E4F, 0x0E4F, TEXT_BREAK},
    {0x1680, 0x1680, TEXT_BREAK},
    {0x2000, 0x200A, TEXT_BREAK},
    {0x200B, 0x200F, TEXT_SILENT}, /* zero-width pollers, directions */
    {0x2010, 0x2029, TEXT_BREAK},
    {0x202A, 0x202E, TEXT_SILENT},
    {0x202F, 0x205F, TEXT_BREAK},
    {0x2060, 0x206F, TEXT_SILENT},
    {0x2070, 0x20CF, TEXT_BREAK}, /* super- and subscripts, currencies */
    {0x20D0, 0x20FF, TEXT_SILENT},
    {0x2190, 0x25FF, TEXT_BREAK}, /* arrows, mathematics, boxes */
    {0x2600, 0x27BF, TEXT_ALONE}, /* symbols, dingbats */
    {0x27C0, 0x2BFF, TEXT_BREAK},
    {0x2E00, 0x2E7F, TEXT_BREAK},
    {0x2E80, 0x2FDF, TEXT_ALONE}, /* radicals */
    {0x3000, 0x3004, TEXT_BREAK}, /* CJK punctuation */
    {0x3005, 0x3007, TEXT_ALONE},
    {0x3008, 0x3020, TEXT_BREAK},
    {0x302A, 0x302F, TEXT_SILENT},
    {0x3030, 0x3030, TEXT_BREAK},
    {0x3041, 0x3098, TEXT_ALONE}, /* hiragana */
    {0x3099, 0x309C, TEXT_SILENT},
    {0x309D, 0x309F, TEXT_ALONE},
    {0x30A0, 0x30A0, TEXT_BREAK},
    {0x30A1, 0x30FA, TEXT_ALONE}, /* katakana */
    {0x30FB, 0x30FB, TEXT_BREAK},
    {0x30FC, 0x312F, TEXT_ALONE},
    {0x3400, 0x9FFF, TEXT_ALONE}, /* ideographs */
    {0xE000, 0xF8FF, TEXT_BREAK}, /* private use */
    {0xF900, 0xFAFF, TEXT_ALONE},
    {0xFE00, 0xFE0F, TEXT_SILENT}, /* variation selectors */
    {0xFE10, 0xFE1F, TEXT_BREAK},
    {0xFE20, 0xFE2F, TEXT_SILENT},
    {0xFE30, 0xFE6F, TEXT_BREAK},
    {0xFEFF, 0xFEFF, TEXT_SILENT},
    {0xFF00, 0xFF0F, TEXT_BREAK}, /* full-width punctuation */
    {0xFF1A, 0xFF20, TEXT_BREAK},
    {0xFF3B, 0xFF40, TEXT_BREAK},
    {0xFF5B, 0xFF65, TEXT_BREAK},
    {0xFF66, 0xFF9D, TEXT_ALONE}, /* half-width katakana */
    {0xFFE0, 0xFFFF, TEXT_BREAK},
    {0x1F000, 0x1F3FA, TEXT_ALONE},  /* emoji */
    {0x1F3FB, 0x1F3FF, TEXT_SILENT}, /* skin tones */
    {0x1F400, 0x1FAFF, TEXT_ALONE},
    {0x20000, 0x3FFFF, TEXT_ALONE}, /* ideographs */
    {0xE0000, 0x10FFFF, TEXT_SILENT},
};

static enum text_kind text_fold_kind_beyond_ascii(int32_t point)
{
    size_t low = 0, high = sizeof(spans) / sizeof(spans[0]);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (point > spans[middle].last)
            low = middle + 1;
        else if (point < spans[middle].first)
            high = middle;
        else
            return spans[middle].kind;
    }
    return TEXT_LETTER;
}

static bool text_fold_between(int32_t point, int32_t first, int32_t last)
{
    return point >= first && point <= last;
}

enum text_kind text_kind_of(int32_t point)
{
    if (point >= 0x80)
        return text_fold_kind_beyond_ascii(point);
    if (text_fold_between(point, 'a', 'z') ||
        text_fold_between(point, 'A', 'Z') ||
        text_fold_between(point, '0', '9'))
        return TEXT_LETTER;
    return TEXT_BREAK;
}

static int32_t fold_latin(int32_t point)
{
    if (text_fold_between(point, 0xC0, 0xDE))
        return point == 0xD7 ? point : point + 0x20;
    if (point == 0x130 || point == 0x131) /* Turkish i with and without dot */
        return 'i';
    if (text_fold_between(point, 0x100, 0x137) ||
        text_fold_between(point, 0x14A, 0x177))
        return point | 1;
    if (text_fold_between(point, 0x139, 0x148) ||
        text_fold_between(point, 0x179, 0x17E))
        return point + (point & 1);
    if (point == 0x178)
        return 0xFF;
    if (point == 0x1E9E) /* capital sharp s */
        return 0xDF;
    if (text_fold_between(point, 0x1E00, 0x1E95) ||
        text_fold_between(point, 0x1EA0, 0x1EFF))
        return point | 1;
    return text_fold_between(point, 0xFF21, 0xFF3A) ? point + 0x20 : point;
}

static int32_t fold_greek(int32_t point)
{
    switch (point) {
    case 0x386:
        return 0x3AC;
    case 0x388:
    case 0x389:
    case 0x38A:
        return point + 0x25;
    case 0x38C:
        return 0x3CC;
    case 0x38E:
    case 0x38F:
        return point + 0x3F;
    case 0x3C2: /* final sigma */
        return 0x3C3;
    default:
        return text_fold_between(point, 0x391, 0x3AB) ? point + 0x20 : point;
    }
}

static int32_t fold_cyrillic(int32_t point)
{
    if (text_fold_between(point, 0x410, 0x42F))
        return point + 0x20;
    if (text_fold_between(point, 0x400, 0x40F))
        return point + 0x50;
    if (text_fold_between(point, 0x4C1, 0x4CE))
        return point + (point & 1);
    if (text_fold_between(point, 0x460, 0x481) ||
        text_fold_between(point, 0x48A, 0x4BF) ||
        text_fold_between(point, 0x4D0, 0x52F))
        return point | 1;
    return point;
}

/* Letters with a form of their own at a word's end: kaf, mem, nun, pe, tsadi */
static int32_t fold_hebrew(int32_t point)
{
    switch (point) {
    case 0x5DA:
    case 0x5DD:
    case 0x5DF:
    case 0x5E3:
    case 0x5E5:
        return point + 1;
    default:
        return point;
    }
}

int32_t text_fold(int32_t point)
{
    if (point < 0x80)
        return text_fold_between(point, 'A', 'Z') ? point + 0x20 : point;
    if (text_fold_between(point, 0x370, 0x3FF))
        return fold_greek(point);
    if (text_fold_between(point, 0x400, 0x52F))
        return fold_cyrillic(point);
    if (text_fold_between(point, 0x5D0, 0x5EA))
        return fold_hebrew(point);
    return fold_latin(point);
}
