/*
 * test_modern.c: the driver built with VIRTIO_LEGACY=0: modern devices work, in less memory, and
 * legacy ones are left alone. test_virtq.c runs with it as well.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "nic.h"

#include <string.h>

enum { QUEUE_SIZE = 16, FRAME_BYTES = 300, LAPS = 100 };

_Static_assert(!VIRTIO_LEGACY, "that is what this test is about");
_Static_assert(VIRTIO_NET_RING_BYTES(16u, 16u) == 864, "virtio/README.md says so");

static void a_legacy_device_is_left_alone(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(1);
  struct sim_device *dev = sim_net_create(&params);
  struct virtio_mmio mmio;
  assert_int_equal(virtio_mmio_probe(&mmio, sim_base(dev)), VIRTIO_ERR_NODEV);
  assert_int_equal(sim_counters(dev)->reads, 2);
  assert_int_equal(sim_counters(dev)->writes, 0);
}

static void send_one(struct nic *nic, uint8_t *bytes, unsigned lap)
{
  static const struct virtio_net_offload plain;
  size_t hdr = nic->net.hdr_bytes;
  support_pattern(bytes + hdr, FRAME_BYTES, lap);
  struct virtq_sg sg = {bytes, (uint32_t)(hdr + FRAME_BYTES)};
  assert_int_equal(virtio_net_tx_add(&nic->net, &sg, 1, &plain, 7, NULL), VIRTIO_OK);
  assert_true(virtio_net_kick(&nic->net, &nic->net.tx));
  uint16_t token = 0;
  assert_int_equal(virtio_net_tx_take(&nic->net, &token), 1);
  assert_int_equal(token, 7);
  const struct sim_frame *sent = sim_net_sent(nic->dev, lap);
  assert_int_equal(sent->len, FRAME_BYTES);
  assert_memory_equal(sent->bytes, bytes + hdr, FRAME_BYTES);
}

static void receive_one(struct nic *nic, unsigned lap)
{
  uint8_t frame[FRAME_BYTES];
  support_pattern(frame, sizeof(frame), lap);
  assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
  nic_expect_frame(nic, frame, sizeof(frame));
}

/* Ring memory that is aligned as the macro asks and no more, then better and better, but never to a
 * page. */
static void frames_pass_both_ways_wherever_the_rings_lie(void **state)
{
  (void)state;
  for (size_t offset = VIRTQ_ALIGN; offset <= 2048; offset *= 2) {
    struct sim_net_params params = sim_net_defaults(2);
    struct nic *nic = nic_create(&params, QUEUE_SIZE, QUEUE_SIZE);
    size_t ring_bytes = VIRTIO_NET_RING_BYTES((size_t)QUEUE_SIZE, (size_t)QUEUE_SIZE);
    nic->params.ring = (uint8_t *)support_alloc(offset + ring_bytes, 4096) + offset;
    nic_init(nic);
    nic_start(nic);
    uint8_t *bytes = support_alloc(nic->net.hdr_bytes + FRAME_BYTES, 64);
    for (unsigned lap = 0; lap < LAPS; lap++) {
      send_one(nic, bytes, lap);
      receive_one(nic, lap);
    }
  }
}

static void a_misaligned_ring_is_refused(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(2);
  struct nic *nic = nic_create(&params, QUEUE_SIZE, QUEUE_SIZE);
  size_t ring_bytes = VIRTIO_NET_RING_BYTES((size_t)QUEUE_SIZE, (size_t)QUEUE_SIZE);
  nic->params.ring = (uint8_t *)support_alloc(8 + ring_bytes, VIRTQ_ALIGN) + 8;
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_legacy_device_is_left_alone),
      TEST(frames_pass_both_ways_wherever_the_rings_lie),
      TEST(a_misaligned_ring_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
