/*
 * OpenSSL deprecates its SHA256_* functions in favour of EVP. A context of
 * those is allocated for each digest, which costs more than digesting an item
 * does; these work on a plain value, which may be copied in mid-way.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/crypto.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256),
    "struct sha256 holds OpenSSL's state");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct sha256),
    "struct sha256 is aligned for OpenSSL's state");

static SHA256_CTX *crypto_state_of(struct sha256 *s)
{
    return (SHA256_CTX *)(void *)s;
}

void sha256_init(struct sha256 *s)
{
    SHA256_Init(crypto_state_of(s));
}

void sha256_add(struct sha256 *s, const void *p, size_t len)
{
    if (len > 0)
        SHA256_Update(crypto_state_of(s), p, len);
}

/* The length least byte first on every machine, as digests are stored. */
void sha256_add_field(struct sha256 *s, struct str field)
{
    uint8_t length[8];

    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)field.len >> (8 * i));
    sha256_add(s, length, sizeof(length));
    sha256_add(s, field.p, field.len);
}

void sha256_end(struct sha256 *s, uint8_t out[SHA256_BYTES])
{
    SHA256_Final(out, crypto_state_of(s));
}

void hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_BYTES])
{
    if (HMAC(EVP_sha256(), key.p, (int)key.len, (const uint8_t *)data.p,
            data.len, out, NULL) == NULL)
        abort(); /* no memory */
}

void sha256_of(struct str data, uint8_t out[SHA256_BYTES])
{
    struct sha256 s;

    sha256_init(&s);
    sha256_add(&s, data.p, data.len);
    sha256_end(&s, out);
}

void hex_encode(const uint8_t *p, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, const void *p, size_t len)
{
    const uint8_t *in = p;
    char *to = buf_grow(out, (len + 2) / 3 * 4);
    uint32_t bits;

    if (to == NULL)
        return;
    for (; len >= 3; len -= 3, in += 3) {
        bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *to++ = alphabet[bits >> 18];
        *to++ = alphabet[bits >> 12 & 63];
        *to++ = alphabet[bits >> 6 & 63];
        *to++ = alphabet[bits & 63];
    }
    if (len == 0)
        return;
    bits = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
    *to++ = alphabet[bits >> 18];
    *to++ = alphabet[bits >> 12 & 63];
    *to++ = len == 2 ? alphabet[bits >> 6 & 63] : '=';
    *to = '=';
}

/*
 * What a digit stands for, where the first, second, third and last of a group
 * of four have it: the group is the four of them put together. Characters that
 * are not digits are 0.
 */
enum { IS_DIGIT = 1 << 24 };

/* clang-format off */
#define DIGITS(D)                                                             \
    D('A', 0) D('B', 1) D('C', 2) D('D', 3) D('E', 4) D('F', 5) D('G', 6)     \
    D('H', 7) D('I', 8) D('J', 9) D('K', 10) D('L', 11) D('M', 12)            \
    D('N', 13) D('O', 14) D('P', 15) D('Q', 16) D('R', 17) D('S', 18)         \
    D('T', 19) D('U', 20) D('V', 21) D('W', 22) D('X', 23) D('Y', 24)         \
    D('Z', 25) D('a', 26) D('b', 27) D('c', 28) D('d', 29) D('e', 30)         \
    D('f', 31) D('g', 32) D('h', 33) D('i', 34) D('j', 35) D('k', 36)         \
    D('l', 37) D('m', 38) D('n', 39) D('o', 40) D('p', 41) D('q', 42)         \
    D('r', 43) D('s', 44) D('t', 45) D('u', 46) D('v', 47) D('w', 48)         \
    D('x', 49) D('y', 50) D('z', 51) D('0', 52) D('1', 53) D('2', 54)         \
    D('3', 55) D('4', 56) D('5', 57) D('6', 58) D('7', 59) D('8', 60)         \
    D('9', 61) D('+', 62) D('/', 63)
/* clang-format on */
#define AT_18(c, n) [c] = IS_DIGIT | (n) << 18,
#define AT_12(c, n) [c] = IS_DIGIT | (n) << 12,
#define AT_6(c, n) [c] = IS_DIGIT | (n) << 6,
#define AT_0(c, n) [c] = IS_DIGIT | (n),
static const uint32_t digits[4][256] = {
    {DIGITS(AT_18)}, {DIGITS(AT_12)}, {DIGITS(AT_6)}, {DIGITS(AT_0)}};
#undef AT_18
#undef AT_12
#undef AT_6
#undef AT_0
#undef DIGITS

/* Groups of four digits with nothing between them, while there is room. */
static void crypto_decode_groups(
    const uint8_t **in, const uint8_t *end, uint8_t **out, const uint8_t *limit)
{
    const uint8_t *p = *in;
    uint8_t *to = *out;
    ptrdiff_t n = (end - p) / 4, room = (limit - to) / 3;

    if (n > room)
        n = room;
    for (; n > 0; n--, p += 4, to += 3) {
        uint32_t a = digits[0][p[0]], b = digits[1][p[1]];
        uint32_t c = digits[2][p[2]], d = digits[3][p[3]];
        uint32_t bits = a | b | c | d;

        if ((a & b & c & d & IS_DIGIT) == 0)
            break;
        to[0] = (uint8_t)(bits >> 16);
        to[1] = (uint8_t)(bits >> 8);
        to[2] = (uint8_t)bits;
    }
    *in = p;
    *out = to;
}

static bool crypto_is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next up to four digits, across white space; stops at anything else. */
static int crypto_gather(const uint8_t **in, const uint8_t *end, uint32_t *bits)
{
    int count = 0;

    *bits = 0;
    for (; *in < end && count < 4; ++*in) {
        uint32_t digit = digits[3][**in];

        if (digit != 0) {
            *bits = *bits << 6 | (digit & 63);
            count++;
        } else if (!crypto_is_space(**in)) {
            break;
        }
    }
    *bits <<= 6 * (4 - count);
    return count;
}

/* After `count` digits of the last group: its padding, if any, and the end. */
static bool crypto_ends_well(const uint8_t *p, const uint8_t *end, int count)
{
    int padding = 0;

    for (; p < end; p++) {
        if (*p == '=')
            padding++;
        else if (!crypto_is_space(*p))
            return false;
    }
    if (count == 0)
        return padding == 0;
    return count > 1 && (padding == 0 || padding == 4 - count);
}

long base64_decode(struct str text, void *out, size_t out_size)
{
    const uint8_t *p = (const uint8_t *)text.p, *end = p + text.len;
    uint8_t *to = out;
    const uint8_t *limit = to + out_size;

    for (;;) {
        uint32_t bits;
        int count;

        crypto_decode_groups(&p, end, &to, limit);
        count = crypto_gather(&p, end, &bits);
        if (count < 4 && !crypto_ends_well(p, end, count))
            return ERR_INVALID;
        if (limit - to < count - 1)
            return ERR_TOO_LARGE;
        for (int i = 0; i < count - 1; i++)
            *to++ = (uint8_t)(bits >> (16 - 8 * i));
        if (count < 4)
            return to - (uint8_t *)out;
    }
}
