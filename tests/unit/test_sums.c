/*
 * test_sums.c: checksums byte for byte, for all protocols, lengths and layouts; test_offload.c has
 * the transfers.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "remote.h"

#include "lwip/inet_chksum.h"
#include "lwip/udp.h"

#include <string.h>

enum { PORT = 7, FLAG_NEEDS_CSUM = 1, FLAG_DATA_VALID = 2 };

#define CSUM_FEATURES (SIM_F_CSUM | SIM_F_GUEST_CSUM)

static struct packet packet;

static struct host *host_with(enum host_kind kind, uint64_t features)
{
  struct sim_net_params params = host_device(kind);
  params.features |= features;
  struct host *host = host_create(&params, 32, 16, 64);
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  remote_introduce(host);
  host->before = *virtioif_stats(&host->netif);
  return host;
}

static void next_host(void)
{
  host_end(NULL);
  host_begin(NULL);
}

/*
 * Out
 */

/* One write of an application leaves as it should. */
static void check_write(struct remote *remote, struct server *server, const u8_t *data, u16_t len,
                        u8_t how, bool offload)
{
  struct host *host = remote->host;
  assert_int_equal(tcp_write(server->pcb, data, len, how), ERR_OK);
  assert_int_equal(tcp_output(server->pcb), ERR_OK);
  assert_int_equal(peer_got_count(host), 1);
  const struct sim_frame *frame = peer_got(host, 0);
  size_t l4 = remote->way.ipv6 ? 54 : 34;
  assert_int_equal(frame->hdr.flags, offload ? FLAG_NEEDS_CSUM : 0);
  assert_int_equal(frame->hdr.gso_type, 0);
  assert_int_equal(frame->hdr.csum_start, offload ? l4 : 0);
  assert_int_equal(frame->hdr.csum_offset, offload ? 16 : 0);
  packet_check(frame->bytes, frame->len); /* as the device finished it */
  assert_int_equal(frame->len, l4 + 20 + len);
  assert_memory_equal(frame->bytes + l4 + 20, data, len);
  remote_acknowledge(remote);
  peer_forget(host);
}

static void tcp_of_every_length_and_layout_has_its_sum(void **state)
{
  (void)state;
  static u8_t data[1461];
  support_pattern(data, sizeof(data), 1);
  for (unsigned variant = 0; variant < 8; variant++) {
    bool ipv6 = (variant & 1) != 0;
    bool offload = (variant & 2) != 0;
    u8_t how = (variant & 4) != 0 ? TCP_WRITE_FLAG_COPY : 0;
    struct host *host = host_with(HOST_MODERN, offload ? CSUM_FEATURES : 0);
    struct server *server = server_open(PORT);
    struct remote remote;
    remote_open(&remote, host, ipv6, PORT);
    u16_t most = tcp_mss(server->pcb);
    for (u16_t len = 1; len <= most; len = (u16_t)(len + (len < 250 ? 3 : 67))) {
      check_write(&remote, server, data + len % 2, len, how, offload);
    }
    check_write(&remote, server, data, most, how, offload);
    next_host();
  }
}

/* All ones and all zeros, where a sum of 0 and one of 0xffff are near. */
static void tcp_sums_at_the_ends_of_the_scale_are_right(void **state)
{
  (void)state;
  static u8_t data[1000];
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  struct server *server = server_open(PORT);
  struct remote remote;
  remote_open(&remote, host, false, PORT);
  for (unsigned fill = 0; fill < 2; fill++) {
    memset(data, fill ? 0xff : 0, sizeof(data));
    for (u16_t len = 990; len <= 1000; len++) {
      check_write(&remote, server, data, len, 0, true);
    }
  }
}

/* A frame with the pseudo header's sum still missing, in a chain that begins with first bytes. */
static struct pbuf *scattered(const struct packet *p, u16_t first, u16_t then)
{
  struct pbuf *head = pbuf_alloc(PBUF_RAW, first, PBUF_RAM);
  u16_t at = first;
  memcpy(head->payload, p->bytes, first);
  while (at < p->len) {
    u16_t len = (u16_t)LWIP_MIN(then, p->len - at);
    struct pbuf *q = pbuf_alloc(PBUF_RAW, len, PBUF_RAM);
    memcpy(q->payload, p->bytes + at, len);
    pbuf_cat(head, q);
    at = (u16_t)(at + len);
  }
  return head;
}

static void headers_spread_over_pbufs_are_found(void **state)
{
  (void)state;
  static struct packet expected;
  for (unsigned variant = 0; variant < 4; variant++) {
    bool ipv6 = (variant & 1) != 0;
    bool offload = (variant & 2) != 0;
    struct host *host = host_with(HOST_MODERN, offload ? CSUM_FEATURES : 0);
    struct packet_way way = packet_to(host, ipv6);
    struct packet_tcp tcp = {.src = 1, .dest = 2, .seq = 3, .flags = PACKET_ACK};
    for (u16_t first = 14; first <= 80; first++) {
      for (u16_t len = 1; len <= 1000; len = (u16_t)(len + 333)) {
        packet_tcp(&expected, &way, &tcp, len, first);
        packet = expected;
        if (offload) {
          packet_put16(packet.bytes + packet.l4 + 16, 0);
        }
        u16_t most = (u16_t)LWIP_MIN(first, packet.len);
        struct pbuf *p = scattered(&packet, most, (u16_t)(first % 7 == 0 ? 3 : 91));
        assert_int_equal(host->netif.linkoutput(&host->netif, p), ERR_OK);
        host_run(host);
        assert_int_equal(p->ref, 1);
        pbuf_free(p);
        const struct sim_frame *frame = peer_got(host, 0);
        assert_int_equal(frame->hdr.flags, offload ? FLAG_NEEDS_CSUM : 0);
        assert_int_equal(frame->len, expected.len);
        assert_memory_equal(frame->bytes, expected.bytes, expected.len);
        peer_forget(host);
      }
    }
    next_host();
  }
}

/* Answers to pings, and datagrams in chains of odd pieces: lwIP sums these. */
static void udp_and_icmp_leave_with_their_sums(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 4; variant++) {
    bool ipv6 = (variant & 1) != 0;
    struct host *host = host_with(HOST_MODERN, (variant & 2) != 0 ? CSUM_FEATURES : 0);
    struct packet_way way = packet_to(host, ipv6);
    struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    ip_addr_t addr = IPADDR4_INIT(0);
    memcpy(&addr, way.src, ipv6 ? 16 : 4);
    IP_SET_TYPE_VAL(addr, ipv6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
    for (u16_t len = 0; len <= 1400; len = (u16_t)(len + 41)) {
      packet_ping(&packet, &way, len, len);
      assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
      host_run(host);
      struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 1, PBUF_RAM);
      memset(p->payload, 0x5a, 1);
      for (u16_t part = 0; part < len; part = (u16_t)(part + 201)) {
        struct pbuf *q = pbuf_alloc(PBUF_RAW, (u16_t)LWIP_MIN(201, len - part), PBUF_RAM);
        support_pattern(q->payload, q->len, part);
        pbuf_cat(p, q);
      }
      assert_int_equal(udp_sendto(pcb, p, &addr, 9), ERR_OK);
      pbuf_free(p);
      assert_int_equal(peer_got_count(host), 2);
      for (unsigned i = 0; i < 2; i++) {
        const struct sim_frame *frame = peer_got(host, i);
        assert_int_equal(frame->hdr.flags, 0);
        assert_int_equal(frame->len, (ipv6 ? 54u : 34u) + 8u + len + i);
        packet_check(frame->bytes, frame->len);
      }
      peer_forget(host);
      host_run(host);
    }
    udp_remove(pcb);
    next_host();
  }
}

/* Fragments of a datagram, put together again, have the sum of the whole. */
static void the_sum_of_a_datagram_in_fragments_is_that_of_the_whole(void **state)
{
  (void)state;
  static struct packet whole;
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
    struct packet_way way = packet_to(host, ipv6 != 0);
    struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    ip_addr_t addr = IPADDR4_INIT(0);
    memcpy(&addr, way.src, ipv6 ? 16 : 4);
    IP_SET_TYPE_VAL(addr, ipv6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 4001, PBUF_RAM);
    support_pattern(p->payload, 4001, 1);
    assert_int_equal(udp_sendto(pcb, p, &addr, 9), ERR_OK);
    pbuf_free(p);
    size_t skip = ipv6 ? 62 : 34;
    packet_parse(&whole, peer_got(host, 0)->bytes, peer_got(host, 0)->len);
    whole.protocol = PACKET_UDP;
    whole.len = whole.l4;
    for (unsigned i = 0; i < peer_got_count(host); i++) {
      const struct sim_frame *frame = peer_got(host, i);
      memcpy(whole.bytes + whole.len, frame->bytes + skip, frame->len - skip);
      whole.len += frame->len - skip;
    }
    assert_int_equal(whole.len - whole.l4, 8 + 4001);
    u16_t there = packet_get16(whole.bytes + whole.l4 + 6);
    packet_finish(&whole);
    assert_int_equal(there, packet_get16(whole.bytes + whole.l4 + 6));
    host_run(host);
    udp_remove(pcb);
    next_host();
  }
}

/* All fragments that were sent to the peer, put together; they came in order. Returns how many. */
static unsigned gather_fragments(struct host *host, struct packet *whole)
{
  unsigned count = 0;
  for (unsigned i = 0; i < peer_got_count(host); i++) {
    const struct sim_frame *frame = peer_got(host, i);
    if (memcmp(frame->bytes, peer_mac, sizeof(peer_mac)) != 0) {
      continue; /* lwIP tells its groups of itself */
    }
    if (count++ == 0) {
      packet_parse(whole, frame->bytes, frame->len);
      whole->protocol = whole->ipv6 ? whole->bytes[whole->l4] : whole->protocol;
      whole->len = whole->l4;
    }
    size_t skip = whole->l4 + (whole->ipv6 ? 8 : 0);
    memcpy(whole->bytes + whole->len, frame->bytes + skip, frame->len - skip);
    whole->len += frame->len - skip;
  }
  return count;
}

/* A segment was cut for a longer way than there turns out to be: lwIP repeats it in fragments. */
static void a_segment_in_fragments_has_the_sum_of_the_whole(void **state)
{
  (void)state;
  static struct packet whole;
  for (unsigned variant = 0; variant < 4; variant++) {
    bool ipv6 = (variant & 1) != 0;
    struct host *host = host_with(HOST_MODERN, (variant & 2) != 0 ? CSUM_FEATURES : 0);
    struct server *server = server_open(PORT);
    struct remote remote;
    remote_open(&remote, host, ipv6, PORT);
    u16_t mss = tcp_mss(server->pcb);
    support_pattern(whole.bytes, mss, 1);
    assert_int_equal(tcp_write(server->pcb, whole.bytes, mss, TCP_WRITE_FLAG_COPY), ERR_OK);
    assert_int_equal(tcp_output(server->pcb), ERR_OK);
    assert_int_equal(peer_got_count(host), 1);
    if (ipv6) {
      packet_too_big(&packet, host, peer_got(host, 0)->bytes, 1280);
      assert_true(sim_net_deliver(host->dev, packet.bytes, packet.len));
      host_run(host);
    } else {
      struct sim_net_params other = host_device(HOST_MODERN);
      other.features |= SIM_F_MTU | ((variant & 2) != 0 ? CSUM_FEATURES : 0);
      other.mtu = 1280;
      sim_net_become(host->dev, &other);
      for (unsigned resets = 0; resets < 2; resets++) { /* the second finds nothing new */
        virtioif_reset(&host->netif);
        host_run(host);
      }
    }
    peer_forget(host);
    for (unsigned laps = 0; gather_fragments(host, &whole) == 0 && laps < 40; laps++) {
      host_wait_ms(250);
      host_run(host);
    }
    assert_int_equal(gather_fragments(host, &whole), 2);
    assert_int_equal(whole.len - whole.l4, 20u + mss);
    u16_t there = packet_get16(whole.bytes + whole.l4 + 16);
    packet_finish(&whole);
    assert_int_equal(there, packet_get16(whole.bytes + whole.l4 + 16));
    next_host();
  }
}

/*
 * In
 */

enum word { NO_WORD, VOUCHED_FOR, LEFT_OUT, WORDS };

static bool deliver(struct host *host, struct packet *p, enum word word)
{
  struct sim_hdr hdr = {0};
  if (word == VOUCHED_FOR) {
    hdr.flags = FLAG_DATA_VALID;
  } else if (word == LEFT_OUT) {
    hdr = packet_leave_sum(p);
  }
  u16_t flags = host->netif.chksum_flags;
  bool room = sim_net_deliver_with(host->dev, &hdr, p->bytes, p->len);
  host_run(host);
  assert_int_equal(host->netif.chksum_flags, flags);
  host_check_buffers(host);
  return room;
}

static void tcp_segments_are_taken_on_the_devices_word_or_on_their_sum(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 4; variant++) {
    bool ipv6 = (variant & 1) != 0;
    bool offload = (variant & 2) != 0;
    struct host *host = host_with(HOST_MODERN, offload ? CSUM_FEATURES : 0);
    struct server *server = server_open(PORT);
    struct remote remote;
    remote_open(&remote, host, ipv6, PORT);
    for (size_t len = 11; len <= 1400; len += 463) { /* copied, and in place */
      for (unsigned word = 0; word < WORDS; word++) {
        for (unsigned good = 0; good < 2; good++) {
          remote_segment(&remote, &packet, 0, len, PACKET_ACK);
          if (!good) {
            packet_spoil(&packet);
          }
          u32_t before = server->received;
          assert_true(deliver(host, &packet, (enum word)word));
          /* A sum that was left out replaces the spoiled one. */
          bool taken = word == NO_WORD ? good : offload || (word == VOUCHED_FOR && good);
          assert_int_equal(server->received - before, taken ? len : 0);
          remote.seq += taken ? (u32_t)len : 0;
        }
      }
    }
    next_host();
  }
}

static unsigned datagrams;
static u8_t datagram[4000];

static void datagram_received(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                              u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(addr);
  LWIP_UNUSED_ARG(port);
  datagrams++;
  pbuf_copy_partial(p, datagram, sizeof(datagram), 0);
  pbuf_free(p);
}

static struct udp_pcb *listen_udp(void)
{
  struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
  assert_int_equal(udp_bind(pcb, IP_ANY_TYPE, 9), ERR_OK);
  udp_recv(pcb, datagram_received, NULL);
  datagrams = 0;
  return pcb;
}

static void datagrams_over_ipv6_are_taken_on_the_devices_word_or_on_their_sum(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  struct packet_way way = packet_to(host, true);
  struct udp_pcb *pcb = listen_udp();
  for (unsigned word = 0; word < WORDS; word++) {
    for (unsigned good = 0; good < 2; good++) {
      packet_udp(&packet, &way, 9, 700, word);
      if (!good) {
        packet_spoil(&packet);
      }
      unsigned before = datagrams;
      deliver(host, &packet, (enum word)word);
      assert_int_equal(datagrams - before, word == NO_WORD ? good : 1);
    }
  }
  udp_remove(pcb);
}

/* The device sums no ICMP, whatever it says. */
static void icmp_is_always_checked(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    for (unsigned word = NO_WORD; word <= VOUCHED_FOR; word++) {
      for (unsigned good = 0; good < 2; good++) {
        struct packet_way way = packet_to(host, ipv6 != 0);
        packet_ping(&packet, &way, 300, 1);
        if (!good) {
          packet_spoil(&packet);
        }
        deliver(host, &packet, (enum word)word);
        assert_int_equal(peer_got_count(host), good);
        peer_forget(host);
      }
    }
  }
}

/* The device's word about a fragment says nothing about the datagram. */
static void reassembled_datagrams_are_checked_whatever_was_said_of_the_fragments(void **state)
{
  (void)state;
  static struct packet part;
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
    struct packet_way way = packet_to(host, ipv6 != 0);
    struct udp_pcb *pcb = listen_udp();
    for (unsigned word = NO_WORD; word <= VOUCHED_FOR; word++) {
      for (unsigned good = 0; good < 2; good++) {
        packet_udp(&packet, &way, 9, 3000, word);
        packet_put16(packet.bytes + 18, 1 + 2 * word + good); /* another ID each, on IPv4 */
        packet_finish(&packet);
        if (!good) {
          packet_spoil(&packet);
        }
        unsigned before = datagrams;
        for (unsigned n = 0; packet_fragment(&packet, n, 1000, &part); n++) {
          deliver(host, &part, (enum word)word);
        }
        assert_int_equal(datagrams - before, good);
        if (good) {
          support_check_pattern(datagram, 3000, word);
        }
      }
    }
    udp_remove(pcb);
    next_host();
  }
}

/*
 * Frames of which lwIP checks the sum, whatever the device says: those behind a VLAN tag
 */

static u8_t seen[12000];
static u16_t seen_len;

static err_t see(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  seen_len = p->tot_len;
  pbuf_copy_partial(p, seen, sizeof(seen), 0);
  pbuf_free(p);
  return ERR_OK;
}

static err_t refuse(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(p);
  LWIP_UNUSED_ARG(netif);
  return ERR_VAL;
}

/* Over several buffers, of which the first ones may be of odd length. */
static void sums_left_out_of_what_lwip_checks_are_filled_in(void **state)
{
  (void)state;
  static struct packet whole;
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES | SIM_F_MRG_RXBUF);
  host->netif.input = see;
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    struct packet_way way = packet_to(host, ipv6 != 0);
    for (size_t len = 1; len <= 9000; len += 431) {
      packet_udp(&whole, &way, 9, len, 1);
      packet_tag(&whole, 5);
      packet = whole;
      deliver(host, &packet, LEFT_OUT);
      assert_int_equal(seen_len, whole.len);
      assert_memory_equal(seen, whole.bytes, whole.len);
    }
  }
}

/* A device that knows nothing of offloads has not made this header. */
static void without_the_feature_the_devices_word_counts_for_nothing(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, SIM_F_MRG_RXBUF);
  host->netif.input = see;
  struct packet_way way = packet_to(host, false);
  packet_udp(&packet, &way, 9, 500, 1);
  packet_tag(&packet, 5);
  static struct packet before;
  deliver(host, &packet, LEFT_OUT);
  before = packet;
  assert_memory_equal(seen, before.bytes, before.len);
}

static void a_place_behind_the_end_of_the_frame_is_not_touched(void **state)
{
  (void)state;
  static const u16_t starts[] = {38, 545, 546, 547, 600, 2100, 0xffff};
  static const u16_t offsets[] = {0, 1, 506, 507, 508, 0x7fff, 0xffff};
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  host->netif.input = see;
  struct packet_way way = packet_to(host, false);
  packet_udp(&packet, &way, 9, 500, 1);
  packet_tag(&packet, 5);
  assert_int_equal(packet.len, 546);
  for (size_t s = 0; s < COUNT(starts); s++) {
    for (size_t o = 0; o < COUNT(offsets); o++) {
      struct sim_hdr hdr = {
          .flags = FLAG_NEEDS_CSUM, .csum_start = starts[s], .csum_offset = offsets[o]};
      assert_true(sim_net_deliver_with(host->dev, &hdr, packet.bytes, packet.len));
      host_run(host);
      assert_int_equal(seen_len, packet.len);
      size_t field = (size_t)starts[s] + offsets[o];
      if (field + 2 <= packet.len) {
        memcpy(seen + field, packet.bytes + field, 2); /* the only thing that may differ */
      }
      assert_memory_equal(seen, packet.bytes, packet.len);
    }
  }
}

static void the_checks_are_as_before_after_a_frame_that_was_refused(void **state)
{
  (void)state;
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  struct packet_way way = packet_to(host, false);
  for (unsigned word = 0; word < WORDS; word++) {
    host->netif.input = refuse;
    packet_udp(&packet, &way, 9, 500, 1);
    deliver(host, &packet, (enum word)word); /* looks at the flags, too */
    assert_int_equal(host_news(host).rx_drop_input, word + 1);
  }
}

static u16_t checks_seen;

static err_t see_checks(struct pbuf *p, struct netif *netif)
{
  checks_seen = netif->chksum_flags;
  return see(p, netif);
}

/* The word is for a packet; what is too short to be one gets all of lwIP's checks. */
static void what_ends_within_its_header_is_vouched_for_by_nobody(void **state)
{
  (void)state;
  const u16_t transport = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
  struct host *host = host_with(HOST_MODERN, CSUM_FEATURES);
  host->netif.input = see_checks;
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    struct packet_way way = packet_to(host, ipv6 != 0);
    packet_udp(&packet, &way, 9, 0, 1);
    for (packet.len = 14; packet.len <= packet.l4; packet.len++) {
      deliver(host, &packet, VOUCHED_FOR);
      assert_int_equal(seen_len, packet.len);
      assert_int_equal(checks_seen & transport, packet.len < packet.l4 ? transport : 0);
    }
  }
}

/*
 * In software
 */

static void the_sum_is_right_for_all_lengths_at_all_places(void **state)
{
  (void)state;
  enum { MOST = 1600, ALIGN = 8 };
  static u8_t memory[MOST + 2 * ALIGN] __attribute__((aligned(8)));
  for (unsigned fill = 0; fill < 3; fill++) {
    memset(memory, fill == 0 ? 0xff : 0, sizeof(memory));
    if (fill == 1) {
      support_pattern(memory, sizeof(memory), 7);
    }
    for (size_t align = 0; align < ALIGN; align++) {
      u32_t sum = 0; /* of the bytes before this one */
      for (size_t len = 0; len <= MOST; len++) {
        u16_t expected = lwip_htons((u16_t)sum);
        assert_int_equal(virtioif_chksum(memory + align, (int)len), expected);
        u32_t byte = memory[align + len];
        sum += len % 2 == 0 ? byte << 8 : byte;
        sum = (sum & 0xffff) + (sum >> 16);
      }
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(tcp_of_every_length_and_layout_has_its_sum),
      HOST_TEST(tcp_sums_at_the_ends_of_the_scale_are_right),
      HOST_TEST(headers_spread_over_pbufs_are_found),
      HOST_TEST(udp_and_icmp_leave_with_their_sums),
      HOST_TEST(the_sum_of_a_datagram_in_fragments_is_that_of_the_whole),
      HOST_TEST(a_segment_in_fragments_has_the_sum_of_the_whole),
      HOST_TEST(tcp_segments_are_taken_on_the_devices_word_or_on_their_sum),
      HOST_TEST(datagrams_over_ipv6_are_taken_on_the_devices_word_or_on_their_sum),
      HOST_TEST(icmp_is_always_checked),
      HOST_TEST(reassembled_datagrams_are_checked_whatever_was_said_of_the_fragments),
      HOST_TEST(sums_left_out_of_what_lwip_checks_are_filled_in),
      HOST_TEST(without_the_feature_the_devices_word_counts_for_nothing),
      HOST_TEST(a_place_behind_the_end_of_the_frame_is_not_touched),
      HOST_TEST(the_checks_are_as_before_after_a_frame_that_was_refused),
      HOST_TEST(what_ends_within_its_header_is_vouched_for_by_nobody),
      HOST_TEST(the_sum_is_right_for_all_lengths_at_all_places),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
