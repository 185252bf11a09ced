/*
 * test_pmtu.c: ways that turn out to be shorter than they were, and news of them that cannot be.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "packet.h"

#include "lwip/udp.h"

#include <string.h>

static struct packet packet;

/* No way of IPv6 is shorter than 1280 bytes, whatever somebody says. */
static void news_of_an_impossible_path_starve_nobody(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  peer_introduce(host);
  packet_solicit(&packet, host);
  assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
  host_run(host);
  struct packet_way way = packet_to(host, true);
  for (u32_t mtu = 0; mtu <= 1300; mtu += mtu < 80 || mtu > 1270 ? 1 : 97) {
    packet_ping(&packet, &way, 1232, 1);
    peer_forget(host);
    assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
    host_run(host);
    assert_true(peer_got_count(host) >= 1);
    packet_too_big(&packet, host, peer_got(host, 0)->bytes, mtu);
    peer_forget(host);
    sim_burst_begin(host->dev);
    assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
    packet_ping(&packet, &way, 1232, 2);
    assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
    sim_burst_end(host->dev);
    host_run(host);
    assert_int_equal(peer_got_count(host), 1);
    assert_int_equal(peer_got(host, 0)->len, packet.len);
  }
}

/* Unless the device itself cannot do that much. */
static void a_device_with_a_small_mtu_gets_small_fragments(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  params.features |= SIM_F_MTU;
  params.mtu = 600;
  struct host *host = host_create(&params, 16, 16, 32);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  peer_introduce(host);
  packet_solicit(&packet, host);
  assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
  host_run(host);
  struct packet_way way = packet_to(host, true);
  struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_V6);
  ip_addr_t addr = IPADDR4_INIT(0);
  memcpy(&addr, way.src, 16);
  IP_SET_TYPE_VAL(addr, IPADDR_TYPE_V6);
  for (unsigned i = 0; i < 3; i++) {
    packet_ping(&packet, &way, 100, i);
    assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
    host_run(host);
    peer_forget(host);
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 1000, PBUF_RAM);
    memset(p->payload, 0, p->len);
    assert_int_equal(udp_sendto(pcb, p, &addr, 9), ERR_OK);
    pbuf_free(p);
    assert_int_equal(peer_got_count(host), 2);
    assert_true(peer_got(host, 0)->len <= 614);
  }
  udp_remove(pcb);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(news_of_an_impossible_path_starve_nobody),
      HOST_TEST(a_device_with_a_small_mtu_gets_small_fragments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
