/*
 * test_faults.c: a device that breaks the rules, one switch after the other, under virtioif and
 * lwIP. Nothing may be read or written outside its place (the sanitizers look), nothing may go on
 * for ever, no buffer may be lost, and the outcome is the promised one: the interface goes on, or
 * the device is reset and works again.
 *
 * Impossible lengths: test_rx.c. num_buffers and header fields: test_offload.c. Devices that do not
 * come back: test_recover.c.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include "lwip/etharp.h"

#include <string.h>

/*
 * The two outcomes
 */

/* Traffic in both directions. */
static void expect_works(struct host *host)
{
  assert_true(netif_is_link_up(&host->netif));
  peer_forget(host);
  for (unsigned i = 0; i < 40; i++) {
    struct peer_frame frame;
    peer_arp(host, &frame);
    peer_send(host, &frame);
    peer_ping(host, &frame, 37 * i, i);
    peer_send(host, &frame);
    host_run(host);
    sim_run(host->dev);
    sim_complete(host->dev, UINT32_MAX);
    host_run(host);
    host_check_buffers(host);
    assert_int_equal(peer_got_count(host), 2 * (i + 1));
    assert_memory_equal(peer_got(host, 2 * i + 1)->bytes + 42, frame.bytes + 42, 37 * i);
  }
}

/* The device is reset, and back in service when it has stopped lying. */
static void expect_recovery(struct host *host)
{
  struct sim_faults *faults = sim_faults(host->dev);
  host_run(host);
  assert_true(host_news(host).device_errors >= 1);
  host_check_buffers(host);
  faults->used_twice = false;
  faults->used_id_wrong = false;
  faults->used_idx_extra = 0;
  sim_pace(host->dev, SIM_EAGER);
  host_wait_ms(VIRTIOIF_STABLE_MS);
  host_run(host);
  sim_complete(host->dev, UINT32_MAX);
  host_run(host);
  assert_true(host_news(host).recoveries >= 1);
  assert_int_equal(host_news(host).recoveries, host_news(host).device_errors);
  assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
  assert_int_equal(virtioif_tx_in_flight(&host->netif), 0);
  expect_works(host);
}

/* One outcome or the other, where the rules leave room for both. */
static void expect_sound(struct host *host)
{
  host_run(host);
  host_check_buffers(host);
  if (host_news(host).device_errors > 0) {
    expect_recovery(host);
  }
}

typedef void fault_fn(struct host *host, unsigned variant);

/* A fresh interface for each kind of device and each variant of a fault. */
static void for_all(unsigned variants, fault_fn *fault)
{
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned variant = 0; variant < variants; variant++) {
      struct host *host = host_live((enum host_kind)kind);
      fault(host, variant);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void one_frame(struct host *host)
{
  struct peer_frame frame;
  peer_raw(host, &frame, 400, 1);
  sim_net_deliver(host->dev, frame.bytes, frame.len);
}

static void send_some(struct host *host, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    struct pbuf *p = pbuf_alloc(PBUF_RAW_TX, (u16_t)(100 + 100 * i), PBUF_RAM);
    memset(p->payload, 0, p->len);
    host->netif.linkoutput(&host->netif, p);
    pbuf_free(p);
  }
}

/*
 * Used ring: ids
 */

static void lie_id(struct host *host, unsigned variant)
{
  static const uint32_t ids[] = {16, 17, 0xffff, 0x10000, 0x10001, 0x80000000, UINT32_MAX};
  unsigned queue = variant % 2;
  if (queue == SIM_TX) {
    sim_pace(host->dev, SIM_HOLD);
    send_some(host, 3);
  }
  sim_lie_used(host->dev, queue, ids[variant / 2], 100);
  expect_recovery(host);
}

static void an_id_out_of_range_costs_a_reset(void **state)
{
  (void)state;
  for_all(14, lie_id);
}

static void lie_stale_id(struct host *host, unsigned variant)
{
  if (variant == 0) {
    sim_lie_used(host->dev, SIM_TX, 3, 0); /* nothing was sent */
  } else {
    sim_pace(host->dev, SIM_HOLD);
    send_some(host, 1);
    sim_complete(host->dev, 1);
    host_run(host);
    sim_lie_used(host->dev, SIM_TX, 0, 0); /* came back already */
  }
  expect_recovery(host);
}

static void an_id_that_is_not_in_flight_costs_a_reset(void **state)
{
  (void)state;
  for_all(2, lie_stale_id);
}

static void lie_twice(struct host *host, unsigned variant)
{
  sim_faults(host->dev)->used_twice = true;
  sim_faults(host->dev)->used_queues = 1u << variant;
  if (variant == SIM_RX) {
    one_frame(host);
  } else {
    sim_pace(host->dev, SIM_HOLD);
    send_some(host, 2);
    sim_complete(host->dev, 1);
  }
  expect_recovery(host);
}

static void the_same_id_twice_costs_a_reset(void **state)
{
  (void)state;
  for_all(2, lie_twice);
}

/* Another buffer than the one that was filled: its content is wrong, and nothing worse. */
static void lie_swapped(struct host *host, unsigned variant)
{
  (void)variant;
  sim_tolerate("drv-cleanup-1"); /* it cannot know that the device has it still */
  sim_tolerate("own-buffer-twice");
  uint16_t first = sim_posted_head(host->dev, SIM_RX, 0);
  uint16_t second = sim_posted_head(host->dev, SIM_RX, 1);
  sim_faults(host->dev)->used_id_wrong = true;
  sim_faults(host->dev)->used_times = 1;
  sim_faults(host->dev)->used_id = second;
  one_frame(host);
  host_run(host);
  sim_lie_used(host->dev, SIM_RX, first, 100);
  expect_sound(host);
}

static void ids_that_are_swapped_do_no_harm(void **state)
{
  (void)state;
  for_all(1, lie_swapped);
}

/*
 * Used ring: index
 */

static void lie_idx(struct host *host, unsigned variant)
{
  static const uint16_t jumps[] = {17, 32, 0x100, 0x7fff, 0x8000, 0xff00, 0xffff};
  unsigned queue = variant % 2;
  uint16_t honest = sim_used_idx(host->dev, queue);
  sim_lie_idx(host->dev, queue, (uint16_t)(honest + jumps[variant / 2]));
  virtioif_poll(&host->netif, 64);
  sim_honest_idx(host->dev, queue); /* a glitch, gone again: what was seen was seen */
  expect_recovery(host);
}

static void an_index_that_cannot_be_costs_a_reset(void **state)
{
  (void)state;
  for_all(14, lie_idx);
}

static void lie_idx_extra(struct host *host, unsigned variant)
{
  static const uint16_t extras[] = {1, 2, 7, 15, 16, 17, 0x8000, 0xffff, 0xfffe};
  sim_faults(host->dev)->used_idx_extra = extras[variant];
  sim_faults(host->dev)->used_times = 1;
  sim_faults(host->dev)->used_queues = 1u << SIM_RX;
  /* Entries that were not written may name buffers that the device has. */
  sim_tolerate("drv-cleanup-1");
  sim_tolerate("own-buffer-twice");
  one_frame(host);
  expect_sound(host);
  for (unsigned i = 0; i < 20; i++) {
    one_frame(host);
    host_run(host);
    host_check_buffers(host);
  }
  expect_sound(host);
}

static void an_index_ahead_of_its_entries_loses_no_buffer(void **state)
{
  (void)state;
  for_all(9, lie_idx_extra);
}

static void lie_between_polls(struct host *host, unsigned variant)
{
  /* Shown and taken back before anybody looked: it never was. */
  unsigned queue = variant;
  sim_lie_idx(host->dev, queue, (uint16_t)(sim_used_idx(host->dev, queue) + 100));
  sim_honest_idx(host->dev, queue);
  expect_works(host);
}

static void a_glitch_that_nobody_saw_is_none(void **state)
{
  (void)state;
  for_all(2, lie_between_polls);
}

/*
 * Completions
 */

static void complete_oddly(struct host *host, unsigned variant)
{
  static const enum sim_order orders[] = {SIM_FIFO, SIM_LIFO, SIM_SHUFFLED};
  static const enum sim_pace paces[] = {SIM_EAGER, SIM_LAZY, SIM_HOLD};
  sim_order(host->dev, orders[variant % 3]);
  sim_pace(host->dev, paces[variant / 3]);
  expect_works(host);
}

static void completions_out_of_order_late_and_in_bursts_are_fine(void **state)
{
  (void)state;
  for_all(9, complete_oddly);
}

static void complete_never(struct host *host, unsigned variant)
{
  (void)variant;
  sim_pace(host->dev, SIM_HOLD);
  for (unsigned i = 0; i < 200; i++) {
    send_some(host, 5);
    one_frame(host);
    host_run(host);
    host_check_buffers(host);
  }
  assert_true(host_news(host).tx_ring_full > 0);
  /* Receiving goes on all the while, and when the device awakes sending does too. */
  assert_int_equal(host_news(host).rx_frames, 200);
  sim_complete(host->dev, UINT32_MAX);
  host_run(host);
  sim_pace(host->dev, SIM_EAGER);
  expect_works(host);
}

static void completions_that_do_not_come_block_nothing_else(void **state)
{
  (void)state;
  for_all(1, complete_never);
}

/*
 * Memory that is not the device's to write
 */

static void scribble(struct host *host, unsigned variant)
{
  (void)variant;
  sim_faults(host->dev)->scribble_after_use = true;
  sim_scribble(host->dev, SIM_RX);
  sim_scribble(host->dev, SIM_TX);
  expect_works(host);
}

static void a_device_that_writes_over_the_rings_spoils_nothing(void **state)
{
  (void)state;
  for_all(1, scribble);
}

static void scribble_in_flight(struct host *host, unsigned variant)
{
  (void)variant;
  sim_pace(host->dev, SIM_HOLD);
  send_some(host, 4);
  sim_scribble(host->dev, SIM_TX);
  sim_scribble(host->dev, SIM_RX);
  sim_complete(host->dev, UINT32_MAX);
  host_run(host);
  assert_int_equal(virtq_in_flight(&host->vif.net.tx), 0);
  sim_pace(host->dev, SIM_EAGER);
  expect_works(host);
}

static void descriptors_in_flight_are_not_read_back(void **state)
{
  (void)state;
  for_all(1, scribble_in_flight);
}

static void garbage_in_suppression(struct host *host, unsigned variant)
{
  for (unsigned i = 0; i < 30; i++) {
    uint16_t flags = (uint16_t)(0x5a5a * i + variant);
    sim_lie_suppression(host->dev, SIM_RX, flags, (uint16_t)(0x1357 * i + variant));
    sim_lie_suppression(host->dev, SIM_TX, flags, (uint16_t)(0x2468 * i + variant));
    peer_forget(host);
    struct peer_frame frame;
    peer_arp(host, &frame);
    peer_send(host, &frame);
    host_run(host);
    sim_run(host->dev);
    host_run(host);
    assert_int_equal(peer_got_count(host), 1);
  }
}

static void garbage_in_used_flags_and_avail_event_decides_notifications_only(void **state)
{
  (void)state;
  for_all(4, garbage_in_suppression);
}

/* Event indices were negotiated, and the device never says where it wants to be notified. What it
 * is not told of it is told of by the watchdog. */
static void an_avail_event_that_never_moves_costs_time_and_no_frame(void **state)
{
  (void)state;
  struct host *host = host_live(HOST_MODERN_EVENT_IDX);
  sim_tolerate("drv-availnotif-7"); /* the device has not told the truth about what it wants */
  uint16_t far_away = (uint16_t)(sim_used_idx(host->dev, SIM_TX) + 0x8000u);
  for (unsigned i = 0; i < 20; i++) {
    struct peer_frame frame;
    peer_forget(host);
    peer_arp(host, &frame);
    peer_send(host, &frame);
    sim_lie_suppression(host->dev, SIM_RX, 0, far_away);
    sim_lie_suppression(host->dev, SIM_TX, 0, far_away);
    host_run(host);
    for (unsigned s = 0; s < 100 && peer_got_count(host) == 0; s++) {
      host_wait_ms(100);
      sim_lie_suppression(host->dev, SIM_TX, 0, far_away);
      host_run(host);
    }
    assert_true(peer_got_count(host) >= 1);
    host_check_buffers(host);
  }
  assert_in_range(host_news(host).tx_stalls, 1, 20);
  assert_int_equal(host_news(host).device_errors, 0);
}

/*
 * Interrupts
 */

static void interrupts_lost(struct host *host, unsigned variant)
{
  (void)variant;
  sim_faults(host->dev)->interrupts_lost = true;
  expect_works(host);
}

static void interrupts_storming(struct host *host, unsigned variant)
{
  (void)variant;
  sim_faults(host->dev)->interrupts_unwanted = true;
  expect_works(host);
}

static void interrupts_that_are_lost_or_not_wanted_are_fine(void **state)
{
  (void)state;
  for_all(1, interrupts_lost);
  for_all(1, interrupts_storming);
}

/* A main loop that is told of interrupts for ever gets its work done between them. */
static void run_for_a_while(struct host *host)
{
  for (unsigned i = 0; i < 200; i++) {
    virtioif_isr(&host->netif);
    virtioif_poll(&host->netif, 64);
  }
}

static void isr_stuck(struct host *host, unsigned variant)
{
  sim_faults(host->dev)->isr_stuck = true;
  sim_faults(host->dev)->isr_value = variant;
  sim_tolerate("drv-mmio-irq-1");
  for (unsigned i = 0; i < 20; i++) {
    peer_forget(host);
    struct peer_frame frame;
    peer_arp(host, &frame);
    peer_send(host, &frame);
    run_for_a_while(host);
    assert_int_equal(peer_got_count(host), 1);
    host_check_buffers(host);
  }
  assert_int_equal(host_news(host).link_changes, 0);
  sim_faults(host->dev)->isr_stuck = false;
}

static void an_interrupt_status_that_is_stuck_is_survived(void **state)
{
  (void)state;
  for_all(4, isr_stuck);
}

static void ack_ignored(struct host *host, unsigned variant)
{
  (void)variant;
  sim_faults(host->dev)->ack_ignored = true;
  for (unsigned i = 0; i < 20; i++) {
    peer_forget(host);
    struct peer_frame frame;
    peer_arp(host, &frame);
    peer_send(host, &frame);
    run_for_a_while(host);
    assert_int_equal(peer_got_count(host), 1);
  }
  sim_faults(host->dev)->ack_ignored = false;
}

static void an_acknowledgement_without_effect_is_survived(void **state)
{
  (void)state;
  for_all(1, ack_ignored);
}

static void raise_early(struct sim_device *dev, void *arg)
{
  (void)arg;
  sim_spurious_interrupt(dev, 3);
}

static void interrupts_before_driver_ok_change_nothing(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct host *host = host_create(&params, 16, 16, 32);
    sim_at(host->dev, SIM_AT_STATUS_READ, raise_early, NULL);
    assert_int_equal(host_add(host), ERR_OK);
    sim_at(host->dev, SIM_AT_STATUS_READ, NULL, NULL);
    host_configure(host);
    host_run(host);
    expect_works(host);
  }
}

/*
 * Configuration
 */

static void config_never_settles(struct host *host, unsigned variant)
{
  (void)variant;
  sim_faults(host->dev)->generation_never_settles = true;
  sim_spurious_interrupt(host->dev, 2);
  unsigned reads = sim_counters(host->dev)->config_reads;
  host_run(host);
  assert_true(sim_counters(host->dev)->config_reads - reads < 1000);
  assert_int_equal(host_news(host).link_changes, 0);
  sim_faults(host->dev)->generation_never_settles = false;
  sim_net_set_link(host->dev, true);
  host_run(host);
  expect_works(host);
}

static void a_configuration_that_never_settles_leaves_the_link_as_it_was(void **state)
{
  (void)state;
  for_all(1, config_never_settles);
}

static void an_address_that_cannot_be_one_is_replaced(void **state)
{
  (void)state;
  static const u8_t macs[][6] = {
      {0, 0, 0, 0, 0, 0}, {1, 0, 0x5e, 0, 0, 1}, {255, 255, 255, 255, 255, 255}};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (size_t i = 0; i < COUNT(macs); i++) {
      struct sim_net_params params = host_device((enum host_kind)kind);
      memcpy(params.mac, macs[i], 6);
      struct host *host = host_create(&params, 16, 16, 32);
      host->params.mac_random = true;
      assert_int_equal(host_add(host), ERR_OK);
      assert_int_equal(host->netif.hwaddr[0] & 3, 2);
      host_configure(host);
      host_run(host);
      expect_works(host);
    }
  }
}

static void an_mtu_that_cannot_be_one_is_not_used(void **state)
{
  (void)state;
  static const u16_t mtus[] = {0, 1, 67, 2021, 65535};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (size_t i = 0; i < COUNT(mtus); i++) {
      struct sim_net_params params = host_device((enum host_kind)kind);
      params.features |= SIM_F_MTU;
      params.mtu = mtus[i];
      struct host *host = host_create(&params, 16, 16, 32);
      assert_int_equal(host_add(host), ERR_OK);
      assert_int_equal(host->netif.mtu, 1500);
      host_configure(host);
      host_run(host);
      expect_works(host);
    }
  }
}

static void flap(struct host *host, unsigned variant)
{
  for (unsigned i = 0; i < 1000; i++) {
    sim_net_set_link(host->dev, i % 2 != 0);
    if (i % (variant + 1) == 0) {
      host_run(host);
    }
    sim_net_deliver(host->dev, "fourteen bytes of nothing", 20);
  }
  host_run(host);
  expect_works(host);
}

static void a_link_that_flaps_does_no_harm(void **state)
{
  (void)state;
  for_all(3, flap);
}

static void a_link_that_never_comes_up_sends_nothing(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    params.status = 0;
    struct host *host = host_create(&params, 16, 16, 32);
    assert_int_equal(host_add(host), ERR_OK);
    host_configure(host);
    for (unsigned i = 0; i < 100; i++) {
      host_run(host);
      host_wait_ms(1000);
    }
    assert_int_equal(sim_net_sent_count(host->dev), 0);
    assert_true(virtioif_idle(&host->netif));
  }
}

/*
 * Bring-up
 */

static void any_queue_size_works_or_is_refused(void **state)
{
  (void)state;
  static const uint32_t maxima[] = {0, 1, 2, 3, 5, 16, 1000, 65536, UINT32_MAX};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (size_t r = 0; r < COUNT(maxima); r++) {
      for (size_t t = 0; t < COUNT(maxima); t++) {
        struct sim_net_params params = host_device((enum host_kind)kind);
        params.queue_max[SIM_RX] = maxima[r];
        params.queue_max[SIM_TX] = maxima[t];
        struct host *host = host_create(&params, 16, 16, 32);
        uint32_t least = kind == HOST_LEGACY_APART ? 2 : 1;
        bool possible = maxima[r] >= least && maxima[t] >= least;
        assert_int_equal(host_add(host), possible ? ERR_OK : ERR_IF);
        if (possible) {
          host_configure(host);
          host_run(host);
          for (unsigned i = 0; i < 20; i++) {
            /* One at a time: there may be no more than one buffer. */
            peer_forget(host);
            struct peer_frame frame;
            peer_arp(host, &frame);
            peer_send(host, &frame);
            host_run(host);
            assert_int_equal(peer_got_count(host), 1);
          }
        }
        host_end(NULL);
        host_begin(NULL);
      }
    }
  }
}

static void a_device_that_refuses_is_refused(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned what = 0; what < 5; what++) {
      bool modern = kind <= HOST_MODERN_EVENT_IDX;
      if (!modern && what >= 3) {
        continue;
      }
      struct sim_net_params params = host_device((enum host_kind)kind);
      if (what == 3) {
        params.features &= ~SIM_F_VERSION_1;
      }
      struct host *host = host_create(&params, 16, 16, 32);
      struct sim_faults *faults = sim_faults(host->dev);
      faults->queue_ready_stuck_at_0 = what == 0;
      faults->queue_ready_stuck_at_1 = what == 1;
      faults->reset_reads = what == 2 ? SIM_NEVER : 3;
      faults->refuse_features_ok = what == 4;
      assert_int_equal(host_add(host), ERR_IF);
      assert_string_not_equal(virtioif_init_error(&host->vif), "no error");
      assert_true((sim_status(host->dev) & 0x80) != 0);
      assert_false(sim_live(host->dev));
    }
  }
}

static void a_reset_that_takes_long_is_waited_for(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    struct host *host = host_create(&params, 16, 16, 32);
    sim_faults(host->dev)->reset_reads = 1000;
    assert_int_equal(host_add(host), ERR_OK);
    host_configure(host);
    host_run(host);
    expect_works(host);
  }
}

static void features_offered_without_what_they_need_are_declined(void **state)
{
  (void)state;
  static const uint64_t lies[] = {
      SIM_F_GUEST_TSO4, SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN, SIM_F_HOST_TSO4 | SIM_F_HOST_ECN,
      SIM_F_HOST_TSO6,  SIM_F_CTRL_RX | SIM_F_MQ,           SIM_F_GUEST_ANNOUNCE,
      UINT64_C(7) << 44};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (size_t i = 0; i < COUNT(lies); i++) {
      struct sim_net_params params = host_device((enum host_kind)kind);
      params.features |= lies[i];
      struct host *host = host_create(&params, 16, 16, 32);
      assert_int_equal(host_add(host), ERR_OK);
      assert_int_equal(sim_accepted(host->dev) & lies[i], 0);
      host_configure(host);
      host_run(host);
      expect_works(host);
    }
  }
}

/*
 * Status
 */

static void needs_reset(struct host *host, unsigned variant)
{
  send_some(host, 3);
  one_frame(host);
  sim_needs_reset(host->dev, variant == 1);
  expect_recovery(host);
}

static void a_device_that_needs_a_reset_gets_one(void **state)
{
  (void)state;
  for_all(2, needs_reset);
}

static void status_dropped(struct host *host, unsigned variant)
{
  sim_pace(host->dev, SIM_HOLD);
  send_some(host, variant);
  sim_tolerate("drv-cleanup-2"); /* it is the device that forgot */
  sim_drop_status(host->dev);
  sim_tolerate("own-notify");
  sim_tolerate("drv-init-10");
  sim_spurious_interrupt(host->dev, 2);
  expect_recovery(host);
}

static void a_device_that_forgets_everything_is_set_up_again(void **state)
{
  (void)state;
  for_all(3, status_dropped);
}

/* In the middle of a transfer: whatever was lost with the reset is sent again, and every byte
 * arrives. */
static void a_device_may_fail_at_any_moment_of_a_transfer(void **state)
{
  (void)state;
  for (unsigned lap = 1; lap < 60; lap += 3) {
    for (unsigned offloads = 0; offloads < 2; offloads++) {
      struct sim_net_params params = host_device(HOST_MODERN_EVENT_IDX);
      if (offloads != 0) {
        params.features |=
            SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_HOST_TSO4 | SIM_F_MRG_RXBUF | SIM_F_GUEST_TSO4;
      }
      struct transfer t = {.to_send = 1000000, .corked = offloads != 0};
      transfer_start(&t, &params, &params);
      for (unsigned i = 0; i < lap; i++) {
        transfer_lap(&t);
      }
      struct host *victim = t.hosts[lap % 2];
      sim_lie_used(victim->dev, lap % 4 / 2, 0xbad, 0);
      transfer_run(&t);
      assert_int_equal(t.received, t.to_send);
      assert_int_equal(host_news(victim).recoveries, 1);
      transfer_end(&t);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(an_id_out_of_range_costs_a_reset),
      HOST_TEST(an_id_that_is_not_in_flight_costs_a_reset),
      HOST_TEST(the_same_id_twice_costs_a_reset),
      HOST_TEST(ids_that_are_swapped_do_no_harm),
      HOST_TEST(an_index_that_cannot_be_costs_a_reset),
      HOST_TEST(an_index_ahead_of_its_entries_loses_no_buffer),
      HOST_TEST(a_glitch_that_nobody_saw_is_none),
      HOST_TEST(completions_out_of_order_late_and_in_bursts_are_fine),
      HOST_TEST(completions_that_do_not_come_block_nothing_else),
      HOST_TEST(a_device_that_writes_over_the_rings_spoils_nothing),
      HOST_TEST(descriptors_in_flight_are_not_read_back),
      HOST_TEST(garbage_in_used_flags_and_avail_event_decides_notifications_only),
      HOST_TEST(an_avail_event_that_never_moves_costs_time_and_no_frame),
      HOST_TEST(interrupts_that_are_lost_or_not_wanted_are_fine),
      HOST_TEST(an_interrupt_status_that_is_stuck_is_survived),
      HOST_TEST(an_acknowledgement_without_effect_is_survived),
      HOST_TEST(interrupts_before_driver_ok_change_nothing),
      HOST_TEST(a_configuration_that_never_settles_leaves_the_link_as_it_was),
      HOST_TEST(an_address_that_cannot_be_one_is_replaced),
      HOST_TEST(an_mtu_that_cannot_be_one_is_not_used),
      HOST_TEST(a_link_that_flaps_does_no_harm),
      HOST_TEST(a_link_that_never_comes_up_sends_nothing),
      HOST_TEST(any_queue_size_works_or_is_refused),
      HOST_TEST(a_device_that_refuses_is_refused),
      HOST_TEST(a_reset_that_takes_long_is_waited_for),
      HOST_TEST(features_offered_without_what_they_need_are_declined),
      HOST_TEST(a_device_that_needs_a_reset_gets_one),
      HOST_TEST(a_device_that_forgets_everything_is_set_up_again),
      HOST_TEST(a_device_may_fail_at_any_moment_of_a_transfer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
