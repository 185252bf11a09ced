/*
 * support_lwip.c: what lwIP asks of its surroundings: memory, time and random numbers.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "host.h"
#include "lwip/sys.h"

#include <stdlib.h>

u32_t support_malloc_fail_from = UINT32_MAX;
bool support_malloc_fail_once;
u32_t support_malloc_count;
u32_t support_malloc_live;
u32_t support_now_ms;

static bool must_fail(void)
{
  u32_t n = support_malloc_count++;
  return support_malloc_fail_once ? n == support_malloc_fail_from : n >= support_malloc_fail_from;
}

void *support_malloc(size_t bytes)
{
  if (must_fail()) {
    return NULL;
  }
  support_malloc_live++;
  return malloc(bytes);
}

void *support_calloc(size_t count, size_t bytes)
{
  if (must_fail()) {
    return NULL;
  }
  support_malloc_live++;
  return calloc(count, bytes);
}

void support_free(void *memory)
{
  support_malloc_live -= memory != NULL;
  free(memory);
}

uint32_t support_random(void)
{
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return state ^ state >> 16;
}

u32_t sys_now(void)
{
  return support_now_ms;
}
