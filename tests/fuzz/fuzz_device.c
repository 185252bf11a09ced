/*
 * fuzz_device.c: registers of the fuzzed device, and what it can do besides its job.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "fuzz_device.h"
#include "fuzz_rings.h"

#include <string.h>

enum {
  REG_MAGIC_VALUE = 0x000,
  REG_VERSION = 0x004,
  REG_DEVICE_ID = 0x008,
  REG_DEVICE_FEATURES = 0x010,
  REG_DEVICE_FEATURES_SEL = 0x014,
  REG_DRIVER_FEATURES = 0x020,
  REG_DRIVER_FEATURES_SEL = 0x024,
  REG_QUEUE_SEL = 0x030,
  REG_QUEUE_SIZE_MAX = 0x034,
  REG_QUEUE_SIZE = 0x038,
  REG_QUEUE_ALIGN = 0x03c,
  REG_QUEUE_PFN = 0x040,
  REG_QUEUE_READY = 0x044,
  REG_QUEUE_NOTIFY = 0x050,
  REG_INTERRUPT_STATUS = 0x060,
  REG_INTERRUPT_ACK = 0x064,
  REG_STATUS = 0x070,
  REG_QUEUE_DESC = 0x080,
  REG_QUEUE_DRIVER = 0x090,
  REG_QUEUE_DEVICE = 0x0a0,
  REG_CONFIG_GENERATION = 0x0fc,
};

enum {
  LIES_MAX = 4,
  FOREVER = 255,
  CONFIG_BYTES = 12,
  CONFIG_STATUS = 6,
  STATUS_NEEDS_RESET = 0x40,
  ISR_QUEUE = 1,
  ISR_CONFIG = 2,
};

/* A register that reads as something else for a while. */
struct lie {
  uint32_t reg;
  uint32_t value;
  uint8_t after; /* reads that are still honest */
  uint8_t times;
};

static struct {
  bool modern;
  uint64_t offered;
  uint64_t accepted;
  uint32_t features_sel, driver_features_sel, queue_sel;
  uint32_t status, generation;
  uint32_t queue_max[FUZZ_QUEUES];
  uint8_t config[FUZZ_REG_END - FUZZ_REG_CONFIG];
  struct lie lies[LIES_MAX];
  unsigned next_lie;
  unsigned raw_reads; /* reads that are answered by the input as it comes */
  unsigned act_in;    /* barriers and accesses until the device acts; 0: it does not */
} device;

uint32_t fuzz_isr;

/*
 * Registers
 */

static uint32_t honest_read(uint32_t reg, unsigned width)
{
  uint32_t sel = device.queue_sel < FUZZ_QUEUES ? device.queue_sel : 0;
  uint32_t value = 0;
  switch (reg) {
  case REG_MAGIC_VALUE:
    return 0x74726976;
  case REG_VERSION:
    return device.modern ? 2 : 1;
  case REG_DEVICE_ID:
    return 1;
  case REG_DEVICE_FEATURES:
    return (uint32_t)(device.features_sel == 0 ? device.offered : device.offered >> 32);
  case REG_QUEUE_SIZE_MAX:
    return device.queue_max[sel];
  case REG_QUEUE_PFN:
    return (uint32_t)(fuzz_queues[sel].desc / 4096);
  case REG_QUEUE_READY:
    return fuzz_queues[sel].live;
  case REG_INTERRUPT_STATUS:
    return fuzz_isr;
  case REG_STATUS:
    return device.status;
  case REG_CONFIG_GENERATION:
    return device.generation;
  default:
    if (reg >= FUZZ_REG_CONFIG) {
      memcpy(&value, &device.config[reg - FUZZ_REG_CONFIG], width);
    }
    return value;
  }
}

/* Whatever is about to happen, the device may be faster. */
static void on_barrier(void)
{
  if (device.act_in > 0 && --device.act_in == 0) {
    fuzz_device_act();
  }
}

static uint32_t on_read(uint32_t reg, unsigned width)
{
  on_barrier();
  if (device.raw_reads > 0) {
    device.raw_reads--;
    return width == 4 ? fuzz_u32() : width == 2 ? fuzz_u16() : fuzz_u8();
  }
  for (unsigned i = 0; i < LIES_MAX; i++) {
    struct lie *lie = &device.lies[i];
    if (lie->times == 0 || lie->reg != reg) {
      continue;
    }
    if (lie->after > 0) {
      lie->after--;
    } else {
      lie->times = (uint8_t)(lie->times - (lie->times != FOREVER));
      return lie->value;
    }
  }
  return honest_read(reg, width);
}

static void write_status(uint32_t value)
{
  if (value == 0) {
    fuzz_rings_reset();
    fuzz_isr = 0;
    device.accepted = 0;
  }
  device.status = value;
}

static void write_half(uint64_t *whole, uint32_t reg, uint32_t value)
{
  unsigned shift = (reg & 4) != 0 ? 32 : 0;
  *whole = (*whole & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

static void write_queue(struct fuzz_queue *q, uint32_t reg, uint32_t value)
{
  switch (reg == REG_QUEUE_ALIGN ? reg : reg & ~4u) {
  case REG_QUEUE_SIZE:
    q->size = value;
    break;
  case REG_QUEUE_PFN: /* or, beside it, QueueReady */
    if (reg == REG_QUEUE_PFN) {
      q->desc = (uint64_t)value * 4096;
      q->avail = q->desc + 16u * q->size;
      q->used = (q->avail + 6u + 2u * q->size + 4095u) & ~UINT64_C(4095);
    }
    fuzz_rings_enable(q, (device.accepted & FUZZ_F_EVENT_IDX) != 0);
    break;
  case REG_QUEUE_DESC:
    write_half(&q->desc, reg, value);
    break;
  case REG_QUEUE_DRIVER:
    write_half(&q->avail, reg, value);
    break;
  case REG_QUEUE_DEVICE:
    write_half(&q->used, reg, value);
    break;
  default:
    break;
  }
}

static void on_write(uint32_t reg, uint32_t value)
{
  switch (reg) {
  case REG_DEVICE_FEATURES_SEL:
    device.features_sel = value;
    break;
  case REG_DRIVER_FEATURES_SEL:
    device.driver_features_sel = value;
    break;
  case REG_DRIVER_FEATURES:
    write_half(&device.accepted, device.driver_features_sel == 0 ? 0 : 4, value);
    break;
  case REG_QUEUE_SEL:
    device.queue_sel = value;
    break;
  case REG_QUEUE_NOTIFY:
    fuzz_rings_fetch();
    break;
  case REG_INTERRUPT_ACK:
    fuzz_isr &= ~value;
    break;
  case REG_STATUS:
    write_status(value);
    break;
  default:
    if (device.queue_sel < FUZZ_QUEUES) {
      write_queue(&fuzz_queues[device.queue_sel], reg, value);
    }
    break;
  }
  on_barrier();
}

/*
 * Life
 */

void fuzz_device_begin(void)
{
  memset(&device, 0, sizeof(device));
  fuzz_isr = 0;
  uint8_t options = fuzz_u8();
  device.modern = (options & 1) != 0;
  device.offered = fuzz_u32();
  device.offered |= (uint64_t)fuzz_u32() << 32;
  if (device.modern && (options & 2) == 0) {
    device.offered |= FUZZ_F_VERSION_1;
  }
  device.queue_max[0] = fuzz_u16();
  device.queue_max[1] = fuzz_u16();
  fuzz_bytes(device.config, CONFIG_BYTES);
  fuzz_rings_reset();
}

void fuzz_device_memory(void *dma, size_t bytes, size_t packets, unsigned buffers, bool all_copied)
{
  static const struct fuzz_platform platform = {on_read, on_write, on_barrier};
  fuzz_platform(&platform, dma, bytes);
  fuzz_rings_memory(dma, bytes, packets, buffers, all_copied);
}

size_t fuzz_device_hdr_bytes(void)
{
  return (device.accepted & (FUZZ_F_VERSION_1 | FUZZ_F_MRG_RXBUF)) != 0 ? 12 : 10;
}

bool fuzz_device_merges(void)
{
  return (device.accepted & FUZZ_F_MRG_RXBUF) != 0;
}

bool fuzz_device_irq(void)
{
  return fuzz_isr != 0;
}

void fuzz_device_needs_reset(void)
{
  device.status |= STATUS_NEEDS_RESET;
  fuzz_isr |= ISR_CONFIG;
}

void fuzz_device_calm(void)
{
  memset(device.lies, 0, sizeof(device.lies));
  device.raw_reads = 0;
  device.act_in = 0;
  device.offered |= FUZZ_F_VERSION_1;
  for (unsigned i = 0; i < FUZZ_QUEUES; i++) {
    device.queue_max[i] += device.queue_max[i] < 2 ? 2 : 0;
  }
  device.config[CONFIG_STATUS] |= 1;
  device.generation++;
  fuzz_isr |= ISR_CONFIG;
  fuzz_rings_calm();
}

static void change_config(void)
{
  unsigned at = fuzz_below(CONFIG_BYTES);
  device.config[at] = fuzz_u8();
  device.generation += fuzz_u8() & 1;
  fuzz_isr |= ISR_CONFIG;
}

static void tell_lie(void)
{
  struct lie *lie = &device.lies[device.next_lie++ % LIES_MAX];
  lie->reg = fuzz_below(FUZZ_REG_CONFIG + CONFIG_BYTES);
  lie->reg &= lie->reg < FUZZ_REG_CONFIG ? ~3u : ~0u;
  lie->value = fuzz_u32();
  lie->after = fuzz_u8();
  lie->times = fuzz_u8();
}

void fuzz_device_act(void)
{
  switch (fuzz_below(16)) {
  case 0:
    tell_lie();
    break;
  case 1:
    device.raw_reads = fuzz_u8();
    break;
  case 2:
    fuzz_isr |= fuzz_u8();
    break;
  case 3:
    change_config();
    break;
  case 4:
    device.status = fuzz_u8();
    fuzz_isr |= ISR_CONFIG;
    break;
  case 5:
    device.act_in = fuzz_u8();
    break;
  case 6:
    fuzz_device_needs_reset();
    break;
  default:
    fuzz_rings_act();
    break;
  }
}
