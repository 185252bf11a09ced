/*
 * sim_mmio.c: the simulated bus and the registers of its devices.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

/* Where the slots are: nowhere that a pointer could reach by accident. */
enum { BUS_BASE = 0x0a000000, SLOT_BYTES = 0x200, CONFIG = 0x100 };

static unsigned slot_count;

/* Registers. */
enum reg {
  REG_MAGIC = 0x000,
  REG_VERSION = 0x004,
  REG_DEVICE_ID = 0x008,
  REG_VENDOR_ID = 0x00c,
  REG_DEVICE_FEATURES = 0x010,
  REG_DEVICE_FEATURES_SEL = 0x014,
  REG_DRIVER_FEATURES = 0x020,
  REG_DRIVER_FEATURES_SEL = 0x024,
  REG_GUEST_PAGE_SIZE = 0x028,
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
  REG_QUEUE_DESC_LOW = 0x080,
  REG_QUEUE_DESC_HIGH = 0x084,
  REG_QUEUE_DRIVER_LOW = 0x090,
  REG_QUEUE_DRIVER_HIGH = 0x094,
  REG_QUEUE_DEVICE_LOW = 0x0a0,
  REG_QUEUE_DEVICE_HIGH = 0x0a4,
  REG_SHM_SEL = 0x0ac,
  REG_SHM_BASE_HIGH = 0x0bc,
  REG_QUEUE_RESET = 0x0c0,
  REG_CONFIG_GENERATION = 0x0fc,
};

enum { CAN_READ = 1, CAN_WRITE = 2, LEGACY = 4, MODERN = 8, BOTH = LEGACY | MODERN };

static const struct {
  enum reg reg;
  unsigned flags;
} registers[] = {
    {REG_MAGIC, CAN_READ | BOTH},
    {REG_VERSION, CAN_READ | BOTH},
    {REG_DEVICE_ID, CAN_READ | BOTH},
    {REG_VENDOR_ID, CAN_READ | BOTH},
    {REG_DEVICE_FEATURES, CAN_READ | BOTH},
    {REG_DEVICE_FEATURES_SEL, CAN_WRITE | BOTH},
    {REG_DRIVER_FEATURES, CAN_WRITE | BOTH},
    {REG_DRIVER_FEATURES_SEL, CAN_WRITE | BOTH},
    {REG_GUEST_PAGE_SIZE, CAN_WRITE | LEGACY},
    {REG_QUEUE_SEL, CAN_WRITE | BOTH},
    {REG_QUEUE_SIZE_MAX, CAN_READ | BOTH},
    {REG_QUEUE_SIZE, CAN_WRITE | BOTH},
    {REG_QUEUE_ALIGN, CAN_WRITE | LEGACY},
    {REG_QUEUE_PFN, CAN_READ | CAN_WRITE | LEGACY},
    {REG_QUEUE_READY, CAN_READ | CAN_WRITE | MODERN},
    {REG_QUEUE_NOTIFY, CAN_WRITE | BOTH},
    {REG_INTERRUPT_STATUS, CAN_READ | BOTH},
    {REG_INTERRUPT_ACK, CAN_WRITE | BOTH},
    {REG_STATUS, CAN_READ | CAN_WRITE | BOTH},
    {REG_QUEUE_DESC_LOW, CAN_WRITE | MODERN},
    {REG_QUEUE_DESC_HIGH, CAN_WRITE | MODERN},
    {REG_QUEUE_DRIVER_LOW, CAN_WRITE | MODERN},
    {REG_QUEUE_DRIVER_HIGH, CAN_WRITE | MODERN},
    {REG_QUEUE_DEVICE_LOW, CAN_WRITE | MODERN},
    {REG_QUEUE_DEVICE_HIGH, CAN_WRITE | MODERN},
    {REG_CONFIG_GENERATION, CAN_READ | MODERN},
};

bool sim_legacy(const struct sim_device *dev)
{
  return dev->version == 1;
}

bool sim_offered(const struct sim_device *dev, uint64_t feature)
{
  return (dev->params.features & feature) == feature;
}

/*
 * The bus
 */

static struct sim_device *new_slot(uint32_t magic, uint32_t version, uint32_t device_id)
{
  struct sim_device *dev = sim_alloc(sizeof(*dev));
  dev->magic = magic;
  dev->version = version;
  dev->device_id = device_id;
  dev->base = BUS_BASE + slot_count++ * SLOT_BYTES;
  dev->next = sim_devices;
  sim_devices = dev;
  for (unsigned i = 0; i < SIM_QUEUES; i++) {
    dev->ring[i].dev = dev;
    dev->ring[i].index = (uint16_t)i;
  }
  return dev;
}

struct sim_device *sim_slot_create(uint32_t magic, uint32_t version, uint32_t device_id)
{
  return new_slot(magic, version, device_id);
}

struct sim_device *sim_device_create(const struct sim_net_params *params, uint32_t device_id)
{
  struct sim_device *dev = new_slot(0x74726976, params->version, device_id);
  dev->whole = true;
  dev->params = *params;
  dev->faults.reset_reads = 3;
  dev->faults.used_queues = UINT32_MAX;
  dev->faults.used_times = SIM_FOREVER;
  dev->random = 1;
  sim_config_fill(dev);
  sim_device_reset(dev);
  dev->count.resets = 0;
  if (!params->clean) {
    /* Whoever was here before, a boot loader say, left it running. */
    dev->status = sim_legacy(dev) ? 0x07 : 0x0f;
    dev->isr = 1;
  }
  return dev;
}

uintptr_t sim_base(const struct sim_device *dev)
{
  return dev->base;
}

void sim_mmio_end(void)
{
  slot_count = 0;
}

void sim_hook(struct sim_device *dev, enum sim_point point)
{
  if (dev->hook[point] != NULL && !dev->in_hook) {
    dev->in_hook = true;
    dev->hook[point](dev, dev->hook_arg[point]);
    dev->in_hook = false;
  }
}

void sim_at(struct sim_device *dev, enum sim_point point, sim_hook_fn *fn, void *arg)
{
  dev->hook[point] = fn;
  dev->hook_arg[point] = arg;
}

static struct sim_device *find(uintptr_t addr, unsigned *offset)
{
  for (struct sim_device *dev = sim_devices; dev != NULL; dev = dev->next) {
    if (addr >= dev->base && addr - dev->base < SLOT_BYTES) {
      *offset = (unsigned)(addr - dev->base);
      return dev;
    }
  }
  sim_breach("drv-mmio-reg-1", "access to %llx, where no device is", (unsigned long long)addr);
  return NULL;
}

/*
 * Discovery: MagicValue, Version, DeviceID, in this order, and nothing after a bad one.
 */

static bool is_id_register(unsigned offset)
{
  return offset == REG_MAGIC || offset == REG_VERSION || offset == REG_DEVICE_ID;
}

static void bad_probe(struct sim_device *dev, const char *rule)
{
  dev->probe = SIM_PROBE_BAD;
  dev->bad_probe_rule = rule;
}

static void probe_step(struct sim_device *dev, unsigned offset)
{
  if (offset == REG_MAGIC && dev->probe != SIM_PROBE_DONE) {
    dev->probe = SIM_PROBE_VERSION;
    if (dev->magic != 0x74726976) {
      bad_probe(dev, "drv-mmio-reg-6");
    }
    return;
  }
  switch (dev->probe) {
  case SIM_PROBE_MAGIC:
    sim_breach("drv-mmio-init-1", "register %03x before MagicValue", offset);
    break;
  case SIM_PROBE_VERSION:
    if (offset != REG_VERSION) {
      sim_breach("drv-mmio-init-1", "register %03x before Version", offset);
      break;
    }
    dev->probe = SIM_PROBE_ID;
    if (dev->version != 1 && dev->version != 2) {
      bad_probe(dev, "drv-mmio-reg-7");
    }
    break;
  case SIM_PROBE_ID:
    if (offset != REG_DEVICE_ID) {
      sim_breach("drv-mmio-init-2", "register %03x before DeviceID", offset);
      break;
    }
    dev->probe = SIM_PROBE_DONE;
    if (dev->device_id == 0) {
      bad_probe(dev, "drv-mmio-init-4");
    }
    break;
  case SIM_PROBE_BAD:
    sim_breach(dev->bad_probe_rule, "register %03x of a slot to be left alone", offset);
    break;
  case SIM_PROBE_DONE:
    break;
  }
}

/*
 * Rules for any register
 */

/* Whether the access may go on. */
static bool check_access(struct sim_device *dev, unsigned offset, unsigned width, bool write)
{
  if (width != 4 || offset % 4 != 0) {
    sim_breach("drv-mmio-reg-4", "access of %u bytes to register %03x", width, offset);
    return false;
  }
  if (offset >= REG_SHM_SEL && offset <= REG_SHM_BASE_HIGH) {
    sim_breach("drv-mmio-init-5", "shared memory register %03x", offset);
    return false;
  }
  unsigned flags = 0;
  for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
    if ((unsigned)registers[i].reg == offset) {
      flags = registers[i].flags;
    }
  }
  if ((flags & (sim_legacy(dev) ? LEGACY : MODERN)) == 0) {
    bool other = sim_legacy(dev) && (flags != 0 || offset == REG_QUEUE_RESET);
    sim_breach(other ? "leg-mmio-14" : "drv-mmio-reg-1", "there is no register %03x", offset);
    return false;
  }
  if ((flags & (write ? CAN_WRITE : CAN_READ)) == 0) {
    sim_breach(write ? "drv-mmio-reg-2" : "drv-mmio-reg-3", "%s of register %03x",
               write ? "write" : "read", offset);
    return false;
  }
  return true;
}

/* What may be touched depends on how far the driver has come. */
static void check_moment(struct sim_device *dev, unsigned offset, bool write)
{
  bool interrupt = offset == REG_INTERRUPT_STATUS || offset == REG_INTERRUPT_ACK;
  if (offset == REG_STATUS || is_id_register(offset) || offset == REG_VENDOR_ID || interrupt) {
    return;
  }
  if (!dev->whole) {
    if (write) {
      sim_breach("own-foreign-device", "write to register %03x of a device of type %u", offset,
                 dev->device_id);
    }
    return;
  }
  if (!dev->reset_asked) {
    sim_breach("drv-init-2", "register %03x before the first reset", offset);
  } else if (dev->resetting || !dev->reset_seen) {
    sim_breach("drv-reset-1", "register %03x before status was read as 0", offset);
  }
  if (write && (dev->status & SIM_S_FAILED) != 0) {
    sim_breach("drv-init-9", "register %03x was written after FAILED", offset);
  }
}

/*
 * Queues
 */

static struct sim_queue_setup *selected(struct sim_device *dev, unsigned offset)
{
  if (!dev->queue_sel_known) {
    sim_breach("own-queue-sel", "register %03x before QueueSel", offset);
    return NULL;
  }
  if (dev->queue_sel >= SIM_QUEUES) {
    return NULL;
  }
  uint32_t need = SIM_S_ACKNOWLEDGE | SIM_S_DRIVER | (sim_legacy(dev) ? 0 : SIM_S_FEATURES_OK);
  if ((dev->status & need) != need || (!sim_legacy(dev) && !dev->features_read)) {
    sim_breach("drv-init-1", "queue register %03x at status %02x, or FEATURES_OK not read back",
               offset, dev->status);
  }
  return &dev->setup[dev->queue_sel];
}

static void check_zero(struct sim_device *dev, const struct sim_ring *ring)
{
  size_t avail_bytes = 6 + 2 * (size_t)ring->size;
  size_t used_bytes = 6 + 8 * (size_t)ring->size;
  bool zero = true;
  for (size_t i = 0; i < 16 * (size_t)ring->size; i++) {
    zero = zero && ring->desc[i] == 0;
  }
  for (size_t i = 0; i < avail_bytes; i++) {
    zero = zero && ring->avail[i] == 0;
  }
  for (size_t i = 2; i < used_bytes; i++) {
    zero = zero && ring->used[i] == 0;
  }
  if (!zero) {
    sim_breach(sim_legacy(dev) ? "leg-mmio-8" : "own-ring-zero", "queue %u: memory is not zeroed",
               ring->index);
  }
  if (ring->used[0] != 0 || ring->used[1] != 0) {
    sim_breach("drv-availnotif-1", "queue %u: used flags are not 0", ring->index);
  }
}

static void check_apart(struct sim_device *dev, const struct sim_ring *ring)
{
  uint64_t begin = (uint64_t)(uintptr_t)ring->desc;
  uint64_t end = (uint64_t)(uintptr_t)ring->used + 6 + 8 * (uint64_t)ring->size;
  for (unsigned i = 0; i < SIM_QUEUES; i++) {
    const struct sim_ring *other = &dev->ring[i];
    if (other != ring && other->size != 0 && (uint64_t)(uintptr_t)other->desc < end &&
        begin < (uint64_t)(uintptr_t)other->used + 6 + 8 * (uint64_t)other->size) {
      sim_breach("own-ring-apart", "queues %u and %u share memory", ring->index, i);
    }
  }
}

static void make_ready(struct sim_device *dev, const struct sim_ring_params *where)
{
  struct sim_ring *ring = &dev->ring[dev->queue_sel];
  if (dev->live) {
    sim_breach("drv-init-7", "queue %u is set up after DRIVER_OK", dev->queue_sel);
  }
  sim_ring_clear(ring);
  ring->noncoherent = dev->params.noncoherent;
  sim_ring_init(ring, where);
  if (ring->size != 0) {
    check_zero(dev, ring);
    check_apart(dev, ring);
  }
}

static bool good_size(struct sim_device *dev, uint32_t size)
{
  if (size == 0 || size > dev->params.queue_max[dev->queue_sel]) {
    sim_breach(sim_legacy(dev) ? "leg-mmio-7" : "drv-mmio-reg-12", "QueueSize %u, at most %u", size,
               dev->params.queue_max[dev->queue_sel]);
    return false;
  }
  if ((size & (size - 1u)) != 0 || size > 32768) {
    sim_breach("own-queue-size", "QueueSize %u is no power of two up to 32768", size);
    return false;
  }
  return true;
}

static void size_write(struct sim_device *dev, struct sim_queue_setup *setup, uint32_t value)
{
  if (setup->ready) {
    sim_breach("drv-mmio-reg-13", "QueueSize while the queue is ready");
    return;
  }
  if (sim_legacy(dev) && !setup->max_read) {
    sim_breach("leg-vqlayout-1", "QueueSize without asking for QueueSizeMax");
  }
  setup->size = good_size(dev, value) ? value : 0;
  if (sim_legacy(dev)) {
    setup->align = 0;
  }
}

static void align_write(struct sim_queue_setup *setup, uint32_t value)
{
  if (setup->size == 0) {
    sim_breach("leg-mmio-9", "QueueAlign before QueueSize");
  }
  if (value == 0 || (value & (value - 1u)) != 0) {
    sim_breach("leg-mmio-10", "QueueAlign %u is no power of two", value);
    return;
  }
  setup->align = value;
}

static void pfn_write(struct sim_device *dev, struct sim_queue_setup *setup, uint32_t value)
{
  if (value == 0) {
    /* As QEMU does it. */
    sim_device_reset(dev);
    return;
  }
  if (setup->ready) {
    sim_breach("leg-mmio-5", "QueuePFN of a queue in use");
    return;
  }
  if (!setup->free_read) {
    sim_breach("leg-mmio-5", "QueuePFN was not read as 0 before");
  }
  if (dev->page_size == 0) {
    sim_breach("leg-mmio-2", "QueuePFN before GuestPageSize");
    return;
  }
  if (setup->size == 0 || setup->align == 0) {
    sim_breach("leg-mmio-9", "QueuePFN before QueueSize and QueueAlign");
    return;
  }
  setup->ready = true;
  setup->pfn = value;
  uint64_t desc = (uint64_t)value * dev->page_size;
  uint64_t avail = desc + 16 * (uint64_t)setup->size;
  uint64_t mask = setup->align - 1u;
  uint64_t used = (avail + 6 + 2 * (uint64_t)setup->size + mask) & ~mask;
  struct sim_ring_params where = {.size = (uint16_t)setup->size,
                                  .desc_bus = desc,
                                  .avail_bus = avail,
                                  .used_bus = used,
                                  .event_idx = (dev->accepted & SIM_F_EVENT_IDX) != 0,
                                  .indirect = (dev->accepted & SIM_F_INDIRECT_DESC) != 0,
                                  .native_endian = true};
  make_ready(dev, &where);
}

static uint64_t address(const struct sim_queue_setup *setup, unsigned part)
{
  return setup->addr[2u * part] | (uint64_t)setup->addr[2u * part + 1u] << 32;
}

static void ready_write(struct sim_device *dev, struct sim_queue_setup *setup, uint32_t value)
{
  if (value == 0) {
    sim_ring_verify(&dev->ring[dev->queue_sel], "drv-cleanup-2");
    sim_ring_clear(&dev->ring[dev->queue_sel]);
    setup->stop_unchecked = setup->ready;
    setup->ready = false;
    return;
  }
  if (value != 1 || setup->ready) {
    sim_breach("own-queue-ready", "QueueReady is written %u, ready already: %d", value,
               setup->ready);
    return;
  }
  if (!setup->free_read) {
    sim_breach("own-queue-ready", "QueueReady was not read as 0 before");
  }
  if (setup->size == 0 || setup->addr_mask != 0x3f) {
    sim_breach("own-queue-ready", "QueueReady before size and all addresses (%02x) were written",
               setup->addr_mask);
    return;
  }
  setup->ready = true;
  struct sim_ring_params where = {.size = (uint16_t)setup->size,
                                  .desc_bus = address(setup, 0),
                                  .avail_bus = address(setup, 1),
                                  .used_bus = address(setup, 2),
                                  .event_idx = (dev->accepted & SIM_F_EVENT_IDX) != 0,
                                  .indirect = (dev->accepted & SIM_F_INDIRECT_DESC) != 0};
  make_ready(dev, &where);
}

static unsigned address_part(unsigned offset)
{
  return 2u * ((offset - REG_QUEUE_DESC_LOW) / 16u) + (offset % 16u) / 4u;
}

static void queue_write(struct sim_device *dev, unsigned offset, uint32_t value)
{
  struct sim_queue_setup *setup = selected(dev, offset);
  if (setup == NULL) {
    return;
  }
  if (setup->stop_unchecked && offset != REG_QUEUE_READY) {
    sim_breach("drv-mmio-reg-15", "QueueReady was not read back after writing 0");
  }
  switch (offset) {
  case REG_QUEUE_SIZE:
    size_write(dev, setup, value);
    break;
  case REG_QUEUE_ALIGN:
    align_write(setup, value);
    break;
  case REG_QUEUE_PFN:
    pfn_write(dev, setup, value);
    break;
  case REG_QUEUE_READY:
    ready_write(dev, setup, value);
    break;
  default:
    if (setup->ready) {
      sim_breach("drv-mmio-reg-13", "address register %03x while the queue is ready", offset);
      return;
    }
    setup->addr[address_part(offset)] = value;
    setup->addr_mask |= 1u << address_part(offset);
  }
}

static uint32_t queue_read(struct sim_device *dev, unsigned offset)
{
  struct sim_queue_setup *setup = selected(dev, offset);
  if (setup == NULL) {
    return 0;
  }
  if (offset == REG_QUEUE_SIZE_MAX) {
    if (sim_legacy(dev) && setup->ready) {
      sim_breach("leg-mmio-4", "QueueSizeMax while QueuePFN is not 0");
    }
    setup->max_read = true;
    return dev->params.queue_max[dev->queue_sel];
  }
  uint32_t value = sim_legacy(dev) ? setup->pfn : setup->ready;
  if (dev->faults.queue_ready_stuck_at_0) {
    value = 0;
  }
  if (dev->faults.queue_ready_stuck_at_1) {
    value = 1;
  }
  setup->free_read = setup->free_read || value == 0;
  setup->stop_unchecked = false;
  return value;
}

static void notify_write(struct sim_device *dev, uint32_t value)
{
  if (!dev->live) {
    sim_breach("drv-init-10", "notification of queue %u before DRIVER_OK", value);
    return;
  }
  if (value >= SIM_QUEUES || dev->ring[value].size == 0) {
    sim_breach("own-notify", "notification of queue %u, which is not set up", value);
    return;
  }
  dev->count.kicks[value]++;
  sim_ring_scan(&dev->ring[value]);
  dev->count.idle_kicks[value] += !dev->ring[value].kick_news;
  sim_ring_notify(&dev->ring[value]);
  sim_net_notified(dev, value);
  sim_hook(dev, SIM_AT_NOTIFY);
}

/*
 * Features, interrupts
 */

static uint32_t features_read(struct sim_device *dev)
{
  if (!dev->device_sel_fresh) {
    sim_breach("drv-mmio-reg-10", "DeviceFeatures without writing DeviceFeaturesSel");
  }
  dev->device_sel_fresh = false;
  uint32_t started = SIM_S_ACKNOWLEDGE | SIM_S_DRIVER;
  if ((dev->status & started) != started) {
    sim_breach("drv-init-1", "DeviceFeatures at status %02x", dev->status);
  }
  switch (dev->device_sel) {
  case 0:
    return (uint32_t)dev->params.features;
  case 1:
    return sim_legacy(dev) ? 0 : (uint32_t)(dev->params.features >> 32);
  case 2:
    return (uint32_t)dev->params.features_high;
  case 3:
    return (uint32_t)(dev->params.features_high >> 32);
  default:
    return 0;
  }
}

static void sel_write(struct sim_device *dev, uint32_t *sel, bool *fresh, uint32_t value)
{
  *sel = value;
  *fresh = true;
  if (value > (sim_legacy(dev) ? 0u : 1u)) {
    sim_breach(sim_legacy(dev) ? "leg-mmio-14" : "own-feature-words", "feature word %u", value);
  }
}

static void driver_features_write(struct sim_device *dev, uint32_t value)
{
  if (!dev->driver_sel_fresh) {
    sim_breach("drv-mmio-reg-11", "DriverFeatures without writing DriverFeaturesSel");
    return;
  }
  dev->driver_sel_fresh = false;
  sim_features_write(dev, dev->driver_sel, value);
}

static uint32_t isr_read(struct sim_device *dev)
{
  sim_hook(dev, SIM_AT_ISR_READ);
  uint32_t value =
      (dev->faults.isr_stuck ? dev->faults.isr_value : dev->isr) | dev->faults.isr_extra;
  dev->isr_read |= value;
  return value;
}

static void ack_write(struct sim_device *dev, uint32_t value)
{
  if ((value & ~3u) != 0) {
    sim_breach("drv-mmio-reg-18", "InterruptACK %x has undefined bits", value);
  }
  if ((value & ~dev->isr_read & 3u) != 0 || value == 0) {
    sim_breach("drv-mmio-irq-1", "InterruptACK %x of events that were not read", value);
  }
  dev->isr_read &= ~value;
  if (!dev->faults.ack_ignored) {
    dev->isr &= ~value;
  }
  sim_hook(dev, SIM_AT_ISR_ACK);
}

void sim_raise(struct sim_device *dev, uint32_t causes)
{
  dev->isr |= causes;
}

bool sim_irq(const struct sim_device *dev)
{
  return dev->isr != 0;
}

/*
 * All registers
 */

static uint32_t id_read(struct sim_device *dev, unsigned offset)
{
  switch (offset) {
  case REG_MAGIC:
    return dev->magic;
  case REG_VERSION:
    return dev->version;
  case REG_DEVICE_ID:
    return dev->device_id;
  default:
    return 0x554d4551; /* VendorID */
  }
}

uint32_t sim_mmio_read(uintptr_t addr, unsigned width)
{
  unsigned offset = 0;
  struct sim_device *dev = find(addr, &offset);
  if (dev == NULL) {
    return 0;
  }
  dev->count.reads++;
  if (offset >= CONFIG) {
    check_moment(dev, offset, false);
    return sim_config_read(dev, offset - CONFIG, width);
  }
  probe_step(dev, offset);
  if (dev->probe == SIM_PROBE_BAD || dev->probe < SIM_PROBE_DONE) {
    return is_id_register(offset) ? id_read(dev, offset) : 0;
  }
  if (!check_access(dev, offset, width, false)) {
    return 0;
  }
  check_moment(dev, offset, false);
  switch (offset) {
  case REG_DEVICE_FEATURES:
    return features_read(dev);
  case REG_QUEUE_SIZE_MAX:
  case REG_QUEUE_PFN:
  case REG_QUEUE_READY:
    return queue_read(dev, offset);
  case REG_INTERRUPT_STATUS:
    return isr_read(dev);
  case REG_STATUS:
    return sim_status_read(dev);
  case REG_CONFIG_GENERATION:
    return sim_config_generation(dev);
  default:
    return id_read(dev, offset);
  }
}

static void page_size_write(struct sim_device *dev, uint32_t value)
{
  if (value == 0 || (value & (value - 1u)) != 0) {
    sim_breach("leg-mmio-3", "GuestPageSize %u is no power of two", value);
    return;
  }
  dev->page_size = value;
}

static void register_write(struct sim_device *dev, unsigned offset, uint32_t value)
{
  switch (offset) {
  case REG_DEVICE_FEATURES_SEL:
    sel_write(dev, &dev->device_sel, &dev->device_sel_fresh, value);
    break;
  case REG_DRIVER_FEATURES_SEL:
    sel_write(dev, &dev->driver_sel, &dev->driver_sel_fresh, value);
    break;
  case REG_DRIVER_FEATURES:
    driver_features_write(dev, value);
    break;
  case REG_GUEST_PAGE_SIZE:
    page_size_write(dev, value);
    break;
  case REG_QUEUE_SEL:
    dev->queue_sel = value;
    dev->queue_sel_known = true;
    break;
  case REG_QUEUE_NOTIFY:
    notify_write(dev, value);
    break;
  case REG_INTERRUPT_ACK:
    ack_write(dev, value);
    break;
  case REG_STATUS:
    sim_status_write(dev, value);
    break;
  default:
    queue_write(dev, offset, value);
  }
}

void sim_mmio_write(uintptr_t addr, unsigned width, uint32_t value)
{
  unsigned offset = 0;
  struct sim_device *dev = find(addr, &offset);
  if (dev == NULL) {
    return;
  }
  dev->count.writes++;
  if (offset >= CONFIG) {
    bool negotiating = !dev->live && (dev->status & SIM_S_FEATURES_OK) == 0;
    sim_breach(negotiating ? "drv-init-4" : "drv-net-cfg-1", "write to configuration offset %u",
               offset - CONFIG);
    return;
  }
  probe_step(dev, offset);
  if (dev->probe != SIM_PROBE_DONE || !check_access(dev, offset, width, true)) {
    return;
  }
  check_moment(dev, offset, true);
  register_write(dev, offset, value);
}

/*
 * What the device saw
 */

const struct sim_counters *sim_counters(const struct sim_device *dev)
{
  return &dev->count;
}

struct sim_faults *sim_faults(struct sim_device *dev)
{
  return &dev->faults;
}

unsigned sim_queue_size(const struct sim_device *dev, unsigned queue)
{
  return dev->ring[queue].size;
}

void sim_device_free(struct sim_device *dev)
{
  for (unsigned i = 0; i < SIM_QUEUES; i++) {
    sim_ring_clear(&dev->ring[i]);
  }
  for (unsigned i = 0; i < dev->frame_count; i++) {
    free(dev->frames[i].bytes);
  }
  free(dev->frames);
  free(dev->held);
  free(dev);
}
