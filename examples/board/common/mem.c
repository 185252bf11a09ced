/*
 * mem.c: memcpy(), memmove(), memset() and memcmp(), eight bytes at a time. A network stack spends
 * much of its time in them, and a small C library tends to go byte by byte.
 *
 * No access is unaligned, so they work with the MMU off and on CPUs that trap; none touches a byte
 * outside the given areas. Compile this file with -fno-tree-loop-distribute-patterns (Clang:
 * -fno-builtin), or the compiler replaces the loops by calls of the very functions they make up.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <stddef.h>
#include <stdint.h>

/* A test on a host gives the functions other names: its C library has these already. */
#ifndef MEM_NAME
#define MEM_NAME(name) name
#endif

void *MEM_NAME(memcpy)(void *restrict to, const void *restrict from, size_t bytes);
void *MEM_NAME(memmove)(void *to, const void *from, size_t bytes);
void *MEM_NAME(memset)(void *to, int value, size_t bytes);
int MEM_NAME(memcmp)(const void *left, const void *right, size_t bytes);

/* These may alias any object, like char. */
typedef uint64_t word __attribute__((may_alias));
typedef uint32_t half __attribute__((may_alias));
typedef uint16_t quarter __attribute__((may_alias));

#define WORD_BYTES   sizeof(word)
#define OFFSET(p)    ((uintptr_t)(p) % WORD_BYTES)

/* Below this the way to the loops costs more than they save. It also has room for any head and the
 * word that copy_shifted() reads ahead. */
#define WORDWISE_MIN 16u

/* EARLIER moves what stands at a byte offset in memory towards the start of the word. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define EARLIER(w, bits) ((w) >> (bits))
#define LATER(w, bits)   ((w) << (bits))
#else
#define EARLIER(w, bits) ((w) << (bits))
#define LATER(w, bits)   ((w) >> (bits))
#endif

/* Copy one piece of a type and step over it. */
#define COPY_STEP(type)                                                                            \
  do {                                                                                             \
    *(type *)to = *(const type *)from;                                                             \
    to += sizeof(type);                                                                            \
    from += sizeof(type);                                                                          \
  } while (0)

/* Both areas lie alike in their words: pieces of growing size up to the first boundary, words, and
 * pieces of falling size behind the last one. At least a word in all. */
static void copy_alike(unsigned char *to, const unsigned char *from, size_t bytes)
{
  size_t words;

  bytes -= -OFFSET(to) % WORD_BYTES;
  if (OFFSET(to) & 1u) {
    COPY_STEP(unsigned char);
  }
  if (OFFSET(to) & 2u) {
    COPY_STEP(quarter);
  }
  if (OFFSET(to) & 4u) {
    COPY_STEP(half);
  }
  words = bytes / WORD_BYTES;
  for (; words >= 4; words -= 4) {
    word a = ((const word *)from)[0];
    word b = ((const word *)from)[1];
    word c = ((const word *)from)[2];
    word d = ((const word *)from)[3];
    ((word *)to)[0] = a;
    ((word *)to)[1] = b;
    ((word *)to)[2] = c;
    ((word *)to)[3] = d;
    to += 4 * WORD_BYTES;
    from += 4 * WORD_BYTES;
  }
  for (; words > 0; words--) {
    COPY_STEP(word);
  }
  if (bytes & 4u) {
    COPY_STEP(half);
  }
  if (bytes & 2u) {
    COPY_STEP(quarter);
  }
  if (bytes & 1u) {
    *to = *from;
  }
}

/*
 * The bytes from an unaligned address up to the next boundary, at the place in the word where an
 * aligned load would have put them.
 */
static word load_head(const unsigned char *from)
{
  unsigned at = (unsigned)OFFSET(from);
  word head = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PUT(value, bytes) ((word)(value) << (8 * at))
#else
#define PUT(value, bytes) ((word)(value) << (8 * (WORD_BYTES - (bytes)-at)))
#endif
  if (at & 1u) {
    head |= PUT(*from, 1);
    from += 1;
    at += 1;
  }
  if (at & 2u) {
    head |= PUT(*(const quarter *)from, 2);
    from += 2;
    at += 2;
  }
  if (at & 4u) {
    head |= PUT(*(const half *)from, 4);
  }
#undef PUT
  return head;
}

/* from is not aligned: each word is put together from two that are. Reads 8 - offset bytes more. */
static void copy_shifted(word *to, const unsigned char *from, size_t words)
{
  unsigned down = 8 * (unsigned)OFFSET(from);
  unsigned up = 64 - down;
  word a = load_head(from);
  const word *next = (const word *)(from + WORD_BYTES - OFFSET(from));

  for (; words >= 2; words -= 2) {
    word b = next[0];
    word c = next[1];
    to[0] = EARLIER(a, down) | LATER(b, up);
    to[1] = EARLIER(b, down) | LATER(c, up);
    a = c;
    to += 2;
    next += 2;
  }
  if (words > 0) {
    to[0] = EARLIER(a, down) | LATER(next[0], up);
  }
}

/* Ascending; right for areas that overlap as long as target is below from. Returns target. */
static void *copy_up(void *target, const unsigned char *from, size_t bytes)
{
  unsigned char *to = target;

  if (OFFSET(to) == OFFSET(from) && bytes >= WORD_BYTES) {
    copy_alike(to, from, bytes);
    return target;
  }
  if (bytes >= WORDWISE_MIN) {
    size_t words;

    for (; OFFSET(to) != 0; bytes--) {
      *to++ = *from++;
    }
    words = (bytes - (WORD_BYTES - OFFSET(from))) / WORD_BYTES;
    copy_shifted((word *)to, from, words);
    to += words * WORD_BYTES;
    from += words * WORD_BYTES;
    bytes -= words * WORD_BYTES;
  }
  while (bytes-- > 0) {
    *to++ = *from++;
  }
  return target;
}

/* Descending, for areas that overlap with to above from. */
static void copy_down(unsigned char *to, const unsigned char *from, size_t bytes)
{
  to += bytes;
  from += bytes;
  if (bytes >= WORDWISE_MIN && OFFSET(to) == OFFSET(from)) {
    for (; OFFSET(to) != 0; bytes--) {
      *--to = *--from;
    }
    for (; bytes >= WORD_BYTES; bytes -= WORD_BYTES) {
      to -= WORD_BYTES;
      from -= WORD_BYTES;
      *(word *)to = *(const word *)from;
    }
  }
  while (bytes-- > 0) {
    *--to = *--from;
  }
}

void *MEM_NAME(memcpy)(void *restrict to, const void *restrict from, size_t bytes)
{
  return copy_up(to, from, bytes);
}

void *MEM_NAME(memmove)(void *to, const void *from, size_t bytes)
{
  if ((uintptr_t)to - (uintptr_t)from >= bytes) { /* wraps to a large number if to is below */
    return copy_up(to, from, bytes);
  }
  copy_down(to, from, bytes);
  return to;
}

void *MEM_NAME(memset)(void *to, int value, size_t bytes)
{
  unsigned char *p = to;
  unsigned char byte = (unsigned char)value;

  if (bytes >= WORDWISE_MIN) {
    word fill = UINT64_C(0x0101010101010101) * byte;

    for (; OFFSET(p) != 0; bytes--) {
      *p++ = byte;
    }
    for (; bytes >= 4 * WORD_BYTES; bytes -= 4 * WORD_BYTES) {
      word *at = (word *)p;
      at[0] = fill;
      at[1] = fill;
      at[2] = fill;
      at[3] = fill;
      p += 4 * WORD_BYTES;
    }
    for (; bytes >= WORD_BYTES; bytes -= WORD_BYTES) {
      *(word *)p = fill;
      p += WORD_BYTES;
    }
  }
  while (bytes-- > 0) {
    *p++ = byte;
  }
  return to;
}

int MEM_NAME(memcmp)(const void *left, const void *right, size_t bytes)
{
  const unsigned char *l = left;
  const unsigned char *r = right;

  if (bytes >= WORDWISE_MIN && OFFSET(l) == OFFSET(r)) {
    for (; OFFSET(l) != 0 && *l == *r; bytes--) {
      l++;
      r++;
    }
    if (OFFSET(l) == 0) {
      for (; bytes >= WORD_BYTES && *(const word *)l == *(const word *)r; bytes -= WORD_BYTES) {
        l += WORD_BYTES;
        r += WORD_BYTES;
      }
    }
  }
  for (; bytes > 0; bytes--) {
    if (*l != *r) {
      return *l - *r;
    }
    l++;
    r++;
  }
  return 0;
}
