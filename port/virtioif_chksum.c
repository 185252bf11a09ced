/*
 * virtioif_chksum.c: the Internet checksum (RFC 1071) in software, for interfaces without offload:
 * 64-bit words, with their upper halves counted apart, so that the inner loop has no branch.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/opt.h"

#include "lwip/arch.h"
#include "lwip/prot/ip4.h"
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

static u16_t fold(u64_t sum)
{
  sum = (sum & 0xffffffffu) + (sum >> 32);
  sum = (sum & 0xffffffffu) + (sum >> 32);
  sum = (sum & 0xffffu) + (sum >> 16);
  sum = (sum & 0xffffu) + (sum >> 16);
  return (u16_t)((sum & 0xffffu) + (sum >> 16));
}

/* LWIP_CHKSUM: the sum over len bytes, folded, not inverted, in memory's byte order. */
u16_t virtioif_chksum(const void *data, int len)
{
  const u8_t *at = (const u8_t *)data;
  unsigned rest = (unsigned)len;
  unsigned head = (unsigned)(-(uintptr_t)at & 7u);

  if (rest == IP_HLEN && ((uintptr_t)at & 3u) == 0) {
    return fold(sum_ip4_header(at));
  }
  if (rest < 16) {
    return fold(sum_bytes(at, rest));
  }
  u64_t sum = sum_bytes(at, head);
  at += head;
  rest -= head;
  unsigned body = rest & ~7u;
  u64_t tail = sum_words(at, body) + sum_bytes(at + body, rest - body);
  /* Behind an odd head all words are off by one byte: swapping the folded sum puts them right. */
  u16_t folded = fold(tail);
  sum += (head & 1) != 0 ? __builtin_bswap16(folded) : folded;
  return fold(sum);
}
