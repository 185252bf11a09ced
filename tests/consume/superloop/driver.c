/*
 * driver.c: the driver without lwIP. Every frame that comes in goes back to where it came from, out
 * of the buffer that it came in. virtio/README.md quotes from here.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "virtio/virtio_mmio.h"
#include "virtio/virtio_net.h"
#include "virtio/virtio_rng.h"
#include <stdio.h>
#include <string.h>

#define QUEUE 16

static struct virtio_mmio mmio;
static struct virtio_net net;
static struct virtq_shadow shadow[QUEUE + QUEUE];
static uint8_t ring[VIRTIO_NET_RING_BYTES(QUEUE, QUEUE)] __attribute__((aligned(VIRTQ_ALIGN)));
static uint8_t buffers[QUEUE * VIRTIO_NET_RX_BUF_BYTES]
    __attribute__((aligned(VIRTIO_NET_RX_BUF_ALIGN)));

bool mirror_start(uintptr_t base)
{
  struct virtio_net_params params = {
      .dev = &mmio.dev,
      .features = VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT | VIRTIO_NET_F_MAC,
      .rx_size = QUEUE,
      .tx_size = QUEUE,
      .ring = ring,
      .shadow = shadow,
      .rx_mem = buffers,
      .rx_buf_bytes = VIRTIO_NET_RX_BUF_BYTES,
  };

  if (virtio_mmio_probe(&mmio, base) != VIRTIO_OK || mmio.dev.device_id != VIRTIO_ID_NET ||
      virtio_net_init(&net, &params) != VIRTIO_OK) {
    return false;
  }
  for (uint16_t i = 0; i < QUEUE; i++) {
    (void)virtio_net_rx_post(&net, &i, 1);
  }
  virtio_net_start(&net);
  return true;
}

static bool send_back(const struct virtio_net_rx *rx)
{
  static const struct virtio_net_offload plain;
  struct virtq_sg sg[2] = {{rx->data - net.hdr_bytes, net.hdr_bytes}, {rx->data, rx->len}};

  memcpy(rx->data, rx->data + 6, 6);
  memcpy(rx->data + 6, net.mac, 6);
  return virtio_net_tx_add(&net, sg, 2, &plain, rx->buffer, NULL) == VIRTIO_OK;
}

/* To be called again and again. False: the device broke the rules. */
bool mirror_poll(void)
{
  struct virtio_net_rx rx;
  uint16_t sent;
  int got;

  while ((got = virtio_net_tx_take(&net, &sent)) == 1) {
    (void)virtio_net_rx_post(&net, &sent, 1);
  }
  while (got == 0 && (got = virtio_net_rx_take(&net, &rx)) == 1) {
    if (rx.len == 0 || !send_back(&rx)) {
      (void)virtio_net_rx_post(&net, &rx.buffer, 1);
    }
    got = 0;
  }
  virtio_net_kick(&net, &net.rx);
  virtio_net_kick(&net, &net.tx);
  return got == 0;
}

static uint8_t seed_memory[VIRTIO_RNG_MEMORY_BYTES] __attribute__((aligned(VIRTQ_ALIGN)));

bool get_seed(uintptr_t base, uint8_t seed[32])
{
  struct virtio_mmio rng;

  return virtio_mmio_probe(&rng, base) == VIRTIO_OK && rng.dev.device_id == VIRTIO_ID_RNG &&
         virtio_rng_read(&rng.dev, seed_memory, seed, 32) == VIRTIO_OK;
}

int main(void)
{
  static const uint32_t empty_slot[64] = {0x74726976, 2, 0};
  uint8_t seed[32];

  if (get_seed((uintptr_t)empty_slot, seed)) {
    return 1;
  }
  if (mirror_start((uintptr_t)empty_slot)) {
    return mirror_poll() ? 0 : 1;
  }
  puts("driver: no device");
  return 0;
}
