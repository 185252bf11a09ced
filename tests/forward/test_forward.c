/*
 * test_forward.c: virtioif under a router: whose checksums are whose, over two interfaces.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "remote.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"

#include <string.h>

enum { PORT = 7, FLAG_NEEDS_CSUM = 1, FLAG_DATA_VALID = 2 };

#define CSUM_FEATURES (SIM_F_CSUM | SIM_F_GUEST_CSUM)
#define LRO_FEATURES                                                                               \
  (CSUM_FEATURES | SIM_F_MRG_RXBUF | SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN)

static struct packet packet;
static struct packet expected;

static struct host *host_with(enum host_kind kind, uint64_t features)
{
  struct sim_net_params params = host_device(kind);
  params.features |= features;
  struct host *host = host_create(&params, 64, 16, 96); /* room for large frames */
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  remote_introduce(host);
  host->before = *virtioif_stats(&host->netif);
  return host;
}

struct router {
  struct host *from;
  struct host *to;
};

/* All kinds of two devices, with and without checksum offload. */
enum { ROUTERS = 4 * HOST_KINDS };

static struct router router_begin(unsigned variant)
{
  host_end(NULL);
  host_begin(NULL);
  enum host_kind kind = (enum host_kind)(variant / 4);
  struct router r = {host_with(kind, (variant & 1) != 0 ? CSUM_FEATURES : 0),
                     host_with(kind, (variant & 2) != 0 ? CSUM_FEATURES : 0)};
  return r;
}

static void run(const struct router *r)
{
  host_run(r->from);
  host_run(r->to);
}

static bool has_csum(const struct host *host)
{
  return (sim_accepted(host->dev) & SIM_F_CSUM) != 0;
}

/* What a packet looks like one hop later: stations, time to live and the sum over that. */
static void one_hop_on(const struct router *r, struct packet *p)
{
  u8_t *ip = p->bytes + p->ip;
  memcpy(p->bytes, peer_mac, 6);
  memcpy(p->bytes + 6, r->to->netif.hwaddr, 6);
  if (p->ipv6) {
    ip[7]--;
    return;
  }
  ip[8]--;
  u32_t sum = 0;
  packet_put16(ip + 10, 0);
  for (unsigned i = 0; i < 20; i += 2) {
    sum += packet_get16(ip + i);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  packet_put16(ip + 10, ~sum);
}

static void expect_frame(const struct router *r, unsigned n, const struct packet *p)
{
  const struct sim_frame *frame = peer_got(r->to, n);
  assert_int_equal(frame->len, p->len);
  assert_memory_equal(frame->bytes, p->bytes, p->len);
  assert_int_equal(frame->hdr.flags, 0); /* its sum is not the device's affair */
}

/* One packet of each protocol. */
static void make(struct packet *p, const struct router *r, bool ipv6, u8_t protocol, size_t len)
{
  struct packet_way way = packet_through(r->from, r->to, ipv6);
  struct packet_tcp tcp = {.src = 1, .dest = 2, .seq = 3, .ack = 4, .flags = PACKET_ACK};
  if (protocol == PACKET_TCP) {
    packet_tcp(p, &way, &tcp, len, 1);
  } else if (protocol == PACKET_UDP) {
    packet_udp(p, &way, 9, len, 1);
  } else {
    packet_ping(p, &way, len, 1);
  }
}

static const u8_t protocols[] = {PACKET_TCP, PACKET_UDP, PACKET_ICMP};

static void forwarded_packets_are_the_same_but_for_a_hop(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < ROUTERS; variant++) {
    struct router r = router_begin(variant);
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      for (size_t i = 0; i < COUNT(protocols); i++) {
        for (size_t len = 0; len <= 1400; len += 175) { /* copied or not, odd or not */
          make(&packet, &r, ipv6 != 0, protocols[i], len);
          assert_true(sim_net_deliver(r.from->dev, packet.bytes, packet.len));
          run(&r);
          one_hop_on(&r, &packet);
          assert_int_equal(peer_got_count(r.to), 1);
          expect_frame(&r, 0, &packet);
          peer_forget(r.to);
        }
      }
    }
    assert_int_equal(virtioif_rx_usage(&r.from->netif).held, 0);
  }
}

/* As MRG_RXBUF allows, even where large frames are declined. */
static void packets_in_two_buffers_are_forwarded(void **state)
{
  (void)state;
  const struct sim_hdr hdr = {.num_buffers = 2};
  const size_t first = 600;
  host_end(NULL);
  host_begin(NULL);
  struct router r = {host_with(HOST_MODERN, SIM_F_MRG_RXBUF), host_with(HOST_MODERN, 0)};
  make(&packet, &r, false, PACKET_UDP, 1000);
  packet_put16(packet.bytes + packet.l4 + 6, 0); /* no sum, for the data change on the way: ... */
  assert_true(sim_net_deliver_with(r.from->dev, &hdr, packet.bytes, first));
  size_t second = first + r.from->vif.net.hdr_bytes; /* ... the header counts as such here */
  assert_true(sim_net_deliver(r.from->dev, packet.bytes + second, packet.len - second));
  run(&r);
  assert_int_equal(host_news(r.from).rx_merged, 1);
  assert_int_equal(peer_got_count(r.to), 1);
  assert_int_equal(peer_got(r.to, 0)->len, packet.len);
  one_hop_on(&r, &packet);
  assert_memory_equal(peer_got(r.to, 0)->bytes, packet.bytes, first);
  assert_memory_equal(peer_got(r.to, 0)->bytes + second, packet.bytes + second,
                      packet.len - second);
  assert_int_equal(virtioif_rx_usage(&r.from->netif).held, 0);
}

/* A router neither mends nor breaks what is inside. */
static void a_wrong_sum_is_forwarded_as_wrong_as_it_came(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 4; variant++) {
    struct router r = router_begin(variant);
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      for (size_t i = 0; i < COUNT(protocols); i++) {
        make(&packet, &r, ipv6 != 0, protocols[i], 500);
        packet_spoil(&packet);
        assert_true(sim_net_deliver(r.from->dev, packet.bytes, packet.len));
        run(&r);
        one_hop_on(&r, &packet);
        expect_frame(&r, 0, &packet);
        peer_forget(r.to);
      }
    }
    sim_expect("drv-net-tx-4"); /* that is how it came */
  }
}

/* A field of 0 may be "none", or damage: either is the receiver's to judge. */
static void check_sum_of_zero(bool ipv6)
{
  for (unsigned variant = 0; variant < 4; variant++) {
    struct router r = router_begin(variant);
    for (size_t i = 0; i < 2; i++) { /* TCP, UDP */
      make(&packet, &r, ipv6, protocols[i], 500);
      packet_put16(packet.bytes + packet.l4 + (protocols[i] == PACKET_TCP ? 16 : 6), 0);
      assert_true(sim_net_deliver(r.from->dev, packet.bytes, packet.len));
      run(&r);
      one_hop_on(&r, &packet);
      sim_expect("drv-net-tx-4");
      expect_frame(&r, 0, &packet);
      peer_forget(r.to);
    }
  }
}

static void a_sum_of_zero_is_forwarded_as_it_came(void **state)
{
  (void)state;
  check_sum_of_zero(false);
}

static void a_sum_of_zero_is_forwarded_as_it_came_over_ipv6(void **state)
{
  (void)state;
  check_sum_of_zero(true);
}

static void forwarded_fragments_are_the_same_but_for_a_hop(void **state)
{
  (void)state;
  static struct packet whole;
  for (unsigned variant = 0; variant < 4; variant++) {
    struct router r = router_begin(variant);
    for (unsigned word = 0; word < 2; word++) {
      struct sim_hdr hdr = {.flags = word ? FLAG_DATA_VALID : 0};
      for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        for (size_t i = 0; i < COUNT(protocols); i++) {
          make(&whole, &r, ipv6 != 0, protocols[i], 3000);
          for (unsigned n = 0; packet_fragment(&whole, n, 1000, &packet); n++) {
            packet.ip = whole.ip;
            packet.ipv6 = whole.ipv6;
            assert_true(sim_net_deliver_with(r.from->dev, &hdr, packet.bytes, packet.len));
            run(&r);
            one_hop_on(&r, &packet);
            expect_frame(&r, 0, &packet);
            peer_forget(r.to);
          }
        }
      }
    }
  }
}

/* A packet too long for the next link: lwIP cuts it, and only IPv4's headers are new. */
static void packets_cut_on_the_way_keep_the_sum_of_the_whole(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 4; variant++) {
    struct router r = router_begin(variant);
    r.to->netif.mtu = 700;
    for (size_t i = 0; i < COUNT(protocols); i++) {
      make(&packet, &r, false, protocols[i], 1400);
      assert_true(sim_net_deliver(r.from->dev, packet.bytes, packet.len));
      run(&r);
      size_t at = packet.l4;
      assert_int_equal(peer_got_count(r.to), 3);
      for (unsigned n = 0; n < 3; n++) {
        const struct sim_frame *frame = peer_got(r.to, n);
        packet_check(frame->bytes, frame->len);
        assert_true(at + frame->len - 34 <= packet.len);
        assert_memory_equal(frame->bytes + 34, packet.bytes + at, frame->len - 34);
        assert_int_equal(frame->hdr.flags, 0);
        at += frame->len - 34;
      }
      assert_int_equal(at, packet.len);
      peer_forget(r.to);
    }
  }
}

/* The sender left its sum to the first device on the way; the next link has no use for that. */
static void sums_left_out_are_filled_in_on_the_way(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < ROUTERS; variant++) {
    struct router r = router_begin(variant);
    if (!has_csum(r.from)) {
      continue;
    }
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      for (size_t i = 0; i < 2; i++) { /* TCP, UDP */
        for (size_t len = 1; len <= 1400; len += 174) {
          make(&expected, &r, ipv6 != 0, protocols[i], len);
          packet = expected;
          struct sim_hdr hdr = packet_leave_sum(&packet);
          assert_true(sim_net_deliver_with(r.from->dev, &hdr, packet.bytes, packet.len));
          run(&r);
          one_hop_on(&r, &expected);
          expect_frame(&r, 0, &expected);
          peer_forget(r.to);
        }
      }
    }
  }
}

static err_t see(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  assert_int_equal(p->tot_len, expected.len);
  pbuf_copy_partial(p, packet.bytes, (u16_t)expected.len, 0);
  pbuf_free(p);
  return ERR_OK;
}

/* Over several buffers, of which the first ones may be of odd length. What is for this station and
 * this address needs no sum any more. */
static void sums_left_out_of_frames_for_other_stations_are_filled_in(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES | SIM_F_MRG_RXBUF);
  host->netif.input = see;
  for (unsigned variant = 0; variant < 6; variant++) {
    static const u8_t other_station[3][6] = {{0}, {0, 0, 0, 0, 0, 0x10}, {0x10}};
    struct packet_way way = packet_to(host, variant % 2 != 0);
    for (unsigned i = 0; i < 6; i++) {
      way.dest_mac[i] ^= other_station[variant / 2][i];
    }
    for (size_t len = 1; len <= 9000; len += 431) {
      packet_udp(&expected, &way, 9, len, 1);
      packet = expected;
      struct sim_hdr hdr = packet_leave_sum(&packet);
      if (variant / 2 == 0) {
        expected = packet;
      }
      assert_true(sim_net_deliver_with(host->dev, &hdr, packet.bytes, packet.len));
      memset(packet.bytes, 0, packet.len);
      host_run(host);
      assert_memory_equal(packet.bytes, expected.bytes, expected.len);
    }
  }
}

/* What tells own packets is a header sum of 0, all of it. */
static void one_byte_of_zero_in_a_header_sum_makes_no_packet_an_own_one(void **state)
{
  (void)state;
  for (unsigned low = 0; low < 2; low++) {
    struct router r = router_begin(0);
    u8_t *ip = packet.bytes + 14;
    u8_t other;
    u32_t id = 0;
    do { /* ... until the sum that the next hop sees is of that kind */
      make(&packet, &r, false, PACKET_UDP, 500);
      packet_put16(ip + 4, ++id);
      packet_finish(&packet);
      expected = packet;
      one_hop_on(&r, &expected);
      other = expected.bytes[14 + 10 + (low ? 0 : 1)];
    } while (expected.bytes[14 + 10 + low] != 0 || other == 0);
    packet_put16(packet.bytes + packet.l4 + 6, 0); /* a datagram may have none */
    packet_put16(expected.bytes + packet.l4 + 6, 0);
    assert_true(sim_net_deliver(r.from->dev, packet.bytes, packet.len));
    run(&r);
    expect_frame(&r, 0, &expected);
  }
}

/*
 * The router's own
 */

/* TCP, both ways, with a look at each frame. */
static void own_connections_have_good_sums_on_both_interfaces(void **state)
{
  (void)state;
  static u8_t data[4000];
  support_pattern(data, sizeof(data), 3);
  for (unsigned variant = 0; variant < ROUTERS; variant++) {
    struct router r = router_begin(variant);
    struct host *hosts[] = {r.from, r.to};
    for (unsigned side = 0; side < 2; side++) {
      for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        struct remote remote;
        u16_t port = (u16_t)(PORT + side * 2 + ipv6);
        struct server *server = server_open(port);
        remote_open(&remote, hosts[side], ipv6 != 0, port);
        tcp_nagle_disable(server->pcb);
        for (u16_t len = 1; len <= 1000; len = (u16_t)(len + 111)) {
          assert_int_equal(tcp_write(server->pcb, data, len, (u8_t)(len & 1)), ERR_OK);
          assert_int_equal(tcp_output(server->pcb), ERR_OK);
          const struct sim_frame *frame = peer_got(hosts[side], 0);
          assert_int_equal(frame->hdr.flags, has_csum(hosts[side]) ? FLAG_NEEDS_CSUM : 0);
          packet_check(frame->bytes, frame->len);
          remote_acknowledge(&remote);
          peer_forget(hosts[side]);
          remote_send(&remote, 0, len, PACKET_ACK);
          remote.seq += len;
        }
        assert_true(server->received > 0);
        assert_int_equal(server->acked, server->received);
      }
    }
  }
}

static void check_sent(const struct host *host)
{
  for (unsigned i = 0; i < peer_got_count(host); i++) {
    packet_check(peer_got(host, i)->bytes, peer_got(host, i)->len);
  }
}

static void send_datagram_to(const ip_addr_t *addr, u16_t len)
{
  struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, len, PBUF_RAM);
  support_pattern(p->payload, len, len);
  assert_int_equal(udp_sendto(pcb, p, addr, 9), ERR_OK);
  pbuf_free(p);
  udp_remove(pcb);
}

static void send_datagram(const struct host *host, bool ipv6, u16_t len)
{
  struct packet_way way = packet_to(host, ipv6);
  ip_addr_t addr = IPADDR4_INIT(0);
  memcpy(&addr, way.src, ipv6 ? 16 : 4);
  IP_SET_TYPE_VAL(addr, ipv6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
  send_datagram_to(&addr, len);
}

static void own_datagrams_and_answers_have_good_sums(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < ROUTERS; variant++) {
    struct router r = router_begin(variant);
    struct host *hosts[] = {r.from, r.to};
    for (unsigned side = 0; side < 2; side++) {
      for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        for (u16_t len = 0; len <= 1400; len = (u16_t)(len + 127)) {
          struct packet_way way = packet_to(hosts[side], ipv6 != 0);
          packet_ping(&packet, &way, len, len);
          assert_true(sim_net_deliver(hosts[side]->dev, packet.bytes, packet.len));
          run(&r);
          send_datagram(hosts[side], ipv6 != 0, len);
          assert_int_equal(peer_got_count(hosts[side]), 2);
          check_sent(hosts[side]);
          peer_forget(hosts[side]);
          run(&r);
        }
      }
    }
  }
}

/* To a port where nobody is, and with no hop left. */
static void own_errors_have_good_sums(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < ROUTERS; variant++) {
    struct router r = router_begin(variant);
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      struct packet_way way = packet_to(r.from, ipv6 != 0);
      packet_udp(&packet, &way, 4444, 500, 1);
      assert_true(sim_net_deliver(r.from->dev, packet.bytes, packet.len));
      make(&packet, &r, ipv6 != 0, PACKET_UDP, 500);
      packet.bytes[packet.ip + (ipv6 ? 7 : 8)] = 1;
      packet_finish(&packet);
      assert_true(sim_net_deliver(r.from->dev, packet.bytes, packet.len));
      run(&r);
      assert_int_equal(peer_got_count(r.from), 2);
      check_sent(r.from);
      peer_forget(r.from);
    }
  }
}

/* The datagram's or echo's sum out of its fragments: good, or left out. */
static void check_reassembled(const struct host *host, bool ipv6, u8_t protocol, size_t len,
                              bool left_out)
{
  size_t skip = ipv6 ? 62 : 34;
  assert_true(peer_got_count(host) >= 2);
  assert_true(packet_parse(&packet, peer_got(host, 0)->bytes, peer_got(host, 0)->len));
  packet.protocol = protocol;
  packet.len = packet.l4;
  for (unsigned i = 0; i < peer_got_count(host); i++) {
    const struct sim_frame *frame = peer_got(host, i);
    packet_check(frame->bytes, frame->len);
    memcpy(packet.bytes + packet.len, frame->bytes + skip, frame->len - skip);
    packet.len += frame->len - skip;
  }
  assert_int_equal(packet.len - packet.l4, 8 + len);
  u8_t *field = packet.bytes + packet.l4 + (protocol == PACKET_UDP ? 6 : 2);
  u16_t there = packet_get16(field);
  packet_finish(&packet);
  u16_t wanted = left_out ? 0 : packet_get16(field);
  if (there != wanted) {
    fail_msg("protocol %u over IPv%u in fragments: sum %04x, not %04x", protocol, ipv6 ? 6 : 4,
             there, wanted);
  }
}

/* lwIP cuts them before virtioif sees them. On IPv4 that means "no sum"; over IPv6, and for pings
 * on IPv4, it is a limit that port/README.md tells of. */
static void own_datagrams_in_fragments_have_no_sum(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 4; variant++) {
    struct router r = router_begin(variant);
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      send_datagram(r.to, ipv6 != 0, 3001);
      check_reassembled(r.to, ipv6 != 0, PACKET_UDP, 3001, true);
      peer_forget(r.to);
      run(&r);
    }
  }
}

static void a_long_ping_is_answered_with_a_sum_over_ipv6_alone(void **state)
{
  (void)state;
  static struct packet whole;
  for (unsigned variant = 0; variant < 4; variant++) {
    struct router r = router_begin(variant);
    for (unsigned v4 = 0; v4 < 2; v4++) {
      bool ipv6 = v4 == 0;
      struct packet_way way = packet_to(r.from, ipv6);
      packet_ping(&whole, &way, 3000, 1);
      for (unsigned n = 0; packet_fragment(&whole, n, 1200, &packet); n++) {
        assert_true(sim_net_deliver(r.from->dev, packet.bytes, packet.len));
      }
      run(&r);
      check_reassembled(r.from, ipv6, ipv6 ? PACKET_ICMP6 : PACKET_ICMP, 3000, !ipv6);
      peer_forget(r.from);
    }
  }
}

/*
 * What it sends to itself carries no sums, because nobody made them.
 */

enum { OWN_ADDRESSES = 6 };

static void own_addresses(const struct router *r, ip_addr_t *addr)
{
  ip_addr_copy_from_ip4(addr[0], *netif_ip4_addr(&r->from->netif));
  ip_addr_copy_from_ip4(addr[1], *netif_ip4_addr(&r->to->netif));
  IP_ADDR4(&addr[2], 127, 0, 0, 1);
  ip_addr_copy_from_ip6(addr[3], *netif_ip6_addr(&r->from->netif, 1));
  ip_addr_copy_from_ip6(addr[4], *netif_ip6_addr(&r->to->netif, 1));
  IP_ADDR6(&addr[5], 0, 0, 0, PP_HTONL(1));
}

/* The same poll takes a frame that lwIP checks. */
static void run_with_a_frame(const struct router *r)
{
  make(&packet, r, false, PACKET_UDP, 100);
  assert_true(sim_net_deliver(r->from->dev, packet.bytes, packet.len));
  run(r);
}

static unsigned datagrams;

static void count_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                           u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(addr);
  LWIP_UNUSED_ARG(port);
  support_check_pattern(p->payload, p->len, p->tot_len);
  datagrams++;
  pbuf_free(p);
}

static void own_datagrams_to_itself_arrive(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < ROUTERS; variant++) {
    struct router r = router_begin(variant);
    ip_addr_t addr[OWN_ADDRESSES];
    struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    own_addresses(&r, addr);
    datagrams = 0;
    assert_int_equal(udp_bind(pcb, IP_ANY_TYPE, 9), ERR_OK);
    udp_recv(pcb, count_datagram, NULL);
    for (unsigned i = 0; i < OWN_ADDRESSES; i++) {
      send_datagram_to(&addr[i], 500);
      run(&r);
      assert_int_equal(datagrams, 2 * i + 1);
      send_datagram_to(&addr[i], 500);
      run_with_a_frame(&r);
      assert_int_equal(datagrams, 2 * i + 2);
    }
    udp_remove(pcb);
  }
}

/* Both ways, and no later than lwIP's delayed acknowledgement. */
static void check_own_connection(const struct router *r, struct tcp_pcb *client,
                                 const struct server *server)
{
  static u8_t data[1000];
  struct tcp_pcb *ends[] = {client, server->pcb};
  for (unsigned i = 0; i < 2; i++) {
    assert_int_equal(tcp_write(ends[i], data, sizeof(data), 0), ERR_OK);
    assert_int_equal(tcp_output(ends[i]), ERR_OK);
    run_with_a_frame(r);
    host_wait_ms(TCP_TMR_INTERVAL);
    run(r);
  }
  assert_int_equal(server->received, sizeof(data));
  assert_int_equal(server->acked, sizeof(data));
}

static void own_connections_to_itself_work(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < ROUTERS; variant++) {
    struct router r = router_begin(variant);
    ip_addr_t addr[OWN_ADDRESSES];
    own_addresses(&r, addr);
    for (unsigned i = 0; i < OWN_ADDRESSES; i++) {
      u16_t port = (u16_t)(PORT + i);
      struct server *server = server_open(port);
      struct tcp_pcb *client = tcp_new_ip_type(IPADDR_TYPE_ANY);
      assert_int_equal(tcp_connect(client, &addr[i], port, NULL), ERR_OK);
      run(&r);
      assert_non_null(server->pcb);
      check_own_connection(&r, client, server);
      tcp_abort(client);
      run(&r);
      assert_null(server->pcb);
    }
  }
}

/*
 * Copies: only what goes on to somebody else needs one
 */

/* A datagram that is long enough not to be copied anyway; len: of its payload. */
enum { LONG_DATAGRAM = 500 };

static u32_t copies_of(const struct router *r)
{
  u32_t before = virtioif_stats(&r->from->netif)->rx_copied;
  u32_t frames = virtioif_stats(&r->from->netif)->rx_frames;
  assert_true(sim_net_deliver(r->from->dev, packet.bytes, packet.len));
  run(r);
  assert_int_equal(virtioif_stats(&r->from->netif)->rx_frames, frames + 1);
  return virtioif_stats(&r->from->netif)->rx_copied - before;
}

static void make_to(const struct router *r, bool ipv6, const u8_t *dest)
{
  struct packet_way way = packet_to(r->from, ipv6);
  memcpy(way.dest, dest, ipv6 ? 16 : 4);
  packet_udp(&packet, &way, 9, LONG_DATAGRAM, 1);
}

static void what_is_for_everyone_is_not_copied(void **state)
{
  (void)state;
  static const u8_t ip6_all_nodes[16] = {[0] = 0xff, [1] = 0x02, [15] = 0x01};
  struct router r = router_begin(0);
  u8_t n = (u8_t)r.from->number;
  const u8_t ip4[][4] = {{224, 0, 0, 1}, {255, 255, 255, 255}, {10, 0, n, 255}, {10, 0, n, 1}};
  for (size_t i = 0; i < COUNT(ip4); i++) {
    make_to(&r, false, ip4[i]);
    assert_int_equal(copies_of(&r), 0);
  }
  make_to(&r, true, ip6_all_nodes);
  assert_int_equal(copies_of(&r), 0);
  assert_int_equal(peer_got_count(r.to), 0);
}

static void what_goes_on_to_somebody_else_is_copied(void **state)
{
  (void)state;
  struct router r = router_begin(0);
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    make(&packet, &r, ipv6 != 0, PACKET_UDP, LONG_DATAGRAM);
    assert_int_equal(copies_of(&r), 1);
    assert_int_equal(peer_got_count(r.to), 1 + ipv6);
  }
}

/* Nobody forwards what is no IP packet, or pretends to be one. */
static void what_is_no_packet_is_not_copied(void **state)
{
  (void)state;
  struct router r = router_begin(0);
  make(&packet, &r, false, PACKET_UDP, LONG_DATAGRAM);
  packet.bytes[12] = 0x88;
  packet.bytes[13] = 0xb5;
  assert_int_equal(copies_of(&r), 0);
  static const u8_t first_bytes[] = {0x40, 0x44};
  for (size_t i = 0; i < COUNT(first_bytes); i++) {
    make(&packet, &r, false, PACKET_UDP, LONG_DATAGRAM);
    packet.bytes[packet.ip] = first_bytes[i];
    assert_int_equal(copies_of(&r), 0);
  }
  for (u16_t len = 0; len < 20; len += 19) {
    make(&packet, &r, false, PACKET_UDP, LONG_DATAGRAM);
    packet_put16(packet.bytes + packet.ip + 2, len);
    assert_int_equal(copies_of(&r), 0);
  }
  assert_int_equal(peer_got_count(r.to), 0);
}

/*
 * What else a router must not do
 */

/* A frame whose IPv4 header claims to be longer than the frame is summed no further than it goes.
 */
static void a_header_longer_than_its_frame_leaves_as_it_is(void **state)
{
  (void)state;
  struct router r = router_begin(1);
  struct packet_way way = packet_to(r.from, false);
  packet_udp(&packet, &way, 9, 0, 1);
  packet.bytes[packet.ip] = 0x4f;
  packet_put16(packet.bytes + packet.ip + 2, 60);
  packet_put16(packet.bytes + packet.ip + 10, 0);
  u16_t len = (u16_t)(packet.ip + 20);
  struct pbuf *p = pbuf_alloc(PBUF_RAW, len, PBUF_RAM);
  pbuf_take(p, packet.bytes, len);
  assert_int_equal(r.from->netif.linkoutput(&r.from->netif, p), ERR_OK);
  pbuf_free(p);
  const struct sim_frame *frame = peer_got(r.from, 0);
  assert_int_equal(frame->len, len);
  assert_memory_equal(frame->bytes, packet.bytes, len);
  sim_expect("own-tx-ip-length"); /* that is how it was given */
}

/* ICMP is no protocol of IPv6: nobody knows where such a packet has which sum. */
static void icmp_over_ipv6_leaves_as_it_is(void **state)
{
  (void)state;
  struct router r = router_begin(1);
  struct packet_way way = packet_to(r.from, true);
  memcpy(way.src, way.dest, 16); /* an own one */
  packet_udp(&packet, &way, 9, LONG_DATAGRAM, 1);
  packet.bytes[packet.ip + 6] = PACKET_ICMP;
  packet_put16(packet.bytes + packet.l4 + 2, 0);
  struct pbuf *p = pbuf_alloc(PBUF_RAW_TX, (u16_t)packet.len, PBUF_RAM);
  pbuf_take(p, packet.bytes, (u16_t)packet.len);
  assert_int_equal(r.from->netif.linkoutput(&r.from->netif, p), ERR_OK);
  pbuf_free(p);
  const struct sim_frame *frame = peer_got(r.from, 0);
  assert_int_equal(frame->len, packet.len);
  assert_memory_equal(frame->bytes, packet.bytes, packet.len);
  assert_int_equal(frame->hdr.flags, 0);
  sim_expect("drv-net-tx-4"); /* that is how it was given */
}

static void a_router_takes_no_large_frames(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, LRO_FEATURES);
  assert_int_equal(
      sim_accepted(host->dev) & (SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN), 0);
  assert_int_equal(sim_accepted(host->dev) & CSUM_FEATURES, CSUM_FEATURES);
}

static void wrong_sums_to_the_router_itself_are_dropped(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 4; variant++) {
    struct router r = router_begin(variant);
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      struct server *server = server_open((u16_t)(PORT + ipv6));
      struct remote remote;
      remote_open(&remote, r.from, ipv6 != 0, (u16_t)(PORT + ipv6));
      for (unsigned good = 0; good < 2; good++) {
        remote_segment(&remote, &packet, 0, 600, PACKET_ACK);
        if (!good) {
          packet_spoil(&packet);
        }
        assert_true(sim_net_deliver(r.from->dev, packet.bytes, packet.len));
        run(&r);
        assert_int_equal(server->received, good ? 600 : 0);
      }
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(forwarded_packets_are_the_same_but_for_a_hop),
      HOST_TEST(packets_in_two_buffers_are_forwarded),
      HOST_TEST(a_wrong_sum_is_forwarded_as_wrong_as_it_came),
      HOST_TEST(a_sum_of_zero_is_forwarded_as_it_came),
      HOST_TEST(a_sum_of_zero_is_forwarded_as_it_came_over_ipv6),
      HOST_TEST(forwarded_fragments_are_the_same_but_for_a_hop),
      HOST_TEST(packets_cut_on_the_way_keep_the_sum_of_the_whole),
      HOST_TEST(sums_left_out_are_filled_in_on_the_way),
      HOST_TEST(sums_left_out_of_frames_for_other_stations_are_filled_in),
      HOST_TEST(one_byte_of_zero_in_a_header_sum_makes_no_packet_an_own_one),
      HOST_TEST(own_connections_have_good_sums_on_both_interfaces),
      HOST_TEST(own_datagrams_and_answers_have_good_sums),
      HOST_TEST(own_errors_have_good_sums),
      HOST_TEST(own_datagrams_in_fragments_have_no_sum),
      HOST_TEST(a_long_ping_is_answered_with_a_sum_over_ipv6_alone),
      HOST_TEST(own_datagrams_to_itself_arrive),
      HOST_TEST(own_connections_to_itself_work),
      HOST_TEST(what_is_for_everyone_is_not_copied),
      HOST_TEST(what_goes_on_to_somebody_else_is_copied),
      HOST_TEST(what_is_no_packet_is_not_copied),
      HOST_TEST(a_header_longer_than_its_frame_leaves_as_it_is),
      HOST_TEST(icmp_over_ipv6_leaves_as_it_is),
      HOST_TEST(a_router_takes_no_large_frames),
      HOST_TEST(wrong_sums_to_the_router_itself_are_dropped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
