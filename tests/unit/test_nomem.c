/*
 * test_nomem.c: each allocation that lwIP and the port make fails in its turn while traffic flows.
 * Packets may be lost; buffers, memory and the interface may not.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include "lwip/udp.h"

#include <string.h>

enum { FAIL_STEPS = 400 };

/* All kinds of traffic that a peer can cause, and some of our own. */
static void some_traffic(struct host *host, struct udp_pcb *pcb)
{
  struct peer_frame frame;
  peer_arp(host, &frame);
  sim_net_deliver(host->dev, frame.bytes, frame.len);
  host_run(host);
  for (unsigned len = 10; len <= 1410; len += 700) {
    peer_ping(host, &frame, len, len);
    sim_net_deliver(host->dev, frame.bytes, frame.len);
    peer_udp(host, &frame, 9, len, len);
    sim_net_deliver(host->dev, frame.bytes, frame.len);
  }
  host_run(host);
  ip_addr_t addr;
  IP_ADDR4(&addr, 10, 0, (u8_t)host->number, 2);
  for (u16_t len = 100; len <= 4000; len = (u16_t)(len + 1300)) {
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, len, PBUF_RAM);
    if (p != NULL) {
      memset(p->payload, 1, len);
      udp_sendto(pcb, p, &addr, 9);
      pbuf_free(p);
    }
  }
  host_run(host);
}

static void echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  udp_sendto(pcb, p, addr, port);
  pbuf_free(p);
}

/* The nth allocation fails, or all from the nth on; afterwards all is as it should be. */
static void fail_nth(struct host *host, struct udp_pcb *pcb, u32_t n, bool once)
{
  support_malloc_count = 0;
  support_malloc_fail_once = once;
  support_malloc_fail_from = n;
  some_traffic(host, pcb);
  support_malloc_fail_from = UINT32_MAX;
  host_run(host);
  host_check_buffers(host);
  assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
  assert_int_equal(virtq_in_flight(&host->vif.net.tx), 0);
  peer_forget(host);
  peer_introduce(host);
  struct peer_frame ping;
  peer_ping(host, &ping, 300, n);
  peer_send(host, &ping);
  host_run(host);
  assert_true(peer_got_count(host) >= 1);
}

static void each_failing_allocation_costs_packets_at_most(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned once = 0; once < 2; once++) {
      struct host *host = host_live((enum host_kind)kind);
      struct udp_pcb *pcb = udp_new();
      assert_int_equal(udp_bind(pcb, IP4_ADDR_ANY, 9), ERR_OK);
      udp_recv(pcb, echo, NULL);
      u32_t n = 0;
      do {
        fail_nth(host, pcb, n, once != 0);
        n++;
        assert_true(n < FAIL_STEPS);
      } while (support_malloc_count > n); /* until there are no so many allocations */
      assert_true(n > 20);
      udp_remove(pcb);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

/* TCP sends again what was lost, so that here even the bytes all arrive. */
static void a_transfer_survives_any_failing_allocation(void **state)
{
  (void)state;
  const uint64_t offloads =
      SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_HOST_TSO4 | SIM_F_MRG_RXBUF | SIM_F_GUEST_TSO4;
  for (unsigned variant = 0; variant < 4; variant++) {
    for (u32_t n = 0; n < 60; n++) {
      struct sim_net_params params = host_device(HOST_MODERN_EVENT_IDX);
      params.features |= (variant & 1) != 0 ? offloads : 0;
      struct transfer t = {
          .to_send = 20000, .in_place = (variant & 2) != 0, .corked = (variant & 1) != 0};
      transfer_start(&t, &params, &params);
      transfer_lap(&t);
      transfer_lap(&t);
      support_malloc_count = 0;
      support_malloc_fail_once = true;
      support_malloc_fail_from = n;
      for (unsigned i = 0; i < 5; i++) {
        transfer_lap(&t);
      }
      support_malloc_fail_from = UINT32_MAX;
      transfer_run(&t);
      assert_int_equal(t.received, t.to_send);
      transfer_end(&t);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(each_failing_allocation_costs_packets_at_most),
      HOST_TEST(a_transfer_survives_any_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
