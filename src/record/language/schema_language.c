#include "record/schema.h"
#include "record/schema_file.h"

/* The text search configurations that every PostgreSQL has, by the code of
 * their language. */
static const struct {
    const char *code, *name;
} languages[] = {
    {"ar", "arabic"},
    {"hy", "armenian"},
    {"eu", "basque"},
    {"ca", "catalan"},
    {"da", "danish"},
    {"nl", "dutch"},
    {"en", "english"},
    {"fi", "finnish"},
    {"fr", "french"},
    {"de", "german"},
    {"el", "greek"},
    {"hi", "hindi"},
    {"hu", "hungarian"},
    {"id", "indonesian"},
    {"ga", "irish"},
    {"it", "italian"},
    {"lt", "lithuanian"},
    {"ne", "nepali"},
    {"no", "norwegian"},
    {"pt", "portuguese"},
    {"ro", "romanian"},
    {"ru", "russian"},
    {"sr", "serbian"},
    {"es", "spanish"},
    {"sv", "swedish"},
    {"ta", "tamil"},
    {"tr", "turkish"},
    {"yi", "yiddish"},
    {"simple", "simple"},
};

enum { CODE_LETTERS = 2 };

/* NULL: it is no language. One that PostgreSQL does not know has words as they
 * are. */
static const char *schema_language_name(const char *text)
{
    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
        if (strcmp(text, languages[i].code) == 0 ||
            strcmp(text, languages[i].name) == 0)
            return languages[i].name;
    }
    return strspn(text, "abcdefghijklmnopqrstuvwxyz") == CODE_LETTERS &&
                   text[CODE_LETTERS] == '\0'
               ? "simple"
               : NULL;
}

void schema_read_language(struct schema_file *file, struct schema *s)
{
    const char *text = schema_read_string(file, "language");
    struct schema_member m;

    s->language = text != NULL ? schema_language_name(text) : "simple";
    if (s->language != NULL)
        return;
    schema_member_find(file, "language", &m);
    schema_fault(file, m.at, str_of(m.name),
        "\"%.40s\" is not a language: give its code of two letters (\"en\", "
        "\"he\"), or the name of one of PostgreSQL's text search "
        "configurations (\"english\", \"simple\")",
        text);
}
