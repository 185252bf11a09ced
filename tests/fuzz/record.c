/*
 * record.c: files of seeds.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define _GNU_SOURCE /* for program_invocation_short_name */

#include "record.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer inputs are slow, and a test that goes on for so long repeats itself. */
enum { SEED_BYTES = 3000, SEEDS_MAX = 1000 };

static struct {
  const char *folder;
  bool begun;
  unsigned written;
  unsigned shape;
  size_t shapes[SEEDS_MAX];
  uint8_t bytes[SEED_BYTES];
  size_t count;
} seeds[RECORD_TARGETS] = {
    [RECORD_NET] = {.folder = "virtio_net"},
    [RECORD_CONFIG] = {.folder = "config"},
    [RECORD_VIRTQ] = {.folder = "virtq"},
};

/* A test that does the same over and over with other numbers leaves one seed. */
static bool is_known(enum record_target target)
{
  size_t shape = seeds[target].count * 256 + seeds[target].shape;
  seeds[target].shapes[seeds[target].written] = shape;
  for (unsigned i = 0; i < seeds[target].written; i++) {
    if (seeds[target].shapes[i] == shape) {
      return true;
    }
  }
  return false;
}

static void write_seed(enum record_target target)
{
  const char *root = getenv("FUZZ_SEEDS");
  char path[4096];

  if (root == NULL || seeds[target].count == 0 || seeds[target].written == SEEDS_MAX ||
      is_known(target)) {
    return;
  }
  snprintf(path, sizeof(path), "%s/%s/%s-%u", root, seeds[target].folder,
           program_invocation_short_name, seeds[target].written++);
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(seeds[target].bytes, seeds[target].count, 1, file) != 1 ||
      fclose(file) != 0) {
    fprintf(stderr, "record: cannot write %s\n", path);
    exit(2);
  }
}

void record_begin(enum record_target target)
{
  write_seed(target);
  seeds[target].begun = true;
  seeds[target].count = 0;
  seeds[target].shape = 0;
}

void record_shape(enum record_target target, unsigned number)
{
  seeds[target].shape = (seeds[target].shape + number) % 256;
}

void record_u8(enum record_target target, unsigned value)
{
  if (seeds[target].begun && seeds[target].count < SEED_BYTES) {
    seeds[target].bytes[seeds[target].count++] = (uint8_t)value;
  }
}

void record_u16(enum record_target target, unsigned value)
{
  record_u8(target, value);
  record_u8(target, value >> 8);
}

void record_u32(enum record_target target, uint32_t value)
{
  record_u16(target, value);
  record_u16(target, value >> 16);
}

void record_bytes(enum record_target target, const void *bytes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    record_u8(target, ((const uint8_t *)bytes)[i]);
  }
}

void record_end(void)
{
  for (unsigned i = 0; i < RECORD_TARGETS; i++) {
    write_seed((enum record_target)i);
    seeds[i].begun = false;
    seeds[i].count = 0;
  }
}

WRAP(int, support_end, void **state)
{
  record_end();
  return __real_support_end(state);
}
