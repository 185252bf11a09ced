/*
 * fuzz.c: the input and the platform of the fuzz targets.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define _POSIX_C_SOURCE 200112L /* for posix_memalign */

#include "fuzz.h"
#include "sim_hal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Input
 */

/* Enough for what one input can be about, and done within milliseconds. */
enum { WORK_MAX = 400000 };

static const uint8_t *input;
static size_t input_left;
static unsigned work_left;

void fuzz_input(const uint8_t *bytes, size_t len)
{
  work_left = WORK_MAX;
  input = bytes;
  input_left = len;
}

size_t fuzz_left(void)
{
  return input_left;
}

uint8_t fuzz_u8(void)
{
  if (input_left == 0) {
    return 0;
  }
  input_left--;
  return *input++;
}

uint16_t fuzz_u16(void)
{
  uint16_t low = fuzz_u8();
  return (uint16_t)(low | fuzz_u8() << 8);
}

uint32_t fuzz_u32(void)
{
  uint32_t low = fuzz_u16();
  return low | (uint32_t)fuzz_u16() << 16;
}

unsigned fuzz_below(unsigned n)
{
  return (n <= 256 ? fuzz_u8() : fuzz_u16()) % n;
}

void fuzz_bytes(void *to, size_t count)
{
  uint8_t *bytes = to;
  for (size_t i = 0; i < count; i++) {
    bytes[i] = fuzz_u8();
  }
}

bool fuzz_spend(unsigned work)
{
  bool enough = work <= work_left;
  work_left -= enough ? work : 0;
  return enough;
}

void fuzz_fail(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fputs("fuzz: ", stderr);
  vfprintf(stderr, format, args);
  fputs("\n", stderr);
  va_end(args);
  abort();
}

/*
 * Platform. Device-visible memory is at the low bus addresses that a legacy device can be told;
 * all other memory, which a device only reads, is far above.
 */

#define DMA_BUS UINT64_C(0x7e5a1000)
#define ANY_BUS (UINT64_C(1) << 63)

static const struct fuzz_platform *platform;
static uint8_t *dma;
static size_t dma_bytes;
static unsigned accesses;

unsigned fuzz_limit = 100000;

void fuzz_platform(const struct fuzz_platform *new_platform, void *new_dma, size_t bytes)
{
  platform = new_platform;
  dma = new_dma;
  dma_bytes = bytes;
}

void fuzz_call(void)
{
  accesses = 0;
}

static void count_access(void)
{
  if (++accesses > fuzz_limit) {
    fuzz_fail("a call does not come to an end");
  }
}

void *fuzz_dma_at(uint64_t bus, size_t bytes)
{
  uint64_t offset = bus - DMA_BUS;
  return offset <= dma_bytes && bytes <= dma_bytes - offset ? dma + offset : NULL;
}

const void *fuzz_any_at(uint64_t bus)
{
  const void *in_dma = fuzz_dma_at(bus, 1);
  return in_dma != NULL ? in_dma : (const void *)(uintptr_t)(bus & ~ANY_BUS);
}

void fuzz_touch(const void *memory, size_t bytes)
{
  const uint8_t *at = memory;
  uint8_t sum = 0;
  for (size_t i = 0; i < bytes; i++) {
    sum = (uint8_t)(sum + at[i]);
  }
  __asm__ volatile("" : : "r"(sum));
}

void *fuzz_alloc(size_t bytes, size_t align)
{
  enum { JUNK = 0xdb };
  void *memory = NULL;
  if (posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes) != 0) {
    fuzz_fail("out of memory");
  }
  memset(memory, JUNK, bytes);
  return memory;
}

/*
 * sim_hal.h
 */

static void barrier(void)
{
  count_access();
  if (platform->barrier != NULL) {
    platform->barrier();
  }
}

void virtio_hal_mb(void)
{
  barrier();
}

void virtio_hal_rmb(void)
{
  barrier();
}

void virtio_hal_wmb(void)
{
  barrier();
}

static uint32_t reg_read(uintptr_t addr, unsigned width)
{
  count_access();
  FUZZ_CHECK(addr >= FUZZ_BASE && addr + width <= FUZZ_BASE + FUZZ_REG_END && addr % width == 0);
  FUZZ_CHECK(width == 4 || addr >= FUZZ_BASE + FUZZ_REG_CONFIG);
  return platform->read((uint32_t)(addr - FUZZ_BASE), width);
}

uint8_t virtio_hal_read8(uintptr_t addr)
{
  return (uint8_t)reg_read(addr, 1);
}

uint16_t virtio_hal_read16(uintptr_t addr)
{
  return (uint16_t)reg_read(addr, 2);
}

uint32_t virtio_hal_read32(uintptr_t addr)
{
  return reg_read(addr, 4);
}

void virtio_hal_write32(uintptr_t addr, uint32_t value)
{
  count_access();
  FUZZ_CHECK(addr >= FUZZ_BASE && addr + 4 <= FUZZ_BASE + FUZZ_REG_CONFIG && addr % 4 == 0);
  platform->write((uint32_t)(addr - FUZZ_BASE), value);
}

uint64_t virtio_hal_bus_addr(const void *ptr)
{
  uintptr_t offset = (uintptr_t)ptr - (uintptr_t)dma;
  return offset < dma_bytes ? DMA_BUS + offset : ANY_BUS | (uintptr_t)ptr;
}

void virtio_hal_cache_clean(const void *ptr, size_t bytes)
{
  fuzz_touch(ptr, bytes);
}

void virtio_hal_cache_invalidate(const void *ptr, size_t bytes)
{
  FUZZ_CHECK(bytes == 0 || fuzz_dma_at(virtio_hal_bus_addr(ptr), bytes) != NULL);
}

void virtio_hal_relax(void)
{
}
