/*
 * nic.c: a simulated device with virtio_net on top, for tests below lwIP.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "nic.h"

#include <string.h>

struct nic *nic_create(const struct sim_net_params *device, uint16_t rx_size, uint16_t tx_size)
{
  struct nic *nic = support_alloc(sizeof(*nic), 16);
  nic->dev = sim_net_create(device);
  nic->buffers = rx_size;
  size_t shadows = (size_t)rx_size + tx_size;
  nic->params = (struct virtio_net_params){
      .dev = &nic->mmio.dev,
      .features = VIRTIO_NET_FEATURES,
      .rx_size = rx_size,
      .tx_size = tx_size,
      .ring = support_alloc(VIRTIO_NET_RING_BYTES((size_t)rx_size, (size_t)tx_size), VIRTQ_ALIGN),
      .shadow = support_alloc(shadows * sizeof(struct virtq_shadow), 16),
  };
  nic_set_buf_bytes(nic, VIRTIO_NET_RX_BUF_BYTES);
  assert_int_equal(virtio_mmio_probe(&nic->mmio, sim_base(nic->dev)), VIRTIO_OK);
  assert_int_equal(nic->mmio.dev.device_id, VIRTIO_ID_NET);
  return nic;
}

void nic_set_buf_bytes(struct nic *nic, uint16_t bytes)
{
  nic->params.rx_buf_bytes = bytes;
  nic->params.rx_mem = support_alloc((size_t)nic->buffers * bytes, VIRTIO_NET_RX_BUF_ALIGN);
}

void nic_init(struct nic *nic)
{
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_OK);
}

void nic_start(struct nic *nic)
{
  uint16_t *buffers = support_alloc(nic->buffers * sizeof(*buffers), 2);
  for (uint16_t i = 0; i < nic->buffers; i++) {
    buffers[i] = (uint16_t)(nic->buffers - 1u - i);
  }
  virtio_net_rx_post(&nic->net, buffers, nic->buffers);
  virtio_net_start(&nic->net);
}

struct nic *nic_live(unsigned version)
{
  struct sim_net_params params = sim_net_defaults(version);
  struct nic *nic = nic_create(&params, 16, 16);
  nic_init(nic);
  nic_start(nic);
  return nic;
}

void nic_expect_frame(struct nic *nic, const void *frame, size_t len)
{
  struct virtio_net_rx rx;
  assert_int_equal(virtio_net_rx_take(&nic->net, &rx), 1);
  assert_int_equal(rx.len, len);
  assert_memory_equal(rx.data, frame, len);
  assert_int_equal(virtio_net_rx_post(&nic->net, &rx.buffer, 1), 0);
  virtio_net_kick(&nic->net, &nic->net.rx);
}

void nic_expect_no_frame(struct nic *nic)
{
  struct virtio_net_rx rx;
  assert_int_equal(virtio_net_rx_take(&nic->net, &rx), 0);
}
