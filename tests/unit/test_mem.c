/*
 * test_mem.c: the boards' own memcpy(), memmove(), memset() and memcmp() under other names, with
 * each alignment and length, in memory that ends where the area ends.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "support.h"

#include <string.h>

#define MEM_NAME(name) board_##name
#include "../../examples/board/common/mem.c"

enum { ALIGN = 16, SHORT_MAX = 80, GUARD = 0x5c };

static const size_t long_lengths[] = {127, 128, 129, 255, 256, 1000, 1460, 1514, 4096, 65535};

/* Calls test for each pair of alignments and each length of interest. */
typedef void pair_fn(size_t to, size_t from, size_t len);

static void for_all(pair_fn *test)
{
  for (size_t to = 0; to < ALIGN; to++) {
    for (size_t from = 0; from < ALIGN; from++) {
      for (size_t len = 0; len <= SHORT_MAX; len++) {
        test(to, from, len);
      }
      for (size_t i = 0; i < COUNT(long_lengths); i++) {
        test(to, from, long_lengths[i]);
      }
      support_end(NULL);
      support_begin(NULL);
    }
  }
}

/* An area at an alignment with nothing behind it, and guard bytes in front. */
static uint8_t *area(size_t align, size_t len)
{
  uint8_t *memory = support_alloc(ALIGN + align + len, ALIGN);
  memset(memory, GUARD, ALIGN + align);
  return memory + ALIGN + align;
}

static void check_guard(const uint8_t *at)
{
  for (size_t i = 1; i <= ALIGN; i++) {
    assert_int_equal(*(at - i), GUARD);
  }
}

static void copy(size_t to, size_t from, size_t len)
{
  uint8_t *dest = area(to, len);
  uint8_t *src = area(from, len);
  support_pattern(src, len, (unsigned)(to + from));
  assert_ptr_equal(board_memcpy(dest, src, len), dest);
  support_check_pattern(dest, len, (unsigned)(to + from));
  support_check_pattern(src, len, (unsigned)(to + from));
  check_guard(dest);
}

static void memcpy_copies_each_byte_and_no_other(void **state)
{
  (void)state;
  for_all(copy);
}

static void move_apart(size_t to, size_t from, size_t len)
{
  uint8_t *dest = area(to, len);
  uint8_t *src = area(from, len);
  support_pattern(src, len, (unsigned)(to + from));
  assert_ptr_equal(board_memmove(dest, src, len), dest);
  support_check_pattern(dest, len, (unsigned)(to + from));
  check_guard(dest);
}

static void memmove_copies_each_byte_and_no_other(void **state)
{
  (void)state;
  for_all(move_apart);
}

/* By every distance up to a few words, in both directions. */
static void memmove_moves_what_overlaps(void **state)
{
  (void)state;
  for (size_t len = 0; len <= 300; len += len < 70 ? 1 : 23) {
    for (size_t align = 0; align < 8; align++) {
      for (size_t distance = 0; distance <= 40; distance++) {
        uint8_t *memory = area(align, len + distance);
        support_pattern(memory, len, 7);
        assert_ptr_equal(board_memmove(memory + distance, memory, len), memory + distance);
        support_check_pattern(memory + distance, len, 7);
        check_guard(memory);
        support_pattern(memory + distance, len, 9);
        assert_ptr_equal(board_memmove(memory, memory + distance, len), memory);
        support_check_pattern(memory, len, 9);
        check_guard(memory);
      }
    }
    support_end(NULL);
    support_begin(NULL);
  }
}

static void set(size_t to, size_t value, size_t len)
{
  /* Only the lowest byte of the value counts. */
  int byte = (int)(value * 37u);
  uint8_t *dest = area(to, len);
  assert_ptr_equal(board_memset(dest, byte + 0x1200, len), dest);
  for (size_t i = 0; i < len; i++) {
    assert_int_equal(dest[i], (uint8_t)byte);
  }
  check_guard(dest);
}

static void memset_sets_each_byte_and_no_other(void **state)
{
  (void)state;
  for_all(set);
}

static int sign(int value)
{
  return (value > 0) - (value < 0);
}

static void compare(size_t left_align, size_t right_align, size_t len)
{
  uint8_t *left = area(left_align, len);
  uint8_t *right = area(right_align, len);
  support_pattern(left, len, 3);
  support_pattern(right, len, 3);
  assert_int_equal(board_memcmp(left, right, len), 0);
  size_t step = len > SHORT_MAX ? len / 7 : 5;
  for (size_t at = 0; at < len; at += step) {
    uint8_t old = right[at];
    right[at] = (uint8_t)(old ^ 0x80);
    /* What follows the first difference says the opposite. */
    uint8_t last = left[len - 1];
    if (at != len - 1) {
      left[len - 1] = (uint8_t)(old > right[at] ? 0 : 0xff);
    }
    assert_int_equal(sign(board_memcmp(left, right, len)), sign(memcmp(left, right, len)));
    assert_int_equal(sign(board_memcmp(right, left, len)), sign(memcmp(right, left, len)));
    left[len - 1] = last;
    right[at] = old;
  }
}

static void memcmp_finds_the_first_difference_and_its_sign(void **state)
{
  (void)state;
  for_all(compare);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(memcpy_copies_each_byte_and_no_other),
      TEST(memmove_copies_each_byte_and_no_other),
      TEST(memmove_moves_what_overlaps),
      TEST(memset_sets_each_byte_and_no_other),
      TEST(memcmp_finds_the_first_difference_and_its_sign),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
