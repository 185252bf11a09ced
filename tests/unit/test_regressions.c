/*
 * test_regressions.c: the three bugs that this project began with, as they were seen in drivers
 * written by hand. Each test fails when its bug is put back.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include "lwip/udp.h"

#include <string.h>

enum { ETH_HDR = 14, FRAME_MAX = 1514 };

/*
 * Bug 1: the receive path looked for frames before it had ever posted a buffer, so no frame could
 * come, ever. Here buffers are there when the device goes live, and stay.
 */

static void regression_rx_posted_before_poll(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct host *host = host_create(&params, 16, 16, 32);
    assert_int_equal(host_add(host), ERR_OK);
    host_configure(host);
    peer_forget(host);

    /* No poll so far, and the first frame finds a buffer. */
    struct peer_frame frame;
    peer_arp(host, &frame);
    assert_true(sim_net_rx_buffers(host->dev) > 0);
    assert_true(sim_net_deliver(host->dev, frame.bytes, frame.len));
    host_run(host);
    assert_int_equal(peer_got_count(host), 1);

    /* Far more frames than there are buffers: each that is taken is posted again. */
    unsigned posted = sim_net_rx_buffers(host->dev);
    for (unsigned i = 0; i < 500; i++) {
      peer_forget(host);
      peer_ping(host, &frame, i, i);
      assert_true(sim_net_deliver(host->dev, frame.bytes, frame.len));
      host_run(host);
      assert_int_equal(peer_got_count(host), 1);
      assert_int_equal(sim_net_rx_buffers(host->dev), posted);
    }
    assert_int_equal(sim_counters(host->dev)->rx_no_buffer, 0);
  }
}

/*
 * Bug 2: struct virtio_net_hdr, 10 or 12 bytes, was left in front of the frame, and as much was cut
 * off at its end.
 */

static u8_t seen[2048];
static u16_t seen_len;

static err_t see(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  seen_len = p->tot_len;
  pbuf_copy_partial(p, seen, p->tot_len, 0);
  pbuf_free(p);
  return ERR_OK;
}

static void regression_header_stripped(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    assert_int_equal(sim_net_hdr_bytes(host->dev), kind <= HOST_MODERN_EVENT_IDX ? 12 : 10);
    netif_input_fn input = host->netif.input;
    host->netif.input = see;
    for (size_t len = ETH_HDR; len <= FRAME_MAX; len += 25) {
      struct peer_frame frame;
      peer_raw(host, &frame, len, (unsigned)len);
      /* A header that would be noticed anywhere in the frame. */
      static const struct sim_hdr loud = {0x00, 0x00, 0xeeee, 0xeeee, 0xeeee, 0xeeee, 0x0001};
      assert_true(sim_net_deliver_with(host->dev, &loud, frame.bytes, frame.len));
      seen_len = 0;
      host_run(host);
      assert_int_equal(seen_len, len);
      assert_memory_equal(seen, frame.bytes, len);
    }

    /* And on the way out: one header in front, none in the frame. */
    host->netif.input = input;
    peer_introduce(host);
    struct peer_frame ping;
    peer_ping(host, &ping, 1000, 5);
    peer_send(host, &ping);
    host_run(host);
    const struct sim_frame *reply = peer_got(host, 0);
    assert_int_equal(reply->len, ping.len);
    assert_memory_equal(reply->bytes, peer_mac, 6);
    assert_memory_equal(reply->bytes + 6, host->netif.hwaddr, 6);
    assert_memory_equal(reply->bytes + 42, ping.bytes + 42, 1000);
  }
}

/*
 * Bug 3: the frame size was set to 1500 where the stack wanted 1514, which limited IP packets to
 * 1486 bytes. The MTU is what IP may use; the frame is 14 bytes longer.
 */

static u32_t datagram_len;

static void datagram_received(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                              u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(port);
  datagram_len = p->tot_len;
  assert_int_equal(udp_sendto(pcb, p, addr, 4000), ERR_OK);
  pbuf_free(p);
}

/* 1472 bytes of ping and of UDP fill an Ethernet frame, both ways, without a fragment. */
static void full_packets_pass(struct host *host)
{
  assert_int_equal(host->netif.mtu, 1500);
  peer_introduce(host);
  struct peer_frame frame;
  peer_ping(host, &frame, 1472, 1);
  assert_int_equal(frame.len, FRAME_MAX);
  peer_send(host, &frame);
  host_run(host);
  assert_int_equal(peer_got_count(host), 1);
  assert_int_equal(peer_got(host, 0)->len, FRAME_MAX);
  peer_forget(host);

  struct udp_pcb *pcb = udp_new();
  assert_int_equal(udp_bind(pcb, IP4_ADDR_ANY, 7), ERR_OK);
  udp_recv(pcb, datagram_received, NULL);
  peer_udp(host, &frame, 7, 1472, 2);
  peer_send(host, &frame);
  host_run(host);
  assert_int_equal(datagram_len, 1472);
  assert_int_equal(peer_got_count(host), 1);
  assert_int_equal(peer_got(host, 0)->len, FRAME_MAX);
  host_run(host);
  udp_remove(pcb);
}

static void regression_mtu_1500_frame_1514(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned told = 0; told < 2; told++) {
      struct sim_net_params params = host_device((enum host_kind)kind);
      params.features |= told ? SIM_F_MTU : 0; /* the device may say 1500 or nothing */
      struct host *host = host_create(&params, 16, 16, 32);
      assert_int_equal(host_add(host), ERR_OK);
      host_configure(host);
      host_run(host);
      peer_forget(host);
      full_packets_pass(host);
    }
  }

  /* A TCP segment carries 1460 bytes. */
  struct sim_net_params params = host_device(HOST_MODERN);
  struct transfer t = {.to_send = 50000};
  transfer_start(&t, &params, &params);
  transfer_run(&t);
  assert_int_equal(t.received, t.to_send);
  assert_int_equal(t.client->mss, 1460);
  assert_int_equal(t.largest, FRAME_MAX);
  transfer_end(&t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(regression_rx_posted_before_poll),
      HOST_TEST(regression_header_stripped),
      HOST_TEST(regression_mtu_1500_frame_1514),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
