/*
 * device.c: a network device that offers all that has to do with checksums, and does nothing.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "virtio/virtio_net.h"

static uint32_t status;

static uint32_t get_features(struct virtio_device *dev, unsigned word)
{
  uint64_t offered = VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF |
                     VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |
                     VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_LARGE;
  (void)dev;
  return (uint32_t)(offered >> 32 * word);
}

static void set_features(struct virtio_device *dev, unsigned word, uint32_t bits)
{
  (void)dev;
  (void)word;
  (void)bits;
}

static uint32_t get_status(struct virtio_device *dev)
{
  (void)dev;
  return status;
}

static void set_status(struct virtio_device *dev, uint32_t value)
{
  (void)dev;
  status = value;
}

static uint32_t queue_max(struct virtio_device *dev, uint16_t index)
{
  (void)dev;
  (void)index;
  return 64;
}

static int queue_enable(struct virtio_device *dev, uint16_t index, const struct virtq_placement *at)
{
  (void)dev;
  (void)index;
  (void)at;
  return VIRTIO_OK;
}

static void notify(struct virtio_device *dev, uint16_t index)
{
  (void)dev;
  (void)index;
}

static uint32_t isr_ack(struct virtio_device *dev)
{
  (void)dev;
  return 0;
}

/* An address of its own: 02:02:02:02:02:02. */
static uint32_t config_read(struct virtio_device *dev, unsigned offset, unsigned width)
{
  (void)dev;
  (void)offset;
  (void)width;
  return 2;
}

static uint32_t config_generation(struct virtio_device *dev)
{
  (void)dev;
  return 0;
}

static const struct virtio_transport_ops ops = {
    .get_features = get_features,
    .set_features = set_features,
    .get_status = get_status,
    .set_status = set_status,
    .queue_max = queue_max,
    .queue_enable = queue_enable,
    .notify = notify,
    .isr_ack = isr_ack,
    .config_read = config_read,
    .config_generation = config_generation,
};

struct virtio_device device = {.ops = &ops, .device_id = VIRTIO_ID_NET};
