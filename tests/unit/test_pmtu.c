/*
 * test_pmtu.c: ways that turn out to be shorter than they were, and news of them that cannot be.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "packet.h"
#include "transfer.h"

#include "lwip/priv/nd6_priv.h"
#include "lwip/udp.h"

#include <string.h>

#define CSUM_FEATURES (SIM_F_CSUM | SIM_F_GUEST_CSUM)

static struct packet packet;

/* Time in which lwIP gives up what it could not put together. */
static void forget_fragments(struct host *host)
{
  for (unsigned i = 0; i < 120; i++) {
    host_wait_ms(500);
    host_run(host);
  }
}

static bool lose_some(struct transfer *t, const u8_t *bytes, size_t len)
{
  LWIP_UNUSED_ARG(bytes);
  LWIP_UNUSED_ARG(len);
  return t->carried % 29 == 28;
}

static void make_shorter(struct transfer *t, const struct sim_net_params *params)
{
  struct host *host = t->hosts[0];
  if (t->ipv6) { /* a router said so */
    for (unsigned i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++) {
      if (!ip6_addr_isany(&destination_cache[i].destination_addr)) {
        destination_cache[i].pmtu = 1280;
      }
    }
    return;
  }
  struct sim_net_params other = *params;
  memcpy(other.mac, host->netif.hwaddr, sizeof(other.mac));
  other.features |= SIM_F_MTU;
  other.mtu = 1280;
  sim_net_become(host->dev, &other);
  virtioif_reset(&host->netif);
}

/* lwIP has cut its data for the longer way. It sends that in fragments, again if they are lost. */
static void a_connection_outlives_a_way_that_gets_shorter(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 16; variant++) {
    struct sim_net_params params = host_device(HOST_MODERN);
    struct transfer t = {.to_send = 300000};
    params.features |= (variant & 1) != 0 ? CSUM_FEATURES : 0;
    t.in_place = (variant & 2) != 0;
    t.ipv6 = (variant & 4) != 0;
    t.lose = (variant & 8) != 0 ? lose_some : NULL;
    transfer_start(&t, &params, &params);
    for (unsigned i = 0; i < 20; i++) {
      transfer_lap(&t);
    }
    assert_in_range(t.received, 1, t.to_send - 1);
    make_shorter(&t, &params);
    transfer_run(&t);
    assert_int_equal(t.received, t.to_send);
    transfer_end(&t);
    forget_fragments(t.hosts[0]);
    host_end(NULL);
    host_begin(NULL);
  }
}

/* Whichever allocation fails, nothing but what was written arrives. */
static void without_memory_a_way_that_gets_shorter_costs_time_only(void **state)
{
  (void)state;
  for (u32_t n = 0; n < 60; n++) {
    struct sim_net_params params = host_device(HOST_MODERN);
    struct transfer t = {.to_send = 60000, .ipv6 = true, .in_place = true, .lose = lose_some};
    params.features |= CSUM_FEATURES;
    transfer_start(&t, &params, &params);
    while (t.received == 0) {
      transfer_lap(&t);
    }
    make_shorter(&t, &params);
    support_malloc_count = 0;
    support_malloc_fail_once = true;
    support_malloc_fail_from = n;
    for (unsigned lap = 0; lap < 400 && t.received < t.to_send; lap++) {
      if (!transfer_lap(&t)) {
        host_wait_ms(250);
      }
      if (lap % 8 == 7) {
        make_shorter(&t, &params); /* the router says it again */
      }
    }
    support_malloc_fail_from = UINT32_MAX;
    assert_int_equal(t.received, t.to_send);
    transfer_end(&t);
    forget_fragments(t.hosts[0]);
    host_end(NULL);
    host_begin(NULL);
  }
}

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

static void send_udp(struct host *host, struct udp_pcb *pcb, u16_t len)
{
  struct packet_way way = packet_to(host, true);
  ip_addr_t addr = IPADDR4_INIT(0);
  memcpy(&addr, way.src, 16);
  IP_SET_TYPE_VAL(addr, IPADDR_TYPE_V6);
  peer_forget(host);
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, len, PBUF_RAM);
  memset(p->payload, 0, p->len);
  assert_int_equal(udp_sendto(pcb, p, &addr, 9), ERR_OK);
  pbuf_free(p);
}

static struct host *host_with_mtu(u16_t mtu)
{
  struct sim_net_params params = host_device(HOST_MODERN);
  params.features |= SIM_F_MTU;
  params.mtu = mtu;
  struct host *host = host_create(&params, 16, 16, 32);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  return host;
}

/* A datagram still leaves in three fragments after somebody has said that the path takes 9000. */
static void expect_three_fragments_after_news_of_a_long_path(struct host *host)
{
  struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_V6);
  peer_introduce(host);
  packet_solicit(&packet, host);
  assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
  host_run(host);
  send_udp(host, pcb, 100);
  packet_too_big(&packet, host, peer_got(host, 0)->bytes, 9000);
  assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
  host_run(host);
  send_udp(host, pcb, 3000);
  assert_int_equal(peer_got_count(host), 3);
  udp_remove(pcb);
}

/* Nor longer than its first part. */
static void news_of_a_long_path_silence_nobody(void **state)
{
  (void)state;
  expect_three_fragments_after_news_of_a_long_path(host_live(HOST_MODERN));
}

/* Nor longer than what its own interface can do, whatever another one can. */
static void news_of_a_path_longer_than_its_interface_silence_nobody(void **state)
{
  (void)state;
  struct host *host = host_with_mtu(1280);
  assert_int_equal(host_live(HOST_MODERN)->netif.mtu, 1500);
  expect_three_fragments_after_news_of_a_long_path(host);
}

/* Unless the device itself cannot do that much. */
static void a_device_with_a_small_mtu_gets_small_fragments(void **state)
{
  (void)state;
  struct host *host = host_with_mtu(600);
  peer_introduce(host);
  packet_solicit(&packet, host);
  assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
  host_run(host);
  struct packet_way way = packet_to(host, true);
  struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_V6);
  for (unsigned i = 0; i < 3; i++) {
    packet_ping(&packet, &way, 100, i);
    assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
    host_run(host);
    send_udp(host, pcb, 1000);
    assert_int_equal(peer_got_count(host), 2);
    assert_true(peer_got(host, 0)->len <= 614);
  }
  udp_remove(pcb);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(a_connection_outlives_a_way_that_gets_shorter),
      HOST_TEST(without_memory_a_way_that_gets_shorter_costs_time_only),
      HOST_TEST(news_of_an_impossible_path_starve_nobody),
      HOST_TEST(news_of_a_long_path_silence_nobody),
      HOST_TEST(news_of_a_path_longer_than_its_interface_silence_nobody),
      HOST_TEST(a_device_with_a_small_mtu_gets_small_fragments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
