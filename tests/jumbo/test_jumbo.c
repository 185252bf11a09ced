/*
 * test_jumbo.c: the port built with VIRTIOIF_RX_BUF_BYTES=9088, VIRTIOIF_MTU=9000 and segments to
 * match: frames of 9 kB, each in one receive buffer.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

enum { MTU = 9000, FRAME_MAX = MTU + 14 };

_Static_assert(VIRTIOIF_MTU == MTU && VIRTIOIF_RX_BUF_BYTES == 9088, "what this test is about");

/* A device that takes frames as long, and says so if it can. */
static struct sim_net_params jumbo_device(enum host_kind kind, u16_t mtu)
{
  struct sim_net_params params = host_device(kind);
  params.tx_frame_max = FRAME_MAX;
  params.mtu = mtu;
  if (mtu != 0) {
    params.features |= SIM_F_MTU;
  }
  return params;
}

static void the_mtu_is_the_devices_up_to_that_of_the_options(void **state)
{
  (void)state;
  static const struct {
    u16_t device;
    u16_t netif;
  } cases[] = {{0, MTU}, {1500, 1500}, {4000, 4000}, {MTU, MTU}, {MTU + 60, MTU}, {MTU + 61, MTU}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct sim_net_params params = jumbo_device(HOST_MODERN, cases[i].device);
    struct host *host = host_create(&params, 16, 16, 32);
    assert_int_equal(host_add(host), ERR_OK);
    assert_int_equal(host->netif.mtu, cases[i].netif);
    /* The promise of buffers that hold a frame of its MTU is made where it is kept. */
    bool accepted = (sim_accepted(host->dev) & SIM_F_MTU) != 0;
    assert_int_equal(accepted, cases[i].device != 0 && cases[i].device <= MTU + 60);
  }
}

static void connections_carry_segments_of_9_kilobytes(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned in_place = 0; in_place <= 1; in_place++) {
      struct sim_net_params params = jumbo_device((enum host_kind)kind, MTU);
      struct transfer t = {.to_send = 500000, .in_place = in_place != 0};
      transfer_start(&t, &params, &params);
      transfer_run(&t);
      assert_int_equal(t.received, t.to_send);
      assert_int_equal(t.largest, FRAME_MAX);
      assert_int_equal(virtioif_stats(&t.hosts[1]->netif)->rx_drop_len, 0);
      host_check_buffers(t.hosts[1]);
      transfer_end(&t);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void large_frames_are_made_of_them(void **state)
{
  (void)state;
  struct sim_net_params params = jumbo_device(HOST_MODERN_EVENT_IDX, MTU);
  params.features |= SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_HOST_TSO4 | SIM_F_GUEST_TSO4 |
                     SIM_F_MRG_RXBUF | SIM_F_INDIRECT_DESC;
  struct transfer t = {.to_send = 500000, .corked = true};
  transfer_start(&t, &params, &params);
  transfer_run(&t);
  assert_int_equal(t.received, t.to_send);
  assert_true(t.largest > FRAME_MAX);
  assert_int_equal((t.largest - 54) % TCP_MSS, 0);
  transfer_end(&t);
}

static void a_frame_longer_than_its_buffer_does_not_arrive(void **state)
{
  (void)state;
  static const u8_t frame[VIRTIOIF_RX_BUF_BYTES];
  struct sim_net_params params = jumbo_device(HOST_MODERN, MTU);
  struct host *host = host_create(&params, 16, 16, 32);
  assert_int_equal(host_add(host), ERR_OK);
  size_t most = virtio_net_rx_frame_max(&host->vif.net);
  assert_int_equal(most, VIRTIOIF_RX_BUF_BYTES - 14);
  assert_true(sim_net_deliver(host->dev, frame, most));
  assert_false(sim_net_deliver(host->dev, frame, most + 1));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(the_mtu_is_the_devices_up_to_that_of_the_options),
      HOST_TEST(connections_carry_segments_of_9_kilobytes),
      HOST_TEST(large_frames_are_made_of_them),
      HOST_TEST(a_frame_longer_than_its_buffer_does_not_arrive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
