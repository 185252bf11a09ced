/*
 * test_forward6.c: virtioif under a router that forwards IPv6 alone, with LWIP_IPV6_FORWARD=1 and
 * all else as without it.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "remote.h"

#include <string.h>

_Static_assert(LWIP_IPV6_FORWARD && !IP_FORWARD, "that is what this test is about");

#define CSUM_FEATURES  (SIM_F_CSUM | SIM_F_GUEST_CSUM)
#define LARGE_FEATURES (SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN)

static struct packet packet;
static struct packet expected;

static struct host *host_live_with(uint64_t features)
{
  struct sim_net_params params = host_device(HOST_MODERN);
  params.features |= features;
  struct host *host = host_create(&params, 64, 16, 96); /* room for large frames */
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  remote_introduce(host);
  host->before = *virtioif_stats(&host->netif);
  return host;
}

static void large_frames_are_declined_and_checksums_are_not(void **state)
{
  (void)state;
  struct host *host = host_live_with(CSUM_FEATURES | LARGE_FEATURES | SIM_F_MRG_RXBUF);
  uint64_t accepted = sim_accepted(host->dev);
  assert_int_equal(accepted & LARGE_FEATURES, 0);
  assert_int_equal(accepted & CSUM_FEATURES, CSUM_FEATURES);
}

/* With its sum, even if the sender had left that to the first device on the way. */
static void what_goes_on_to_somebody_else_is_copied_and_arrives_whole(void **state)
{
  (void)state;
  struct host *from = host_live_with(CSUM_FEATURES);
  struct host *to = host_live_with(0);
  struct packet_way way = packet_through(from, to, true);
  struct packet_tcp tcp = {.src = 1, .dest = 2, .seq = 3, .ack = 4, .flags = PACKET_ACK};
  for (unsigned variant = 0; variant < 4; variant++) {
    struct sim_hdr hdr = {.flags = 0};
    if (variant < 2) {
      packet_udp(&packet, &way, 9, 1001, variant);
    } else {
      packet_tcp(&packet, &way, &tcp, 1001, variant);
    }
    expected = packet;
    memcpy(expected.bytes, peer_mac, 6);
    memcpy(expected.bytes + 6, to->netif.hwaddr, 6);
    expected.bytes[expected.ip + 7]--; /* the hop limit */
    if (variant % 2 != 0) {
      hdr = packet_leave_sum(&packet);
    }
    assert_true(sim_net_deliver_with(from->dev, &hdr, packet.bytes, packet.len));
    host_run(from);
    assert_int_equal(host_news(from).rx_copied, variant + 1);
    assert_int_equal(peer_got_count(to), 1);
    assert_int_equal(peer_got(to, 0)->len, expected.len);
    assert_memory_equal(peer_got(to, 0)->bytes, expected.bytes, expected.len);
    peer_forget(to);
    host_run(to);
  }
}

static void what_is_for_the_router_itself_is_not_copied(void **state)
{
  (void)state;
  struct host *host = host_live_with(CSUM_FEATURES);
  struct packet_way way = packet_to(host, true);
  packet_udp(&packet, &way, 9, 1000, 1);
  assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
  host_run(host);
  assert_int_equal(host_news(host).rx_frames, 1);
  assert_int_equal(host_news(host).rx_copied, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(large_frames_are_declined_and_checksums_are_not),
      HOST_TEST(what_goes_on_to_somebody_else_is_copied_and_arrives_whole),
      HOST_TEST(what_is_for_the_router_itself_is_not_copied),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
