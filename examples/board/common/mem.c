/*
 * mem.c: memcpy(), memmove(), memset() and memcmp(), eight bytes at a time. A network stack spends
 * much of its time in them, and a small C library tends to go byte by byte.
 *
 * Words lie at any address. The compiler makes one access of each where it is told that the CPU
 * takes unaligned ones (-mno-strict-align), and eight where it is not: right, but slow. What does
 * not fill a word at the end is done with the last word of the area, which overlaps the one before.
 * No byte outside the given areas is touched. Compile this file with
 * -fno-tree-loop-distribute-patterns (Clang: -fno-builtin), or the compiler replaces the loops by
 * calls of the very functions they make up.
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

/* At any address, and of any object, like char. */
struct word {
  uint64_t bits;
} __attribute__((packed, may_alias));
struct half {
  uint32_t bits;
} __attribute__((packed, may_alias));

#define WORD_BYTES sizeof(struct word)
#define HALF_BYTES sizeof(struct half)

#define WORD(at)   (((struct word *)(at))->bits)
#define HALF(at)   (((struct half *)(at))->bits)

static uint64_t load(const unsigned char *at)
{
  return ((const struct word *)at)->bits;
}

static uint32_t load_half(const unsigned char *at)
{
  return ((const struct half *)at)->bits;
}

/* Less than a word, overlapping or not. */
static void copy_few(unsigned char *to, const unsigned char *from, size_t bytes)
{
  if (bytes >= HALF_BYTES) {
    uint32_t first = load_half(from);
    uint32_t last = load_half(from + bytes - HALF_BYTES);
    HALF(to) = first;
    HALF(to + bytes - HALF_BYTES) = last;
  } else if (bytes > 0) {
    unsigned char first = from[0];
    unsigned char middle = from[bytes / 2];
    unsigned char last = from[bytes - 1];
    to[0] = first;
    to[bytes / 2] = middle;
    to[bytes - 1] = last;
  }
}

/* Ascending; right for areas that overlap as long as target is below from. Returns target. */
static void *copy_up(void *target, const unsigned char *from, size_t bytes)
{
  unsigned char *to = target;

  if (bytes < WORD_BYTES) {
    copy_few(to, from, bytes);
    return target;
  }
  unsigned char *end = to + bytes - WORD_BYTES;
  uint64_t last = load(from + bytes - WORD_BYTES);
  for (; bytes > 4 * WORD_BYTES; bytes -= 4 * WORD_BYTES) {
    uint64_t a = load(from);
    uint64_t b = load(from + WORD_BYTES);
    uint64_t c = load(from + 2 * WORD_BYTES);
    uint64_t d = load(from + 3 * WORD_BYTES);
    WORD(to) = a;
    WORD(to + WORD_BYTES) = b;
    WORD(to + 2 * WORD_BYTES) = c;
    WORD(to + 3 * WORD_BYTES) = d;
    from += 4 * WORD_BYTES;
    to += 4 * WORD_BYTES;
  }
  for (; to < end; to += WORD_BYTES, from += WORD_BYTES) {
    WORD(to) = load(from);
  }
  WORD(end) = last;
  return target;
}

/* Descending, for areas that overlap with to above from. */
static void copy_down(unsigned char *to, const unsigned char *from, size_t bytes)
{
  if (bytes < WORD_BYTES) {
    copy_few(to, from, bytes);
    return;
  }
  uint64_t first = load(from);
  for (; bytes > WORD_BYTES; bytes -= WORD_BYTES) {
    WORD(to + bytes - WORD_BYTES) = load(from + bytes - WORD_BYTES);
  }
  WORD(to) = first;
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

void *MEM_NAME(memset)(void *target, int value, size_t bytes)
{
  unsigned char *to = target;
  uint64_t fill = UINT64_C(0x0101010101010101) * (unsigned char)value;

  if (bytes < WORD_BYTES) {
    while (bytes-- > 0) {
      *to++ = (unsigned char)value;
    }
    return target;
  }
  unsigned char *end = to + bytes - WORD_BYTES;
  for (; bytes > 4 * WORD_BYTES; bytes -= 4 * WORD_BYTES) {
    WORD(to) = fill;
    WORD(to + WORD_BYTES) = fill;
    WORD(to + 2 * WORD_BYTES) = fill;
    WORD(to + 3 * WORD_BYTES) = fill;
    to += 4 * WORD_BYTES;
  }
  for (; to < end; to += WORD_BYTES) {
    WORD(to) = fill;
  }
  WORD(end) = fill;
  return target;
}

int MEM_NAME(memcmp)(const void *left, const void *right, size_t bytes)
{
  const unsigned char *l = left;
  const unsigned char *r = right;

  for (; bytes >= WORD_BYTES && load(l) == load(r); bytes -= WORD_BYTES) {
    l += WORD_BYTES;
    r += WORD_BYTES;
  }
  if (bytes >= HALF_BYTES && load_half(l) == load_half(r)) {
    bytes -= HALF_BYTES;
    l += HALF_BYTES;
    r += HALF_BYTES;
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
