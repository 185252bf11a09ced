/*
 * test_rx.c: receive through virtioif: in place or copied, buffers held, lost and found again.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "host.h"

#include "lwip/stats.h"
#include "lwip/udp.h"

#include <string.h>

enum { ETH_HDR = 14, COPY_MAX = VIRTIOIF_RX_COPY_BYTES, FRAME_MAX = 1514 };

/*
 * An input function of the test in place of lwIP's
 */

enum { KEPT_MAX = 512 };

static struct pbuf *kept[KEPT_MAX];
static unsigned kept_count;

static err_t keep(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  assert_true(kept_count < KEPT_MAX);
  kept[kept_count++] = p;
  return ERR_OK;
}

static err_t refuse(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(p);
  LWIP_UNUSED_ARG(netif);
  return ERR_MEM;
}

static void free_kept(void)
{
  while (kept_count != 0) {
    pbuf_free(kept[--kept_count]);
  }
}

static struct host *host_keeping(enum host_kind kind)
{
  struct host *host = host_live(kind);
  host->netif.input = keep;
  kept_count = 0;
  return host;
}

static bool is_in_place(const struct host *host, const struct pbuf *p)
{
  const u8_t *payload = p->payload;
  const struct virtq_pool *pool = &host->vif.net.rx_pool;
  return payload >= pool->base && payload < pool->base + host->memory.rx_buffers * pool->stride;
}

static void expect_usage(struct host *host, unsigned free, unsigned posted, unsigned held)
{
  struct virtioif_rx_usage usage = virtioif_rx_usage(&host->netif);
  assert_int_equal(usage.free, free);
  assert_int_equal(usage.posted, posted);
  assert_int_equal(usage.held, held);
}

/*
 * In place or copied
 */

static void long_frames_are_handed_over_in_place(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_keeping((enum host_kind)kind);
    for (size_t len = COPY_MAX + 1; len <= FRAME_MAX; len += 97) {
      struct peer_frame frame;
      peer_raw(host, &frame, len, (unsigned)len);
      peer_send(host, &frame);
      host_run(host);
      assert_int_equal(kept_count, 1);
      assert_true(is_in_place(host, kept[0]));
      assert_int_equal(kept[0]->tot_len, len);
      assert_int_equal(kept[0]->len, len);
      assert_memory_equal(kept[0]->payload, frame.bytes, len);
      assert_int_equal(virtioif_rx_usage(&host->netif).held, 1);
      host_check_buffers(host);
      free_kept();
      assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    }
    assert_int_equal(host_news(host).rx_copied, 0);
  }
}

/* Have lwIP hold half of the spare buffers, each with a short frame. Returns how many. */
static unsigned hold_half(struct host *host)
{
  struct virtioif_rx_usage before = virtioif_rx_usage(&host->netif);
  unsigned half = before.free / 2u;
  for (unsigned n = 0; n < half; n++) {
    struct peer_frame frame;
    size_t len = ETH_HDR + n * (COPY_MAX - ETH_HDR) / (half - 1);
    peer_raw(host, &frame, len, (unsigned)len);
    peer_send(host, &frame);
    host_run(host);
    assert_true(is_in_place(host, kept[n]));
    assert_int_equal(kept[n]->tot_len, len);
    assert_memory_equal(kept[n]->payload, frame.bytes, len);
    expect_usage(host, before.free - n - 1, before.posted, n + 1);
  }
  assert_int_equal(host_news(host).rx_copied, 0);
  return half;
}

static void short_frames_are_copied_once_half_of_the_spare_buffers_are_held(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_keeping((enum host_kind)kind);
    unsigned half = hold_half(host);
    struct virtioif_rx_usage before = virtioif_rx_usage(&host->netif);
    unsigned n = half;
    for (size_t len = ETH_HDR; len <= COPY_MAX; len += 11) {
      struct peer_frame frame;
      peer_raw(host, &frame, len, (unsigned)len);
      peer_send(host, &frame);
      host_run(host);
      assert_false(is_in_place(host, kept[n]));
      assert_int_equal(kept[n]->tot_len, len);
      assert_memory_equal(kept[n]->payload, frame.bytes, len);
      expect_usage(host, before.free, before.posted, half);
      n++;
    }
    assert_int_equal(host_news(host).rx_copied, n - half);
    free_kept();
  }
}

static void the_limit_between_the_two_is_sharp(void **state)
{
  (void)state;
  struct host *host = host_keeping(HOST_MODERN);
  unsigned half = hold_half(host);
  for (size_t len = COPY_MAX; len <= COPY_MAX + 1; len++) {
    struct peer_frame frame;
    peer_raw(host, &frame, len, 1);
    peer_send(host, &frame);
  }
  host_run(host);
  assert_false(is_in_place(host, kept[half]));
  assert_true(is_in_place(host, kept[half + 1]));
  free_kept();
}

static void with_copy_all_lwip_never_sees_device_memory(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  struct host *host = host_create(&params, 16, 16, 32); /* enough to hold some */
  host->params.rx_copy_all = true;
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host->netif.input = keep;
  kept_count = 0;
  for (size_t len = 60; len <= FRAME_MAX; len += 101) {
    struct peer_frame frame;
    peer_raw(host, &frame, len, (unsigned)len);
    peer_send(host, &frame);
    host_run(host);
    assert_int_equal(kept_count, 1);
    assert_false(is_in_place(host, kept[0]));
    /* What the device writes afterwards changes nothing. */
    const struct virtq_pool *pool = &host->vif.net.rx_pool;
    memset(pool->base, 0xee, 31 * pool->stride + pool->len);
    u8_t bytes[FRAME_MAX];
    assert_int_equal(pbuf_copy_partial(kept[0], bytes, (u16_t)len, 0), len);
    assert_memory_equal(bytes, frame.bytes, len);
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    free_kept();
  }
}

/* So that lwIP reads whole words, in place and in copies. */
static void the_ip_header_is_aligned_in_both(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_keeping((enum host_kind)kind);
    for (size_t len = 60; len <= FRAME_MAX; len += 717) {
      struct peer_frame frame;
      peer_raw(host, &frame, len, 1);
      peer_send(host, &frame);
    }
    host_run(host);
    for (unsigned i = 0; i < kept_count; i++) {
      assert_int_equal(((uintptr_t)kept[i]->payload + ETH_HDR) % 4, 0);
    }
    free_kept();
  }
}

/*
 * Buffers
 */

static void held_buffers_do_not_empty_the_ring(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_keeping((enum host_kind)kind);
    unsigned posted = virtioif_rx_usage(&host->netif).posted;
    /* Twice as many as there are buffers: when the spare ones are held, frames are copied. */
    for (unsigned i = 0; i < 64; i++) {
      struct peer_frame frame;
      peer_raw(host, &frame, 1000, i);
      peer_send(host, &frame);
      host_run(host);
      assert_int_equal(virtioif_rx_usage(&host->netif).posted, posted);
      host_check_buffers(host);
      assert_int_equal(is_in_place(host, kept[i]), i < 32 - posted);
    }
    /* All that was held still says what it said. */
    for (unsigned i = 0; i < 64; i++) {
      struct peer_frame frame;
      peer_raw(host, &frame, 1000, i);
      u8_t bytes[1000];
      assert_int_equal(pbuf_copy_partial(kept[i], bytes, 1000, 0), 1000);
      assert_memory_equal(bytes, frame.bytes, 1000);
    }
    free_kept();
    host_check_buffers(host);
    struct peer_frame frame;
    peer_raw(host, &frame, 1000, 1);
    peer_send(host, &frame);
    host_run(host);
    assert_true(is_in_place(host, kept[0]));
    free_kept();
  }
}

static u32_t random_state = 1;

static unsigned next_random(void)
{
  random_state = random_state * 1664525u + 1013904223u;
  return random_state >> 16;
}

static void no_buffer_is_lost_whatever_is_held_and_freed_in_whatever_order(void **state)
{
  (void)state;
  static const enum sim_order orders[] = {SIM_FIFO, SIM_LIFO, SIM_SHUFFLED};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_keeping((enum host_kind)kind);
    for (unsigned step = 0; step < 3000; step++) {
      sim_order(host->dev, orders[step / 1000]);
      switch (next_random() % 4) {
      case 0:
        host_run(host);
        break;
      case 1:
        if (kept_count != 0) {
          unsigned n = next_random() % kept_count;
          pbuf_free(kept[n]);
          kept[n] = kept[--kept_count];
        }
        break;
      default:
        if (kept_count < KEPT_MAX - 64) {
          struct peer_frame frame;
          peer_raw(host, &frame, 60 + next_random() % 1400, step);
          sim_net_deliver(host->dev, frame.bytes, frame.len);
        }
      }
      host_check_buffers(host);
    }
    host_run(host);
    free_kept();
    expect_usage(host, virtioif_rx_usage(&host->netif).free,
                 32u - virtioif_rx_usage(&host->netif).free, 0);
  }
}

static void a_pbuf_freed_after_its_ring_went_on_is_posted_at_the_next_poll(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  struct host *host = host_create(&params, 16, 16, 17);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  host->netif.input = keep;
  kept_count = 0;
  struct peer_frame frame;
  peer_raw(host, &frame, 1000, 1);
  peer_send(host, &frame);
  host_run(host);
  expect_usage(host, 0, 16, 1);
  unsigned kicks = sim_counters(host->dev)->kicks[SIM_RX];
  free_kept();
  expect_usage(host, 1, 16, 0);
  assert_int_equal(sim_counters(host->dev)->kicks[SIM_RX], kicks); /* freeing kicks nobody */
}

static void a_refill_costs_one_notification(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    struct peer_frame frame;
    peer_raw(host, &frame, 300, 1);
    unsigned kicks = sim_counters(host->dev)->kicks[SIM_RX];
    for (unsigned i = 0; i < 8; i++) {
      peer_send(host, &frame);
    }
    host_run(host);
    assert_int_equal(sim_counters(host->dev)->kicks[SIM_RX], kicks + 1);
    assert_int_equal(sim_counters(host->dev)->idle_kicks[SIM_RX], 0);
    assert_int_equal(host_news(host).kicks_rx, 1);
    host_run(host);
    assert_int_equal(sim_counters(host->dev)->kicks[SIM_RX], kicks + 1);
  }
}

/*
 * Losses
 */

static void without_memory_a_frame_is_lost_and_its_buffer_is_not(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_keeping((enum host_kind)kind);
    unsigned half = hold_half(host);
    struct virtioif_rx_usage before = virtioif_rx_usage(&host->netif);
    u32_t link_drop = lwip_stats.link.drop;
    u32_t memerr = lwip_stats.link.memerr;
    support_malloc_fail_from = 0;
    for (unsigned i = 0; i < 100; i++) {
      struct peer_frame frame;
      peer_raw(host, &frame, 100, i);
      peer_send(host, &frame);
      host_run(host);
      expect_usage(host, before.free, before.posted, half);
    }
    assert_int_equal(kept_count, half);
    assert_int_equal(host_news(host).rx_drop_nomem, 100);
    assert_int_equal(host_news(host).rx_frames, half);
    assert_int_equal(lwip_stats.link.drop, (u16_t)(link_drop + 100));
    assert_int_equal(lwip_stats.link.memerr, (u16_t)(memerr + 100));
    support_malloc_fail_from = UINT32_MAX;
    struct peer_frame frame;
    peer_raw(host, &frame, 100, 1);
    peer_send(host, &frame);
    host_run(host);
    assert_int_equal(kept_count, half + 1);
    free_kept();
  }
}

/* In place needs no memory at all. */
static void without_memory_long_frames_still_arrive(void **state)
{
  (void)state;
  struct host *host = host_keeping(HOST_MODERN);
  support_malloc_fail_from = 0;
  struct peer_frame frame;
  peer_raw(host, &frame, 1000, 1);
  peer_send(host, &frame);
  host_run(host);
  assert_int_equal(kept_count, 1);
  free_kept();
}

static void a_frame_that_lwip_refuses_is_counted_and_its_buffer_comes_back(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    host->netif.input = refuse;
    for (size_t len = 100; len <= 1000; len += 900) {
      for (unsigned i = 0; i < 50; i++) {
        struct peer_frame frame;
        peer_raw(host, &frame, len, i);
        peer_send(host, &frame);
        host_run(host);
        assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
        host_check_buffers(host);
      }
    }
    assert_int_equal(host_news(host).rx_drop_input, 100);
  }
}

static void a_frame_of_impossible_length_is_counted_and_costs_itself_alone(void **state)
{
  (void)state;
  static const uint32_t lengths[] = {0,    1,    9,       10,           11,         12,        23,
                                     24,   26,   2034,    2044,         2045,       2046,      2047,
                                     2048, 6144, 0x10000, 0x10000 + 72, 0x80000000, UINT32_MAX};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_keeping((enum host_kind)kind);
    uint32_t hdr = (uint32_t)sim_net_hdr_bytes(host->dev);
    u32_t bad = 0;
    u32_t good = 0;
    for (size_t i = 0; i < COUNT(lengths); i++) {
      bool possible = lengths[i] >= hdr + ETH_HDR &&
                      lengths[i] <= hdr + virtio_net_rx_frame_max(&host->vif.net);
      bad += !possible;
      good += possible;
      struct peer_frame frame;
      peer_raw(host, &frame, 60, 1);
      sim_faults(host->dev)->used_len_wrong = true;
      sim_faults(host->dev)->used_len = lengths[i];
      peer_send(host, &frame);
      host_run(host);
      host_check_buffers(host);
      assert_int_equal(kept_count, possible);
      free_kept();
      sim_faults(host->dev)->used_len_wrong = false;
      peer_send(host, &frame);
      host_run(host);
      assert_int_equal(kept_count, 1);
      assert_memory_equal(kept[0]->payload, frame.bytes, 60);
      free_kept();
    }
    assert_int_equal(host_news(host).rx_drop_len, bad);
    assert_int_equal(host_news(host).rx_frames, good + COUNT(lengths));
    assert_int_equal(host_news(host).device_errors, 0);
  }
}

/*
 * Counters
 */

static void each_frame_is_counted_once_everywhere(void **state)
{
  (void)state;
  struct host *host = host_keeping(HOST_MODERN);
  u32_t recv = lwip_stats.link.recv;
  const struct stats_mib2_netif_ctrs before = host->netif.mib2_counters;
  struct peer_frame frame;
  for (unsigned i = 0; i < 10; i++) {
    peer_raw(host, &frame, 100 + 100 * (9 - i), i);
    if (i % 2 != 0) {
      memset(frame.bytes, 0xff, 6);
    }
    peer_send(host, &frame);
  }
  host_run(host);
  const struct stats_mib2_netif_ctrs *now = &host->netif.mib2_counters;
  assert_int_equal(lwip_stats.link.recv, (u16_t)(recv + 10));
  assert_int_equal(now->ifinoctets - before.ifinoctets, 5500);
  assert_int_equal(now->ifinucastpkts - before.ifinucastpkts, 5);
  assert_int_equal(now->ifinnucastpkts - before.ifinnucastpkts, 5);
  assert_int_equal(now->ifindiscards - before.ifindiscards, 0);
  assert_int_equal(host_news(host).rx_frames, 10);
  assert_int_equal(host_news(host).rx_copied, 2);
  free_kept();
}

static void a_flood_of_broadcasts_leaves_the_interface_alive(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  peer_introduce(host);
  struct peer_frame frame;
  peer_raw(host, &frame, 60, 1);
  memset(frame.bytes, 0xff, 6);
  for (unsigned i = 0; i < 100000; i++) {
    sim_net_deliver(host->dev, frame.bytes, frame.len);
    if (i % 50 == 0) {
      host_run(host);
    }
  }
  host_run(host);
  host_check_buffers(host);
  peer_ping(host, &frame, 64, 1);
  peer_send(host, &frame);
  host_run(host);
  assert_int_equal(peer_got_count(host), 1);
}

/*
 * lwIP on top
 */

static void pings_of_every_length_are_answered_byte_for_byte(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    peer_introduce(host);
    for (unsigned len = 0; len <= 1472; len += len < 1400 ? 46 : 1) {
      struct peer_frame ping;
      peer_ping(host, &ping, len, len);
      peer_send(host, &ping);
      host_run(host);
      assert_int_equal(peer_got_count(host), 1);
      const struct sim_frame *reply = peer_got(host, 0);
      assert_int_equal(reply->len, ping.len);
      assert_memory_equal(reply->bytes, peer_mac, 6);
      assert_memory_equal(reply->bytes + 42, ping.bytes + 42, len);
      peer_forget(host);
    }
  }
}

static struct pbuf *udp_kept;

static void udp_keep(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                     u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(addr);
  LWIP_UNUSED_ARG(port);
  udp_kept = p;
}

static void a_datagram_reaches_the_application_and_its_buffer_comes_back(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    struct udp_pcb *pcb = udp_new();
    assert_int_equal(udp_bind(pcb, IP4_ADDR_ANY, 9), ERR_OK);
    udp_recv(pcb, udp_keep, NULL);
    for (unsigned len = 0; len <= 1472; len += 92) {
      struct peer_frame frame;
      peer_udp(host, &frame, 9, len, len);
      udp_kept = NULL;
      peer_send(host, &frame);
      host_run(host);
      assert_non_null(udp_kept);
      assert_int_equal(udp_kept->tot_len, len);
      support_check_pattern(udp_kept->payload, len, len);
      pbuf_free(udp_kept);
      assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    }
    udp_remove(pcb);
  }
}

static void caches_that_the_device_does_not_snoop_are_maintained(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    params.noncoherent = true;
    struct host *host = host_create(&params, 16, 16, 32);
    assert_int_equal(host_add(host), ERR_OK);
    host_configure(host);
    host_run(host);
    peer_forget(host);
    peer_introduce(host);
    for (unsigned len = 0; len <= 1472; len += 23) {
      struct peer_frame ping;
      peer_ping(host, &ping, len, len);
      peer_send(host, &ping);
      host_run(host);
      assert_int_equal(peer_got_count(host), 1);
      assert_memory_equal(peer_got(host, 0)->bytes + 42, ping.bytes + 42, len);
      peer_forget(host);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(long_frames_are_handed_over_in_place),
      HOST_TEST(short_frames_are_copied_once_half_of_the_spare_buffers_are_held),
      HOST_TEST(the_limit_between_the_two_is_sharp),
      HOST_TEST(with_copy_all_lwip_never_sees_device_memory),
      HOST_TEST(the_ip_header_is_aligned_in_both),
      HOST_TEST(held_buffers_do_not_empty_the_ring),
      HOST_TEST(no_buffer_is_lost_whatever_is_held_and_freed_in_whatever_order),
      HOST_TEST(a_pbuf_freed_after_its_ring_went_on_is_posted_at_the_next_poll),
      HOST_TEST(a_refill_costs_one_notification),
      HOST_TEST(without_memory_a_frame_is_lost_and_its_buffer_is_not),
      HOST_TEST(without_memory_long_frames_still_arrive),
      HOST_TEST(a_frame_that_lwip_refuses_is_counted_and_its_buffer_comes_back),
      HOST_TEST(a_frame_of_impossible_length_is_counted_and_costs_itself_alone),
      HOST_TEST(each_frame_is_counted_once_everywhere),
      HOST_TEST(a_flood_of_broadcasts_leaves_the_interface_alive),
      HOST_TEST(pings_of_every_length_are_answered_byte_for_byte),
      HOST_TEST(a_datagram_reaches_the_application_and_its_buffer_comes_back),
      HOST_TEST(caches_that_the_device_does_not_snoop_are_maintained),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
