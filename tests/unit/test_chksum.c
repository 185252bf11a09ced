/*
 * test_chksum.c: the Internet checksum in software, against the slow and obvious way.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "support.h"

#include "lwip/inet_chksum.h"
#include "lwip/pbuf.h"

#include <string.h>

/* The sum of 16-bit words as they stand in memory, the last one filled up with a zero byte. */
static uint16_t by_the_book(const uint8_t *bytes, size_t len)
{
  uint32_t sum = 0;
  for (size_t i = 0; i < len; i += 2) {
    uint8_t pair[2] = {bytes[i], i + 1 < len ? bytes[i + 1] : 0};
    uint16_t word;
    memcpy(&word, pair, sizeof(word));
    sum += word;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return (uint16_t)sum;
}

static void check(const uint8_t *bytes, size_t len)
{
  uint16_t expected = by_the_book(bytes, len);
  uint16_t got = LWIP_CHKSUM(bytes, (int)len);
  if (got != expected) {
    fail_msg("%zu bytes at %zu modulo 8: %04x, not %04x", len, (size_t)((uintptr_t)bytes % 8), got,
             expected);
  }
}

/* Each length at each alignment, in memory that ends with the data. */
static void check_all(void (*fill)(uint8_t *bytes, size_t len, unsigned seed))
{
  for (size_t len = 0; len <= 1600; len += len < 200 ? 1 : 61) {
    for (size_t align = 0; align < 16; align++) {
      uint8_t *memory = support_alloc(align + len + (align + len == 0), 16);
      fill(memory + align, len, (unsigned)(len + align));
      check(memory + align, len);
    }
    support_end(NULL);
    support_begin(NULL);
  }
}

static void fill_ones(uint8_t *bytes, size_t len, unsigned seed)
{
  (void)seed;
  memset(bytes, 0xff, len);
}

static void fill_zeros(uint8_t *bytes, size_t len, unsigned seed)
{
  (void)seed;
  memset(bytes, 0, len);
}

static void fill_one_byte(uint8_t *bytes, size_t len, unsigned seed)
{
  memset(bytes, 0, len);
  if (len != 0) {
    bytes[seed % len] = (uint8_t)(seed | 1);
  }
}

static void the_sum_is_right_for_each_length_and_alignment(void **state)
{
  (void)state;
  check_all(support_pattern);
}

static void the_sum_is_right_when_every_word_carries(void **state)
{
  (void)state;
  check_all(fill_ones);
}

static void the_sum_of_nothing_is_nothing(void **state)
{
  (void)state;
  check_all(fill_zeros);
}

static void each_byte_counts_in_its_place(void **state)
{
  (void)state;
  check_all(fill_one_byte);
}

static void the_sum_is_right_for_the_longest_packet(void **state)
{
  (void)state;
  for (size_t len = 65400; len <= 65535; len += 5) {
    uint8_t *memory = support_alloc(len + 1, 16);
    memset(memory, 0xff, len + 1);
    check(memory, len);
    check(memory + 1, len);
  }
}

/* Odd pieces, so that later ones stand on the other foot. */
static void the_sum_over_a_chain_is_that_over_its_bytes(void **state)
{
  (void)state;
  uint8_t bytes[1000];
  support_pattern(bytes, sizeof(bytes), 1);
  for (u16_t first = 1; first < 900; first = (u16_t)(first + 13)) {
    struct pbuf *p = pbuf_alloc(PBUF_RAW, first, PBUF_RAM);
    struct pbuf *q = pbuf_alloc(PBUF_RAW, 77, PBUF_RAM);
    struct pbuf *r = pbuf_alloc(PBUF_RAW, (u16_t)(sizeof(bytes) - 77u - first), PBUF_RAM);
    pbuf_cat(p, q);
    pbuf_cat(p, r);
    pbuf_take(p, bytes, sizeof(bytes));
    assert_int_equal(inet_chksum_pbuf(p), (u16_t)~by_the_book(bytes, sizeof(bytes)));
    pbuf_free(p);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(the_sum_is_right_for_each_length_and_alignment),
      TEST(the_sum_is_right_when_every_word_carries),
      TEST(the_sum_of_nothing_is_nothing),
      TEST(each_byte_counts_in_its_place),
      TEST(the_sum_is_right_for_the_longest_packet),
      TEST(the_sum_over_a_chain_is_that_over_its_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
