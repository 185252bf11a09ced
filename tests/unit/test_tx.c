/*
 * test_tx.c: transmit through virtioif: in place or copied, references, the full queue, bursts.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "host.h"

#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"

#include <string.h>

enum { ETH_HDR = 14, COPY_MAX = VIRTIOIF_TX_COPY_BYTES, FRAME_MAX = 1514 };

/* A frame of a type that nobody looks into, in one pbuf with room for headers, or not. */
static struct pbuf *frame_pbuf(pbuf_layer layer, pbuf_type type, u16_t len, unsigned seed)
{
  struct pbuf *p = pbuf_alloc(layer, len, type);
  assert_non_null(p);
  assert_int_equal(p->len, len);
  support_pattern(p->payload, len, seed);
  u8_t *bytes = p->payload;
  bytes[12] = 0x88;
  bytes[13] = 0xb5;
  return p;
}

static struct pbuf *plain_pbuf(u16_t len, unsigned seed)
{
  return frame_pbuf(PBUF_RAW_TX, PBUF_RAM, len, seed);
}

/* The same in a chain of count pbufs of any type. */
static struct pbuf *chained_pbuf(u16_t len, unsigned count, unsigned seed)
{
  struct pbuf *whole = plain_pbuf(len, seed);
  struct pbuf *chain = NULL;
  u16_t done = 0;
  for (unsigned i = 0; i < count; i++) {
    unsigned rest = (unsigned)len - done;
    u16_t part = (u16_t)(i + 1 == count ? rest : len / count);
    struct pbuf *q = pbuf_alloc(PBUF_RAW, part, PBUF_RAM);
    pbuf_copy_partial(whole, q->payload, part, done);
    done = (u16_t)(done + part);
    if (chain == NULL) {
      chain = q;
    } else {
      pbuf_cat(chain, q);
    }
  }
  pbuf_free(whole);
  return chain;
}

static err_t output(struct host *host, struct pbuf *p)
{
  return host->netif.linkoutput(&host->netif, p);
}

/* The bytes that plain_pbuf() and chained_pbuf() make. */
static void expect_bytes(const u8_t *bytes, size_t len, unsigned seed)
{
  u8_t expected[2048];
  support_pattern(expected, len, seed);
  expected[12] = 0x88;
  expected[13] = 0xb5;
  assert_memory_equal(bytes, expected, len);
}

/* Frame n on the wire is such a one. */
static void expect_frame(const struct host *host, unsigned n, size_t len, unsigned seed)
{
  const struct sim_frame *frame = peer_got(host, n);
  assert_int_equal(frame->len, len);
  expect_bytes(frame->bytes, len, seed);
}

/*
 * In place or copied
 */

static void frames_of_every_length_leave_whole(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    unsigned n = 0;
    for (u16_t len = ETH_HDR; len <= FRAME_MAX; len = (u16_t)(len + (len < 1500 ? 53 : 1))) {
      struct pbuf *p = plain_pbuf(len, len);
      assert_int_equal(output(host, p), ERR_OK);
      expect_frame(host, n++, len, len);
      assert_int_equal(p->tot_len, len);
      expect_bytes(p->payload, len, len); /* unchanged */
      pbuf_free(p);
      host_run(host);
    }
    assert_int_equal(host_news(host).tx_frames, n);
  }
}

static void chains_of_every_length_leave_whole(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    for (unsigned count = 1; count <= 30; count++) {
      struct pbuf *p = chained_pbuf(1500, count, count);
      assert_int_equal(output(host, p), ERR_OK);
      expect_frame(host, count - 1, 1500, count);
      pbuf_free(p);
      host_run(host);
    }
  }
}

/* lwIP has the Ethernet header in one piece, and so wants the driver. */
static void the_ethernet_header_has_to_be_in_the_first_pbuf(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    for (u16_t first = 0; first <= 20; first++) {
      for (u16_t len = 60; len <= 400; len = (u16_t)(len + 340)) {
        struct pbuf *whole = plain_pbuf(len, first);
        struct pbuf *p = pbuf_alloc(PBUF_RAW, first, PBUF_RAM);
        pbuf_copy_partial(whole, p->payload, first, 0);
        pbuf_remove_header(whole, first);
        pbuf_cat(p, whole);
        assert_int_equal(output(host, p), first < ETH_HDR ? ERR_ARG : ERR_OK);
        if (first >= ETH_HDR) {
          expect_frame(host, 0, len, first);
        }
        pbuf_free(p);
        peer_forget(host);
        host_run(host);
      }
    }
  }
}

static void empty_pbufs_in_a_chain_do_no_harm(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, 300, PBUF_RAM);
    struct pbuf *rest = chained_pbuf(700, 2, 5);
    pbuf_copy_partial(rest, p->payload, 300, 0);
    rest = pbuf_free_header(rest, 300);
    pbuf_cat(p, pbuf_alloc(PBUF_RAW, 0, PBUF_RAM));
    pbuf_cat(p, rest);
    pbuf_cat(p, pbuf_alloc(PBUF_RAW, 0, PBUF_RAM));
    assert_int_equal(output(host, p), ERR_OK);
    expect_frame(host, 0, 700, 5);
    pbuf_free(p);

    /* The same in a frame that has to be copied. */
    p = chained_pbuf(1000, 30, 6);
    pbuf_cat(p, pbuf_alloc(PBUF_RAW, 0, PBUF_RAM));
    assert_int_equal(output(host, p), ERR_OK);
    expect_frame(host, 1, 1000, 6);
    pbuf_free(p);
  }
}

static void a_short_frame_is_its_senders_again_at_once(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    struct pbuf *p = plain_pbuf(COPY_MAX, 1);
    assert_int_equal(output(host, p), ERR_OK);
    assert_int_equal(p->ref, 1);
    memset(p->payload, 0, COPY_MAX);
    pbuf_free(p);
    assert_int_equal(sim_complete(host->dev, 1), 1);
    expect_frame(host, 0, COPY_MAX, 1);
  }
}

static void a_long_frame_is_referenced_until_the_device_has_read_it(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    struct pbuf *p = plain_pbuf(COPY_MAX + 1, 1);
    assert_int_equal(output(host, p), ERR_OK);
    assert_int_equal(p->ref, 2);
    host_run(host);
    assert_int_equal(p->ref, 2);
    sim_complete(host->dev, 1);
    assert_int_equal(p->ref, 2); /* the interrupt is not asked for: the next poll finds it */
    virtioif_poll(&host->netif, 64);
    assert_int_equal(p->ref, 1);
    pbuf_free(p);
    assert_int_equal(host_news(host).tx_copied, 0);
  }
}

static void header_and_frame_are_one_piece_where_there_is_headroom(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    bool apart = kind == HOST_LEGACY_APART;
    struct pbuf *p = plain_pbuf(1000, 1);
    assert_int_equal(output(host, p), ERR_OK);
    assert_int_equal(peer_got(host, 0)->pieces, apart ? 2 : 1);
    pbuf_free(p);
    p = frame_pbuf(PBUF_RAW, PBUF_RAM, 1000, 2);
    assert_int_equal(output(host, p), ERR_OK);
    assert_int_equal(peer_got(host, 1)->pieces, 2);
    expect_frame(host, 1, 1000, 2);
    pbuf_free(p);
    host_run(host);
  }
}

/* What stands in front of somebody else's frame is not the driver's to write. */
static void headroom_of_a_shared_pbuf_is_not_written(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  struct pbuf *p = plain_pbuf(1000, 1);
  pbuf_ref(p);
  u8_t *front = (u8_t *)p->payload - PBUF_LINK_ENCAPSULATION_HLEN;
  memset(front, 0x77, PBUF_LINK_ENCAPSULATION_HLEN);
  assert_int_equal(output(host, p), ERR_OK);
  expect_frame(host, 0, 1000, 1);
  for (unsigned i = 0; i < PBUF_LINK_ENCAPSULATION_HLEN; i++) {
    assert_int_equal(front[i], 0x77);
  }
  host_run(host);
  assert_int_equal(p->ref, 2);
  pbuf_free(p);
  pbuf_free(p);
}

/* lwIP's word for "this memory may be used again as soon as you return". */
static void volatile_memory_is_copied(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_LAZY);
    u8_t bytes[900];
    support_pattern(bytes, sizeof(bytes), 3);
    bytes[12] = 0x88;
    bytes[13] = 0xb5;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, sizeof(bytes), PBUF_REF);
    p->payload = bytes;
    assert_int_equal(output(host, p), ERR_OK);
    pbuf_free(p);
    memset(bytes, 0, sizeof(bytes));
    sim_run(host->dev);
    expect_frame(host, 0, sizeof(bytes), 3);
    assert_int_equal(host_news(host).tx_copied, 1);
    host_run(host);
  }
}

static void constant_memory_is_sent_in_place(void **state)
{
  (void)state;
  static u8_t bytes[900];
  support_pattern(bytes, sizeof(bytes), 3);
  bytes[12] = 0x88;
  bytes[13] = 0xb5;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, sizeof(bytes), PBUF_ROM);
    p->payload = bytes;
    assert_int_equal(output(host, p), ERR_OK);
    pbuf_free(p);
    expect_frame(host, 0, sizeof(bytes), 3);
    assert_int_equal(host_news(host).tx_copied, 0);
    host_run(host);
  }
}

/* A received frame that is sent on stays where it is; its buffer is held until it has left. */
static struct pbuf *kept;

static err_t keep(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  kept = p;
  return ERR_OK;
}

static void a_receive_buffer_can_be_sent_in_place(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    host->netif.input = keep;
    struct peer_frame frame;
    peer_raw(host, &frame, 1000, 9);
    peer_send(host, &frame);
    host_run(host);
    assert_int_equal(output(host, kept), ERR_OK);
    pbuf_free(kept);
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 1);
    assert_int_equal(host_news(host).tx_copied, 0);
    sim_complete(host->dev, 1);
    host_run(host);
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    assert_memory_equal(peer_got(host, 0)->bytes, frame.bytes, 1000);
  }
}

static void without_memory_a_scattered_frame_is_refused(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    struct pbuf *p = chained_pbuf(1500, 40, 1);
    for (unsigned i = 0; i < 40; i++) {
      support_malloc_fail_from = 0;
      assert_int_equal(output(host, p), ERR_MEM);
      support_malloc_fail_from = UINT32_MAX;
      assert_int_equal(p->ref, 1);
    }
    assert_int_equal(host_news(host).tx_drop_nomem, 40);
    assert_int_equal(host_news(host).tx_frames, 0);
    assert_int_equal(output(host, p), ERR_OK);
    expect_frame(host, 0, 1500, 1);
    pbuf_free(p);
    host_run(host);
  }
}

/*
 * Refused
 */

static void frames_that_no_ethernet_carries_are_refused(void **state)
{
  (void)state;
  for (unsigned with_mtu = 0; with_mtu < 2; with_mtu++) {
    struct sim_net_params params = host_device(HOST_MODERN);
    if (with_mtu != 0) {
      params.features |= SIM_F_MTU;
      params.mtu = 1280;
    }
    struct host *host = host_create(&params, 16, 16, 32);
    assert_int_equal(host_add(host), ERR_OK);
    host_configure(host);
    host_run(host);
    u16_t most = (u16_t)(host->netif.mtu + ETH_HDR);
    u32_t sent = sim_net_sent_count(host->dev);
    static const u16_t too_short[] = {0, 1, 13};
    for (size_t i = 0; i < COUNT(too_short); i++) {
      struct pbuf *p = pbuf_alloc(PBUF_RAW, too_short[i], PBUF_RAM);
      assert_int_equal(output(host, p), ERR_ARG);
      assert_int_equal(p->ref, 1);
      pbuf_free(p);
    }
    for (u16_t len = (u16_t)(most + 1); len < most + 700;
         len = (u16_t)(len + (len < most + 8 ? 1 : 99))) {
      struct pbuf *p = plain_pbuf(len, 1);
      assert_int_equal(output(host, p), ERR_ARG);
      pbuf_free(p);
    }
    assert_int_equal(sim_net_sent_count(host->dev), sent);
    struct pbuf *p = plain_pbuf(most, 1);
    assert_int_equal(output(host, p), ERR_OK);
    pbuf_free(p);
    assert_int_equal(sim_net_sent_count(host->dev), sent + 1);
    host_run(host);
  }
}

static void a_vlan_tag_makes_a_frame_longer_by_four(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  params.features |= SIM_F_MTU;
  struct host *host = host_create(&params, 16, 16, 32);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  for (u16_t len = FRAME_MAX; len <= FRAME_MAX + 5; len++) {
    struct pbuf *p = plain_pbuf(len, 1);
    ((u8_t *)p->payload)[12] = 0x81;
    ((u8_t *)p->payload)[13] = 0x00;
    assert_int_equal(output(host, p), len <= FRAME_MAX + 4 ? ERR_OK : ERR_ARG);
    host_run(host);
    ((u8_t *)p->payload)[13] = 0x01; /* not quite a tag */
    assert_int_equal(output(host, p), len <= FRAME_MAX ? ERR_OK : ERR_ARG);
    pbuf_free(p);
    host_run(host);
  }
}

static void with_the_link_down_frames_are_refused(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  sim_net_set_link(host->dev, false);
  host_run(host);
  peer_forget(host);
  struct pbuf *p = plain_pbuf(100, 1);
  assert_int_equal(output(host, p), ERR_IF);
  assert_int_equal(host_news(host).tx_drop_down, 1);
  assert_int_equal(peer_got_count(host), 0);
  sim_net_set_link(host->dev, true);
  host_run(host);
  peer_forget(host);
  assert_int_equal(output(host, p), ERR_OK);
  assert_int_equal(peer_got_count(host), 1);
  pbuf_free(p);
}

/*
 * The full queue
 */

/* Until the queue is full; returns how many were taken. */
static unsigned fill_queue(struct host *host, u16_t len)
{
  for (unsigned i = 0; i < 1000; i++) {
    struct pbuf *p = plain_pbuf(len, i);
    err_t err = output(host, p);
    if (err != ERR_OK) {
      assert_int_equal(err, ERR_MEM);
      assert_int_equal(p->ref, 1);
      pbuf_free(p);
      return i;
    }
    pbuf_free(p);
  }
  fail_msg("the queue never fills");
  return 0;
}

static void a_full_queue_refuses_without_waiting(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (u16_t len = 60; len <= 1500; len = (u16_t)(len + 1440)) {
      struct host *host = host_live((enum host_kind)kind);
      sim_pace(host->dev, SIM_HOLD);
      unsigned room = fill_queue(host, len);
      assert_int_equal(room, kind == HOST_LEGACY_APART ? 8 : 16);
      unsigned accesses = sim_counters(host->dev)->reads + sim_counters(host->dev)->writes;
      for (unsigned i = 0; i < 100; i++) {
        struct pbuf *p = plain_pbuf(len, 1);
        assert_int_equal(output(host, p), ERR_MEM);
        pbuf_free(p);
      }
      /* It neither waits for the device nor bothers it. */
      assert_int_equal(sim_counters(host->dev)->reads + sim_counters(host->dev)->writes, accesses);
      assert_int_equal(host_news(host).tx_ring_full, 101);
      assert_int_equal(host_news(host).tx_frames, room);
    }
  }
}

static void a_full_queue_asks_for_an_interrupt_and_goes_on_after_it(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    unsigned room = fill_queue(host, 1000);
    host_run(host);
    assert_false(sim_irq(host->dev));
    assert_true(virtioif_idle(&host->netif));
    assert_int_equal(sim_complete(host->dev, 1), 1);
    assert_true(sim_irq(host->dev));
    host_run(host);
    struct pbuf *p = plain_pbuf(1000, 77);
    assert_int_equal(output(host, p), ERR_OK);
    assert_int_equal(output(host, p), ERR_MEM);
    pbuf_free(p);
    expect_frame(host, room, 1000, 77);
  }
}

/* Completions that were there already are found without a poll. */
static void a_full_queue_is_reaped_before_it_refuses(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    for (unsigned i = 0; i < 1000; i++) {
      struct pbuf *p = plain_pbuf(1000, i);
      assert_int_equal(output(host, p), ERR_OK);
      pbuf_free(p);
    }
    assert_int_equal(peer_got_count(host), 1000);
    assert_int_equal(host_news(host).tx_ring_full, 0);
  }
}

static void complete_one(struct sim_device *dev, void *arg)
{
  unsigned *left = arg;
  if (*left != 0) {
    --*left;
    sim_complete(dev, 1);
  }
}

/* The device completes between the driver's last look and its asking for an interrupt. */
static void a_completion_while_arming_is_not_missed(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    fill_queue(host, 1000);
    host_run(host);
    unsigned left = 1;
    sim_at(host->dev, SIM_AT_MB, complete_one, &left);
    struct pbuf *p = plain_pbuf(1000, 1);
    err_t err = output(host, p);
    sim_at(host->dev, SIM_AT_MB, NULL, NULL);
    assert_int_equal(left, 0);
    assert_true(err == ERR_OK || sim_irq(host->dev));
    pbuf_free(p);
    host_run(host);
  }
}

/* One completion is not room enough for it, but more of them follow. */
static void a_frame_of_many_pieces_waits_for_all_that_completes_while_arming(void **state)
{
  (void)state;
  enum { PIECES = 5 };
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    unsigned room = fill_queue(host, 1000);
    host_run(host);
    unsigned left = PIECES + 1; /* the header is a piece as well */
    sim_at(host->dev, SIM_AT_MB, complete_one, &left);
    struct pbuf *p = chained_pbuf(1000, PIECES, 7);
    err_t err = output(host, p);
    for (unsigned tries = 0; err == ERR_MEM && tries < PIECES; tries++) {
      err = output(host, p);
    }
    sim_at(host->dev, SIM_AT_MB, NULL, NULL);
    assert_int_equal(err, ERR_OK);
    pbuf_free(p);
    expect_frame(host, room, 1000, 7);
    host_run(host);
  }
}

static void use_nonsense(struct sim_device *dev, void *arg)
{
  bool *done = arg;
  if (!*done) {
    *done = true;
    sim_lie_used(dev, SIM_TX, UINT32_MAX, 0);
  }
}

/* What completes while arming is the device's last word. */
static void a_device_that_fails_while_arming_ends_the_attempt(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    fill_queue(host, 1000);
    host_run(host);
    bool done = false;
    sim_at(host->dev, SIM_AT_MB, use_nonsense, &done);
    struct pbuf *p = plain_pbuf(1000, 1);
    assert_int_not_equal(output(host, p), ERR_OK);
    sim_at(host->dev, SIM_AT_MB, NULL, NULL);
    assert_true(done);
    assert_false(virtioif_idle(&host->netif)); /* lwIP is to hear of it first */
    assert_int_equal(p->ref, 1);
    pbuf_free(p);
    host_run(host);
  }
}

static void frames_may_complete_in_any_order(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    sim_order(host->dev, SIM_SHUFFLED);
    unsigned sent = 0;
    for (unsigned lap = 0; lap < 300; lap++) {
      struct pbuf *p = lap % 3 == 0 ? plain_pbuf(100, sent) : chained_pbuf(1000, 1 + lap % 4, sent);
      u16_t len = p->tot_len;
      if (output(host, p) == ERR_OK) {
        expect_frame(host, sent, len, sent);
        sent++;
      }
      pbuf_free(p);
      if (lap % 2 == 0) {
        sim_complete(host->dev, 1);
      }
      if (lap % 5 == 0) {
        host_run(host);
      }
    }
    assert_true(sent > 100);
  }
}

/*
 * lwIP does not send a segment again that is still referenced: completions have to be found by
 * whoever polls, also when nobody interrupts.
 */
static void each_poll_reaps_what_was_sent(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    unsigned interrupts = sim_counters(host->dev)->interrupts;
    struct pbuf *p[8];
    for (unsigned i = 0; i < 8; i++) {
      p[i] = plain_pbuf(1000, i);
      assert_int_equal(output(host, p[i]), ERR_OK);
    }
    virtioif_poll(&host->netif, 1);
    for (unsigned i = 0; i < 8; i++) {
      assert_int_equal(p[i]->ref, 1);
      pbuf_free(p[i]);
    }
    assert_int_equal(sim_counters(host->dev)->interrupts, interrupts);
  }
}

/*
 * Sleeping for ever is only good if an interrupt tells of the completion: as long as a timer is
 * due some time, nobody has to be told.
 */
static void without_timers_a_completion_interrupts_the_sleep(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    struct sys_timeo **timers = sys_timeouts_get_next_timeout();
    struct sys_timeo *all = *timers;
    for (unsigned timed = 0; timed < 2; timed++) {
      struct pbuf *p = plain_pbuf(1000, 1);
      assert_int_equal(output(host, p), ERR_OK);
      virtioif_poll(&host->netif, 64);
      *timers = timed ? all : NULL;
      assert_true(virtioif_idle(&host->netif));
      *timers = all;
      sim_complete(host->dev, 1);
      assert_int_equal(sim_irq(host->dev), !timed);
      host_run(host);
      virtioif_poll(&host->netif, 64);
      assert_int_equal(p->ref, 1);
      pbuf_free(p);
    }
    /* It completed while it was being asked for. */
    struct pbuf *p = plain_pbuf(1000, 1);
    assert_int_equal(output(host, p), ERR_OK);
    virtioif_poll(&host->netif, 64);
    sim_complete(host->dev, 1);
    *timers = NULL;
    assert_false(virtioif_idle(&host->netif));
    *timers = all;
    virtioif_poll(&host->netif, 64);
    assert_int_equal(p->ref, 1);
    pbuf_free(p);
  }
}

/*
 * Notifications
 */

static void outside_a_burst_each_frame_is_notified_at_once(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  unsigned kicks = sim_counters(host->dev)->kicks[SIM_TX];
  for (unsigned i = 0; i < 5; i++) {
    struct pbuf *p = plain_pbuf(100, i);
    assert_int_equal(output(host, p), ERR_OK);
    pbuf_free(p);
    assert_int_equal(sim_counters(host->dev)->kicks[SIM_TX], kicks + i + 1);
    assert_int_equal(peer_got_count(host), i + 1);
  }
  assert_int_equal(host_news(host).kicks_tx, 5);
}

static void a_burst_costs_one_notification(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned by_poll = 0; by_poll < 2; by_poll++) {
      struct host *host = host_live((enum host_kind)kind);
      unsigned kicks = sim_counters(host->dev)->kicks[SIM_TX];
      virtioif_cork(&host->netif);
      for (unsigned i = 0; i < 8; i++) {
        struct pbuf *p = plain_pbuf(1000, i);
        assert_int_equal(output(host, p), ERR_OK);
        pbuf_free(p);
      }
      assert_int_equal(peer_got_count(host), 0);
      assert_false(virtioif_idle(&host->netif)); /* nobody sleeps on a burst */
      if (by_poll != 0) {
        virtioif_poll(&host->netif, 64);
      } else {
        virtioif_flush(&host->netif);
      }
      assert_int_equal(peer_got_count(host), 8);
      assert_int_equal(sim_counters(host->dev)->kicks[SIM_TX], kicks + 1);
      virtioif_flush(&host->netif);
      assert_int_equal(sim_counters(host->dev)->kicks[SIM_TX], kicks + 1);
      struct pbuf *p = plain_pbuf(100, 8);
      assert_int_equal(output(host, p), ERR_OK);
      pbuf_free(p);
      assert_int_equal(peer_got_count(host), 9);
    }
  }
}

static void a_burst_longer_than_the_queue_does_not_stall(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    virtioif_cork(&host->netif);
    unsigned sent = 0;
    for (unsigned i = 0; i < 100; i++) {
      struct pbuf *p = plain_pbuf(1000, i);
      err_t err = output(host, p);
      if (err == ERR_MEM) { /* once is enough: the full queue was notified */
        err = output(host, p);
      }
      assert_int_equal(err, ERR_OK);
      sent++;
      pbuf_free(p);
    }
    virtioif_flush(&host->netif);
    assert_int_equal(peer_got_count(host), sent);
  }
}

static void answers_given_within_a_poll_cost_one_notification(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    peer_introduce(host);
    unsigned kicks = sim_counters(host->dev)->kicks[SIM_TX];
    for (unsigned i = 0; i < 7; i++) {
      struct peer_frame ping;
      peer_ping(host, &ping, 64, i);
      peer_send(host, &ping);
    }
    virtioif_poll(&host->netif, 64);
    assert_int_equal(peer_got_count(host), 7);
    assert_int_equal(sim_counters(host->dev)->kicks[SIM_TX], kicks + 1);
  }
}

static void a_device_that_wants_no_notifications_gets_none(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    unsigned kicks = sim_counters(host->dev)->kicks[SIM_TX];
    sim_suppress_kicks(host->dev, SIM_TX, true);
    for (unsigned i = 0; i < 5; i++) {
      struct pbuf *p = plain_pbuf(100, i);
      assert_int_equal(output(host, p), ERR_OK);
      pbuf_free(p);
    }
    assert_int_equal(sim_counters(host->dev)->kicks[SIM_TX], kicks);
    sim_run(host->dev);
    assert_int_equal(peer_got_count(host), 5);
    sim_suppress_kicks(host->dev, SIM_TX, false);
    struct pbuf *p = plain_pbuf(100, 5);
    assert_int_equal(output(host, p), ERR_OK);
    pbuf_free(p);
    assert_int_equal(sim_counters(host->dev)->kicks[SIM_TX], kicks + 1);
  }
}

/*
 * Counters
 */

static void each_frame_is_counted_once_everywhere(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  u32_t xmit = lwip_stats.link.xmit;
  u32_t frames = host_news(host).tx_frames;
  const struct stats_mib2_netif_ctrs before = host->netif.mib2_counters;
  for (unsigned i = 0; i < 10; i++) {
    struct pbuf *p = plain_pbuf((u16_t)(100 + 100 * i), i);
    memset(p->payload, i % 2 == 0 ? 0x02 : 0xff, 6);
    assert_int_equal(output(host, p), ERR_OK);
    pbuf_free(p);
  }
  const struct stats_mib2_netif_ctrs *now = &host->netif.mib2_counters;
  assert_int_equal(lwip_stats.link.xmit, (u16_t)(xmit + 10));
  assert_int_equal(now->ifoutoctets - before.ifoutoctets, 5500);
  assert_int_equal(now->ifoutucastpkts - before.ifoutucastpkts, 5);
  assert_int_equal(now->ifoutnucastpkts - before.ifoutnucastpkts, 5);
  assert_int_equal(host_news(host).tx_frames, frames + 10);
  host_run(host);
}

static void refused_frames_are_counted_as_such(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN);
  sim_pace(host->dev, SIM_HOLD);
  fill_queue(host, 1000);
  u32_t frames = host_news(host).tx_frames;
  u32_t drop = lwip_stats.link.drop;
  u32_t discards = host->netif.mib2_counters.ifoutdiscards;
  for (unsigned i = 0; i < 10; i++) {
    struct pbuf *p = plain_pbuf(100, i);
    assert_int_equal(output(host, p), ERR_MEM);
    pbuf_free(p);
  }
  assert_int_equal(host_news(host).tx_frames, frames);
  assert_int_equal(host_news(host).tx_copied, 0);
  assert_int_equal(lwip_stats.link.drop, (u16_t)(drop + 10));
  assert_int_equal(host->netif.mib2_counters.ifoutdiscards - discards, 10);
}

/*
 * lwIP on top
 */

static void a_datagram_to_an_unknown_neighbour_waits_for_its_address(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    struct udp_pcb *pcb = udp_new();
    ip_addr_t addr;
    IP_ADDR4(&addr, 10, 0, (u8_t)host->number, 2);
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 700, PBUF_RAM);
    support_pattern(p->payload, 700, 1);
    assert_int_equal(udp_sendto(pcb, p, &addr, 9), ERR_OK);
    pbuf_free(p);
    assert_int_equal(peer_got_count(host), 1);
    assert_int_equal(peer_got(host, 0)->bytes[13], 0x06); /* who is there? */
    struct peer_frame reply;
    peer_arp(host, &reply);
    reply.bytes[21] = 2; /* an answer */
    memcpy(reply.bytes, host->netif.hwaddr, 6);
    peer_send(host, &reply);
    host_run(host);
    assert_int_equal(peer_got_count(host), 2);
    assert_int_equal(peer_got(host, 1)->len, 14 + 20 + 8 + 700);
    support_check_pattern(peer_got(host, 1)->bytes + 42, 700, 1);
    udp_remove(pcb);
  }
}

static void datagrams_of_every_length_leave_with_a_good_checksum(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    peer_introduce(host);
    struct udp_pcb *pcb = udp_new();
    ip_addr_t addr;
    IP_ADDR4(&addr, 10, 0, (u8_t)host->number, 2);
    for (u16_t len = 0; len <= 1472; len = (u16_t)(len + 46)) {
      struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, len, PBUF_RAM);
      support_pattern(p->payload, len, len);
      assert_int_equal(udp_sendto(pcb, p, &addr, 9), ERR_OK);
      pbuf_free(p);
      assert_int_equal(peer_got_count(host), 1);
      assert_int_equal(peer_got(host, 0)->len, 42 + len);
      support_check_pattern(peer_got(host, 0)->bytes + 42, len, len);
      peer_forget(host);
      host_run(host);
    }
    udp_remove(pcb);
  }
}

/* A datagram above the MTU leaves in fragments that fit. */
static void fragments_are_no_longer_than_the_mtu(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_live((enum host_kind)kind);
    peer_introduce(host);
    struct udp_pcb *pcb = udp_new();
    ip_addr_t addr;
    IP_ADDR4(&addr, 10, 0, (u8_t)host->number, 2);
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 6000, PBUF_RAM);
    support_pattern(p->payload, 6000, 6);
    assert_int_equal(udp_sendto(pcb, p, &addr, 9), ERR_OK);
    pbuf_free(p);
    assert_int_equal(peer_got_count(host), 5);
    u8_t bytes[6008];
    size_t got = 0;
    for (unsigned i = 0; i < 5; i++) {
      const struct sim_frame *frame = peer_got(host, i);
      assert_true(frame->len <= FRAME_MAX);
      size_t payload = frame->len - 34;
      assert_true(got + payload <= sizeof(bytes));
      memcpy(bytes + got, frame->bytes + 34, payload);
      got += payload;
    }
    assert_int_equal(got, sizeof(bytes));
    support_check_pattern(bytes + 8, 6000, 6);
    host_run(host);
    udp_remove(pcb);
  }
}

/* Constant data may be sent to many at a time. lwIP counts references in a byte. */
static void one_payload_in_more_frames_than_lwip_can_count_references(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  params.queue_max[SIM_TX] = 1024;
  struct host *host = host_create(&params, 16, 1024, 32);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  peer_introduce(host);
  sim_pace(host->dev, SIM_HOLD);
  static u8_t bytes[1000];
  support_pattern(bytes, sizeof(bytes), 1);
  struct pbuf *p = pbuf_alloc(PBUF_RAW, sizeof(bytes), PBUF_ROM);
  p->payload = bytes;
  struct udp_pcb *pcb = udp_new();
  ip_addr_t addr;
  IP_ADDR4(&addr, 10, 0, (u8_t)host->number, 2);
  for (unsigned i = 0; i < 300; i++) {
    assert_true(p->ref < 255); /* one more would be lost count of */
    assert_int_equal(udp_sendto(pcb, p, &addr, 9), ERR_OK);
  }
  assert_int_equal(peer_got_count(host), 300);
  sim_complete(host->dev, UINT32_MAX);
  host_run(host);
  assert_int_equal(p->ref, 1);
  pbuf_free(p);
  udp_remove(pcb);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(frames_of_every_length_leave_whole),
      HOST_TEST(chains_of_every_length_leave_whole),
      HOST_TEST(the_ethernet_header_has_to_be_in_the_first_pbuf),
      HOST_TEST(empty_pbufs_in_a_chain_do_no_harm),
      HOST_TEST(a_short_frame_is_its_senders_again_at_once),
      HOST_TEST(a_long_frame_is_referenced_until_the_device_has_read_it),
      HOST_TEST(header_and_frame_are_one_piece_where_there_is_headroom),
      HOST_TEST(headroom_of_a_shared_pbuf_is_not_written),
      HOST_TEST(volatile_memory_is_copied),
      HOST_TEST(constant_memory_is_sent_in_place),
      HOST_TEST(a_receive_buffer_can_be_sent_in_place),
      HOST_TEST(without_memory_a_scattered_frame_is_refused),
      HOST_TEST(frames_that_no_ethernet_carries_are_refused),
      HOST_TEST(a_vlan_tag_makes_a_frame_longer_by_four),
      HOST_TEST(with_the_link_down_frames_are_refused),
      HOST_TEST(a_full_queue_refuses_without_waiting),
      HOST_TEST(a_full_queue_asks_for_an_interrupt_and_goes_on_after_it),
      HOST_TEST(a_full_queue_is_reaped_before_it_refuses),
      HOST_TEST(a_completion_while_arming_is_not_missed),
      HOST_TEST(a_frame_of_many_pieces_waits_for_all_that_completes_while_arming),
      HOST_TEST(a_device_that_fails_while_arming_ends_the_attempt),
      HOST_TEST(frames_may_complete_in_any_order),
      HOST_TEST(each_poll_reaps_what_was_sent),
      HOST_TEST(without_timers_a_completion_interrupts_the_sleep),
      HOST_TEST(outside_a_burst_each_frame_is_notified_at_once),
      HOST_TEST(a_burst_costs_one_notification),
      HOST_TEST(a_burst_longer_than_the_queue_does_not_stall),
      HOST_TEST(answers_given_within_a_poll_cost_one_notification),
      HOST_TEST(a_device_that_wants_no_notifications_gets_none),
      HOST_TEST(each_frame_is_counted_once_everywhere),
      HOST_TEST(refused_frames_are_counted_as_such),
      HOST_TEST(a_datagram_to_an_unknown_neighbour_waits_for_its_address),
      HOST_TEST(datagrams_of_every_length_leave_with_a_good_checksum),
      HOST_TEST(fragments_are_no_longer_than_the_mtu),
      HOST_TEST(one_payload_in_more_frames_than_lwip_can_count_references),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
