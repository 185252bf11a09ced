/*
 * test_hold.c: what lwIP or an application holds on to, and for how long: receive buffers, segments
 * on their way out.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "remote.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"

#include <string.h>

enum {
  PORT = 7,
  OTHER_PORT = 8,
  SEGMENT = TCP_MSS,
  RX_SIZE = 16,
  SPARE = 8,
  TIMER_MS = 250,
  LAPS_MAX = 20000
};

static struct host *host_with(enum host_kind kind, u16_t spare)
{
  struct sim_net_params params = host_device(kind);
  params.queue_max[SIM_RX] = RX_SIZE;
  struct host *host = host_create(&params, RX_SIZE, 16, (u16_t)(RX_SIZE + spare));
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  remote_introduce(host);
  host_run(host);
  host->before = *virtioif_stats(&host->netif);
  return host;
}

static void next_host(void)
{
  host_end(NULL);
  host_begin(NULL);
}

/* Legacy framing takes two descriptors for a buffer. */
static unsigned full_ring(enum host_kind kind)
{
  return kind == HOST_LEGACY_APART ? RX_SIZE / 2 : RX_SIZE;
}

/* The ring is as full as it can be, and lwIP holds no more than the spare buffers. */
static void check_ring(struct host *host, enum host_kind kind)
{
  struct virtioif_rx_usage usage = virtioif_rx_usage(&host->netif);
  host_check_buffers(host);
  assert_int_equal(usage.posted, full_ring(kind));
  assert_true(usage.held <= host->memory.rx_buffers - full_ring(kind));
}

static void check_all_is_back(struct host *host)
{
  host_run(host);
  assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
  host_check_buffers(host);
}

/* Others go on: a ping, and a connection of their own, both ways. */
static void check_others(struct remote *other, struct server *server)
{
  struct host *host = other->host;
  static struct packet ping;
  struct packet_way way = packet_to(host, other->way.ipv6);
  peer_forget(host);
  packet_ping(&ping, &way, 1000, 1);
  assert_true(sim_net_deliver(host->dev, ping.bytes, ping.len));
  host_run(host);
  assert_int_equal(peer_got_count(host), 1);
  assert_int_equal(peer_got(host, 0)->len, ping.len);
  peer_forget(host);
  u32_t before = server->received;
  u32_t acked = server->acked;
  for (unsigned i = 0; i < 2; i++) {
    remote_send(other, 0, SEGMENT, PACKET_ACK);
    other->seq += SEGMENT;
  }
  assert_int_equal(server->received - before, 2 * SEGMENT);
  assert_int_equal(tcp_write(server->pcb, ping.bytes, 1000, TCP_WRITE_FLAG_COPY), ERR_OK);
  assert_int_equal(tcp_output(server->pcb), ERR_OK);
  remote_acknowledge(other);
  assert_int_equal(server->acked - acked, 1000);
}

/*
 * In
 */

static void an_application_that_takes_nothing_starves_nobody(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      struct host *host = host_with((enum host_kind)kind, SPARE);
      struct server *greedy = server_open(PORT);
      struct server *server = server_open(OTHER_PORT);
      struct remote remote;
      struct remote other;
      greedy->keeps = true;
      remote_open(&remote, host, ipv6 != 0, PORT);
      remote_open(&other, host, ipv6 == 0, OTHER_PORT);
      u32_t room = TCP_WND;
      while (room != 0) {
        u32_t len = LWIP_MIN(room, tcp_mss(greedy->pcb));
        remote_send(&remote, 0, len, PACKET_ACK);
        remote.seq += len;
        room -= len;
        check_ring(host, (enum host_kind)kind);
        check_others(&other, server);
      }
      assert_int_equal(greedy->received, TCP_WND);
      assert_int_equal(virtioif_rx_usage(&host->netif).held,
                       LWIP_MIN(host->memory.rx_buffers - full_ring((enum host_kind)kind), 16));
      /* For ever, and although the peer goes on probing. */
      for (unsigned i = 0; i < 100; i++) {
        remote_send(&remote, 0, 1, PACKET_ACK);
        host_wait_ms(TIMER_MS);
        check_ring(host, (enum host_kind)kind);
      }
      check_others(&other, server);
      assert_int_equal(greedy->received, TCP_WND);
      /* What was kept is what was sent. */
      u8_t bytes[SEGMENT];
      size_t first = LWIP_MIN(tcp_mss(greedy->pcb), SEGMENT);
      pbuf_copy_partial(greedy->kept, bytes, (u16_t)first, 0);
      support_check_pattern(bytes, first, remote.port);
      server_free(greedy);
      tcp_recved(greedy->pcb, (u16_t)TCP_WND);
      check_all_is_back(host);
      check_others(&other, server);
      next_host();
    }
  }
}

static void fill_window(struct remote *remote, u32_t mss)
{
  for (u32_t room = TCP_WND; room != 0;) {
    u32_t len = LWIP_MIN(room, mss);
    remote_send(remote, 0, len, PACKET_ACK);
    remote->seq += len;
    room -= len;
  }
}

/* As many as port/README.md says: a window's worth of segments for each connection. */
static void with_spare_buffers_for_their_windows_nothing_of_connections_is_copied(void **state)
{
  (void)state;
  enum { GREEDY = 3 };
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      u32_t mss = ipv6 != 0 ? TCP_MSS - 20u : TCP_MSS;
      u16_t segments = (u16_t)((TCP_WND + mss - 1) / mss);
      struct host *host = host_with((enum host_kind)kind, (u16_t)(GREEDY * segments));
      struct server *greedy = server_open(PORT);
      struct remote remotes[GREEDY];
      greedy->keeps = true;
      for (unsigned i = 0; i < GREEDY; i++) {
        remote_open(&remotes[i], host, ipv6 != 0, PORT);
      }
      for (unsigned i = 0; i < GREEDY; i++) {
        fill_window(&remotes[i], mss);
        assert_int_equal(virtioif_rx_usage(&host->netif).held, (i + 1) * segments);
      }
      check_ring(host, (enum host_kind)kind);
      assert_int_equal(host_news(host).rx_copied, 0);
      server_free(greedy);
      next_host();
    }
  }
}

/* Gaps that are never filled. */
static void data_out_of_order_starves_nobody(void **state)
{
  (void)state;
  enum { GREEDY = 4 };
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_with((enum host_kind)kind, SPARE);
    struct server *greedy = NULL;
    struct server *server = server_open(OTHER_PORT);
    struct remote remote[GREEDY];
    struct remote other;
    remote_open(&other, host, true, OTHER_PORT);
    for (unsigned i = 0; i < GREEDY; i++) {
      greedy = server_open((u16_t)(100 + i));
      remote_open(&remote[i], host, false, (u16_t)(100 + i));
      for (u32_t at = 1; at + SEGMENT <= TCP_WND; at += SEGMENT) {
        remote_send(&remote[i], at, SEGMENT, PACKET_ACK);
        check_ring(host, (enum host_kind)kind);
        /* Its sender has it still: it is given up before others have to be copied. */
        assert_true(virtioif_rx_usage(&host->netif).held < host->vif.rx_held_max);
      }
      assert_int_equal(greedy->received, 0);
      check_others(&other, server);
    }
    u32_t live = support_malloc_live;
    for (unsigned i = 0; i < 20; i++) {
      for (u32_t at = 1; at + SEGMENT <= TCP_WND; at += SEGMENT) {
        remote_send(&remote[i % GREEDY], at, SEGMENT, PACKET_ACK);
      }
      check_ring(host, (enum host_kind)kind);
      check_others(&other, server);
    }
    assert_true(support_malloc_live <= live + 2u * TCP_OOSEQ_MAX_PBUFS * GREEDY);
    /* The byte that was missing comes; what was dropped comes again. */
    remote_send(&remote[GREEDY - 1], 0, 1, PACKET_ACK);
    for (u32_t at = 1; at + SEGMENT <= TCP_WND; at += SEGMENT) {
      remote_send(&remote[GREEDY - 1], at, SEGMENT, PACKET_ACK);
    }
    assert_int_equal(greedy->received, 1 + (TCP_WND - 1) / SEGMENT * SEGMENT);
    for (unsigned i = 0; i < GREEDY; i++) {
      remote_send(&remote[i], 0, 0, PACKET_RST | PACKET_ACK);
    }
    remote_send(&remote[GREEDY - 1], greedy->received, 0, PACKET_RST | PACKET_ACK);
    for (unsigned i = 0; i < 100; i++) { /* and time for the rest */
      host_wait_ms(TIMER_MS);
      host_run(host);
    }
    check_all_is_back(host);
    check_others(&other, server);
    next_host();
  }
}

/* Without a single spare buffer everything is copied, and nothing waits for what is held. */
static void without_spare_buffers_nothing_is_held(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, 0);
  struct server *greedy = server_open(PORT);
  struct server *server = server_open(OTHER_PORT);
  struct remote remote;
  struct remote other;
  greedy->keeps = true;
  remote_open(&remote, host, false, PORT);
  remote_open(&other, host, false, OTHER_PORT);
  for (u32_t sent = 0; sent + SEGMENT <= TCP_WND; sent += SEGMENT) {
    remote_send(&remote, 0, SEGMENT, PACKET_ACK);
    remote.seq += SEGMENT;
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    assert_int_equal(virtioif_rx_usage(&host->netif).posted, RX_SIZE);
  }
  assert_int_equal(greedy->received, TCP_WND / SEGMENT * SEGMENT);
  check_others(&other, server);
}

/*
 * Out
 */

static u8_t data[4000];

static void write_data(struct server *server, u16_t len, u8_t how)
{
  tcp_nagle_disable(server->pcb);
  assert_int_equal(tcp_write(server->pcb, data, len, how), ERR_OK);
  assert_int_equal(tcp_output(server->pcb), ERR_OK);
}

/* The station is there, its TCP is not. */
static void stay_known(struct host *host)
{
  struct peer_frame frame;
  peer_arp(host, &frame);
  peer_send(host, &frame);
  host_run(host);
}

/* How long lwIP tries, if nothing keeps it from sending when it is due: twice as long from time to
 * time, up to a limit, and a tick of its timer later it gives up. */
static u32_t patience_ms(const struct tcp_pcb *pcb)
{
  enum { DOUBLINGS = 7 };
  u32_t ticks = (u32_t)pcb->rto + 1;
  for (unsigned n = 1; n < TCP_MAXRTX; n++) {
    ticks += (u32_t)pcb->rto << LWIP_MIN(n, DOUBLINGS);
  }
  return ticks * TCP_SLOW_INTERVAL;
}

/* The device has read each one long ago; that the driver has not looked since must not matter. */
static void a_peer_that_is_gone_is_given_up_in_time(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned how = 0; how <= TCP_WRITE_FLAG_COPY; how++) {
      struct host *host = host_with((enum host_kind)kind, SPARE);
      struct server *server = server_open(PORT);
      struct remote remote;
      remote_open(&remote, host, false, PORT);
      write_data(server, 1000, (u8_t)how);
      assert_int_equal(remote_count(&remote), 1);
      u32_t begin = support_now_ms;
      u32_t patience = patience_ms(server->pcb);
      unsigned count = 0;
      u32_t bytes = 0;
      for (unsigned lap = 0; server->pcb != NULL && lap < LAPS_MAX; lap++) {
        unsigned retransmissions = server->pcb->nrtx;
        stay_known(host);
        count += remote_count(&remote);
        bytes += remote_bytes(&remote);
        peer_forget(host);
        assert_int_equal(count, 1 + retransmissions);
        host_wait_ms(TIMER_MS);
      }
      assert_null(server->pcb);
      assert_int_equal(server->error, ERR_ABRT);
      assert_true(support_now_ms - begin <= patience);
      assert_int_equal(count, 1 + TCP_MAXRTX);
      assert_int_equal(bytes, count * 1000); /* each with its data */
      host_run(host);
      assert_int_equal(virtioif_tx_in_flight(&host->netif), 0);
      next_host();
    }
  }
}

/* What was due meanwhile is sent at the next tick of lwIP's timer. */
static void complete_all(struct host *host)
{
  sim_complete(host->dev, UINT32_MAX);
  sim_pace(host->dev, SIM_EAGER);
  for (unsigned ms = 0; ms < TCP_SLOW_INTERVAL; ms += TIMER_MS) {
    host_run(host);
    host_wait_ms(TIMER_MS);
  }
}

/* A device slower than the peer's patience: only what it still has is not sent again. */
static void a_device_that_completes_late_delays_that_segment_alone(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_with((enum host_kind)kind, SPARE);
    struct server *slow = server_open(PORT);
    struct server *server = server_open(OTHER_PORT);
    struct remote remote;
    struct remote other;
    remote_open(&remote, host, false, PORT);
    remote_open(&other, host, false, OTHER_PORT);
    sim_pace(host->dev, SIM_HOLD);
    sim_order(host->dev, SIM_LIFO); /* the oldest is the one that waits */
    write_data(slow, 1000, 0);
    assert_int_equal(sim_net_tx_held(host->dev), 1);
    peer_forget(host);
    u32_t acked = 0;
    for (u32_t ms = 0; ms < 2 * VIRTIOIF_TX_TIMEOUT_MS - 1000; ms += TIMER_MS) {
      write_data(server, 1000, 0);
      acked += 1000;
      remote_acknowledge(&other);
      assert_int_equal(server->acked, acked);
      sim_complete(host->dev, sim_net_tx_held(host->dev) - 1);
      host_run(host);
      assert_int_equal(virtioif_tx_in_flight(&host->netif), 1);
      assert_int_equal(remote_count(&remote), 0);
      host_wait_ms(TIMER_MS);
    }
    assert_non_null(slow->pcb);
    assert_int_equal(host_news(host).recoveries,
                     0); /* the watchdog would have come a little later */
    /* From here on it is sent again as if nothing had been. */
    complete_all(host);
    assert_int_equal(remote_bytes(&remote), 1000);
    remote_acknowledge(&remote);
    assert_int_equal(slow->acked, 1000);
    next_host();
  }
}

/* lwIP retransmits nothing of a connection while one of its segments that wait for an
 * acknowledgement is referenced, be it the first of them or not. */
static void what_the_device_holds_of_a_connection_delays_all_of_it(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned held = 0; held < 2; held++) {
      struct host *host = host_with((enum host_kind)kind, SPARE);
      struct server *server = server_open(PORT);
      struct remote remote;
      remote_open(&remote, host, false, PORT);
      sim_pace(host->dev, SIM_HOLD);
      sim_order(host->dev, held == 0 ? SIM_LIFO : SIM_FIFO);
      write_data(server, 1000, 0);
      write_data(server, 1000, 0);
      assert_int_equal(remote_bytes(&remote), 2000);
      peer_forget(host); /* it got neither */
      sim_complete(host->dev, 1);
      host_run(host);
      assert_int_equal(virtioif_tx_in_flight(&host->netif), 1);
      /* As long as virtioif trusts a device that completes nothing. */
      for (u32_t ms = TIMER_MS; ms < VIRTIOIF_TX_TIMEOUT_MS; ms += TIMER_MS) {
        host_wait_ms(TIMER_MS);
        host_run(host);
        assert_int_equal(remote_count(&remote), 0);
      }
      assert_true(server->pcb->rtime > server->pcb->rto); /* it was due */
      assert_int_equal(server->pcb->nrtx, 0);
      complete_all(host);
      assert_int_equal(remote_bytes(&remote), 1000); /* one at a time after a loss */
      remote_acknowledge(&remote);
      assert_int_equal(remote_bytes(&remote), 1000);
      write_data(server, 1000, 0);
      remote_acknowledge(&remote);
      assert_int_equal(server->acked, 3000);
      next_host();
    }
  }
}

/* The peer acknowledges before the device gives the memory back. */
static void memory_is_the_devices_until_it_says_so_whatever_the_peer_says(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_with((enum host_kind)kind, SPARE);
    struct server *server = server_open(PORT);
    struct remote remote;
    remote_open(&remote, host, false, PORT);
    sim_pace(host->dev, SIM_HOLD);
    support_pattern(data, 1000, 1);
    write_data(server, 1000, TCP_WRITE_FLAG_COPY);
    u32_t live = support_malloc_live;
    remote_acknowledge(&remote);
    assert_int_equal(server->acked, 1000);
    assert_int_equal(virtioif_tx_in_flight(&host->netif), 1);
    sim_complete(host->dev, UINT32_MAX);
    host_run(host);
    assert_int_equal(virtioif_tx_in_flight(&host->netif), 0);
    assert_true(support_malloc_live < live);
    next_host();
  }
}

/* Refused for want of room, it goes at the completion, not at the timeout. */
static void after_a_full_queue_tcp_goes_on_without_a_timer(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    params.queue_max[SIM_TX] = 4;
    struct host *host = host_create(&params, 16, 4, 24);
    assert_int_equal(host_add(host), ERR_OK);
    host_configure(host);
    remote_introduce(host);
    host_run(host);
    struct server *server = server_open(PORT);
    struct remote remote;
    remote_open(&remote, host, false, PORT);
    host_run(host);
    server->pcb->cwnd = 20000;
    sim_pace(host->dev, SIM_HOLD);
    for (unsigned i = 0; i < 10; i++) {
      tcp_write(server->pcb, data, SEGMENT, 0);
    }
    tcp_output(server->pcb);
    assert_true(remote_bytes(&remote) < 10 * SEGMENT);
    for (unsigned i = 0; i < 20; i++) {
      sim_complete(host->dev, 1);
      host_run(host);
    }
    assert_int_equal(remote_bytes(&remote), 10 * SEGMENT);
    sim_complete(host->dev, UINT32_MAX);
    host_run(host);
    remote_acknowledge(&remote);
    assert_int_equal(server->acked, 10 * SEGMENT);
    next_host();
  }
}

/* A peer that sends beyond the window, and not in order: lwIP would queue the first such segment as
 * it is, and find its window overrun when the gap is closed. */
static void what_reaches_beyond_the_window_is_not_kept(void **state)
{
  (void)state;
  static const struct {
    u32_t from; /* bytes in front of the window's end where the segment begins */
    u32_t len;
    u8_t flags;
    bool fits;
  } cases[] = {
      {1, SEGMENT, PACKET_ACK, false},
      {SEGMENT - 1, SEGMENT, PACKET_ACK, false},
      {SEGMENT, SEGMENT, PACKET_ACK, true},
      {SEGMENT, SEGMENT, PACKET_ACK | PACKET_FIN, false},
      {SEGMENT + 1, SEGMENT, PACKET_ACK | PACKET_FIN, true},
      {1, 1, PACKET_ACK, true},
      {0, 1, PACKET_ACK, false},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct host *host = host_with(HOST_MODERN, SPARE);
    struct server *server = server_open(PORT);
    struct remote remote;
    server->mute = true;
    remote_open(&remote, host, i % 2 != 0, PORT);
    u32_t from = TCP_WND - cases[i].from;
    remote_send(&remote, from, cases[i].len, cases[i].flags);
    for (u32_t at = 0; at < from; at += SEGMENT) {
      remote_send(&remote, at, LWIP_MIN(SEGMENT, from - at), PACKET_ACK);
    }
    assert_int_equal(server->received, from + (cases[i].fits ? cases[i].len : 0));
    assert_true(server->pcb->rcv_wnd <= TCP_WND - server->received);
    check_all_is_back(host);
    next_host();
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(an_application_that_takes_nothing_starves_nobody),
      HOST_TEST(with_spare_buffers_for_their_windows_nothing_of_connections_is_copied),
      HOST_TEST(data_out_of_order_starves_nobody),
      HOST_TEST(without_spare_buffers_nothing_is_held),
      HOST_TEST(a_peer_that_is_gone_is_given_up_in_time),
      HOST_TEST(a_device_that_completes_late_delays_that_segment_alone),
      HOST_TEST(what_the_device_holds_of_a_connection_delays_all_of_it),
      HOST_TEST(memory_is_the_devices_until_it_says_so_whatever_the_peer_says),
      HOST_TEST(after_a_full_queue_tcp_goes_on_without_a_timer),
      HOST_TEST(what_reaches_beyond_the_window_is_not_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
