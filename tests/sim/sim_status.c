/*
 * sim_status.c: device status and features: the order of initialization, what may be accepted, and
 * what has to be true when the driver says DRIVER_OK.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_internal.h"

#include <string.h>

/*
 * Reset
 */

void sim_device_reset(struct sim_device *dev)
{
  for (unsigned i = 0; i < SIM_QUEUES; i++) {
    sim_ring_verify(&dev->ring[i], "drv-cleanup-2");
    sim_ring_clear(&dev->ring[i]);
    dev->setup[i] = (struct sim_queue_setup){0};
  }
  dev->count.resets++;
  dev->status = 0;
  dev->resetting = false;
  dev->features_read = false;
  dev->features_refused = false;
  dev->live = false;
  dev->dead = false;
  dev->device_sel = SIM_POISON;
  dev->driver_sel = SIM_POISON;
  dev->device_sel_fresh = false;
  dev->driver_sel_fresh = false;
  dev->accepted = 0;
  dev->page_size = 0;
  dev->queue_sel = SIM_POISON;
  dev->queue_sel_known = false;
  dev->generation_known = false;
  dev->config_open = false;
  dev->config_stale = false;
  memset(dev->mac_reads, 0, sizeof(dev->mac_reads));
  dev->isr = 0;
  dev->isr_read = 0;
  dev->held_count = 0;
  dev->burst_used = false;
  if (dev->becoming) {
    dev->becoming = false;
    dev->params = dev->params_next;
    sim_config_fill(dev);
  }
}

static void reset_asked(struct sim_device *dev)
{
  dev->reset_asked = true;
  dev->reset_seen = false;
  dev->resetting = true;
  dev->reset_left = dev->faults.reset_reads;
  if (dev->status == 0 || dev->reset_left == 0) {
    sim_device_reset(dev);
  }
}

uint32_t sim_status_read(struct sim_device *dev)
{
  sim_hook(dev, SIM_AT_STATUS_READ);
  dev->count.status_reads++;
  if (dev->resetting) {
    if (dev->reset_left == 0) {
      sim_device_reset(dev);
    } else if (dev->reset_left != SIM_NEVER) {
      dev->reset_left--;
    }
  }
  if (!dev->resetting && dev->status == 0) {
    dev->reset_seen = dev->reset_asked;
  }
  if ((dev->status & SIM_S_DRIVER) != 0) {
    dev->features_read = dev->features_read || (dev->status & SIM_S_FEATURES_OK) != 0;
  }
  return dev->status == 0 ? 0 : dev->status | dev->faults.status_extra;
}

/*
 * Features
 */

/* All that 1.4 defines for a network device on MMIO: 0 to 3, 5, 7 to 23, 50 to 63 without 58; and
 * for all devices 28, 29, 32 to 36, 38, 40, 43, which leaves out what MMIO cannot do (37 SR_IOV,
 * 39 NOTIF_CONFIG_DATA, 41 ADMIN_VQ). Legacy devices had 6, 24 and 27 as well. */
static uint64_t known_features(const struct sim_device *dev)
{
  const uint64_t low = UINT64_C(0x00ffffaf) | SIM_F_INDIRECT_DESC | SIM_F_EVENT_IDX;
  if (sim_legacy(dev)) {
    return low | UINT64_C(1) << 6 | UINT64_C(1) << 24 | SIM_F_ANY_LAYOUT;
  }
  return low | UINT64_C(0x0000095f00000000) | UINT64_C(0xfbfc000000000000);
}

static const struct {
  uint64_t feature;
  uint64_t needs; /* one of these */
} prerequisites[] = {
    {SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_UFO | UINT64_C(3) << 54, SIM_F_GUEST_CSUM},
    {SIM_F_GUEST_ECN, SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6},
    {SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6 | SIM_F_HOST_UFO | UINT64_C(1) << 56, SIM_F_CSUM},
    {SIM_F_HOST_ECN, SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6},
    /* CTRL_RX, CTRL_VLAN, GUEST_ANNOUNCE, MQ, CTRL_MAC_ADDR, VQ_NOTF_COAL, NOTF_COAL, RSS */
    {UINT64_C(0x03) << 18 | UINT64_C(0x7) << 21 | UINT64_C(3) << 52 | UINT64_C(1) << 60,
     SIM_F_CTRL_VQ},
    {UINT64_C(1) << 51, UINT64_C(1) << 60 | UINT64_C(1) << 57},
    {UINT64_C(1) << 61, SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6},
};

void sim_features_write(struct sim_device *dev, unsigned word, uint32_t bits)
{
  if ((dev->status & SIM_S_FEATURES_OK) != 0 || (sim_legacy(dev) && dev->live)) {
    sim_breach("drv-init-5", "DriverFeatures at status %02x", dev->status);
    return;
  }
  if (dev->status != (SIM_S_ACKNOWLEDGE | SIM_S_DRIVER)) {
    sim_breach("drv-init-1", "DriverFeatures at status %02x", dev->status);
  }
  if (word > 1) {
    return;
  }
  uint64_t mask = UINT64_C(0xffffffff) << 32u * word;
  uint64_t accepted = (uint64_t)bits << 32u * word;
  if ((accepted & ~dev->params.features) != 0) {
    sim_breach("drv-feat-1", "accepted but not offered: %llx",
               (unsigned long long)(accepted & ~dev->params.features));
  }
  dev->accepted = (dev->accepted & ~mask) | accepted;
}

static void check_reserved(const struct sim_device *dev)
{
  uint64_t accepted = dev->accepted;
  uint64_t unknown = accepted & ~known_features(dev);
  if (unknown != 0) {
    sim_breach("drv-feat-5", "accepted bits that are not defined here: %llx",
               (unsigned long long)unknown);
  }
  if ((accepted & UINT64_C(1) << 37) != 0) {
    sim_breach("drv-rsvd-8", "SR_IOV accepted");
  }
  if ((accepted & UINT64_C(1) << 41) != 0) {
    sim_breach("drv-mmio-rsvd-1", "ADMIN_VQ accepted");
  }
  if (sim_legacy(dev) && (accepted & UINT64_C(1) << 30) != 0) {
    sim_breach("leg-rsvd-2", "feature bit 30 accepted");
  }
}

static void check_prerequisites(const struct sim_device *dev)
{
  for (size_t i = 0; i < sizeof(prerequisites) / sizeof(prerequisites[0]); i++) {
    if ((dev->accepted & prerequisites[i].feature) != 0 &&
        (dev->accepted & prerequisites[i].needs) == 0) {
      sim_breach("drv-feat-2", "accepted without what it needs: %llx",
                 (unsigned long long)(dev->accepted & prerequisites[i].feature));
    }
  }
  if ((dev->accepted & UINT64_C(1) << 57) != 0 && (dev->accepted & SIM_F_CTRL_VQ) == 0) {
    sim_breach("drv-net-cfg-13", "HASH_REPORT without CTRL_VQ");
  }
  if ((dev->accepted & UINT64_C(1) << 20) != 0 && (dev->accepted & SIM_F_CTRL_VQ) == 0) {
    sim_breach("drv-net-cfg-14", "CTRL_RX_EXTRA without CTRL_VQ");
  }
}

static void expect_accepted(const struct sim_device *dev, uint64_t feature, const char *id)
{
  if (sim_offered(dev, feature) && (dev->accepted & feature) == 0) {
    sim_breach(id, "offered and not accepted: %llx", (unsigned long long)feature);
  }
}

static void check_features(const struct sim_device *dev)
{
  check_reserved(dev);
  check_prerequisites(dev);
  expect_accepted(dev, SIM_F_MAC, "drv-net-cfg-2");
  if (dev->params.mtu >= 68 && dev->params.mtu <= 1500) {
    expect_accepted(dev, SIM_F_MTU, "drv-net-cfg-7");
  }
  if (sim_legacy(dev)) {
    expect_accepted(dev, SIM_F_ANY_LAYOUT, "leg-rsvd-1");
    return;
  }
  expect_accepted(dev, SIM_F_VERSION_1, "drv-rsvd-1");
  expect_accepted(dev, SIM_F_ACCESS_PLATFORM, "drv-rsvd-2");
  expect_accepted(dev, SIM_F_ORDER_PLATFORM, "drv-rsvd-6");
  expect_accepted(dev, SIM_F_GUEST_HDRLEN, "drv-net-tx-32");
}

/*
 * Status
 */

/* The one bit that may be added to a status. */
static uint32_t next_bit(const struct sim_device *dev, uint32_t status)
{
  switch (status & ~(SIM_S_NEEDS_RESET | SIM_S_FAILED)) {
  case 0:
    return SIM_S_ACKNOWLEDGE;
  case SIM_S_ACKNOWLEDGE:
    return SIM_S_DRIVER;
  case SIM_S_ACKNOWLEDGE | SIM_S_DRIVER:
    return sim_legacy(dev) ? SIM_S_DRIVER_OK : SIM_S_FEATURES_OK;
  case SIM_S_ACKNOWLEDGE | SIM_S_DRIVER | SIM_S_FEATURES_OK:
    return SIM_S_DRIVER_OK;
  default:
    return 0;
  }
}

static void check_order(const struct sim_device *dev, uint32_t old, uint32_t added)
{
  added &= ~SIM_S_FAILED;
  if ((added & SIM_S_SUSPEND) != 0) {
    sim_breach("drv-suspend-1", "SUSPEND was set");
  }
  if (sim_legacy(dev) && (added & SIM_S_FEATURES_OK) != 0) {
    sim_breach("leg-init-1", "FEATURES_OK was written to a legacy device");
  } else if (added != 0 && added != next_bit(dev, old)) {
    sim_breach("drv-status-1", "status %02x, then %02x", old, old | added);
  }
}

/* The first kick comes after DRIVER_OK, but buffers have to be there before. */
static void check_populated(struct sim_device *dev)
{
  for (unsigned i = 0; i < SIM_QUEUES; i++) {
    if (dev->params.queue_max[i] != 0 && dev->ring[i].size == 0) {
      sim_breach("drv-init-7", "DRIVER_OK while queue %u is not set up", i);
    }
  }
  if (sim_is_net(dev) && sim_ring_available(&dev->ring[SIM_RX]) == 0) {
    sim_breach("drv-init-7", "DRIVER_OK while no receive buffer is posted");
  }
}

static void driver_ok(struct sim_device *dev)
{
  if (!sim_legacy(dev)) {
    if (dev->features_refused) {
      sim_breach("drv-init-9", "DRIVER_OK although FEATURES_OK was refused");
    }
    if (!dev->features_read) {
      sim_breach("drv-init-6", "DRIVER_OK and FEATURES_OK was not read back");
    }
  } else {
    check_features(dev);
  }
  check_populated(dev);
  sim_config_settled(dev);
  dev->live = true;
}

void sim_status_write(struct sim_device *dev, uint32_t value)
{
  if (value == 0) {
    reset_asked(dev);
    return;
  }
  uint32_t old = dev->status;
  uint32_t extra = old != 0 ? dev->faults.status_extra : 0;
  if ((value & extra) != extra) {
    sim_breach("drv-status-2", "status %02x drops bits of %02x", value, extra);
  }
  value &= ~dev->faults.status_extra;
  if (!dev->reset_asked) {
    sim_breach("drv-init-2", "status %02x before the first reset", value);
  } else if ((dev->resetting || !dev->reset_seen) && (value & SIM_S_FAILED) == 0) {
    sim_breach("drv-reset-1", "status %02x before status was read as 0", value);
  }
  if ((old & SIM_S_FAILED) != 0 && (value & ~old) != 0) {
    sim_breach("drv-status-3", "status %02x after FAILED", value);
  }
  if ((value & old) != old) {
    sim_breach("drv-status-2", "status %02x, then %02x", old, value);
  }
  if ((value & ~0xdfu) != 0 || (value & ~old & SIM_S_NEEDS_RESET) != 0) {
    sim_breach("drv-status-1", "status %02x has bits that are not the driver's", value);
  }
  check_order(dev, old, value & ~old);
  dev->status |= value & 0xff;
  if ((value & ~old & SIM_S_FEATURES_OK) != 0 && !sim_legacy(dev)) {
    check_features(dev);
    dev->features_read = false;
    dev->features_refused = dev->faults.refuse_features_ok;
    if (dev->features_refused) {
      dev->status &= ~SIM_S_FEATURES_OK;
    }
  }
  if ((value & ~old & SIM_S_DRIVER_OK) != 0) {
    driver_ok(dev);
  }
}

uint32_t sim_status(const struct sim_device *dev)
{
  return dev->status;
}

bool sim_live(const struct sim_device *dev)
{
  return dev->live;
}

uint64_t sim_accepted(const struct sim_device *dev)
{
  return dev->accepted;
}
