/*
 * test_recover.c: the way back from a device that failed: resets and their waits, the transmit
 * watchdog, giving up, what the user may ask for, and what is left for lwIP meanwhile.
 *
 * Each way of failing by itself: test_faults.c.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include "lwip/udp.h"

#include <string.h>

/*
 * The event hook
 */

enum { EVENTS_MAX = 1000 };

static enum virtioif_event events[EVENTS_MAX];
static unsigned event_count;
static bool link_was_up[EVENTS_MAX];

static void note_event(struct netif *netif, enum virtioif_event event)
{
  assert_true(event_count < EVENTS_MAX);
  link_was_up[event_count] = netif_is_link_up(netif) != 0;
  events[event_count++] = event;
}

static void expect_events(const enum virtioif_event *expected, unsigned count)
{
  assert_int_equal(event_count, count);
  for (unsigned i = 0; i < count; i++) {
    assert_int_equal(events[i], expected[i]);
  }
  event_count = 0;
}

#define EXPECT_EVENTS(...)                                                                         \
  expect_events((const enum virtioif_event[]){__VA_ARGS__},                                        \
                COUNT(((const enum virtioif_event[]){__VA_ARGS__})))

static struct host *host_watched(enum host_kind kind)
{
  struct sim_net_params params = host_device(kind);
  struct host *host = host_create(&params, 16, 16, 32);
  host->params.event = note_event;
  event_count = 0;
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  peer_introduce(host);
  host->before = *virtioif_stats(&host->netif);
  return host;
}

static void break_queue(struct host *host)
{
  sim_lie_used(host->dev, SIM_RX, 999, 0);
}

/* Time in steps in which a main loop would wake up. */
static void pass_ms(struct host *host, u32_t ms, u32_t step_ms)
{
  for (u32_t passed = 0; passed < ms; passed += step_ms) {
    host_wait_ms(step_ms);
    host_run(host);
  }
}

static void expect_answer(struct host *host)
{
  struct peer_frame ping;
  peer_forget(host);
  peer_arp(host, &ping);
  peer_send(host, &ping);
  host_run(host);
  sim_complete(host->dev, UINT32_MAX);
  host_run(host);
  assert_true(peer_got_count(host) >= 1);
}

static err_t send_one(struct host *host)
{
  struct pbuf *p = pbuf_alloc(PBUF_RAW_TX, 400, PBUF_RAM);
  memset(p->payload, 0, p->len);
  err_t err = host->netif.linkoutput(&host->netif, p);
  pbuf_free(p);
  return err;
}

/*
 * Attempts
 */

static void a_broken_queue_costs_one_reset_and_is_told(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    break_queue(host);
    assert_true(virtioif_poll(&host->netif, 64)); /* noticed; there is more to do */
    assert_int_equal(send_one(host), ERR_IF);
    assert_false(virtioif_idle(&host->netif));
    host_run(host);
    assert_int_equal(host_news(host).link_changes, 2);
    assert_true(netif_is_link_up(&host->netif));
    assert_false(link_was_up[1]); /* it went down in between */
    EXPECT_EVENTS(VIRTIOIF_EVENT_QUEUE_BROKEN, VIRTIOIF_EVENT_RECOVERED);
    assert_int_equal(host_news(host).recoveries, 1);
    host_check_buffers(host);
    expect_answer(host);
  }
}

/* A second fault of a device that is done with anyway is none. */
static void two_faults_at_once_cost_one_reset(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    sim_needs_reset(host->dev, false);
    sim_lie_used(host->dev, SIM_TX, 999, 0);
    host_run(host);
    EXPECT_EVENTS(VIRTIOIF_EVENT_NEEDS_RESET, VIRTIOIF_EVENT_RECOVERED);
    assert_int_equal(host_news(host).device_errors, 1);
    assert_int_equal(host_news(host).recoveries, 1);
    host_check_buffers(host);
    expect_answer(host);
  }
}

static void the_same_features_and_address_are_there_again(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN_EVENT_IDX);
  uint64_t accepted = sim_accepted(host->dev);
  u16_t flags = host->netif.chksum_flags;
  u8_t mac[6];
  memcpy(mac, host->netif.hwaddr, 6);
  virtioif_reset(&host->netif);
  host_run(host);
  assert_int_equal(sim_accepted(host->dev), accepted);
  assert_int_equal(host->netif.chksum_flags, flags);
  assert_memory_equal(host->netif.hwaddr, mac, 6);
  assert_int_equal(host->netif.mtu, 1500);
  assert_int_equal(virtioif_rx_usage(&host->netif).posted, 16);
}

/* A device that fails as soon as it works: at once, then after 100, 200, 400 ms, ... */
static void each_wait_is_twice_as_long_and_there_is_a_last_one(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    u32_t wait_ms = 0;
    for (unsigned i = 0; i < VIRTIOIF_RESET_ATTEMPTS; i++) {
      break_queue(host);
      host_run(host);
      if (wait_ms > 0) {
        host_wait_ms(wait_ms - 1);
        host_run(host);
        assert_false(netif_is_link_up(&host->netif));
        assert_int_equal(send_one(host), ERR_IF);
        assert_int_equal(host_news(host).recoveries, i);
        host_wait_ms(1);
        assert_false(virtioif_idle(&host->netif));
        host_run(host);
      }
      assert_int_equal(host_news(host).recoveries, i + 1);
      assert_true(netif_is_link_up(&host->netif));
      wait_ms = wait_ms == 0 ? VIRTIOIF_RESET_WAIT_MS : wait_ms * 2;
    }
    event_count = 0;
    break_queue(host);
    host_run(host);
    EXPECT_EVENTS(VIRTIOIF_EVENT_QUEUE_BROKEN, VIRTIOIF_EVENT_GIVEN_UP);
    assert_false(netif_is_link_up(&host->netif));
    assert_true((sim_status(host->dev) & 0x80) != 0);
    assert_int_equal(virtioif_rx_usage(&host->netif).posted, 0);
    unsigned writes = sim_counters(host->dev)->writes;
    pass_ms(host, 1000000, 10000);
    assert_int_equal(sim_counters(host->dev)->writes, writes);
    assert_true(virtioif_idle(&host->netif));
    host_check_buffers(host);
    /* Only the user can have it tried again. */
    virtioif_reset(&host->netif);
    host_run(host);
    EXPECT_EVENTS(VIRTIOIF_EVENT_RESET_WANTED, VIRTIOIF_EVENT_RECOVERED);
    expect_answer(host);
  }
}

static void a_device_that_has_worked_for_a_while_starts_over(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  for (unsigned i = 0; i < 3 * VIRTIOIF_RESET_ATTEMPTS; i++) {
    break_queue(host);
    host_run(host);
    assert_int_equal(host_news(host).recoveries, i + 1);
    host_wait_ms(VIRTIOIF_STABLE_MS);
    host_run(host);
  }
}

static void a_device_that_does_not_come_back_is_tried_a_few_times(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    sim_faults(host->dev)->queue_ready_stuck_at_0 = true;
    break_queue(host);
    pass_ms(host, 200000, 10);
    assert_int_equal(host_news(host).start_errors, VIRTIOIF_RESET_ATTEMPTS);
    assert_int_equal(event_count, VIRTIOIF_RESET_ATTEMPTS + 2);
    assert_int_equal(events[1], VIRTIOIF_EVENT_START_FAILED);
    assert_int_equal(events[event_count - 1], VIRTIOIF_EVENT_GIVEN_UP);
    assert_string_not_equal(virtioif_init_error(&host->vif), "no error");
    assert_true((sim_status(host->dev) & 0x80) != 0);
    assert_false(netif_is_link_up(&host->netif));
    host_check_buffers(host);
  }
}

static void a_device_that_comes_back_late_is_taken_back(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    sim_faults(host->dev)->queue_ready_stuck_at_0 = true;
    break_queue(host);
    pass_ms(host, 1000, 10);
    assert_false(netif_is_link_up(&host->netif));
    sim_faults(host->dev)->queue_ready_stuck_at_0 = false;
    pass_ms(host, 2000, 10);
    assert_int_equal(host_news(host).recoveries, 1);
    expect_answer(host);
  }
}

/* Whoever knows that the device is well again need not wait for the next attempt. */
static void a_reset_asked_for_between_attempts_is_made_at_once(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    sim_faults(host->dev)->queue_ready_stuck_at_0 = true;
    break_queue(host);
    pass_ms(host, 1000, 10);
    sim_faults(host->dev)->queue_ready_stuck_at_0 = false;
    event_count = 0;
    virtioif_reset(&host->netif);
    assert_false(virtioif_idle(&host->netif));
    host_run(host);
    EXPECT_EVENTS(VIRTIOIF_EVENT_RESET_WANTED, VIRTIOIF_EVENT_RECOVERED);
    expect_answer(host);
  }
}

static void while_a_reset_has_not_ended_receive_buffers_stay_the_devices(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    assert_int_equal(send_one(host), ERR_OK);
    assert_int_equal(send_one(host), ERR_OK);
    u16_t posted = virtioif_rx_usage(&host->netif).posted;
    sim_faults(host->dev)->reset_reads = SIM_NEVER;
    break_queue(host);
    host_run(host);
    /* What lwIP sent is released all the same: it could not repeat it otherwise. */
    assert_int_equal(virtioif_tx_in_flight(&host->netif), 0);
    assert_int_equal(virtioif_rx_usage(&host->netif).posted, posted);
    host_check_buffers(host);
    sim_faults(host->dev)->reset_reads = 3;
    sim_pace(host->dev, SIM_EAGER);
    pass_ms(host, 500, 10);
    assert_int_equal(host_news(host).recoveries, 1);
    host_check_buffers(host);
    expect_answer(host);
  }
}

static void a_reset_that_never_ends_has_an_end_for_the_driver(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  sim_faults(host->dev)->reset_reads = SIM_NEVER;
  sim_needs_reset(host->dev, true);
  pass_ms(host, 200000, 1000);
  assert_int_equal(host_news(host).start_errors, VIRTIOIF_RESET_ATTEMPTS);
  assert_int_equal(events[event_count - 1], VIRTIOIF_EVENT_GIVEN_UP);
  assert_true(virtioif_idle(&host->netif));
  host_check_buffers(host);
}

static void a_device_may_come_back_as_another(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    struct sim_net_params other = host_device(kind < HOST_LEGACY ? HOST_MODERN : HOST_LEGACY);
    other.features |= SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_MTU | SIM_F_HOST_TSO4;
    other.queue_max[SIM_RX] = 4;
    other.queue_max[SIM_TX] = 8;
    other.mtu = 1400;
    other.mac[5] = 0x77;
    sim_net_become(host->dev, &other);
    virtioif_reset(&host->netif);
    host_run(host);
    assert_int_equal(host->netif.mtu, 1400);
    assert_int_equal(host->netif.hwaddr[5], 0x77);
    assert_int_equal(virtioif_rx_usage(&host->netif).posted, 4);
    assert_int_equal(host->netif.chksum_flags & NETIF_CHECKSUM_GEN_TCP, 0);
    expect_answer(host);
    struct sim_net_params first = host_device((enum host_kind)kind);
    sim_net_become(host->dev, &first);
    virtioif_reset(&host->netif);
    host_run(host);
    assert_int_equal(host->netif.mtu, 1500);
    assert_int_not_equal(host->netif.chksum_flags & NETIF_CHECKSUM_GEN_TCP, 0);
    expect_answer(host);
  }
}

static void a_device_without_link_comes_back_without_link(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  sim_net_set_link(host->dev, false);
  virtioif_reset(&host->netif);
  host_run(host);
  assert_int_equal(host_news(host).recoveries, 1);
  assert_false(netif_is_link_up(&host->netif));
  sim_net_set_link(host->dev, true);
  host_run(host);
  expect_answer(host);
}

/*
 * What goes on
 */

static struct pbuf *kept;

static void keep(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(addr);
  LWIP_UNUSED_ARG(port);
  if (kept == NULL) {
    kept = p;
  } else {
    pbuf_cat(kept, p);
  }
}

static void received_data_stays_valid_through_resets(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    struct udp_pcb *pcb = udp_new();
    kept = NULL;
    udp_bind(pcb, IP4_ADDR_ANY, 9);
    udp_recv(pcb, keep, NULL);
    struct peer_frame frame;
    for (unsigned i = 0; i < 5; i++) {
      peer_udp(host, &frame, 9, 1000, i);
      peer_send(host, &frame);
    }
    host_run(host);
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 5);
    u16_t held_max = host->vif.rx_held_max;
    for (unsigned round = 0; round < 3; round++) {
      virtioif_reset(&host->netif);
      host_run(host);
      host_check_buffers(host);
      assert_int_equal(virtioif_rx_usage(&host->netif).held, 5);
      assert_int_equal(host->vif.rx_held_max, held_max);
      peer_raw(host, &frame, 1500, 100 + round);
      for (unsigned i = 0; i < 40; i++) { /* all other buffers are written to */
        peer_send(host, &frame);
        host_run(host);
      }
    }
    u8_t expected[1000];
    u8_t found[1000];
    for (unsigned i = 0; i < 5; i++) {
      support_pattern(expected, sizeof(expected), i);
      pbuf_copy_partial(kept, found, sizeof(found), (u16_t)(1000 * i));
      assert_memory_equal(found, expected, sizeof(found));
    }
    pbuf_free(kept);
    host_run(host);
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    udp_remove(pcb);
  }
}

/* What lwIP may hold follows the queue, not what it holds right now. */
static void a_larger_queue_leaves_less_to_hold(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  params.queue_max[SIM_RX] = 2;
  struct host *host = host_create(&params, 8, 8, 10);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  assert_int_equal(host->vif.rx_held_max, 8);
  struct udp_pcb *pcb = udp_new();
  kept = NULL;
  udp_bind(pcb, IP4_ADDR_ANY, 9);
  udp_recv(pcb, keep, NULL);
  for (unsigned i = 0; i < 8; i++) {
    struct peer_frame frame;
    peer_udp(host, &frame, 9, 1000, i);
    peer_send(host, &frame);
    host_run(host);
  }
  assert_int_equal(virtioif_rx_usage(&host->netif).held, 8);
  params.queue_max[SIM_RX] = 8;
  sim_net_become(host->dev, &params);
  virtioif_reset(&host->netif);
  host_run(host);
  assert_int_equal(virtioif_rx_usage(&host->netif).posted, 2);
  assert_int_equal(host->vif.rx_held_max, 2);
  pbuf_free(kept);
  udp_remove(pcb);
  host_run(host);
  assert_int_equal(virtioif_rx_usage(&host->netif).posted, 8);
}

/* Both ends are reset again and again; each byte arrives once and in order. */
static void connections_outlive_resets(void **state)
{
  (void)state;
  static const uint64_t offloads[] = {0, SIM_F_CSUM | SIM_F_GUEST_CSUM,
                                      SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_HOST_TSO4 |
                                          SIM_F_MRG_RXBUF | SIM_F_GUEST_TSO4};
  for (size_t i = 0; i < COUNT(offloads); i++) {
    for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
      struct sim_net_params params = host_device((enum host_kind)kind);
      params.features |= offloads[i];
      struct transfer t = {.to_send = 500000, .corked = i == 2};
      transfer_start(&t, &params, &params);
      unsigned resets = 0;
      for (unsigned lap = 0; t.received < t.to_send && lap < 20000; lap++) {
        if (!transfer_lap(&t)) {
          host_wait_ms(250);
        }
        if (lap % 7 == 6 && resets < 10) {
          struct host *victim = t.hosts[resets++ % 2];
          virtioif_reset(&victim->netif);
        }
      }
      assert_int_equal(t.received, t.to_send);
      assert_int_equal(resets, 10);
      transfer_end(&t);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void a_reset_in_the_middle_of_a_burst_keeps_nothing_of_it(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    virtioif_cork(&host->netif);
    assert_int_equal(send_one(host), ERR_OK);
    assert_int_equal(send_one(host), ERR_OK);
    peer_forget(host);
    virtioif_reset(&host->netif);
    virtioif_flush(&host->netif);
    assert_int_equal(peer_got_count(host), 0);
    host_run(host);
    assert_int_equal(virtioif_tx_in_flight(&host->netif), 0);
    expect_answer(host);
  }
}

static void a_reset_after_a_full_queue_leaves_it_empty(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    while (send_one(host) == ERR_OK) {
    }
    virtioif_reset(&host->netif);
    host_run(host);
    assert_int_equal(host->vif.tx_free + virtioif_tx_in_flight(&host->netif), 16);
    for (unsigned i = 0; i < 4; i++) {
      assert_int_equal(send_one(host), ERR_OK);
    }
    sim_pace(host->dev, SIM_EAGER);
    sim_complete(host->dev, UINT32_MAX);
    expect_answer(host);
  }
}

/* What TCP was refused before the reset it sends after it, not at some later timeout. */
static void a_refused_segment_leaves_after_the_reset(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct transfer t = {.to_send = 1000};
    transfer_start(&t, &params, &params);
    t.to_send = 500;
    transfer_run(&t);
    t.to_send = 1000;
    tcp_nagle_disable(t.client);
    struct host *host = t.hosts[0];
    sim_pace(host->dev, SIM_HOLD);
    while (send_one(host) == ERR_OK) {
    }
    assert_int_equal(tcp_write(t.client, t.stream + 500, 500, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(t.client);
    virtioif_reset(&host->netif);
    peer_forget(host);
    host_run(host);
    unsigned segments = 0;
    for (unsigned i = 0; i < peer_got_count(host); i++) {
      segments += peer_got(host, i)->len > 500;
    }
    assert_int_equal(segments, 1);
    transfer_end(&t);
    host_end(NULL);
    host_begin(NULL);
  }
}

/*
 * A line that stays high
 */

static void a_line_that_stays_high_ends_in_a_reset(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    struct virtio_device *dev = host->params.dev;
    unsigned interrupts = 0;
    while (dev->ops->get_status(dev) != 0) { /* the handler never returns to the main loop */
      virtioif_isr(&host->netif);
      assert_true(++interrupts < 10000);
    }
    assert_true(interrupts > 1000);
    assert_int_equal(event_count, 0); /* nothing but that in the handler */
    host_run(host);
    EXPECT_EVENTS(VIRTIOIF_EVENT_NEEDS_RESET, VIRTIOIF_EVENT_RECOVERED);
    assert_int_equal(host_news(host).interrupts, 0);
    host_check_buffers(host);
    expect_answer(host);
  }
}

static void other_devices_on_the_line_may_interrupt_without_end(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  for (unsigned i = 0; i < 200000; i++) {
    if (virtioif_isr(&host->netif)) {
      virtioif_poll(&host->netif, 64);
    }
  }
  host_run(host);
  assert_int_equal(event_count, 0);
  assert_int_equal(host_news(host).device_errors, 0);
}

/*
 * The transmit watchdog
 */

static void a_stuck_device_is_notified_once_more_and_then_reset(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    assert_int_equal(send_one(host), ERR_OK);
    pass_ms(host, 100, 100); /* the first look */
    pass_ms(host, VIRTIOIF_TX_TIMEOUT_MS - 200, 100);
    assert_int_equal(sim_counters(host->dev)->idle_kicks[SIM_TX], 0);
    pass_ms(host, 300, 100);
    assert_int_equal(sim_counters(host->dev)->idle_kicks[SIM_TX], 1);
    EXPECT_EVENTS(VIRTIOIF_EVENT_TX_STALLED);
    assert_int_equal(host_news(host).tx_stalls, 1);
    pass_ms(host, VIRTIOIF_TX_TIMEOUT_MS - 200, 100);
    assert_int_equal(event_count, 0);
    pass_ms(host, 500, 100);
    EXPECT_EVENTS(VIRTIOIF_EVENT_TX_TIMEOUT, VIRTIOIF_EVENT_RECOVERED);
    sim_pace(host->dev, SIM_EAGER);
    sim_complete(host->dev, UINT32_MAX);
    expect_answer(host);
  }
}

/* Each time, also where the used ring begins anew at the place where it stood still. */
static void a_device_that_gets_stuck_again_is_notified_again(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct host *host = host_create(&params, 16, 16, 32);
    host->params.event = note_event;
    sim_pace(host->dev, SIM_HOLD);
    assert_int_equal(host_add(host), ERR_OK);
    host_configure(host); /* says hello to its groups, and again after each reset */
    event_count = 0;
    for (unsigned i = 0; i < 3; i++) {
      pass_ms(host, VIRTIOIF_TX_TIMEOUT_MS + 1000, 100);
      EXPECT_EVENTS(VIRTIOIF_EVENT_TX_STALLED);
      pass_ms(host, VIRTIOIF_TX_TIMEOUT_MS - 500, 100);
      EXPECT_EVENTS(VIRTIOIF_EVENT_TX_TIMEOUT, VIRTIOIF_EVENT_RECOVERED);
    }
    sim_pace(host->dev, SIM_EAGER);
    sim_complete(host->dev, UINT32_MAX);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void a_device_that_sends_late_but_sends_is_left_in_peace(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  sim_pace(host->dev, SIM_HOLD);
  for (unsigned i = 0; i < 8; i++) {
    assert_int_equal(send_one(host), ERR_OK);
  }
  for (unsigned i = 0; i < 8; i++) {
    pass_ms(host, VIRTIOIF_TX_TIMEOUT_MS - 200, 100);
    sim_complete(host->dev, 1);
    host_run(host);
  }
  assert_int_equal(event_count, 0);
  /* And one with nothing to do has no time to keep. */
  sim_pace(host->dev, SIM_EAGER);
  sim_complete(host->dev, UINT32_MAX);
  pass_ms(host, 100000, 100);
  assert_int_equal(event_count, 0);
}

/* Its pbuf, and with it its connection, would wait for ever. */
static void a_frame_that_is_kept_while_others_go_is_noticed(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    sim_pace(host->dev, SIM_HOLD);
    sim_order(host->dev, SIM_LIFO); /* the oldest is the one that waits */
    assert_int_equal(send_one(host), ERR_OK);
    for (u32_t ms = 0; ms < 2 * VIRTIOIF_TX_TIMEOUT_MS - 500; ms += 100) {
      assert_int_equal(send_one(host), ERR_OK);
      assert_int_equal(send_one(host), ERR_OK);
      pass_ms(host, 100, 100);
      sim_complete(host->dev, sim_net_tx_held(host->dev) - 1);
    }
    EXPECT_EVENTS(VIRTIOIF_EVENT_TX_STALLED);
    pass_ms(host, 1000, 100);
    EXPECT_EVENTS(VIRTIOIF_EVENT_TX_TIMEOUT, VIRTIOIF_EVENT_RECOVERED);
    sim_pace(host->dev, SIM_EAGER);
    sim_complete(host->dev, UINT32_MAX);
    expect_answer(host);
  }
}

/* It takes far longer than the watchdog waits from the sending of a frame to its end. */
static void a_slow_device_with_much_to_do_is_left_in_peace(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  sim_pace(host->dev, SIM_HOLD);
  for (unsigned i = 0; i < 100; i++) {
    while (sim_net_tx_held(host->dev) < 12) {
      assert_int_equal(send_one(host), ERR_OK);
    }
    pass_ms(host, VIRTIOIF_TX_TIMEOUT_MS - 300, 100);
    sim_complete(host->dev, 1);
    host_run(host);
  }
  assert_int_equal(event_count, 0);
}

/* Late ones are waited for as long as the oldest frame there is. */
static void frames_that_overtake_each_other_for_a_while_are_no_reason(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  sim_pace(host->dev, SIM_HOLD);
  sim_order(host->dev, SIM_LIFO);
  for (unsigned i = 0; i < 20; i++) {
    assert_int_equal(send_one(host), ERR_OK);
    for (u32_t ms = 0; ms < VIRTIOIF_TX_TIMEOUT_MS - 500; ms += 100) {
      assert_int_equal(send_one(host), ERR_OK);
      pass_ms(host, 100, 100);
      sim_complete(host->dev, sim_net_tx_held(host->dev) - 1);
    }
    sim_complete(host->dev, UINT32_MAX);
    host_run(host);
  }
  assert_int_equal(event_count, 0);
}

static void a_clock_that_jumps_is_no_reason(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  sim_pace(host->dev, SIM_HOLD);
  assert_int_equal(send_one(host), ERR_OK);
  virtioif_poll(&host->netif, 64);
  support_now_ms += 3600000; /* the host was asleep */
  virtioif_poll(&host->netif, 64);
  virtioif_poll(&host->netif, 64);
  assert_int_equal(event_count, 0);
  sim_pace(host->dev, SIM_EAGER);
  sim_complete(host->dev, UINT32_MAX);
  pass_ms(host, 100000, 100);
  assert_int_equal(event_count, 0);
}

static void the_watchdog_waits_longer_each_time_and_never_gives_up(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  u32_t last_ms = support_now_ms;
  u32_t longest_ms = 0;
  for (u32_t i = 0; i < 12000; i++) {
    sim_pace(host->dev, SIM_HOLD);
    if (netif_is_link_up(&host->netif) && virtioif_tx_in_flight(&host->netif) == 0) {
      send_one(host);
    }
    host_wait_ms(500);
    u32_t recoveries = host_news(host).recoveries;
    host_run(host);
    if (host_news(host).recoveries != recoveries) {
      longest_ms = support_now_ms - last_ms;
      last_ms = support_now_ms;
      event_count = 0;
    }
  }
  assert_true(host_news(host).recoveries > 50);
  assert_true(longest_ms > 50000);
  assert_int_equal(sim_status(host->dev) & 0x80, 0);
  sim_pace(host->dev, SIM_EAGER);
  sim_complete(host->dev, UINT32_MAX);
  pass_ms(host, 100000, 100);
  expect_answer(host);
}

/* A connection whose segment the device keeps to itself. */
static void a_connection_outlives_a_stuck_device(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct transfer t = {.to_send = 300000};
    transfer_start(&t, &params, &params);
    for (unsigned i = 0; i < 20; i++) {
      transfer_lap(&t);
    }
    struct host *stuck = t.hosts[0];
    sim_pace(stuck->dev, SIM_LAZY);
    for (unsigned i = 0; i < 200 && host_news(stuck).recoveries == 0; i++) {
      host_wait_ms(100);
      host_run(t.hosts[0]);
      host_run(t.hosts[1]);
    }
    assert_int_equal(host_news(stuck).recoveries, 1);
    sim_pace(stuck->dev, SIM_EAGER);
    transfer_run(&t);
    assert_int_equal(t.received, t.to_send);
    transfer_end(&t);
    host_end(NULL);
    host_begin(NULL);
  }
}

/*
 * Removal
 */

static void after_removal_the_memory_is_the_callers(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_watched((enum host_kind)kind);
    peer_forget(host);
    virtioif_cork(&host->netif);
    assert_int_equal(send_one(host), ERR_OK);
    assert_int_equal(virtioif_remove(&host->netif), ERR_OK);
    assert_int_equal(peer_got_count(host), 1); /* the last word was still said */
    assert_int_equal(sim_status(host->dev), 0);
    assert_null(netif_find("vi0"));
    memset(host->memory.dma, 0xa5,
           VIRTIOIF_DMA_BYTES((size_t)host->memory.rx_size, (size_t)host->memory.tx_size,
                              (size_t)host->memory.rx_buffers));
    assert_int_equal(host_add(host), ERR_OK);
    host_configure(host);
    host_run(host);
    expect_answer(host);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void removal_tells_of_data_that_is_still_held(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  struct udp_pcb *pcb = udp_new();
  kept = NULL;
  udp_bind(pcb, IP4_ADDR_ANY, 9);
  udp_recv(pcb, keep, NULL);
  struct peer_frame frame;
  peer_udp(host, &frame, 9, 1000, 7);
  peer_send(host, &frame);
  host_run(host);
  assert_int_equal(virtioif_remove(&host->netif), ERR_INPROGRESS);
  assert_int_equal(virtioif_rx_usage(&host->netif).held, 1);
  host_check_buffers(host);
  pbuf_free(kept);
  assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
  host_check_buffers(host);
  udp_remove(pcb);
  host->added = false;
}

static void removal_of_a_device_that_does_not_end_its_reset_is_told(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  sim_pace(host->dev, SIM_HOLD);
  assert_int_equal(send_one(host), ERR_OK);
  sim_faults(host->dev)->reset_reads = SIM_NEVER;
  assert_int_equal(virtioif_remove(&host->netif), ERR_TIMEOUT);
  assert_int_equal(virtioif_tx_in_flight(&host->netif), 0);
  assert_int_equal(virtioif_rx_usage(&host->netif).posted, 16);
  host->added = false;
}

static void removal_takes_looped_back_packets_along(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  struct udp_pcb *pcb = udp_new();
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 100, PBUF_RAM);
  memset(p->payload, 0, 100);
  assert_int_equal(udp_sendto(pcb, p, netif_ip_addr4(&host->netif), 9), ERR_OK);
  assert_int_equal(udp_sendto(pcb, p, netif_ip_addr4(&host->netif), 9), ERR_OK);
  pbuf_free(p);
  udp_remove(pcb);
  assert_int_equal(virtioif_remove(&host->netif), ERR_OK); /* host_end() looks for leaks */
  host->added = false;
}

static void a_device_that_was_given_up_can_be_removed(void **state)
{
  (void)state;
  struct host *host = host_watched(HOST_MODERN);
  sim_faults(host->dev)->refuse_features_ok = true;
  break_queue(host);
  pass_ms(host, 200000, 100);
  assert_int_equal(events[event_count - 1], VIRTIOIF_EVENT_GIVEN_UP);
  assert_int_equal(virtioif_remove(&host->netif), ERR_OK);
  host->added = false;
}

static void each_event_has_words_of_its_own(void **state)
{
  (void)state;
  for (unsigned a = 0; a <= VIRTIOIF_EVENT_GIVEN_UP + 1; a++) {
    for (unsigned b = 0; b < a; b++) {
      assert_string_not_equal(virtioif_event_text((enum virtioif_event)a),
                              virtioif_event_text((enum virtioif_event)b));
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(a_broken_queue_costs_one_reset_and_is_told),
      HOST_TEST(two_faults_at_once_cost_one_reset),
      HOST_TEST(the_same_features_and_address_are_there_again),
      HOST_TEST(each_wait_is_twice_as_long_and_there_is_a_last_one),
      HOST_TEST(a_device_that_has_worked_for_a_while_starts_over),
      HOST_TEST(a_device_that_does_not_come_back_is_tried_a_few_times),
      HOST_TEST(a_device_that_comes_back_late_is_taken_back),
      HOST_TEST(a_reset_asked_for_between_attempts_is_made_at_once),
      HOST_TEST(while_a_reset_has_not_ended_receive_buffers_stay_the_devices),
      HOST_TEST(a_reset_that_never_ends_has_an_end_for_the_driver),
      HOST_TEST(a_device_may_come_back_as_another),
      HOST_TEST(a_device_without_link_comes_back_without_link),
      HOST_TEST(received_data_stays_valid_through_resets),
      HOST_TEST(a_larger_queue_leaves_less_to_hold),
      HOST_TEST(connections_outlive_resets),
      HOST_TEST(a_reset_in_the_middle_of_a_burst_keeps_nothing_of_it),
      HOST_TEST(a_reset_after_a_full_queue_leaves_it_empty),
      HOST_TEST(a_refused_segment_leaves_after_the_reset),
      HOST_TEST(a_line_that_stays_high_ends_in_a_reset),
      HOST_TEST(other_devices_on_the_line_may_interrupt_without_end),
      HOST_TEST(a_stuck_device_is_notified_once_more_and_then_reset),
      HOST_TEST(a_device_that_gets_stuck_again_is_notified_again),
      HOST_TEST(a_device_that_sends_late_but_sends_is_left_in_peace),
      HOST_TEST(a_frame_that_is_kept_while_others_go_is_noticed),
      HOST_TEST(a_slow_device_with_much_to_do_is_left_in_peace),
      HOST_TEST(frames_that_overtake_each_other_for_a_while_are_no_reason),
      HOST_TEST(a_clock_that_jumps_is_no_reason),
      HOST_TEST(the_watchdog_waits_longer_each_time_and_never_gives_up),
      HOST_TEST(a_connection_outlives_a_stuck_device),
      HOST_TEST(after_removal_the_memory_is_the_callers),
      HOST_TEST(removal_tells_of_data_that_is_still_held),
      HOST_TEST(removal_of_a_device_that_does_not_end_its_reset_is_told),
      HOST_TEST(removal_takes_looped_back_packets_along),
      HOST_TEST(a_device_that_was_given_up_can_be_removed),
      HOST_TEST(each_event_has_words_of_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
