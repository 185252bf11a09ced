/*
 * sim_config.c: configuration space of a network device.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_internal.h"

#include <string.h>

enum {
  CONFIG_MAC = 0,
  CONFIG_STATUS = 6,
  CONFIG_PAIRS = 8,
  CONFIG_MTU = 10,
};

static const struct {
  uint8_t offset;
  uint8_t width;
  uint64_t needs; /* one of these has to be offered */
} fields[] = {
    {0, 1, SIM_F_MAC},
    {1, 1, SIM_F_MAC},
    {2, 1, SIM_F_MAC},
    {3, 1, SIM_F_MAC},
    {4, 1, SIM_F_MAC},
    {5, 1, SIM_F_MAC},
    {CONFIG_STATUS, 2, SIM_F_STATUS},
    {CONFIG_PAIRS, 2, SIM_F_MQ | UINT64_C(1) << 60},
    {CONFIG_MTU, 2, SIM_F_MTU},
    {12, 4, UINT64_C(1) << 63},
    {16, 1, UINT64_C(1) << 63},
    {17, 1, UINT64_C(1) << 57 | UINT64_C(1) << 60},
    {18, 2, UINT64_C(1) << 60},
    {20, 4, UINT64_C(1) << 57 | UINT64_C(1) << 60},
    {24, 4, UINT64_C(1) << 51},
};

void sim_config_fill(struct sim_device *dev)
{
  memset(dev->config, 0xc5, sizeof(dev->config));
  memcpy(&dev->config[CONFIG_MAC], dev->params.mac, sizeof(dev->params.mac));
  sim_put16(&dev->config[CONFIG_STATUS], dev->params.status, sim_legacy(dev));
  sim_put16(&dev->config[CONFIG_PAIRS], 1, sim_legacy(dev));
  sim_put16(&dev->config[CONFIG_MTU], dev->params.mtu, sim_legacy(dev));
}

/* Something in the configuration becomes different. */
static void changed(struct sim_device *dev)
{
  sim_config_fill(dev);
  dev->generation++;
}

/* Fields that are different each time, both bytes of wider ones, however often each is read. */
static void make_noise(struct sim_device *dev)
{
  static const unsigned at[] = {CONFIG_MAC + 5, CONFIG_STATUS + 1, CONFIG_MTU + 1};
  dev->noise++;
  for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
    dev->config[at[i]] = (uint8_t)(dev->config[at[i]] + dev->noise);
    dev->config[at[i] - 1] ^= dev->noise & 1u;
  }
}

static void check_field(const struct sim_device *dev, unsigned offset, unsigned width)
{
  if ((dev->status & SIM_S_DRIVER) == 0) {
    sim_breach("drv-init-1", "configuration read at status %02x", dev->status);
  }
  if (offset + width > SIM_CONFIG_BYTES) {
    sim_breach("drv-mmio-reg-1", "configuration read at %u, of %u bytes", offset, width);
    return;
  }
  if (offset + width > dev->params.config_bytes) {
    sim_breach("drv-config-5", "configuration read at %u, which this device does not have", offset);
  }
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    unsigned end = fields[i].offset + fields[i].width;
    if (offset < fields[i].offset || offset >= end) {
      continue;
    }
    bool natural = offset == fields[i].offset && width == fields[i].width;
    if (!natural && !(sim_legacy(dev) && width == 1)) {
      sim_breach("drv-mmio-reg-5", "configuration read of %u bytes at %u", width, offset);
    }
    if ((dev->params.features & fields[i].needs) == 0) {
      sim_breach("drv-config-3", "configuration read at %u, whose feature is not offered", offset);
    }
  }
}

uint32_t sim_config_read(struct sim_device *dev, unsigned offset, unsigned width)
{
  dev->count.config_reads++;
  check_field(dev, offset, width);
  if (offset + width > SIM_CONFIG_BYTES) {
    return 0;
  }
  if (!sim_legacy(dev) && !dev->generation_known) {
    sim_breach("drv-config-2", "configuration read at %u without ConfigGeneration before", offset);
  }
  dev->config_open = true;
  if (offset < sizeof(dev->mac_reads) / sizeof(dev->mac_reads[0])) {
    dev->mac_reads[offset]++;
  }
  uint32_t value = 0;
  for (unsigned i = 0; i < width; i++) {
    value |= (uint32_t)dev->config[offset + i] << 8u * i;
  }
  if (dev->mac_next_after != 0 && --dev->mac_next_after == 0) {
    memcpy(dev->params.mac, dev->mac_next, sizeof(dev->mac_next));
    changed(dev);
  }
  if (dev->faults.generation_never_settles) {
    changed(dev);
    make_noise(dev);
  }
  return value;
}

uint32_t sim_config_generation(struct sim_device *dev)
{
  if (dev->config_open) {
    dev->config_stale = dev->generation != dev->generation_read;
  }
  dev->config_open = false;
  dev->generation_known = true;
  dev->generation_read = dev->generation;
  return dev->generation;
}

/* By DRIVER_OK all that was read has to be known as consistent. */
void sim_config_settled(struct sim_device *dev)
{
  if (sim_legacy(dev)) {
    for (unsigned i = 0; sim_offered(dev, SIM_F_MAC) && i < 6; i++) {
      if (dev->mac_reads[i] == 1) {
        sim_breach("leg-config-1", "address byte %u was read only once", i);
      }
    }
    return;
  }
  if (dev->config_open || dev->config_stale) {
    sim_breach("drv-config-2", "DRIVER_OK on a configuration of unknown or mixed generation");
  }
}

/* Before DRIVER_OK there is nobody to tell: QEMU's devices say nothing then. */
static void changed_loudly(struct sim_device *dev)
{
  changed(dev);
  if (dev->live) {
    dev->count.config_interrupts++;
    sim_raise(dev, 2);
  }
}

void sim_net_set_link(struct sim_device *dev, bool up)
{
  dev->params.status = (uint16_t)((dev->params.status & ~1u) | up);
  changed_loudly(dev);
}

void sim_net_set_mac(struct sim_device *dev, const uint8_t mac[6])
{
  memcpy(dev->params.mac, mac, 6);
  changed_loudly(dev);
}

void sim_net_set_mac_after(struct sim_device *dev, unsigned reads, const uint8_t mac[6])
{
  memcpy(dev->mac_next, mac, 6);
  dev->mac_next_after = reads;
}

void sim_net_become(struct sim_device *dev, const struct sim_net_params *params)
{
  dev->params_next = *params;
  dev->becoming = true;
}
