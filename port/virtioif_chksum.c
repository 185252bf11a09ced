/*
 * virtioif_chksum.c: the Internet checksum (RFC 1071) in software, for interfaces without offload:
 * 64-bit words, with their upper halves counted apart, so that the inner loop has no branch.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/opt.h"

#include "lwip/arch.h"
#include "lwip/def.h"
#include "lwip/prot/ip4.h"
#include "virtioif_headers.h"
#include "virtioif_priv.h"
#include <string.h>

static u64_t load64(const u8_t *at)
{
  u64_t word;
  memcpy(&word, __builtin_assume_aligned(at, 8), sizeof(word));
  return word;
}

/* The ones' complement sum of a little memory of any alignment, as 16-bit words. */
static u64_t sum_bytes(const u8_t *at, unsigned len)
{
  u64_t sum = 0;
  for (; len >= 2; at += 2, len -= 2) {
    u16_t word;
    memcpy(&word, at, sizeof(word));
    sum += word;
  }
  if (len > 0) {
    u16_t word = 0;
    memcpy(&word, at, 1); /* the missing byte of the last word is 0 */
    sum += word;
  }
  return sum;
}

/* len is a multiple of 8, at is aligned. The sum of the whole words may overflow: taking that of
 * the upper halves out of it leaves that of the lower halves, which is right again. */
static u64_t sum_words(const u8_t *at, unsigned len)
{
  u64_t whole = 0;
  u64_t high = 0;
  for (; len >= 64; at += 64, len -= 64) {
    u64_t a = load64(at);
    u64_t b = load64(at + 8);
    u64_t c = load64(at + 16);
    u64_t d = load64(at + 24);
    u64_t e = load64(at + 32);
    u64_t f = load64(at + 40);
    u64_t g = load64(at + 48);
    u64_t h = load64(at + 56);
    whole += a + b + c + d + e + f + g + h;
    high += (a >> 32) + (b >> 32) + (c >> 32) + (d >> 32);
    high += (e >> 32) + (f >> 32) + (g >> 32) + (h >> 32);
  }
  for (; len > 0; at += 8, len -= 8) {
    u64_t a = load64(at);
    whole += a;
    high += a >> 32;
  }
  return whole - (high << 32) + high;
}

/* What is summed most often. */
static u64_t sum_ip4_header(const u8_t *at)
{
  u32_t words[IP_HLEN / 4];
  memcpy(words, __builtin_assume_aligned(at, 4), sizeof(words));
  return (u64_t)words[0] + words[1] + words[2] + words[3] + words[4];
}

static u64_t sum_any(const u8_t *at, unsigned len)
{
  unsigned head = LWIP_MIN(len, (unsigned)(-(uintptr_t)at & 7u));
  unsigned body = (len - head) & ~7u;
  const u8_t *words = at + head;
  u64_t sum = sum_words(words, body) + sum_bytes(words + body, len - head - body);

  /* Behind an odd head all words are off by one byte, which shifting their sum puts right: what
   * leaves the lower 16 bits comes back when it is folded. */
  return sum_bytes(at, head) + (sum << (head & 1) * 8);
}

/* LWIP_CHKSUM: the sum over len bytes, folded, not inverted, in memory's byte order. lwIP's lengths
 * have 16 bits, so no sum overflows. */
u16_t virtioif_chksum(const void *data, int len)
{
  const u8_t *at = (const u8_t *)data;
  bool is_ip4_header = len == IP_HLEN && ((uintptr_t)at & 3u) == 0;

  return fold_sum(is_ip4_header ? sum_ip4_header(at) : sum_any(at, (unsigned)len));
}
