/*
 * sim_hal.c: the platform of the unit tests: bus addresses, barriers, caches, registers.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_hal.h"
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * Bus addresses: the CPU's addresses in windows of 64 GiB, which are numbered in the order of their
 * first use. Page offsets stay, all of it fits a legacy device's 44 bits, and no bus address is a
 * good CPU address.
 */

enum { WINDOW_SHIFT = 36, WINDOWS_MAX = 255 };

static uint64_t windows[WINDOWS_MAX];
static unsigned window_count;

uint64_t virtio_hal_bus_addr(const void *ptr)
{
  uint64_t addr = (uint64_t)(uintptr_t)ptr;
  uint64_t window = addr >> WINDOW_SHIFT;
  uint64_t offset = addr & ((UINT64_C(1) << WINDOW_SHIFT) - 1u);
  unsigned n = 0;
  while (n < window_count && windows[n] != window) {
    n++;
  }
  if (n == window_count) {
    if (window_count == WINDOWS_MAX) {
      sim_fatal("out of bus windows");
      return 0;
    }
    windows[window_count++] = window;
  }
  return ((uint64_t)(n + 1u) << WINDOW_SHIFT) | offset;
}

void *sim_cpu_addr(uint64_t bus)
{
  uint64_t n = bus >> WINDOW_SHIFT;
  if (n == 0 || n > window_count) {
    return NULL;
  }
  uint64_t offset = bus & ((UINT64_C(1) << WINDOW_SHIFT) - 1u);
  return (void *)(uintptr_t)((windows[n - 1u] << WINDOW_SHIFT) | offset);
}

/*
 * Barriers
 */

static struct sim_barriers barriers;

static void barrier(enum sim_barrier kind, enum sim_point point)
{
  sim_rings_barrier(kind);
  for (struct sim_device *dev = sim_devices; dev != NULL; dev = dev->next) {
    if (point != SIM_POINTS) {
      sim_hook(dev, point);
    }
  }
}

void virtio_hal_mb(void)
{
  barriers.mb++;
  barrier(SIM_MB, SIM_AT_MB);
}

void virtio_hal_rmb(void)
{
  barriers.rmb++;
  barrier(SIM_RMB, SIM_AT_RMB);
}

void virtio_hal_wmb(void)
{
  barriers.wmb++;
  barrier(SIM_WMB, SIM_POINTS);
}

struct sim_barriers sim_barriers(void)
{
  return barriers;
}

/*
 * Registers
 */

uint8_t virtio_hal_read8(uintptr_t addr)
{
  return (uint8_t)sim_mmio_read(addr, 1);
}

uint16_t virtio_hal_read16(uintptr_t addr)
{
  return (uint16_t)sim_mmio_read(addr, 2);
}

uint32_t virtio_hal_read32(uintptr_t addr)
{
  return sim_mmio_read(addr, 4);
}

void virtio_hal_write32(uintptr_t addr, uint32_t value)
{
  sim_mmio_write(addr, 4, value);
}

void virtio_hal_relax(void)
{
}

/*
 * Caches that the device does not snoop. Only devices that are made noncoherent use this. What such
 * a device writes is kept back until the CPU drops its cache lines; what it reads must have been
 * cleaned before, and the lines of what it may write must have been dropped before.
 */

enum { KEPT_MAX = 4096, LOG_MAX = 4096 };

struct kept {
  uint8_t *mem;
  size_t len;
  uint8_t *bytes;
};

struct maintained {
  const uint8_t *mem;
  size_t len;
  uint8_t *content; /* as it was when it was cleaned; NULL for invalidated */
};

static struct kept kept[KEPT_MAX];
static unsigned kept_count;
static struct maintained maintained[LOG_MAX];
static unsigned maintained_count;

static bool any_noncoherent(void)
{
  for (const struct sim_device *dev = sim_devices; dev != NULL; dev = dev->next) {
    if (dev->params.noncoherent) {
      return true;
    }
  }
  return false;
}

/* The part that [a, a + a_len) and [b, b + b_len) have in common, relative to a. */
static size_t overlap(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, size_t *from)
{
  uintptr_t begin = (uintptr_t)a > (uintptr_t)b ? (uintptr_t)a : (uintptr_t)b;
  uintptr_t a_end = (uintptr_t)a + a_len;
  uintptr_t b_end = (uintptr_t)b + b_len;
  uintptr_t end = a_end < b_end ? a_end : b_end;
  *from = begin - (uintptr_t)a;
  return end > begin ? end - begin : 0;
}

static void drop_kept(unsigned n)
{
  free(kept[n].bytes);
  kept[n] = kept[--kept_count];
}

static void drop_maintained(unsigned n)
{
  free(maintained[n].content);
  maintained[n] = maintained[--maintained_count];
}

static void log_maintained(const uint8_t *mem, size_t len, bool clean)
{
  if (maintained_count == LOG_MAX) {
    drop_maintained(0);
  }
  struct maintained *entry = &maintained[maintained_count++];
  *entry = (struct maintained){.mem = mem, .len = len};
  if (clean) {
    entry->content = sim_alloc(len + 1u);
    memcpy(entry->content, mem, len);
  }
}

void virtio_hal_cache_clean(const void *ptr, size_t bytes)
{
  if (any_noncoherent()) {
    log_maintained(ptr, bytes, true);
  }
}

void virtio_hal_cache_invalidate(const void *ptr, size_t bytes)
{
  if (!any_noncoherent()) {
    return;
  }
  bool came_back = false;
  for (unsigned i = 0; i < kept_count;) {
    size_t from;
    size_t len = overlap(kept[i].mem, kept[i].len, ptr, bytes, &from);
    if (len != 0) {
      memcpy(kept[i].mem + from, kept[i].bytes + from, len);
      came_back = true;
    }
    if (len == kept[i].len) {
      drop_kept(i);
    } else {
      i++;
    }
  }
  /* Lines that were dropped to see the frame may be dirty again when the buffer is posted. */
  if (!came_back) {
    log_maintained(ptr, bytes, false);
  }
}

void sim_cache_write(uint8_t *mem, const uint8_t *bytes, size_t len)
{
  if (kept_count == KEPT_MAX) {
    sim_fatal("too many cache lines kept back");
    return;
  }
  struct kept *entry = &kept[kept_count++];
  *entry = (struct kept){.mem = mem, .len = len, .bytes = sim_alloc(len + 1u)};
  memcpy(entry->bytes, bytes, len);
}

/* Whether [mem, mem + len) was maintained in the right way, and unchanged since. */
static bool is_maintained(const uint8_t *mem, size_t len, bool cleaned)
{
  size_t done = 0;
  for (unsigned i = 0; i < maintained_count && done < len; i++) {
    size_t from;
    size_t common = overlap(maintained[i].mem, maintained[i].len, mem + done, len - done, &from);
    bool starts_here = common != 0 && maintained[i].mem + from == mem + done;
    if (!starts_here || (maintained[i].content != NULL) != cleaned) {
      continue;
    }
    if (cleaned && memcmp(maintained[i].content + from, mem + done, common) != 0) {
      continue;
    }
    done += common;
    i = UINT32_MAX; /* from the first again */
  }
  return done == len;
}

void sim_cache_check(const uint8_t *mem, size_t len, bool device_writes)
{
  if (!is_maintained(mem, len, !device_writes)) {
    sim_breach(device_writes ? "own-cache-invalidate" : "own-cache-clean",
               "%zu bytes were given to the device without cache maintenance", len);
  }
}

void sim_cache_posted(const uint8_t *mem, size_t len)
{
  for (unsigned i = 0; i < kept_count;) {
    size_t from;
    if (overlap(kept[i].mem, kept[i].len, mem, len, &from) != 0) {
      drop_kept(i);
    } else {
      i++;
    }
  }
  for (unsigned i = 0; i < maintained_count;) {
    size_t from;
    if (overlap(maintained[i].mem, maintained[i].len, mem, len, &from) != 0) {
      drop_maintained(i);
    } else {
      i++;
    }
  }
}

void sim_hal_begin(void)
{
  barriers = (struct sim_barriers){0};
}

void sim_hal_end(void)
{
  while (kept_count != 0) {
    drop_kept(0);
  }
  while (maintained_count != 0) {
    drop_maintained(0);
  }
}
