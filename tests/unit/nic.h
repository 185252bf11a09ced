/*
 * nic.h: a simulated device with virtio_net on top, for tests below lwIP.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef NIC_H
#define NIC_H

#include "support.h"

#include "virtio/virtio_mmio.h"
#include "virtio/virtio_net.h"

struct nic {
  struct sim_device *dev;
  struct virtio_mmio mmio;
  struct virtio_net net;
  struct virtio_net_params params;
  uint16_t buffers; /* how many receive buffers there are */
};

/** A device and the memory to drive it: probed, not initialized. Gone with the test. */
struct nic *nic_create(const struct sim_net_params *device, uint16_t rx_size, uint16_t tx_size);

/** Other receive buffers than of VIRTIO_NET_RX_BUF_BYTES. */
void nic_set_buf_bytes(struct nic *nic, uint16_t bytes);

/** virtio_net_init() as it is expected to go. */
void nic_init(struct nic *nic);

/** Post all buffers that the queue takes and go live. */
void nic_start(struct nic *nic);

/** All of it, with a default device and queues of 16. */
struct nic *nic_live(unsigned version);

/** The one frame that is there, and its buffer posted again. */
void nic_expect_frame(struct nic *nic, const void *frame, size_t len);
void nic_expect_no_frame(struct nic *nic);

#endif /* NIC_H */
