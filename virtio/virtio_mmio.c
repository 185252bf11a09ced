/*
 * virtio_mmio.c: "Virtio Over MMIO". Registers are 32 bits wide, little-endian and accessed as
 * such; only the configuration space behind them knows other widths.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "virtio/virtio_mmio.h"
#include "virtio/virtio_hal.h"
#include <stddef.h>

/* "MMIO Device Register Layout": byte offsets. */
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
  REG_QUEUE_READY = 0x044,
  REG_QUEUE_NOTIFY = 0x050,
  REG_INTERRUPT_STATUS = 0x060,
  REG_INTERRUPT_ACK = 0x064,
  REG_STATUS = 0x070,
  REG_QUEUE_DESC_LOW = 0x080,
  REG_QUEUE_DRIVER_LOW = 0x090,
  REG_QUEUE_DEVICE_LOW = 0x0a0,
  REG_CONFIG_GENERATION = 0x0fc,
  REG_CONFIG = 0x100,
  /* "Legacy interface" only. */
  REG_GUEST_PAGE_SIZE = 0x028,
  REG_QUEUE_ALIGN = 0x03c,
  REG_QUEUE_PFN = 0x040,
};

#define MAGIC_VALUE    0x74726976u /* "virt", little-endian */
#define VERSION_LEGACY 1u
#define VERSION_MODERN 2u

static struct virtio_mmio *mmio_of(struct virtio_device *dev)
{
  return (struct virtio_mmio *)dev; /* dev is the first member */
}

static uint32_t reg_read(struct virtio_device *dev, unsigned reg)
{
  return virtio_hal_read32(mmio_of(dev)->base + reg);
}

static void reg_write(struct virtio_device *dev, unsigned reg, uint32_t value)
{
  virtio_hal_write32(mmio_of(dev)->base + reg, value);
}

static uint32_t mmio_get_features(struct virtio_device *dev, unsigned word)
{
  reg_write(dev, REG_DEVICE_FEATURES_SEL, word);
  return reg_read(dev, REG_DEVICE_FEATURES);
}

static void mmio_set_features(struct virtio_device *dev, unsigned word, uint32_t bits)
{
  reg_write(dev, REG_DRIVER_FEATURES_SEL, word);
  reg_write(dev, REG_DRIVER_FEATURES, bits);
}

static uint32_t mmio_get_status(struct virtio_device *dev)
{
  return reg_read(dev, REG_STATUS);
}

static void mmio_set_status(struct virtio_device *dev, uint32_t status)
{
  reg_write(dev, REG_STATUS, status);
}

static void mmio_notify(struct virtio_device *dev, uint16_t index)
{
  reg_write(dev, REG_QUEUE_NOTIFY, index);
}

static uint32_t mmio_isr_ack(struct virtio_device *dev)
{
  /* Bits this driver does not know are neither acted on nor acknowledged. */
  uint32_t causes = reg_read(dev, REG_INTERRUPT_STATUS) & (VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG);
  if (causes != 0) {
    reg_write(dev, REG_INTERRUPT_ACK, causes);
    /* The rings are looked at after the acknowledgement: what the device adds from here on raises
     * the interrupt anew, what it added before is seen. */
    virtio_hal_mb();
  }
  return causes;
}

static uint32_t mmio_config_read(struct virtio_device *dev, unsigned offset, unsigned width)
{
  uintptr_t addr = mmio_of(dev)->base + REG_CONFIG + offset;
  switch (width) {
  case 1:
    return virtio_hal_read8(addr);
  case 2:
    return virtio_hal_read16(addr);
  default:
    return virtio_hal_read32(addr);
  }
}

/* Modern devices, Version 2 */

static uint32_t mmio_queue_max(struct virtio_device *dev, uint16_t index)
{
  reg_write(dev, REG_QUEUE_SEL, index);
  return reg_read(dev, REG_QUEUE_READY) == 0 ? reg_read(dev, REG_QUEUE_SIZE_MAX) : 0;
}

static void write_address(struct virtio_device *dev, unsigned reg_low, uint64_t bus)
{
  reg_write(dev, reg_low, (uint32_t)bus);
  reg_write(dev, reg_low + 4, (uint32_t)(bus >> 32));
}

static int mmio_queue_enable(struct virtio_device *dev, uint16_t index,
                             const struct virtq_placement *at)
{
  reg_write(dev, REG_QUEUE_SEL, index);
  reg_write(dev, REG_QUEUE_SIZE, at->size);
  write_address(dev, REG_QUEUE_DESC_LOW, at->desc_bus);
  write_address(dev, REG_QUEUE_DRIVER_LOW, at->avail_bus);
  write_address(dev, REG_QUEUE_DEVICE_LOW, at->used_bus);
  reg_write(dev, REG_QUEUE_READY, 1);
  return reg_read(dev, REG_QUEUE_READY) == 1 ? VIRTIO_OK : VIRTIO_ERR_DEVICE;
}

static uint32_t mmio_config_generation(struct virtio_device *dev)
{
  return reg_read(dev, REG_CONFIG_GENERATION);
}

static const struct virtio_transport_ops modern_ops = {
    .get_features = mmio_get_features,
    .set_features = mmio_set_features,
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .queue_max = mmio_queue_max,
    .queue_enable = mmio_queue_enable,
    .notify = mmio_notify,
    .isr_ack = mmio_isr_ack,
    .config_read = mmio_config_read,
    .config_generation = mmio_config_generation,
};

#if VIRTIO_LEGACY

/* Legacy devices, Version 1: "Legacy interface" of "Virtio Over MMIO" */

/* The page size goes with the features: once an initialization and before any queue. */
static void legacy_set_features(struct virtio_device *dev, unsigned word, uint32_t bits)
{
  mmio_set_features(dev, word, bits);
  reg_write(dev, REG_GUEST_PAGE_SIZE, VIRTIO_MMIO_LEGACY_PAGE_BYTES);
}

static uint32_t legacy_queue_max(struct virtio_device *dev, uint16_t index)
{
  reg_write(dev, REG_QUEUE_SEL, index);
  return reg_read(dev, REG_QUEUE_PFN) == 0 ? reg_read(dev, REG_QUEUE_SIZE_MAX) : 0;
}

/* The device computes the rest of the layout from the first page: virtq.h lays it out likewise. */
static int legacy_queue_enable(struct virtio_device *dev, uint16_t index,
                               const struct virtq_placement *at)
{
  uint64_t pfn = at->desc_bus / VIRTIO_MMIO_LEGACY_PAGE_BYTES;
  if (pfn == 0 || pfn > UINT32_MAX || at->desc_bus % VIRTIO_MMIO_LEGACY_PAGE_BYTES != 0) {
    return VIRTIO_ERR_ARG;
  }
  reg_write(dev, REG_QUEUE_SEL, index);
  reg_write(dev, REG_QUEUE_SIZE, at->size);
  reg_write(dev, REG_QUEUE_ALIGN, VIRTIO_MMIO_LEGACY_PAGE_BYTES);
  reg_write(dev, REG_QUEUE_PFN, (uint32_t)pfn);
  return reg_read(dev, REG_QUEUE_PFN) == (uint32_t)pfn ? VIRTIO_OK : VIRTIO_ERR_DEVICE;
}

/* Legacy fields are in guest byte order and some devices take byte accesses only. */
static uint32_t legacy_config_read(struct virtio_device *dev, unsigned offset, unsigned width)
{
  uintptr_t addr = mmio_of(dev)->base + REG_CONFIG + offset;
  uint32_t value = 0;
  for (unsigned i = 0; i < width; i++) {
    unsigned shift = 8 * (virtio_hal_big_endian() ? width - 1 - i : i);
    value |= (uint32_t)virtio_hal_read8(addr + i) << shift;
  }
  return value;
}

static uint32_t legacy_config_generation(struct virtio_device *dev)
{
  (void)dev;
  return 0;
}

static const struct virtio_transport_ops legacy_ops = {
    .get_features = mmio_get_features,
    .set_features = legacy_set_features,
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .queue_max = legacy_queue_max,
    .queue_enable = legacy_queue_enable,
    .notify = mmio_notify,
    .isr_ack = mmio_isr_ack,
    .config_read = legacy_config_read,
    .config_generation = legacy_config_generation,
};

#endif /* VIRTIO_LEGACY */

static const struct virtio_transport_ops *ops_for_version(uint32_t version)
{
  if (version == VERSION_MODERN) {
    return &modern_ops;
  }
#if VIRTIO_LEGACY
  if (version == VERSION_LEGACY) {
    return &legacy_ops;
  }
#endif
  return NULL;
}

VIRTIO_COLD int virtio_mmio_probe(struct virtio_mmio *mmio, uintptr_t base)
{
  struct virtio_device *dev = &mmio->dev;

  mmio->base = base;
  /* "MMIO-specific Initialization" gives this order, and the end at DeviceID 0. */
  if (reg_read(dev, REG_MAGIC_VALUE) != MAGIC_VALUE) {
    return VIRTIO_ERR_NODEV;
  }
  uint32_t version = reg_read(dev, REG_VERSION);
  dev->ops = ops_for_version(version);
  if (dev->ops == NULL) {
    return VIRTIO_ERR_NODEV;
  }
  dev->legacy = version == VERSION_LEGACY;
  dev->features = 0;
  dev->device_id = reg_read(dev, REG_DEVICE_ID);
  return dev->device_id != 0 ? VIRTIO_OK : VIRTIO_ERR_NODEV;
}
