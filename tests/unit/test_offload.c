/*
 * test_offload.c: checksums that the device computes or has checked, and large frames both ways.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

#include <string.h>

enum { ETH_HDR = 14, IP_HDR = 20, UDP_HDR = 8, L4 = ETH_HDR + IP_HDR };

#define CSUM_FEATURES (SIM_F_CSUM | SIM_F_GUEST_CSUM)
#define TSO_FEATURES  (CSUM_FEATURES | SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6)
#define LRO_FEATURES                                                                               \
  (CSUM_FEATURES | SIM_F_MRG_RXBUF | SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN)

static struct sim_net_params device_with(enum host_kind kind, uint64_t features)
{
  struct sim_net_params params = host_device(kind);
  params.features |= features;
  return params;
}

static struct host *host_with(enum host_kind kind, uint64_t features)
{
  struct sim_net_params params = device_with(kind, features);
  struct host *host = host_create(&params, 64, 16, 96);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  peer_forget(host);
  host->before = *virtioif_stats(&host->netif);
  return host;
}

/*
 * Out: checksums
 */

static void tcp_leaves_its_checksum_to_the_device(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      struct sim_net_params params = device_with((enum host_kind)kind, CSUM_FEATURES);
      struct transfer t = {.to_send = 100000, .ipv6 = ipv6 != 0, .in_place = kind % 2 == 0};
      transfer_start(&t, &params, &params);
      transfer_run(&t);
      assert_int_equal(t.received, t.to_send);
      unsigned offloaded = 0;
      unsigned n = sim_net_sent_count(t.hosts[0]->dev);
      for (unsigned i = 0; i < n; i++) {
        const struct sim_frame *frame = sim_net_sent(t.hosts[0]->dev, i);
        bool tcp = frame->len > 100;
        offloaded += frame->hdr.flags == 1;
        if (tcp) {
          assert_int_equal(frame->hdr.flags, 1);
          assert_int_equal(frame->hdr.csum_start, ipv6 ? ETH_HDR + 40 : L4);
          assert_int_equal(frame->hdr.csum_offset, 16);
        }
      }
      assert_true(offloaded > 60);
      transfer_end(&t);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void without_the_feature_all_checksums_are_made_by_lwip(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  struct transfer t = {.to_send = 50000};
  transfer_start(&t, &params, &params);
  transfer_run(&t);
  assert_int_equal(t.received, t.to_send);
  for (unsigned i = 0; i < sim_net_sent_count(t.hosts[0]->dev); i++) {
    assert_int_equal(sim_net_sent(t.hosts[0]->dev, i)->hdr.flags, 0);
  }
  transfer_end(&t);
}

static bool lose_some(struct transfer *t, const u8_t *bytes, size_t len)
{
  LWIP_UNUSED_ARG(bytes);
  LWIP_UNUSED_ARG(len);
  return t->carried % 29 == 28;
}

/* What is sent again was changed when it was sent first. */
static void retransmitted_segments_have_good_checksums_too(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, CSUM_FEATURES);
  struct transfer t = {.to_send = 100000, .lose = lose_some};
  transfer_start(&t, &params, &params);
  transfer_run(&t);
  assert_int_equal(t.received, t.to_send);
  transfer_end(&t);
}

static void datagrams_and_fragments_keep_the_checksums_that_lwip_made(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  peer_introduce(host);
  struct udp_pcb *pcb = udp_new();
  ip_addr_t addr;
  IP_ADDR4(&addr, 10, 0, (u8_t)host->number, 2);
  for (u16_t len = 1; len <= 4000; len = (u16_t)(len + 333)) {
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, len, PBUF_RAM);
    support_pattern(p->payload, len, len);
    assert_int_equal(udp_sendto(pcb, p, &addr, 9), ERR_OK);
    pbuf_free(p);
    for (unsigned i = 0; i < peer_got_count(host); i++) {
      assert_int_equal(peer_got(host, i)->hdr.flags, 0);
    }
    /* 0 would be "no checksum". */
    assert_true((peer_got(host, 0)->bytes[L4 + 6] | peer_got(host, 0)->bytes[L4 + 7]) != 0);
    peer_forget(host);
    host_run(host);
  }
  udp_remove(pcb);
}

/* Whatever looks a little like a packet, with no byte behind it to read. */
static void frames_cut_short_are_sent_as_they_are(void **state)
{
  (void)state;
  static const u8_t types[][2] = {{0x81, 0x00}, {0x08, 0x00}, {0x86, 0xdd}};
  struct host *host = host_with(HOST_MODERN, TSO_FEATURES);
  for (size_t t = 0; t < COUNT(types); t++) {
    for (size_t inner = 0; inner < COUNT(types); inner++) {
      for (u16_t len = ETH_HDR; len <= 80; len++) {
        u8_t *bytes = support_alloc(len, 1);
        memset(bytes, 0, len);
        memcpy(bytes + 12, types[t], 2);
        if (len >= 18 && t == 0) {
          memcpy(bytes + 16, types[inner], 2);
        }
        size_t ip = t == 0 ? 18 : 14;
        if (len > ip + 9) {
          bytes[ip] = t == 2 || (t == 0 && inner == 2) ? 0x60 : 0x45;
          bytes[ip + 6] = 6;
          bytes[ip + 9] = 6;
        }
        struct pbuf *p = pbuf_alloc(PBUF_RAW, len, PBUF_ROM);
        p->payload = bytes;
        /* They make no sense as packets; only reading beyond them would be wrong. */
        host->netif.linkoutput(&host->netif, p);
        virtioif_cork(&host->netif);
        host->netif.linkoutput(&host->netif, p);
        virtioif_flush(&host->netif);
        pbuf_free(p);
        host_run(host);
      }
    }
  }
  sim_expect("own-tx-ip-length");
  sim_expect("drv-net-tx-4");
  sim_expect("drv-net-tx-21");
  sim_expect("drv-net-tx-22");
}

/*
 * In: checksums
 */

static unsigned datagrams;

static void datagram_received(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                              u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(addr);
  LWIP_UNUSED_ARG(port);
  datagrams++;
  pbuf_free(p);
}

static struct udp_pcb *listen_udp(void)
{
  struct udp_pcb *pcb = udp_new();
  assert_int_equal(udp_bind(pcb, IP4_ADDR_ANY, 9), ERR_OK);
  udp_recv(pcb, datagram_received, NULL);
  datagrams = 0;
  return pcb;
}

/* A datagram for port 9 with some checksum. */
static void udp_with_sum(const struct host *host, struct peer_frame *frame, size_t len, u16_t sum)
{
  peer_udp(host, frame, 9, len, 1);
  memcpy(frame->bytes + L4 + 6, &sum, sizeof(sum));
}

/* The right checksum, in memory's order. */
static u16_t good_sum(const struct peer_frame *frame)
{
  struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(frame->len - L4), PBUF_RAM);
  memcpy(p->payload, frame->bytes + L4, frame->len - L4);
  ((u8_t *)p->payload)[6] = 0;
  ((u8_t *)p->payload)[7] = 0;
  ip4_addr_t src;
  ip4_addr_t dest;
  memcpy(&src, frame->bytes + ETH_HDR + 12, 4);
  memcpy(&dest, frame->bytes + ETH_HDR + 16, 4);
  u16_t sum = inet_chksum_pseudo(p, IP_PROTO_UDP, p->tot_len, &src, &dest);
  pbuf_free(p);
  return sum;
}

static bool arrives(struct host *host, const struct peer_frame *frame, const struct sim_hdr *hdr)
{
  unsigned before = datagrams;
  assert_true(sim_net_deliver_with(host->dev, hdr, frame->bytes, frame->len));
  host_run(host);
  return datagrams == before + 1;
}

static void lwip_checks_what_the_device_does_not_vouch_for(void **state)
{
  (void)state;
  static const struct sim_hdr plain = {.flags = 0};
  static const struct sim_hdr data_valid = {.flags = 2};
  static const struct sim_hdr needs_csum = {.flags = 1, .csum_start = L4, .csum_offset = 6};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    for (unsigned negotiated = 0; negotiated < 2; negotiated++) {
      struct host *host = host_with((enum host_kind)kind, negotiated ? CSUM_FEATURES : 0);
      struct udp_pcb *pcb = listen_udp();
      for (size_t len = 40; len <= 1400; len += 1360) { /* copied, and in place */
        struct peer_frame frame;
        udp_with_sum(host, &frame, len, 0);
        u16_t good = good_sum(&frame);
        u16_t bad = (u16_t)(good ^ 0x1111);
        udp_with_sum(host, &frame, len, good);
        assert_true(arrives(host, &frame, &plain));
        assert_true(arrives(host, &frame, &data_valid));
        udp_with_sum(host, &frame, len, bad);
        assert_false(arrives(host, &frame, &plain));
        assert_int_equal(arrives(host, &frame, &data_valid), negotiated);
        assert_int_equal(arrives(host, &frame, &needs_csum), negotiated);
        udp_with_sum(host, &frame, len, good);
        assert_true(arrives(host, &frame, &plain)); /* what was switched is switched back */
      }
      udp_remove(pcb);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void the_ip_header_is_always_checked(void **state)
{
  (void)state;
  static const struct sim_hdr data_valid = {.flags = 2};
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  struct udp_pcb *pcb = listen_udp();
  struct peer_frame frame;
  udp_with_sum(host, &frame, 100, 0);
  frame.bytes[ETH_HDR + 10] ^= 0x40;
  assert_false(arrives(host, &frame, &data_valid));
  udp_remove(pcb);
}

/* A datagram in two fragments, with a good or bad checksum in the first. */
static void send_fragments(struct host *host, const struct sim_hdr *hdr, u16_t id, bool good)
{
  struct peer_frame whole;
  udp_with_sum(host, &whole, 1800, 0);
  u16_t sum = good_sum(&whole);
  if (!good) {
    sum ^= 0x1111;
  }
  memcpy(whole.bytes + L4 + 6, &sum, sizeof(sum));
  for (unsigned n = 0; n < 2; n++) {
    struct peer_frame part;
    size_t from = n * 1000u;
    size_t len = n == 0 ? 1000 : 1808 - 1000;
    memcpy(part.bytes, whole.bytes, L4);
    memcpy(part.bytes + L4, whole.bytes + L4 + from, len);
    u8_t *ip = part.bytes + ETH_HDR;
    ip[2] = (u8_t)((IP_HDR + len) >> 8);
    ip[3] = (u8_t)(IP_HDR + len);
    memcpy(ip + 4, &id, sizeof(id));
    ip[6] = n == 0 ? 0x20 : 0;
    ip[7] = (u8_t)(from / 8);
    ip[10] = 0;
    ip[11] = 0;
    u16_t ip_sum = inet_chksum(ip, IP_HDR);
    memcpy(ip + 10, &ip_sum, sizeof(ip_sum));
    assert_true(sim_net_deliver_with(host->dev, hdr, part.bytes, L4 + len));
  }
  host_run(host);
}

static void a_datagram_from_fragments_is_checked_by_lwip(void **state)
{
  (void)state;
  static const struct sim_hdr hdrs[] = {{.flags = 0}, {.flags = 2}};
  for (size_t i = 0; i < COUNT(hdrs); i++) {
    struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
    struct udp_pcb *pcb = listen_udp();
    send_fragments(host, &hdrs[i], 1, true);
    assert_int_equal(datagrams, 1);
    send_fragments(host, &hdrs[i], 2, false);
    assert_int_equal(datagrams, 1);
    udp_remove(pcb);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void nonsense_in_a_received_header_touches_nothing_else(void **state)
{
  (void)state;
  static const u16_t offsets[] = {0,    1,    13,   14,     33,     34,    40,
                                  1000, 2033, 2034, 0x7fff, 0xfffe, 0xffff};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_with((enum host_kind)kind, LRO_FEATURES);
    for (unsigned flags = 0; flags < 8; flags++) {
      for (size_t a = 0; a < COUNT(offsets); a++) {
        for (size_t b = 0; b < COUNT(offsets); b++) {
          struct sim_hdr hdr = {.flags = (uint8_t)(flags | 0xf8),
                                .gso_type = (uint8_t)(a * 17 + b),
                                .hdr_len = offsets[b],
                                .gso_size = offsets[a],
                                .csum_start = offsets[a],
                                .csum_offset = offsets[b]};
          struct peer_frame frame;
          if ((a + b) % 2 == 0) {
            peer_raw(host, &frame, 14 + 100 * (a % 4), 1);
          } else {
            peer_udp(host, &frame, 9, 20 + 400 * (a % 4), 1);
          }
          if (b % 3 == 0) {
            memset(frame.bytes, 0xff, 6);
          }
          assert_true(sim_net_deliver_with(host->dev, &hdr, frame.bytes, frame.len));
          host_run(host);
          host_check_buffers(host);
          peer_forget(host);
        }
      }
    }
    assert_int_equal(host_news(host).device_errors, 0);
    host_end(NULL);
    host_begin(NULL);
  }
}

/* A sum left out of a tunnel's outer header, where there is no tunnel: the inner one still is what
 * the other flags say, and fields of a longer header are none of this one's. */
static void a_tunnel_flag_without_a_tunnel_refuses_no_packet(void **state)
{
  (void)state;
  static const struct sim_hdr hdr = {.flags = 1 | 8, .csum_start = L4, .csum_offset = 6};
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_with((enum host_kind)kind, CSUM_FEATURES);
    struct udp_pcb *pcb = listen_udp();
    for (size_t len = 40; len <= 1400; len += 1360) {
      struct peer_frame frame;
      udp_with_sum(host, &frame, len, 0);
      u16_t bad = (u16_t)(good_sum(&frame) ^ 0x1111);
      udp_with_sum(host, &frame, len, bad);
      assert_true(arrives(host, &frame, &hdr));
    }
    udp_remove(pcb);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void flags_that_mean_nothing_here_change_nothing(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct host *host = host_with((enum host_kind)kind, CSUM_FEATURES);
    struct udp_pcb *pcb = listen_udp();
    struct peer_frame frame;
    udp_with_sum(host, &frame, 100, 0);
    u16_t good = good_sum(&frame);
    for (unsigned flag = 4; flag <= 0x80; flag *= 2) {
      const struct sim_hdr unknown = {.flags = (uint8_t)flag};
      const struct sim_hdr and_valid = {.flags = (uint8_t)(flag | 2)};
      udp_with_sum(host, &frame, 100, good);
      assert_true(arrives(host, &frame, &unknown));
      udp_with_sum(host, &frame, 100, good ^ 0x1111);
      assert_false(arrives(host, &frame, &unknown));
      assert_true(arrives(host, &frame, &and_valid));
    }
    udp_remove(pcb);
    host_end(NULL);
    host_begin(NULL);
  }
}

static u8_t seen[2048];

static err_t see(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  pbuf_copy_partial(p, seen, p->tot_len, 0);
  pbuf_free(p);
  return ERR_OK;
}

/* The sum over the pseudo-header alone, as a sender leaves it. */
static void put_partial_sum(struct peer_frame *frame)
{
  ip4_addr_t src;
  ip4_addr_t dest;
  memcpy(&src, frame->bytes + ETH_HDR + 12, 4);
  memcpy(&dest, frame->bytes + ETH_HDR + 16, 4);
  struct pbuf *empty = pbuf_alloc(PBUF_RAW, 0, PBUF_RAM);
  u16_t sum = inet_chksum_pseudo(empty, IP_PROTO_UDP, (u16_t)(frame->len - L4), &src, &dest);
  pbuf_free(empty);
  sum = (u16_t)~sum;
  memcpy(frame->bytes + L4 + 6, &sum, sizeof(sum));
}

static void put_tag(struct peer_frame *frame)
{
  static const u8_t tag[] = {0x81, 0x00, 0x00, 0x05};
  memmove(frame->bytes + 12 + sizeof(tag), frame->bytes + 12, frame->len - 12);
  memcpy(frame->bytes + 12, tag, sizeof(tag));
  frame->len += sizeof(tag);
}

/* Behind a VLAN tag it is lwIP that looks at the sum, so there has to be one. */
static void a_partial_checksum_is_completed_where_lwip_checks_it(void **state)
{
  (void)state;
  static const struct sim_hdr needs_csum = {.flags = 1, .csum_start = L4 + 4, .csum_offset = 6};
  for (size_t len = 40; len <= 1400; len += 1360) {
    for (unsigned zero = 0; zero < 2; zero++) {
      struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
      host->netif.input = see;
      struct peer_frame frame;
      udp_with_sum(host, &frame, len, 0);
      if (zero != 0) {
        /* A payload whose checksum is 0, which in UDP would mean that there is none. */
        memset(frame.bytes + L4 + UDP_HDR, 0, 2);
        u16_t rest = good_sum(&frame);
        memcpy(frame.bytes + L4 + UDP_HDR, &rest, sizeof(rest));
      }
      u16_t good = zero != 0 ? 0xffff : good_sum(&frame);
      put_partial_sum(&frame);
      put_tag(&frame);
      assert_true(sim_net_deliver_with(host->dev, &needs_csum, frame.bytes, frame.len));
      host_run(host);
      assert_memory_equal(seen + L4 + 4 + 6, &good, sizeof(good));
    }
  }
}

/* Without NEEDS_CSUM start and offset mean nothing; with RSC_INFO, something else. */
static void a_sum_that_is_not_partial_is_left_alone(void **state)
{
  (void)state;
  static const uint8_t flags[] = {0, 2, 4, 4 | 1, 4 | 2 | 1};
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  host->netif.input = see;
  for (size_t i = 0; i < COUNT(flags); i++) {
    for (uint16_t start = 0; start < 100; start++) {
      struct sim_hdr hdr = {.flags = flags[i], .csum_start = start, .csum_offset = 6};
      struct peer_frame frame;
      udp_with_sum(host, &frame, 100, 0x1234);
      if ((start & 1) != 0) {
        put_tag(&frame);
      }
      assert_true(sim_net_deliver_with(host->dev, &hdr, frame.bytes, frame.len));
      host_run(host);
      assert_memory_equal(seen, frame.bytes, frame.len);
    }
  }
}

static bool connected;

static err_t note_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  connected = err == ERR_OK;
  return ERR_OK;
}

static void connect_to_own_address(void *arg, struct udp_pcb *pcb, struct pbuf *p,
                                   const ip_addr_t *addr, u16_t port)
{
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(addr);
  LWIP_UNUSED_ARG(port);
  const ip_addr_t *own = netif_ip_addr4((struct netif *)arg);
  pbuf_free(p);
  assert_int_equal(tcp_connect(tcp_new(), own, 7, note_connected), ERR_OK);
}

/* The same poll sees to both, and they are not checked alike. */
static void own_packets_behind_a_frame_that_lwip_checks_are_taken(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  struct tcp_pcb *listener = tcp_new();
  tcp_bind(listener, IP4_ADDR_ANY, 7);
  listener = tcp_listen(listener);
  struct udp_pcb *udp = udp_new();
  udp_bind(udp, IP4_ADDR_ANY, 9);
  udp_recv(udp, connect_to_own_address, &host->netif);
  connected = false;
  struct peer_frame frame;
  peer_udp(host, &frame, 9, 100, 1);
  peer_send(host, &frame); /* the device says nothing of its sum */
  host_run(host);
  assert_true(connected);
  udp_remove(udp);
  tcp_close(listener);
}

/* What is looped back carries no TCP checksum, because nobody made one. */
static void tcp_to_an_own_address_works(void **state)
{
  (void)state;
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    struct host *host = host_with(HOST_MODERN, TSO_FEATURES);
    struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
    struct transfer t = {.to_send = 60000, .ipv6 = ipv6 != 0};
    transfer_start(&t, &params, &params);
    struct netif *netif = &t.hosts[1]->netif;
    tcp_abort(t.client);
    t.client = tcp_new_ip_type(IPADDR_TYPE_ANY);
    tcp_arg(t.client, &t);
    tcp_bind_netif(t.client, netif);
    unsigned sent = sim_net_sent_count(t.hosts[1]->dev);
    const ip_addr_t *own = t.ipv6 ? netif_ip_addr6(netif, 1) : netif_ip_addr4(netif);
    assert_int_equal(tcp_connect(t.client, own, 5001, NULL), ERR_OK);
    for (unsigned i = 0; i < 20 && t.server == NULL; i++) {
      host_run(t.hosts[1]);
    }
    assert_non_null(t.server);
    t.connected = true;
    t.hosts[0] = t.hosts[1];
    for (unsigned i = 0; i < 4000 && t.received < t.to_send; i++) {
      if (t.sent < t.to_send && tcp_write(t.client, t.stream + t.sent, 500, 0) == ERR_OK) {
        t.sent += 500;
      }
      tcp_output(t.client);
      host_run(t.hosts[1]);
      host_wait_ms(10);
    }
    assert_int_equal(t.received, t.to_send);
    assert_true(sim_net_sent_count(t.hosts[1]->dev) - sent <= 6); /* but for ARP and the like */
    transfer_end(&t);
    host_run(host);
    host_end(NULL);
    host_begin(NULL);
  }
}

/*
 * Large send
 */

static void a_burst_leaves_in_large_frames_and_arrives_whole(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_LEGACY_APART; kind++) {
    for (unsigned variant = 0; variant < 8; variant++) {
      struct sim_net_params from = device_with((enum host_kind)kind, TSO_FEATURES);
      struct sim_net_params to = device_with((enum host_kind)kind, CSUM_FEATURES);
      struct transfer t = {.to_send = 300000,
                           .ipv6 = (variant & 1) != 0,
                           .in_place = (variant & 2) != 0,
                           .corked = (variant & 4) != 0};
      transfer_start(&t, &from, &to);
      transfer_run(&t);
      assert_int_equal(t.received, t.to_send);
      struct virtioif_stats stats = host_news(t.hosts[0]);
      if (t.corked) {
        assert_true(stats.tx_large > 10);
      }
      assert_true(t.largest <= 1514);
      unsigned large = 0;
      for (unsigned i = 0; i < sim_net_sent_count(t.hosts[0]->dev); i++) {
        const struct sim_frame *frame = sim_net_sent(t.hosts[0]->dev, i);
        large += frame->hdr.gso_type != 0;
        assert_true(frame->hdr.gso_type == 0 || frame->len > frame->hdr.gso_size);
      }
      assert_int_equal(large, stats.tx_large);
      transfer_end(&t);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void large_frames_survive_losses_and_late_completions(void **state)
{
  (void)state;
  static const enum sim_pace paces[] = {SIM_EAGER, SIM_LAZY, SIM_HOLD};
  for (size_t p = 0; p < COUNT(paces); p++) {
    for (unsigned variant = 0; variant < 4; variant++) {
      struct sim_net_params from = device_with(HOST_MODERN_EVENT_IDX, TSO_FEATURES);
      struct sim_net_params to = device_with(HOST_MODERN_EVENT_IDX, CSUM_FEATURES);
      struct transfer t = {
          .to_send = 200000, .lose = lose_some, .in_place = (variant & 1) != 0, .corked = true};
      transfer_start(&t, &from, &to);
      sim_pace(t.hosts[0]->dev, paces[p]);
      sim_order(t.hosts[0]->dev, (variant & 2) != 0 ? SIM_SHUFFLED : SIM_FIFO);
      transfer_run(&t);
      assert_int_equal(t.received, t.to_send);
      transfer_end(&t);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void large_frames_work_with_the_smallest_queues(void **state)
{
  (void)state;
  static const uint32_t sizes[] = {1, 2, 4, 8};
  for (size_t s = 0; s < COUNT(sizes); s++) {
    for (unsigned indirect = 0; indirect < 2; indirect++) {
      struct sim_net_params from =
          device_with(HOST_MODERN, TSO_FEATURES | (indirect ? SIM_F_INDIRECT_DESC : 0));
      from.queue_max[SIM_TX] = sizes[s];
      struct sim_net_params to = host_device(HOST_MODERN);
      for (unsigned variant = 0; variant < 4; variant++) {
        struct transfer t = {
            .to_send = 60000, .in_place = (variant & 1) != 0, .corked = (variant & 2) != 0};
        transfer_start(&t, &from, &to);
        sim_pace(t.hosts[0]->dev, SIM_LAZY);
        transfer_run(&t);
        assert_int_equal(t.received, t.to_send);
        transfer_end(&t);
        host_end(NULL);
        host_begin(NULL);
      }
    }
  }
}

static void the_pieces_of_large_frames_can_be_limited(void **state)
{
  (void)state;
  for (u16_t limit = 2; limit <= 64; limit = (u16_t)(limit * 2)) {
    struct sim_net_params params = device_with(HOST_MODERN_EVENT_IDX, TSO_FEATURES);
    params.queue_max[SIM_TX] = 256;
    struct host *host = host_create(&params, 64, 256, 96);
    host->params.tso_pieces_max = limit;
    assert_int_equal(host_add(host), ERR_OK);
    assert_true(host->vif.tso_pieces_max <= limit);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void a_larger_queue_takes_larger_frames(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN_EVENT_IDX, TSO_FEATURES);
  struct sim_net_params larger = params;
  struct transfer t = {.to_send = 200000, .corked = true};
  struct sim_net_params to = device_with(HOST_MODERN, LRO_FEATURES);
  params.queue_max[SIM_TX] = 4;
  transfer_start(&t, &params, &to);
  for (unsigned i = 0; i < 2; i++) {
    t.largest = 0;
    transfer_run(&t);
    assert_int_equal(t.received, t.to_send);
    assert_true(i == 0 ? t.largest < 4 * TCP_MSS : t.largest > 4 * TCP_MSS);
    t.sent = 0; /* the same once more */
    t.received = 0;
    larger.mac[5] = t.hosts[0]->netif.hwaddr[5];
    sim_net_become(t.hosts[0]->dev, &larger);
    virtioif_reset(&t.hosts[0]->netif);
    host_run(t.hosts[0]);
  }
  transfer_end(&t);
}

/* A TCP segment by hand: headers in one pbuf, the payload in some others. */
static struct pbuf *tcp_segment(const struct host *host, u32_t seq, u16_t payload, unsigned pieces)
{
  struct pbuf *p = pbuf_alloc(PBUF_RAW, 54, PBUF_RAM);
  u8_t *bytes = p->payload;
  memset(bytes, 0, 54);
  memcpy(bytes, peer_mac, 6);
  memcpy(bytes + 6, host->netif.hwaddr, 6);
  bytes[12] = 0x08;
  u8_t *ip = bytes + 14;
  ip[0] = 0x45;
  ip[2] = (u8_t)((40 + payload) >> 8);
  ip[3] = (u8_t)(40 + payload);
  ip[5] = (u8_t)(seq / 1000);
  ip[8] = 64;
  ip[9] = 6;
  ip[12] = 10;
  ip[16] = 10;
  ip[19] = 2;
  u16_t sum = inet_chksum(ip, 20);
  memcpy(ip + 10, &sum, sizeof(sum));
  u8_t *tcp = ip + 20;
  tcp[4] = (u8_t)(seq >> 24);
  tcp[5] = (u8_t)(seq >> 16);
  tcp[6] = (u8_t)(seq >> 8);
  tcp[7] = (u8_t)seq;
  tcp[12] = 0x50;
  tcp[13] = 0x10;
  for (unsigned i = 0; i < pieces; i++) {
    struct pbuf *q = pbuf_alloc(PBUF_RAW, (u16_t)(payload / pieces), PBUF_RAM);
    support_pattern(q->payload, q->len, seq + i);
    pbuf_cat(p, q);
  }
  return p;
}

/* What may differ between two segments that would fit together otherwise. */
static const struct {
  u16_t offset; /* in the frame; 0: nothing differs */
  u8_t change;  /* of that byte */
} differences[] = {
    {0, 0},     /* nothing: the two are joined */
    {5, 1},     /* destination address on the link */
    {11, 1},    /* source address there */
    {15, 4},    /* DSCP */
    {15, 3},    /* ECN */
    {19, 1},    /* ID */
    {20, 0x40}, /* DF */
    {22, 1},    /* TTL */
    {29, 1},    /* source address */
    {33, 1},    /* destination address */
    {35, 1},    /* source port */
    {37, 1},    /* destination port */
    {41, 1},    /* sequence number */
    {45, 1},    /* acknowledged */
    {47, 0x04}, /* RST */
    {47, 0x02}, /* SYN */
    {47, 0x20}, /* URG */
    {47, 0x40}, /* ECE */
    {47, 0x80}, /* CWR */
    {49, 1},    /* window */
    {53, 1},    /* urgent pointer */
};

static void only_segments_that_continue_each_other_are_joined(void **state)
{
  (void)state;
  for (size_t d = 0; d < COUNT(differences); d++) {
    for (unsigned in_first = 0; in_first < 2; in_first++) {
      struct host *host = host_with(HOST_MODERN, TSO_FEATURES);
      virtioif_cork(&host->netif);
      struct pbuf *p[2];
      for (unsigned i = 0; i < 2; i++) {
        p[i] = tcp_segment(host, 1000 * (i + 1), 1000, 1);
        u8_t *bytes = p[i]->payload;
        if (differences[d].offset != 0 && i != in_first) {
          bytes[differences[d].offset] ^= differences[d].change;
          bytes[24] = 0;
          bytes[25] = 0;
          u16_t sum = inet_chksum(bytes + 14, 20);
          memcpy(bytes + 24, &sum, sizeof(sum));
        }
        assert_int_equal(host->netif.linkoutput(&host->netif, p[i]), ERR_OK);
      }
      virtioif_flush(&host->netif);
      assert_int_equal(peer_got_count(host), d == 0 ? 1 : 2);
      assert_int_equal(peer_got(host, 0)->len, d == 0 ? 2054 : 1054);
      host_run(host);
      pbuf_free(p[0]);
      pbuf_free(p[1]);
    }
  }
}

/* Only the last may be shorter, and a longer one starts anew. */
static void segments_are_joined_by_their_lengths(void **state)
{
  (void)state;
  static const struct {
    u16_t first;
    u16_t second;
    u16_t third;
    unsigned frames;
  } cases[] = {
      {1000, 1000, 1000, 1}, {1000, 1000, 999, 1},  {1000, 999, 1000, 2},
      {1000, 1001, 1000, 2}, {1000, 1001, 1001, 2}, {1000, 1, 1000, 2},
  };
  for (size_t c = 0; c < COUNT(cases); c++) {
    struct host *host = host_with(HOST_MODERN, TSO_FEATURES);
    const u16_t lens[] = {cases[c].first, cases[c].second, cases[c].third};
    struct pbuf *p[3];
    u32_t seq = 1000;
    virtioif_cork(&host->netif);
    for (unsigned i = 0; i < 3; i++) {
      p[i] = tcp_segment(host, seq, lens[i], 1);
      u8_t *bytes = p[i]->payload;
      bytes[19] = (u8_t)(i + 1); /* consecutive IDs, whatever the sequence numbers */
      bytes[24] = 0;
      bytes[25] = 0;
      u16_t sum = inet_chksum(bytes + 14, 20);
      memcpy(bytes + 24, &sum, sizeof(sum));
      seq += lens[i];
      assert_int_equal(host->netif.linkoutput(&host->netif, p[i]), ERR_OK);
    }
    virtioif_flush(&host->netif);
    assert_int_equal(peer_got_count(host), cases[c].frames);
    host_run(host);
    for (unsigned i = 0; i < 3; i++) {
      pbuf_free(p[i]);
    }
  }
}

static void a_large_frame_is_no_longer_than_an_ip_packet_can_be(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN_EVENT_IDX, TSO_FEATURES);
  struct host *host = host_create(&params, 64, 256, 96);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  peer_forget(host);
  struct pbuf *p[60];
  virtioif_cork(&host->netif);
  for (unsigned i = 0; i < COUNT(p); i++) {
    p[i] = tcp_segment(host, 1400 * i, 1400, 1);
    u8_t *bytes = p[i]->payload;
    bytes[19] = (u8_t)i;
    bytes[24] = 0;
    bytes[25] = 0;
    u16_t sum = inet_chksum(bytes + 14, 20);
    memcpy(bytes + 24, &sum, sizeof(sum));
    assert_int_equal(host->netif.linkoutput(&host->netif, p[i]), ERR_OK);
  }
  virtioif_flush(&host->netif);
  size_t sum = 0;
  size_t largest = 0;
  for (unsigned i = 0; i < peer_got_count(host); i++) {
    sum += peer_got(host, i)->len - 54;
    largest = LWIP_MAX(largest, peer_got(host, i)->len);
  }
  assert_int_equal(sum, 1400 * COUNT(p));
  assert_true(largest > 60000 && largest <= 65535 + 14);
  host_run(host);
  for (unsigned i = 0; i < COUNT(p); i++) {
    pbuf_free(p[i]);
  }
}

/* The header alone in memory that may be used again at once, with and without memory to copy it. */
static void segments_with_volatile_headers_are_copied_or_refused(void **state)
{
  (void)state;
  for (unsigned nomem = 0; nomem < 2; nomem++) {
    struct host *host = host_with(HOST_MODERN, TSO_FEATURES);
    unsigned taken = 0;
    virtioif_cork(&host->netif);
    for (unsigned i = 0; i < 4; i++) {
      struct pbuf *whole = tcp_segment(host, 1000 * (i + 1), 1000, 1);
      u8_t *header = support_alloc(54, 1);
      memcpy(header, whole->payload, 54);
      struct pbuf *p = pbuf_alloc(PBUF_RAW, 54, PBUF_REF);
      p->payload = header;
      pbuf_cat(p, pbuf_free_header(whole, 54));
      support_malloc_fail_from = nomem ? 0 : UINT32_MAX;
      taken += host->netif.linkoutput(&host->netif, p) == ERR_OK;
      support_malloc_fail_from = UINT32_MAX;
      pbuf_free(p);
      memset(header, 0xee, 54);
    }
    virtioif_flush(&host->netif);
    host_run(host);
    u32_t bytes = 0;
    for (unsigned i = 0; i < peer_got_count(host); i++) {
      bytes += (u32_t)peer_got(host, i)->len - 54;
    }
    assert_int_equal(bytes, taken * 1000);
    assert_int_equal(host->vif.net.tx.num_free, 16);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void segments_that_others_refer_to_are_neither_lost_nor_kept(void **state)
{
  (void)state;
  for (unsigned pieces = 1; pieces <= 16; pieces++) {
    for (unsigned busy = 0; busy < 16; busy++) {
      struct host *host = host_with(HOST_MODERN, TSO_FEATURES);
      sim_pace(host->dev, SIM_HOLD);
      for (unsigned i = 0; i < busy; i++) {
        struct peer_frame raw;
        peer_raw(host, &raw, 100, i);
        struct pbuf *p = pbuf_alloc(PBUF_RAW_TX, 100, PBUF_RAM);
        pbuf_take(p, raw.bytes, 100);
        assert_int_equal(host->netif.linkoutput(&host->netif, p), ERR_OK);
        pbuf_free(p);
      }
      peer_forget(host);
      virtioif_cork(&host->netif);
      struct pbuf *p[3];
      unsigned taken = 0;
      for (unsigned i = 0; i < 3; i++) {
        p[i] =
            tcp_segment(host, 1000 * (i + 1), (u16_t)(64 * pieces * (pieces < 4 ? 5 : 1)), pieces);
        pbuf_ref(p[i]);
        taken += host->netif.linkoutput(&host->netif, p[i]) == ERR_OK;
      }
      virtioif_flush(&host->netif);
      sim_complete(host->dev, UINT32_MAX);
      host_run(host);
      u32_t tcp_bytes = 0;
      for (unsigned i = 0; i < peer_got_count(host); i++) {
        tcp_bytes += peer_got(host, i)->len > 54 ? (u32_t)peer_got(host, i)->len - 54 : 0;
      }
      assert_int_equal(tcp_bytes, taken * (p[0]->tot_len - 54u));
      for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(p[i]->ref, 2);
        pbuf_free(p[i]);
        pbuf_free(p[i]);
      }
      assert_int_equal(host->vif.net.tx.num_free, 16);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void a_device_that_fails_with_a_large_frame_open_keeps_nothing_of_it(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, TSO_FEATURES);
  virtioif_cork(&host->netif);
  struct pbuf *p[3];
  for (unsigned i = 0; i < 3; i++) {
    p[i] = tcp_segment(host, 1000 * (i + 1), 1000, 1);
    assert_int_equal(host->netif.linkoutput(&host->netif, p[i]), ERR_OK);
  }
  sim_needs_reset(host->dev, true);
  virtioif_isr(&host->netif);
  virtioif_poll(&host->netif, 64);
  host_run(host);
  for (unsigned i = 0; i < 3; i++) {
    assert_int_equal(p[i]->ref, 1);
    pbuf_free(p[i]);
  }
  assert_true(virtioif_idle(&host->netif));
}

/*
 * Large receive
 */

/* A frame that does not fit what is posted stays with the device, and so does all behind it. */
static void large_frames_are_declined_where_none_would_fit(void **state)
{
  (void)state;
  static const struct {
    u16_t rx_size;
    u16_t rx_buffers;
    u32_t device_max;
    bool taken;
  } cases[] = {
      {16, 32, 256, false}, {32, 64, 256, false},  {64, 32, 256, false}, {64, 33, 256, true},
      {64, 128, 256, true}, {256, 512, 256, true}, {64, 128, 64, true},  {64, 128, 32, false},
  };
  for (unsigned kind = 0; kind < HOST_LEGACY_APART; kind++) {
    for (size_t i = 0; i < COUNT(cases); i++) {
      struct sim_net_params params = device_with((enum host_kind)kind, LRO_FEATURES);
      params.queue_max[SIM_RX] = cases[i].device_max;
      struct host *host = host_create(&params, cases[i].rx_size, 16, cases[i].rx_buffers);
      assert_int_equal(host_add(host), ERR_OK);
      const u64_t large = SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN;
      assert_int_equal((sim_accepted(host->dev) & large) != 0, cases[i].taken);
      assert_int_equal(sim_accepted(host->dev) & SIM_F_MRG_RXBUF, SIM_F_MRG_RXBUF);
      host_configure(host);
      peer_introduce(host);
      host_check_buffers(host);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

static void large_frames_arrive_whole(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_LEGACY_APART; kind++) {
    for (unsigned variant = 0; variant < 4; variant++) {
      struct sim_net_params from = device_with((enum host_kind)kind, TSO_FEATURES);
      struct sim_net_params to = device_with((enum host_kind)kind, LRO_FEATURES);
      struct transfer t = {.to_send = 500000,
                           .ipv6 = (variant & 1) != 0,
                           .in_place = (variant & 2) != 0,
                           .corked = true};
      transfer_start(&t, &from, &to);
      transfer_run(&t);
      assert_int_equal(t.received, t.to_send);
      assert_true(t.largest > 4000);
      assert_true(host_news(t.hosts[1]).rx_merged > 10);
      assert_int_equal(virtioif_rx_usage(&t.hosts[1]->netif).held, 0);
      transfer_end(&t);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

/* Where the payload begins is read from the packet itself. */
static void the_length_of_received_headers_is_a_hint(void **state)
{
  (void)state;
  static const u16_t lengths[] = {0, 1, 53, 67, 1000, 0x8000, 0xffff};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    struct sim_net_params from = device_with(HOST_MODERN, TSO_FEATURES);
    struct sim_net_params to = device_with(HOST_MODERN, LRO_FEATURES);
    struct transfer t = {
        .to_send = 100000, .corked = true, .lie_hdr_len = true, .hdr_len = lengths[i]};
    transfer_start(&t, &from, &to);
    transfer_run(&t);
    assert_int_equal(t.received, t.to_send);
    assert_true(host_news(t.hosts[1]).rx_merged > 2);
    transfer_end(&t);
    host_end(NULL);
    host_begin(NULL);
  }
}

static struct pbuf *merged[64];
static unsigned merged_count;

static err_t keep_merged(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  assert_true(merged_count < COUNT(merged));
  merged[merged_count++] = p;
  return ERR_OK;
}

static void free_merged(void)
{
  while (merged_count != 0) {
    pbuf_free(merged[--merged_count]);
  }
}

static void merged_frames_of_every_length_are_one_chain(void **state)
{
  (void)state;
  static u8_t bytes[65535];
  static u8_t copy[65535];
  for (unsigned kind = 0; kind < HOST_LEGACY_APART; kind++) {
    struct host *host = host_with((enum host_kind)kind, LRO_FEATURES);
    host->netif.input = keep_merged;
    merged_count = 0;
    for (size_t len = 60; len <= 65500; len += 1237) {
      support_pattern(bytes, len, (unsigned)len);
      memcpy(bytes, host->netif.hwaddr, 6);
      bytes[12] = 0x88;
      bytes[13] = 0xb5;
      assert_true(sim_net_deliver(host->dev, bytes, len));
      host_run(host);
      assert_int_equal(merged_count, 1);
      assert_int_equal(merged[0]->tot_len, len);
      assert_int_equal(pbuf_copy_partial(merged[0], copy, (u16_t)len, 0), len);
      assert_memory_equal(copy, bytes, len);
      size_t sum = 0;
      for (struct pbuf *q = merged[0]; q != NULL; q = q->next) {
        assert_int_equal(q->tot_len, len - sum);
        sum += q->len;
      }
      host_check_buffers(host);
      free_merged();
      assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    }
  }
}

/* Buffers that are held make the frames that follow copies, and no buffer is ever missing. */
static void merged_frames_that_are_held_do_not_empty_the_ring(void **state)
{
  (void)state;
  static u8_t bytes[20000];
  struct host *host = host_with(HOST_MODERN, LRO_FEATURES);
  host->netif.input = keep_merged;
  merged_count = 0;
  for (unsigned i = 0; i < 40; i++) {
    support_pattern(bytes, sizeof(bytes), i);
    bytes[12] = 0x88;
    assert_true(sim_net_deliver(host->dev, bytes, sizeof(bytes)));
    host_run(host);
    host_check_buffers(host);
    assert_int_equal(virtioif_rx_usage(&host->netif).posted, 64);
    assert_int_equal(merged_count, i + 1);
    assert_int_equal(merged[i]->tot_len, sizeof(bytes));
  }
  assert_true(host_news(host).rx_copied > 0);
  free_merged();
  host_check_buffers(host);
}

/* Frame after frame, each some pieces short of what its header says. */
static void num_buffers_that_lie_cost_frames_and_no_buffers(void **state)
{
  (void)state;
  static const u16_t lies[] = {0, 1, 2, 3, 33, 64, 65, 255, 0x8000, 65535};
  static u8_t bytes[9000];
  support_pattern(bytes, sizeof(bytes), 1);
  bytes[12] = 0x88;
  for (size_t l = 0; l < COUNT(lies); l++) {
    for (size_t len = 60; len <= sizeof(bytes); len += 2980) {
      struct host *host = host_with(HOST_MODERN, LRO_FEATURES);
      sim_faults(host->dev)->rx_num_buffers_wrong = true;
      sim_faults(host->dev)->rx_num_buffers = lies[l];
      for (unsigned i = 0; i < 200; i++) {
        sim_net_deliver(host->dev, bytes, len);
        host_run(host);
        host_check_buffers(host);
      }
      /* However the device goes on, after the rest of what it announced all is well. */
      sim_faults(host->dev)->rx_num_buffers_wrong = false;
      for (unsigned i = 0; i < 70; i++) {
        sim_net_deliver(host->dev, bytes, 60);
        host_run(host);
        host_check_buffers(host);
      }
      struct virtioif_stats before = host_news(host);
      assert_true(sim_net_deliver(host->dev, bytes, 60));
      host_run(host);
      assert_int_equal(host_news(host).rx_frames, before.rx_frames + 1);
      assert_int_equal(host_news(host).device_errors, 0);
      host_end(NULL);
      host_begin(NULL);
    }
  }
}

/* A count that the queue could hold, but of which there are fewer buffers. */
static void num_buffers_beyond_all_buffers_cost_one_frame(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN);
  params.features |= LRO_FEATURES;
  struct host *host = host_create(&params, 32, 16, 20);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  host->before = *virtioif_stats(&host->netif);
  struct peer_frame frame;
  peer_raw(host, &frame, 300, 1);
  for (u16_t lie = 21; lie <= 32; lie++) {
    struct sim_hdr hdr = {.num_buffers = lie};
    assert_true(sim_net_deliver_with(host->dev, &hdr, frame.bytes, frame.len));
    host_run(host);
    assert_int_equal(host_news(host).rx_drop_len, lie - 20);
    assert_int_equal(virtioif_rx_usage(&host->netif).posted, 20);
  }
  peer_send(host, &frame);
  host_run(host);
  assert_int_equal(host_news(host).rx_frames, 1);
}

/* The device shows the buffers of one frame one by one. */
static void a_frame_that_comes_in_parts_waits_for_the_rest(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, LRO_FEATURES);
  host->netif.input = keep_merged;
  merged_count = 0;
  static u8_t bytes[2000];
  support_pattern(bytes, sizeof(bytes), 1);
  bytes[12] = 0x88;
  struct sim_hdr hdr = {.num_buffers = 3};
  assert_true(sim_net_deliver_with(host->dev, &hdr, bytes, sizeof(bytes)));
  host_run(host);
  assert_true(virtioif_idle(&host->netif));
  assert_int_equal(merged_count, 0);
  for (unsigned i = 0; i < 2; i++) {
    assert_int_equal(merged_count, 0);
    /* The header that the device writes is a part of the frame here. */
    assert_true(sim_net_deliver(host->dev, bytes, 1000));
    host_run(host);
    host_check_buffers(host);
  }
  assert_int_equal(merged_count, 1);
  assert_int_equal(merged[0]->tot_len, 2000 + 2 * (1000 + 12));
  free_merged();
}

static void a_device_that_fails_within_a_merged_frame_keeps_nothing_of_it(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, LRO_FEATURES);
  static u8_t bytes[2000];
  struct sim_hdr hdr = {.num_buffers = 3};
  assert_true(sim_net_deliver_with(host->dev, &hdr, bytes, sizeof(bytes)));
  host_run(host);
  assert_int_equal(virtioif_rx_usage(&host->netif).held, 1);
  sim_lie_used(host->dev, SIM_RX, 999, 0);
  host_run(host);
  assert_int_equal(virtioif_stats(&host->netif)->recoveries, 1);
  assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
  host_check_buffers(host);
  /* The next frame does not get the rest of that one. */
  hdr.num_buffers = 1;
  host->netif.input = keep_merged;
  merged_count = 0;
  assert_true(sim_net_deliver_with(host->dev, &hdr, bytes, 1000));
  host_run(host);
  assert_int_equal(merged_count, 1);
  assert_int_equal(merged[0]->tot_len, 1000);
  free_merged();
}

static void frames_too_long_for_lwip_are_dropped_whole(void **state)
{
  (void)state;
  static u8_t bytes[80000];
  support_pattern(bytes, sizeof(bytes), 1);
  bytes[12] = 0x88;
  for (size_t len = 65525; len <= 70000; len += len < 65545 ? 1 : 997) {
    struct host *host = host_with(HOST_MODERN, LRO_FEATURES);
    assert_true(sim_net_deliver(host->dev, bytes, len));
    host_run(host);
    host_check_buffers(host);
    struct virtioif_stats news = host_news(host);
    assert_int_equal(news.rx_frames + news.rx_drop_len, 1);
    if (len > 65535) {
      assert_int_equal(news.rx_drop_len, 1);
    }
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void without_memory_merged_frames_are_lost_and_their_buffers_are_not(void **state)
{
  (void)state;
  static u8_t bytes[20000];
  support_pattern(bytes, sizeof(bytes), 1);
  bytes[12] = 0x88;
  struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES);
  struct host *host = host_create(&params, 64, 16, 64);
  host->params.rx_copy_all = true;
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  host_run(host);
  for (unsigned n = 0; n < 20; n++) {
    support_malloc_count = 0;
    support_malloc_fail_from = n;
    assert_true(sim_net_deliver(host->dev, bytes, sizeof(bytes)));
    host_run(host);
    support_malloc_fail_from = UINT32_MAX;
    host_check_buffers(host);
    assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
  }
  assert_true(virtioif_stats(&host->netif)->rx_drop_nomem > 0);
}

/* A frame that goes out by several ports must not be changed for one of them. */
static void a_port_of_a_bridge_takes_no_large_frames_and_leaves_sums_alone(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES | TSO_FEATURES);
  struct host *host = host_create(&params, 64, 16, 96);
  host->params.bridged = true;
  assert_int_equal(host_add(host), ERR_OK);
  assert_int_equal(
      sim_accepted(host->dev) & (SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN), 0);
  assert_int_equal(sim_accepted(host->dev) & (TSO_FEATURES | SIM_F_GUEST_CSUM) &
                       (SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6),
                   0);
}

/* An interface of its own with the port's address, as a bridge has one. It checks all sums. */
static struct netif bridge;

static err_t bridge_output(struct netif *netif, struct pbuf *p)
{
  struct netif *port = netif->state;
  return port->linkoutput(port, p);
}

static err_t bridge_init(struct netif *netif)
{
  const struct netif *port = netif->state;
  netif->hwaddr_len = 6;
  memcpy(netif->hwaddr, port->hwaddr, 6);
  netif->mtu = 1500;
  netif->output = etharp_output;
  netif->linkoutput = bridge_output;
  netif->flags = NETIF_FLAG_ETHERNET | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

static err_t to_bridge(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  return bridge.input(p, &bridge);
}

static void what_comes_for_the_bridge_itself_is_taken(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, CSUM_FEATURES);
  struct host *host = host_create(&params, 64, 16, 96);
  host->params.bridged = true;
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  struct sim_hdr hdr = {0};
  struct peer_frame frame;
  udp_with_sum(host, &frame, 100, 0);
  u16_t good = good_sum(&frame);
  memcpy(frame.bytes + L4 + 6, &good, sizeof(good));
  /* Its sender is on the same host and may leave the sum to whoever wants it. */
  if ((sim_accepted(host->dev) & SIM_F_GUEST_CSUM) != 0) {
    hdr = (struct sim_hdr){.flags = 1, .csum_start = L4, .csum_offset = 6};
    put_partial_sum(&frame);
  }
  ip4_addr_t addr = *netif_ip4_addr(&host->netif);
  ip4_addr_t mask = *netif_ip4_netmask(&host->netif);
  netif_set_addr(&host->netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
  netif_add(&bridge, &addr, &mask, IP4_ADDR_ANY4, &host->netif, bridge_init, ethernet_input);
  netif_set_up(&bridge);
  host->netif.input = to_bridge;
  struct udp_pcb *pcb = listen_udp();
  assert_true(arrives(host, &frame, &hdr));
  udp_remove(pcb);
  netif_remove(&bridge);
}

/* The sender's window would be used up before two input calls have been made. */
static void a_large_segment_is_acknowledged_at_once(void **state)
{
  (void)state;
  struct sim_net_params from = device_with(HOST_MODERN, TSO_FEATURES);
  struct sim_net_params to = device_with(HOST_MODERN, LRO_FEATURES);
  struct transfer t = {.to_send = 500000, .corked = true};
  transfer_start(&t, &from, &to);
  u32_t begin = support_now_ms;
  transfer_run(&t);
  assert_int_equal(t.received, t.to_send);
  /* The clock moves only while everybody waits: for the address, maybe, and at the very end. */
  assert_true(support_now_ms - begin <= 1000);
  transfer_end(&t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(tcp_leaves_its_checksum_to_the_device),
      HOST_TEST(without_the_feature_all_checksums_are_made_by_lwip),
      HOST_TEST(retransmitted_segments_have_good_checksums_too),
      HOST_TEST(datagrams_and_fragments_keep_the_checksums_that_lwip_made),
      HOST_TEST(frames_cut_short_are_sent_as_they_are),
      HOST_TEST(lwip_checks_what_the_device_does_not_vouch_for),
      HOST_TEST(the_ip_header_is_always_checked),
      HOST_TEST(a_datagram_from_fragments_is_checked_by_lwip),
      HOST_TEST(nonsense_in_a_received_header_touches_nothing_else),
      HOST_TEST(a_tunnel_flag_without_a_tunnel_refuses_no_packet),
      HOST_TEST(flags_that_mean_nothing_here_change_nothing),
      HOST_TEST(a_partial_checksum_is_completed_where_lwip_checks_it),
      HOST_TEST(a_sum_that_is_not_partial_is_left_alone),
      HOST_TEST(own_packets_behind_a_frame_that_lwip_checks_are_taken),
      HOST_TEST(tcp_to_an_own_address_works),
      HOST_TEST(a_burst_leaves_in_large_frames_and_arrives_whole),
      HOST_TEST(large_frames_survive_losses_and_late_completions),
      HOST_TEST(large_frames_work_with_the_smallest_queues),
      HOST_TEST(the_pieces_of_large_frames_can_be_limited),
      HOST_TEST(a_larger_queue_takes_larger_frames),
      HOST_TEST(only_segments_that_continue_each_other_are_joined),
      HOST_TEST(segments_are_joined_by_their_lengths),
      HOST_TEST(a_large_frame_is_no_longer_than_an_ip_packet_can_be),
      HOST_TEST(segments_with_volatile_headers_are_copied_or_refused),
      HOST_TEST(segments_that_others_refer_to_are_neither_lost_nor_kept),
      HOST_TEST(a_device_that_fails_with_a_large_frame_open_keeps_nothing_of_it),
      HOST_TEST(large_frames_are_declined_where_none_would_fit),
      HOST_TEST(large_frames_arrive_whole),
      HOST_TEST(the_length_of_received_headers_is_a_hint),
      HOST_TEST(merged_frames_of_every_length_are_one_chain),
      HOST_TEST(merged_frames_that_are_held_do_not_empty_the_ring),
      HOST_TEST(num_buffers_that_lie_cost_frames_and_no_buffers),
      HOST_TEST(num_buffers_beyond_all_buffers_cost_one_frame),
      HOST_TEST(a_frame_that_comes_in_parts_waits_for_the_rest),
      HOST_TEST(a_device_that_fails_within_a_merged_frame_keeps_nothing_of_it),
      HOST_TEST(frames_too_long_for_lwip_are_dropped_whole),
      HOST_TEST(without_memory_merged_frames_are_lost_and_their_buffers_are_not),
      HOST_TEST(a_port_of_a_bridge_takes_no_large_frames_and_leaves_sums_alone),
      HOST_TEST(what_comes_for_the_bridge_itself_is_taken),
      HOST_TEST(a_large_segment_is_acknowledged_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
