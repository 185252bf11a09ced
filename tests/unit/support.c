/*
 * support.c: what several unit tests share.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define _POSIX_C_SOURCE 200112L /* for posix_memalign */

#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { JUNK = 0xdb };

static void **allocations;
static size_t allocation_count;

static void fail_with(const char *text)
{
  fail_msg("%s", text);
}

int support_begin(void **state)
{
  (void)state;
  sim_fatal_handler = fail_with;
  sim_begin();
  return 0;
}

/* What the test gave to the devices is freed after they are gone. */
int support_end(void **state)
{
  (void)state;
  unsigned breaches = sim_end();
  while (allocation_count != 0) {
    free(allocations[--allocation_count]);
  }
  free(allocations);
  allocations = NULL;
  assert_int_equal(breaches, 0);
  return 0;
}

void *support_alloc(size_t bytes, size_t align)
{
  allocations = realloc(allocations, (allocation_count + 1u) * sizeof(*allocations));
  assert_non_null(allocations);
  void *memory = NULL;
  assert_int_equal(posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes),
                   0);
  memset(memory, JUNK, bytes);
  allocations[allocation_count++] = memory;
  return memory;
}

static uint8_t pattern_at(size_t i, unsigned seed)
{
  return (uint8_t)(i * 7u + (i >> 8) * 13u + seed * 101u + 1u);
}

void support_pattern(uint8_t *bytes, size_t len, unsigned seed)
{
  for (size_t i = 0; i < len; i++) {
    bytes[i] = pattern_at(i, seed);
  }
}

void support_check_pattern(const uint8_t *bytes, size_t len, unsigned seed)
{
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] != pattern_at(i, seed)) {
      fail_msg("byte %zu of %zu is %02x, not %02x", i, len, bytes[i], pattern_at(i, seed));
    }
  }
}
