/*
 * virtio.c: status, features and configuration of any VirtIO device, over any transport.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "virtio/virtio.h"
#include "virtio/virtio_hal.h"

/* How often a configuration that keeps changing is read again before it is given up. */
#define CONFIG_READS 64u

/* The device sees status bits only ever being added: "Device Status Field". */
static void status_add(struct virtio_device *dev, uint32_t bits)
{
  dev->ops->set_status(dev, dev->ops->get_status(dev) | bits);
}

VIRTIO_COLD int virtio_reset(struct virtio_device *dev)
{
  dev->ops->set_status(dev, 0);
  /* "Device Reset": a reset is over when the status reads 0, not when it was asked for. */
  for (uint32_t reads = 0; reads < VIRTIO_WAIT_READS; reads++) {
    if (dev->ops->get_status(dev) == 0) {
      return VIRTIO_OK;
    }
    virtio_hal_relax();
  }
  return VIRTIO_ERR_TIMEOUT;
}

VIRTIO_COLD int virtio_begin(struct virtio_device *dev)
{
  dev->features = 0;
  int err = virtio_reset(dev);
  if (err == VIRTIO_OK) {
    status_add(dev, VIRTIO_STATUS_ACKNOWLEDGE);
    status_add(dev, VIRTIO_STATUS_DRIVER);
  }
  return err;
}

VIRTIO_COLD uint64_t virtio_offered(struct virtio_device *dev)
{
  uint64_t low = dev->ops->get_features(dev, 0);
  /* The legacy interface has 32 feature bits. Bits 64 and up are never of use to us, and a known
   * device answers for word 2 with word 1. */
  return virtio_is_legacy(dev) ? low : low | (uint64_t)dev->ops->get_features(dev, 1) << 32;
}

static uint64_t drop_unsupported(uint64_t accepted, const struct virtio_feature_rule *rules,
                                 unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    if ((accepted & rules[i].needs) == 0) {
      accepted &= ~rules[i].feature;
    }
  }
  return accepted;
}

VIRTIO_COLD int virtio_negotiate(struct virtio_device *dev, uint64_t wanted,
                                 const struct virtio_feature_rule *rules, unsigned count)
{
  uint64_t accepted = virtio_offered(dev) & (wanted | VIRTIO_F_VERSION_1);
  bool legacy = virtio_is_legacy(dev);

  if (!legacy) {
    accepted &= ~VIRTIO_F_ANY_LAYOUT;
    if ((accepted & VIRTIO_F_VERSION_1) == 0) {
      return VIRTIO_ERR_FEATURES;
    }
  }
  accepted = drop_unsupported(accepted, rules, count);
  dev->ops->set_features(dev, 0, (uint32_t)accepted);
  if (!legacy) {
    dev->ops->set_features(dev, 1, (uint32_t)(accepted >> 32));
    status_add(dev, VIRTIO_STATUS_FEATURES_OK);
    if ((dev->ops->get_status(dev) & VIRTIO_STATUS_FEATURES_OK) == 0) {
      return VIRTIO_ERR_FEATURES;
    }
  }
  dev->features = accepted;
  return VIRTIO_OK;
}

VIRTIO_COLD void virtio_driver_ok(struct virtio_device *dev)
{
  status_add(dev, VIRTIO_STATUS_DRIVER_OK);
}

VIRTIO_COLD void virtio_fail(struct virtio_device *dev)
{
  status_add(dev, VIRTIO_STATUS_FAILED);
}

VIRTIO_COLD bool virtio_needs_reset(struct virtio_device *dev)
{
  uint32_t status = dev->ops->get_status(dev);
  return (status & VIRTIO_STATUS_DEVICE_NEEDS_RESET) != 0 ||
         (status & VIRTIO_STATUS_DRIVER_OK) == 0;
}

VIRTIO_COLD int virtio_config_read(struct virtio_device *dev, unsigned offset, unsigned width,
                                   unsigned count, uint32_t *values)
{
  for (unsigned reads = 0; reads < CONFIG_READS; reads++) {
    uint32_t generation = dev->ops->config_generation(dev);
    bool same = reads > 0;
    for (unsigned i = 0; i < count; i++) {
      uint32_t value = dev->ops->config_read(dev, offset + i * width, width);
      same = same && value == values[i];
      values[i] = value;
    }
    /* "Legacy Interface: Device Configuration Space": without a generation, two equal reads will
     * do. */
    if (virtio_is_legacy(dev) ? same : dev->ops->config_generation(dev) == generation) {
      return VIRTIO_OK;
    }
  }
  return VIRTIO_ERR_TIMEOUT;
}
