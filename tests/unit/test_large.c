/*
 * test_large.c: large frames byte for byte: what lwIP would have sent one by one, and what ends a
 * run; frames over several receive buffers. test_offload.c has the transfers.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "remote.h"
#include "transfer.h"

#include "virtio/virtio_hal.h"
#include <string.h>

enum { PORT = 7, FLAG_NEEDS_CSUM = 1, GSO_TCP4 = 1, GSO_TCP6 = 4, IP_PACKET_MAX = 65535 };

#define CSUM_FEATURES (SIM_F_CSUM | SIM_F_GUEST_CSUM)
#define TSO_FEATURES  (CSUM_FEATURES | SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6)
#define LRO_FEATURES                                                                               \
  (CSUM_FEATURES | SIM_F_MRG_RXBUF | SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN)
#define GUEST_LARGE (SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN)

static struct packet packet;

static struct sim_net_params device_with(enum host_kind kind, uint64_t features)
{
  struct sim_net_params params = host_device(kind);
  params.features |= features;
  return params;
}

static struct host *host_with(const struct sim_net_params *params, u16_t tx_size,
                              u16_t tso_pieces_max)
{
  struct host *host = host_create(params, 64, tx_size, 96);
  host->params.tso_pieces_max = tso_pieces_max;
  assert_int_equal(host_add(host), ERR_OK);
  host_configure(host);
  remote_introduce(host);
  host_run(host); /* reaps what was sent */
  host->before = *virtioif_stats(&host->netif);
  return host;
}

static void next_host(void)
{
  host_end(NULL);
  host_begin(NULL);
}

/* Nothing is in flight and everything is where it was. */
static void check_at_rest(const struct host *host)
{
  assert_int_equal(virtq_in_flight(&host->vif.net.tx), 0);
  assert_int_equal(host->vif.net.tx.num_free, sim_queue_size(host->dev, SIM_TX));
  assert_int_equal(host->vif.tx_free, host->memory.tx_size);
  assert_int_equal(host->vif.tx_tables_free, (1u << VIRTIOIF_TSO_TABLES) - 1u);
}

/*
 * What goes into the driver, frame by frame, and what leaves the device, segment by segment
 */

struct record {
  u8_t *bytes;
  size_t len;
};

enum { RECORDS_MAX = 1000 };

static struct record wanted[RECORDS_MAX]; /* what the driver was given, with its sums */
static unsigned wanted_count;
static unsigned checked; /* of these, seen on the wire */

static void want(const struct packet *p)
{
  assert_true(wanted_count < RECORDS_MAX);
  struct record *record = &wanted[wanted_count++];
  record->len = p->len;
  record->bytes = support_alloc(p->len, 1);
  memcpy(record->bytes, p->bytes, p->len);
}

static void want_nothing(void)
{
  wanted_count = 0;
  checked = 0;
}

/* The header of a large frame, and the headers in it. */
static void check_large_header(const struct sim_frame *frame)
{
  static struct packet large;
  assert_true(packet_parse(&large, frame->bytes, frame->len));
  assert_int_equal(large.len, frame->len); /* the IP length */
  assert_true(frame->len - large.ip <= IP_PACKET_MAX);
  size_t headers = packet_tcp_payload(&large);
  assert_int_equal(frame->hdr.flags, FLAG_NEEDS_CSUM);
  assert_int_equal(frame->hdr.gso_type, large.ipv6 ? GSO_TCP6 : GSO_TCP4);
  assert_int_equal(frame->hdr.hdr_len, headers);
  assert_int_equal(frame->hdr.csum_start, large.l4);
  assert_int_equal(frame->hdr.csum_offset, 16);
  assert_true(frame->hdr.gso_size > 0 && frame->hdr.gso_size < frame->len - headers);
  if (!large.ipv6) {
    u32_t sum = 0;
    for (size_t i = large.ip; i < large.l4; i += 2) {
      sum += packet_get16(large.bytes + i);
    }
    assert_int_equal(sum % 0xffff, 0); /* the IP header's sum */
  }
}

/* The segments of one frame are the next ones that were wanted. Returns how many. */
static unsigned check_frame(const struct sim_frame *frame)
{
  static u8_t bytes[PACKET_BYTES_MAX];
  size_t len;
  unsigned n = 0;
  if (frame->hdr.gso_type != 0) {
    check_large_header(frame);
  }
  for (; sim_frame_segment(frame, n, bytes, &len); n++) {
    assert_true(checked < wanted_count);
    const struct record *record = &wanted[checked++];
    assert_int_equal(len, record->len);
    assert_memory_equal(bytes, record->bytes, len);
  }
  return n;
}

/*
 * lwIP's own segments
 */

static netif_linkoutput_fn driver_output;

/* Between lwIP and the driver: the frame as it would leave without any offload. */
static err_t spy(struct netif *netif, struct pbuf *p)
{
  static u8_t bytes[2048];
  u16_t len = pbuf_copy_partial(p, bytes, sizeof(bytes), 0);
  err_t err = driver_output(netif, p);
  if (err == ERR_OK) {
    if (packet_parse(&packet, bytes, len) && packet.protocol == PACKET_TCP) {
      packet_finish(&packet);
    } else {
      memcpy(packet.bytes, bytes, len);
      packet.len = len;
    }
    want(&packet);
  }
  return err;
}

static bool lose_some(struct transfer *t, const u8_t *bytes, size_t len)
{
  LWIP_UNUSED_ARG(bytes);
  LWIP_UNUSED_ARG(len);
  return t->carried % 23 == 22;
}

static void cut_again_large_frames_are_what_lwip_would_have_sent_one_by_one(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 32; variant++) {
    bool indirect = (variant & 8) != 0;
    struct sim_net_params from =
        device_with(HOST_MODERN, TSO_FEATURES | (indirect ? SIM_F_INDIRECT_DESC : 0));
    struct sim_net_params to = device_with(HOST_MODERN, CSUM_FEATURES);
    struct transfer t = {.to_send = 120000,
                         .ipv6 = (variant & 1) != 0,
                         .in_place = (variant & 2) != 0,
                         .lose = (variant & 4) != 0 ? lose_some : NULL,
                         .corked = true};
    transfer_start(&t, &from, &to);
    sim_pace(t.hosts[0]->dev, (variant & 16) != 0 ? SIM_LAZY : SIM_EAGER);
    driver_output = t.hosts[0]->netif.linkoutput;
    t.hosts[0]->netif.linkoutput = spy;
    unsigned begin = sim_net_sent_count(t.hosts[0]->dev);
    want_nothing();
    transfer_run(&t);
    assert_int_equal(t.received, t.to_send);
    sim_run(t.hosts[0]->dev);
    unsigned most = 0;
    for (unsigned i = begin; i < sim_net_sent_count(t.hosts[0]->dev); i++) {
      unsigned segments = check_frame(sim_net_sent(t.hosts[0]->dev, i));
      most = LWIP_MAX(most, segments);
    }
    assert_int_equal(checked, wanted_count);
    assert_true(most >= 4);
    transfer_end(&t);
    next_host();
  }
}

/* With no lap to wait for the end of, waiting would be forever. */
static void outside_a_lap_each_segment_leaves_at_once(void **state)
{
  (void)state;
  static u8_t data[10000];
  struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
  struct host *host = host_with(&params, 64, 0);
  struct server *server = server_open(PORT);
  struct remote remote;
  remote_open(&remote, host, false, PORT);
  server->pcb->cwnd = 20000;
  tcp_nagle_disable(server->pcb);
  assert_int_equal(tcp_write(server->pcb, data, sizeof(data), 0), ERR_OK);
  assert_int_equal(tcp_output(server->pcb), ERR_OK);
  assert_int_equal(remote_bytes(&remote), sizeof(data));
  assert_int_equal(host_news(host).tx_large, 0);
  remote_acknowledge(&remote);
  assert_int_equal(server->acked, sizeof(data));
}

/* ... and what is written in a callback of the poll leaves as one at the end of it. */
static err_t write_at_once(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  static u8_t data[10000];
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (p != NULL) {
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    assert_int_equal(tcp_write(pcb, data, sizeof(data), 0), ERR_OK);
  }
  return ERR_OK;
}

static void what_a_poll_makes_lwip_send_leaves_when_it_ends(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
  struct host *host = host_with(&params, 64, 0);
  struct server *server = server_open(PORT);
  struct remote remote;
  remote_open(&remote, host, false, PORT);
  server->pcb->cwnd = 20000;
  tcp_nagle_disable(server->pcb);
  tcp_recv(server->pcb, write_at_once);
  remote_send(&remote, 0, 10, PACKET_ACK | PACKET_PSH);
  remote.seq += 10;
  assert_int_equal(remote_bytes(&remote), 10000);
  assert_int_equal(remote_count(&remote), 1);
  assert_int_equal(host_news(host).tx_large, 1);
  remote_acknowledge(&remote);
  assert_int_equal(server->acked, 10000);
}

/*
 * Runs of segments made by hand
 */

/* What is special about one of the segments. */
enum change {
  NOTHING,
  PSH,
  FIN,
  SYN,
  RST,
  URG,
  ECE,
  CWR,
  SHORT,
  LONG,
  SEQ_GAP,
  ID_GAP,
  ACK_NUMBER,
  WINDOW,
  RESERVED,
  TTL,
  TOS,
  SRC_PORT,
  DEST_PORT,
  SRC_ADDR,
  DEST_ADDR,
  SRC_NET,
  DEST_NET,
  DEST_MAC,
  OPTIONS,
  IP_OPTIONS,
  SHORT_TCP_HEADER,
  PADDING,
  PADDED_TO_LENGTH,
  EMPTY,
  SUMMED,
  SPLIT_HEADER,
  SCATTERED,
  DATAGRAM_BEFORE,
  CHANGES,
  /* Where all have TCP options. */
  SPLIT_OPTIONS = CHANGES,
  OTHER_OPTIONS,
  TAG_FOR_OPTIONS,
  /* Where all are alike. */
  TEN_PIECES,
  ALL_CHANGES,
};

struct maker {
  struct host *host;
  bool ipv6;
  u32_t seq;
  u16_t id;
  u8_t options; /* bytes of TCP options that all segments have */
  unsigned made;
  struct pbuf *pbufs[128];
  bool tagged;    /* with a VLAN tag */
  bool other_mac; /* from another station */
};

enum { PAYLOAD = 1400, TCP_HDR = 20, TAG = 4, PAD = 6 };

static void insert(struct packet *p, size_t at, size_t bytes, u8_t value)
{
  memmove(p->bytes + at + bytes, p->bytes + at, p->len - at);
  memset(p->bytes + at, value, bytes);
  p->len += bytes;
}

/* Options that say nothing, whole words of them. */
static void add_options(struct packet *p, size_t bytes)
{
  insert(p, p->l4 + TCP_HDR, bytes, 1);
  p->bytes[p->l4 + 12] = (u8_t)((TCP_HDR + bytes) / 4 << 4);
}

static void add_ip_options(struct packet *p)
{
  insert(p, p->l4, 4, 1);
  p->l4 += 4;
  p->bytes[p->ip]++;
}

static void add_tag(struct packet *p)
{
  insert(p, 12, TAG, 0);
  packet_put16(p->bytes + 12, 0x8100);
  p->ip += TAG;
  p->l4 += TAG;
}

static void make_packet(const struct maker *m, enum change change, u16_t len)
{
  struct packet_way way = packet_to(m->host, m->ipv6);
  way.dest_mac[5] ^= change == DEST_MAC ? 1 : 0;
  way.src[m->ipv6 ? 15 : 3] ^= change == SRC_ADDR ? 8 : 0;
  way.dest[m->ipv6 ? 15 : 3] ^= change == DEST_ADDR ? 8 : 0;
  way.src[1] ^= change == SRC_NET ? 8 : 0;
  way.dest[1] ^= change == DEST_NET ? 8 : 0;
  static const u8_t flags[ALL_CHANGES] = {
      [PSH] = PACKET_PSH, [FIN] = PACKET_FIN, [SYN] = PACKET_SYN, [RST] = PACKET_RST,
      [URG] = PACKET_URG, [ECE] = 0x40,       [CWR] = 0x80};
  struct packet_tcp tcp = {.src = change == SRC_PORT ? 3 : 1,
                           .dest = change == DEST_PORT ? 4 : 2,
                           .seq = m->seq,
                           .ack = change == ACK_NUMBER ? 6 : 5,
                           .flags = (u8_t)(PACKET_ACK | flags[change]),
                           .window = change == WINDOW ? 8 : 7};
  packet_tcp(&packet, &way, &tcp, len, m->made);
  u8_t options = change == OPTIONS ? 12 : m->options;
  add_options(&packet, change == TAG_FOR_OPTIONS ? options - TAG : options);
  if (change == TAG_FOR_OPTIONS) {
    add_tag(&packet);
  } else if (change == IP_OPTIONS && !m->ipv6) {
    add_ip_options(&packet);
  } else if (change == SHORT_TCP_HEADER) {
    packet.bytes[packet.l4 + 12] = 4 << 4;
  } else if (change == RESERVED) {
    packet.bytes[packet.l4 + 12] |= 1;
  } else if (change == OTHER_OPTIONS) {
    packet.bytes[packet.l4 + TCP_HDR] = 0;
  }
  packet.bytes[9] ^= m->other_mac ? 1 : 0;
  if (m->tagged) {
    add_tag(&packet);
  }
  u8_t *ip = packet.bytes + packet.ip;
  if (m->ipv6) {
    ip[7] = (u8_t)(change == TTL ? 1 : 64);
    ip[1] = (u8_t)(change == TOS ? 0x10 : 0);
  } else {
    ip[8] = (u8_t)(change == TTL ? 1 : 64);
    ip[1] = (u8_t)(change == TOS ? 4 : 0);
    packet_put16(ip + 4, m->id);
  }
  packet_finish(&packet);
  if (change == PADDING || change == PADDED_TO_LENGTH) {
    insert(&packet, packet.len, PAD, 0);
  }
}

/* A chain of so many bytes in the first pbuf, and in each of the others. */
static struct pbuf *chain_of(const struct packet *p, size_t first, size_t other)
{
  struct pbuf *q = pbuf_alloc(PBUF_RAW_TX, (u16_t)first, PBUF_RAM);
  for (size_t at = first; at < p->len; at += other) {
    pbuf_cat(q, pbuf_alloc(PBUF_RAW, (u16_t)LWIP_MIN(other, p->len - at), PBUF_RAM));
  }
  pbuf_take(q, p->bytes, (u16_t)p->len);
  return q;
}

static struct pbuf *pbuf_of(const struct packet *p)
{
  return chain_of(p, p->len, p->len);
}

static struct pbuf *segment_pbuf(const struct packet *p, enum change change)
{
  switch (change) {
  case SPLIT_HEADER:
    return chain_of(p, p->l4 + TCP_HDR / 2, PAYLOAD);
  case SPLIT_OPTIONS:
    return chain_of(p, p->l4 + TCP_HDR, PAYLOAD);
  case SCATTERED:
    return chain_of(p, p->l4 + TCP_HDR, PAYLOAD / 20);
  case TEN_PIECES:
    return chain_of(p, p->l4 + TCP_HDR, (PAYLOAD + 9) / 10);
  default:
    return pbuf_of(p);
  }
}

static void send_datagram(struct maker *m)
{
  struct packet_way way = packet_to(m->host, m->ipv6);
  packet_udp(&packet, &way, 9, 300, 1);
  struct pbuf *p = pbuf_of(&packet);
  want(&packet);
  assert_int_equal(m->host->netif.linkoutput(&m->host->netif, p), ERR_OK);
  pbuf_free(p);
}

static u16_t payload_of(enum change change)
{
  switch (change) {
  case SHORT:
    return PAYLOAD - 1;
  case LONG:
    return PAYLOAD + 1;
  case PADDED_TO_LENGTH:
    return PAYLOAD - PAD;
  case EMPTY:
    return 0;
  default:
    return PAYLOAD;
  }
}

static err_t send_segment(struct maker *m, enum change change)
{
  u16_t len = payload_of(change);
  m->seq += change == SEQ_GAP ? 1 : 0;
  m->id = (u16_t)(m->id + (change == ID_GAP ? 1 : 0));
  if (change == DATAGRAM_BEFORE) {
    send_datagram(m);
  }
  make_packet(m, change, len);
  u8_t *field = packet.bytes + packet.l4 + 16;
  u16_t sum = packet_get16(field);
  if (change != SUMMED) {
    packet_put16(field, 0); /* the device's to make */
  }
  struct pbuf *p = segment_pbuf(&packet, change);
  packet_put16(field, sum);
  err_t err = m->host->netif.linkoutput(&m->host->netif, p);
  if (err == ERR_OK) {
    want(&packet);
    m->seq += len;
    m->id++;
  }
  m->pbufs[m->made++] = p;
  return err;
}

/* All went, and is back. */
static void finish(struct maker *m)
{
  sim_run(m->host->dev);
  sim_complete(m->host->dev, UINT32_MAX);
  host_run(m->host);
  for (unsigned i = 0; i < m->made; i++) {
    assert_int_equal(m->pbufs[i]->ref, 1);
    pbuf_free(m->pbufs[i]);
  }
  m->made = 0;
  check_at_rest(m->host);
}

/* The frames on the wire are groups of so many segments. */
static void expect_groups(const struct host *host, const u8_t *groups, const char *what)
{
  unsigned n = 0;
  for (; n < peer_got_count(host); n++) {
    unsigned segments = check_frame(peer_got(host, n));
    if (groups[n] != segments) {
      fail_msg("%s: frame %u is %u segments, not %u", what, n, segments, groups[n]);
    }
  }
  assert_int_equal(groups[n], 0);
  assert_int_equal(checked, wanted_count);
}

/* Five segments, the third of which is special. */
static void what_does_not_continue_a_run_ends_it(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    u8_t groups[6];
  } cases[CHANGES] = {
      [NOTHING] = {"nothing", {5}},
      [PSH] = {"PSH", {3, 2}},
      [FIN] = {"FIN", {3, 2}},
      [SYN] = {"SYN", {2, 1, 2}},
      [RST] = {"RST", {2, 1, 2}},
      [URG] = {"URG", {2, 1, 2}},
      [ECE] = {"ECE", {2, 1, 2}},
      [CWR] = {"CWR", {2, 1, 2}},
      [SHORT] = {"short", {3, 2}},
      [LONG] = {"long", {2, 2, 1}}, /* the next one is the short one of a new run */
      [SEQ_GAP] = {"sequence", {2, 3}},
      [ID_GAP] = {"IPv4 ID", {2, 3}},
      [ACK_NUMBER] = {"acknowledgement", {2, 1, 2}},
      [WINDOW] = {"window", {2, 1, 2}},
      [RESERVED] = {"reserved bits", {2, 1, 2}},
      [TTL] = {"time to live", {2, 1, 2}},
      [TOS] = {"type of service", {2, 1, 2}},
      [SRC_PORT] = {"source port", {2, 1, 2}},
      [DEST_PORT] = {"destination port", {2, 1, 2}},
      [SRC_ADDR] = {"source address", {2, 1, 2}},
      [DEST_ADDR] = {"destination address", {2, 1, 2}},
      [SRC_NET] = {"source network", {2, 1, 2}},
      [DEST_NET] = {"destination network", {2, 1, 2}},
      [DEST_MAC] = {"destination station", {2, 1, 2}},
      [OPTIONS] = {"options", {2, 1, 2}},
      [IP_OPTIONS] = {"IPv4 options", {2, 1, 2}},
      [SHORT_TCP_HEADER] = {"TCP header length", {2, 1, 2}},
      [PADDING] = {"padding", {2, 1, 2}},
      [PADDED_TO_LENGTH] = {"padding up to the length of the others", {2, 1, 2}},
      [EMPTY] = {"no payload", {2, 1, 2}},
      [SUMMED] = {"sum that is there", {2, 1, 2}},
      [SPLIT_HEADER] = {"header in two pbufs", {2, 1, 2}},
      [SCATTERED] = {"many pbufs", {2, 1, 2}},
      [DATAGRAM_BEFORE] = {"datagram", {2, 1, 3}},
  };
  static const u8_t all[] = {5, 0};
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
    struct host *host = host_with(&params, 64, 0);
    for (unsigned change = 0; change < CHANGES; change++) {
      struct maker m = {.host = host, .ipv6 = ipv6 != 0, .seq = 0xfffffa00u, .id = 0xfffe};
      want_nothing();
      peer_forget(host);
      virtioif_cork(&host->netif);
      for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(send_segment(&m, i == 2 ? (enum change)change : NOTHING), ERR_OK);
      }
      virtioif_flush(&host->netif);
      bool matters = (change != ID_GAP && change != IP_OPTIONS) || !ipv6; /* IPv6 has neither */
      expect_groups(host, matters ? cases[change].groups : all, cases[change].name);
      finish(&m);
    }
    next_host();
  }
}

/* lwIP sends from them again. The first one's checksum field has the sum over its own
 * pseudo-header, as that of a frame sent alone has: it is filled in before a second one comes. */
static void a_run_changes_nothing_in_lwips_pbufs_but_the_first_checksum_field(void **state)
{
  (void)state;
  enum { SEGMENTS = 5 };
  static const enum change ends[] = {NOTHING, PSH, FIN, SHORT};
  static const enum change forms[] = {NOTHING, OPTIONS, TEN_PIECES};
  static u8_t bytes[2048];
  for (unsigned variant = 0; variant < 2 * COUNT(ends) * COUNT(forms); variant++) {
    struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
    struct host *host = host_with(&params, 64, 0);
    enum change form = forms[variant / 2 % COUNT(forms)];
    enum change end = ends[variant / 2 / COUNT(forms)];
    struct maker m = {.host = host, .ipv6 = variant % 2 != 0, .id = 0xfffe};
    m.options = form == OPTIONS ? 12 : 0;
    want_nothing();
    virtioif_cork(&host->netif);
    for (unsigned i = 0; i < SEGMENTS; i++) {
      assert_int_equal(send_segment(&m, i == SEGMENTS - 1 && end != NOTHING ? end : form), ERR_OK);
    }
    virtioif_flush(&host->netif);
    assert_int_equal(peer_got_count(host), 1);
    assert_int_equal(check_frame(peer_got(host, 0)), SEGMENTS);
    for (unsigned i = 0; i < SEGMENTS; i++) {
      assert_true(packet_parse(&packet, wanted[i].bytes, wanted[i].len));
      packet_leave_sum(&packet);
      if (i > 0) {
        packet_put16(packet.bytes + packet.l4 + 16, 0);
      }
      assert_int_equal(m.pbufs[i]->tot_len, packet.len);
      assert_int_equal(pbuf_copy_partial(m.pbufs[i], bytes, sizeof(bytes), 0), packet.len);
      assert_memory_equal(bytes, packet.bytes, packet.len);
    }
    finish(&m);
    next_host();
  }
}

/* A segment whose pieces are more than the frame has room for opens the next one. */
static void a_run_ends_before_its_last_piece_would_not_fit(void **state)
{
  (void)state;
  enum { SEGMENTS = 14, EACH = (VIRTIOIF_TSO_PIECES - 1) / 10 };
  static const u8_t groups[] = {EACH, EACH, SEGMENTS - 2 * EACH, 0};
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES | SIM_F_INDIRECT_DESC);
    struct host *host = host_with(&params, 64, 0);
    struct maker m = {.host = host, .ipv6 = ipv6 != 0};
    want_nothing();
    virtioif_cork(&host->netif);
    for (unsigned i = 0; i < SEGMENTS; i++) {
      assert_int_equal(send_segment(&m, TEN_PIECES), ERR_OK);
    }
    virtioif_flush(&host->netif);
    expect_groups(host, groups, "pieces");
    finish(&m);
    next_host();
  }
}

/* It was begun before the watchdog's last look and leaves after it. */
static void a_run_that_a_poll_finds_open_is_watched_like_others(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
  struct host *host = host_with(&params, 64, 0);
  struct maker m = {.host = host};
  want_nothing();
  for (unsigned i = 0; i < 5; i++) {
    virtioif_cork(&host->netif);
    assert_int_equal(send_segment(&m, NOTHING), ERR_OK);
    assert_int_equal(send_segment(&m, NOTHING), ERR_OK);
    virtioif_poll(&host->netif, 64);
    host_run(host);
    host_check_buffers(host);
  }
  finish(&m);
}

/* What a segment says of congestion it says once; cut from a large frame, each piece would. */
static void segments_with_congestion_flags_are_not_joined(void **state)
{
  (void)state;
  static const enum change flags[] = {ECE, CWR};
  static const u8_t groups[] = {1, 1, 1, 0};
  for (size_t f = 0; f < COUNT(flags); f++) {
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
      struct host *host = host_with(&params, 64, 0);
      struct maker m = {.host = host, .ipv6 = ipv6 != 0};
      want_nothing();
      virtioif_cork(&host->netif);
      for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(send_segment(&m, flags[f]), ERR_OK);
      }
      virtioif_flush(&host->netif);
      expect_groups(host, groups, "congestion");
      finish(&m);
      next_host();
    }
  }
}

/* With and without TCP options; the device counts on it where that was negotiated. */
static void the_length_of_the_headers_is_told_exactly(void **state)
{
  (void)state;
  for (unsigned offered = 0; offered < 2; offered++) {
    struct sim_net_params params =
        device_with(HOST_MODERN, TSO_FEATURES | (offered ? SIM_F_GUEST_HDRLEN : 0));
    struct host *host = host_with(&params, 64, 0);
    assert_int_equal((sim_accepted(host->dev) & SIM_F_GUEST_HDRLEN) != 0, offered);
    for (unsigned variant = 0; variant < 4; variant++) {
      bool options = (variant & 1) != 0;
      struct maker m = {.host = host, .ipv6 = (variant & 2) != 0};
      want_nothing();
      peer_forget(host);
      virtioif_cork(&host->netif);
      for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(send_segment(&m, options ? OPTIONS : NOTHING), ERR_OK);
      }
      virtioif_flush(&host->netif);
      assert_int_equal(peer_got_count(host), 1);
      assert_int_equal(peer_got(host, 0)->hdr.hdr_len,
                       14 + (m.ipv6 ? 40 : 20) + (options ? 32 : 20));
      finish(&m);
    }
    next_host();
  }
}

/* The same with options in all of them, so that a tag can make up for their length. */
static void options_have_to_be_the_same_and_in_the_first_pbuf_at_the_same_place(void **state)
{
  (void)state;
  static const u8_t together[] = {5, 0};
  static const u8_t apart[] = {2, 1, 2, 0};
  static const enum change changes[] = {NOTHING, SPLIT_OPTIONS, OTHER_OPTIONS, TAG_FOR_OPTIONS};
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
    struct host *host = host_with(&params, 64, 0);
    for (size_t c = 0; c < COUNT(changes); c++) {
      struct maker m = {.host = host, .ipv6 = ipv6 != 0, .options = 12};
      want_nothing();
      peer_forget(host);
      virtioif_cork(&host->netif);
      for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(send_segment(&m, i == 2 ? changes[c] : NOTHING), ERR_OK);
      }
      virtioif_flush(&host->netif);
      expect_groups(host, changes[c] == NOTHING ? together : apart, "options");
      finish(&m);
    }
    next_host();
  }
}

static void tagged_segments_are_joined_if_all_of_their_headers_are_the_same(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 4; variant++) {
    struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
    struct host *host = host_with(&params, 64, 0);
    struct maker m = {.host = host, .ipv6 = (variant & 1) != 0, .tagged = true};
    want_nothing();
    virtioif_cork(&host->netif);
    for (unsigned i = 0; i < 5; i++) {
      m.other_mac = variant >= 2 && i == 2;
      assert_int_equal(send_segment(&m, NOTHING), ERR_OK);
    }
    virtioif_flush(&host->netif);
    assert_int_equal(peer_got_count(host), variant >= 2 ? 3 : 1);
    finish(&m);
    next_host();
  }
}

/* A segment that would have to be the last of a run is one by itself. */
static void a_push_begins_no_run(void **state)
{
  (void)state;
  static const u8_t groups[] = {1, 2, 0};
  struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
  struct host *host = host_with(&params, 64, 0);
  struct maker m = {.host = host};
  want_nothing();
  virtioif_cork(&host->netif);
  for (unsigned i = 0; i < 3; i++) {
    assert_int_equal(send_segment(&m, i == 0 ? PSH : NOTHING), ERR_OK);
  }
  virtioif_flush(&host->netif);
  expect_groups(host, groups, "first");
  finish(&m);
}

/* No IP packet is longer than 65535 bytes: 46 segments are 64440 or 64460, 47 would be 1400 more.
 */
static void a_run_ends_before_its_length_overflows(void **state)
{
  (void)state;
  static const u8_t groups[] = {46, 46, 8, 0};
  assert_true(VIRTIOIF_TSO_PIECES > 48); /* or the pieces end it */
  for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
    for (unsigned indirect = 0; indirect < 2; indirect++) {
      struct sim_net_params params =
          device_with(HOST_MODERN, TSO_FEATURES | (indirect ? SIM_F_INDIRECT_DESC : 0));
      struct host *host = host_with(&params, 256, 0);
      struct maker m = {.host = host, .ipv6 = ipv6 != 0};
      want_nothing();
      virtioif_cork(&host->netif);
      for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(send_segment(&m, NOTHING), ERR_OK);
      }
      virtioif_flush(&host->netif);
      expect_groups(host, groups, "longest");
      finish(&m);
      next_host();
    }
  }
}

static void a_run_has_no_more_pieces_than_allowed(void **state)
{
  (void)state;
  static const u8_t limits[] = {2, 3, 4, 17, 64};
  for (size_t l = 0; l < COUNT(limits); l++) {
    for (unsigned indirect = 0; indirect < 2; indirect++) {
      struct sim_net_params params =
          device_with(HOST_MODERN, TSO_FEATURES | (indirect ? SIM_F_INDIRECT_DESC : 0));
      struct host *host = host_with(&params, 256, limits[l]);
      struct maker m = {.host = host};
      want_nothing();
      virtioif_cork(&host->netif);
      for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(send_segment(&m, NOTHING), ERR_OK);
      }
      virtioif_flush(&host->netif);
      unsigned most = 0;
      for (unsigned n = 0; n < peer_got_count(host); n++) {
        assert_true(peer_got(host, n)->pieces <= limits[l]);
        unsigned segments = check_frame(peer_got(host, n));
        most = LWIP_MAX(most, segments);
      }
      assert_int_equal(checked, wanted_count);
      assert_int_equal(most, LWIP_MIN(limits[l] - 1, 46)); /* of 65535 bytes */
      finish(&m);
      next_host();
    }
  }
}

/* Whatever was accepted leaves once, and whatever was refused does not. */
static void a_queue_that_is_nearly_full_loses_nothing_and_keeps_nothing(void **state)
{
  (void)state;
  static const u8_t sizes[] = {2, 4, 8, 16};
  for (size_t s = 0; s < COUNT(sizes); s++) {
    for (unsigned busy = 0; busy <= sizes[s]; busy++) {
      for (unsigned indirect = 0; indirect < 2; indirect++) {
        struct sim_net_params params =
            device_with(HOST_MODERN, TSO_FEATURES | (indirect ? SIM_F_INDIRECT_DESC : 0));
        struct host *host = host_with(&params, sizes[s], 0);
        sim_pace(host->dev, SIM_HOLD);
        struct maker m = {.host = host};
        want_nothing();
        for (unsigned i = 0; i < busy; i++) {
          assert_int_equal(send_segment(&m, SRC_PORT), ERR_OK);
        }
        for (unsigned lap = 0; lap < 4; lap++) {
          virtioif_cork(&host->netif);
          for (unsigned i = 0; i < 9; i++) {
            err_t err = send_segment(&m, i == 6 ? PSH : NOTHING);
            assert_true(err == ERR_OK || err == ERR_MEM);
          }
          virtioif_flush(&host->netif);
          sim_complete(host->dev, lap);
        }
        for (unsigned n = 0; n < peer_got_count(host); n++) {
          check_frame(peer_got(host, n));
        }
        assert_int_equal(checked, wanted_count);
        finish(&m);
        next_host();
      }
    }
  }
}

/* More large frames in flight than there are tables, completed in any order. */
static void indirect_tables_come_back(void **state)
{
  (void)state;
  static const enum sim_order orders[] = {SIM_FIFO, SIM_LIFO, SIM_SHUFFLED};
  for (size_t o = 0; o < COUNT(orders); o++) {
    struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES | SIM_F_INDIRECT_DESC);
    struct host *host = host_with(&params, 64, 0);
    sim_pace(host->dev, SIM_HOLD);
    sim_order(host->dev, orders[o]);
    for (unsigned round = 0; round < 5; round++) {
      struct maker m = {.host = host};
      want_nothing();
      peer_forget(host);
      for (unsigned i = 0; i < VIRTIOIF_TSO_TABLES + 3; i++) {
        virtioif_cork(&host->netif);
        for (unsigned n = 0; n < 3; n++) {
          assert_int_equal(send_segment(&m, NOTHING), ERR_OK);
        }
        virtioif_flush(&host->netif);
        check_frame(peer_got(host, i));
      }
      assert_int_equal(host->vif.tx_tables_free, 0);
      assert_int_equal(host->vif.net.tx.num_free, 64 - VIRTIOIF_TSO_TABLES - 3 * 4);
      sim_complete(host->dev, 4);
      host_run(host);
      assert_int_equal(checked, wanted_count);
      finish(&m);
    }
    next_host();
  }
}

static void without_the_feature_for_its_protocol_no_run_begins(void **state)
{
  (void)state;
  static const uint64_t features[] = {SIM_F_CSUM, SIM_F_CSUM | SIM_F_HOST_TSO4,
                                      SIM_F_CSUM | SIM_F_HOST_TSO6,
                                      SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6};
  for (size_t f = 0; f < COUNT(features); f++) {
    struct sim_net_params params = device_with(HOST_MODERN, features[f]);
    struct host *host = host_with(&params, 64, 0);
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
      uint64_t needed = SIM_F_CSUM | (ipv6 ? SIM_F_HOST_TSO6 : SIM_F_HOST_TSO4);
      bool large = (features[f] & needed) == needed;
      struct maker m = {.host = host, .ipv6 = ipv6 != 0};
      peer_forget(host);
      virtioif_cork(&host->netif);
      for (unsigned i = 0; i < 3; i++) {
        make_packet(&m, NOTHING, PAYLOAD);
        struct pbuf *p = pbuf_of(&packet);
        if ((features[f] & SIM_F_CSUM) != 0) {
          packet_put16((u8_t *)p->payload + packet.l4 + 16, 0);
        }
        assert_int_equal(host->netif.linkoutput(&host->netif, p), ERR_OK);
        pbuf_free(p);
        m.seq += PAYLOAD;
        m.id++;
      }
      virtioif_flush(&host->netif);
      assert_int_equal(peer_got_count(host), large ? 1 : 3);
      host_run(host);
    }
    next_host();
  }
}

/*
 * Large receive
 */

static struct pbuf *kept;
static unsigned kept_count;

static err_t keep(struct pbuf *p, struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  kept_count++;
  kept = p;
  return ERR_OK;
}

static void drop_kept(void)
{
  pbuf_free(kept);
  kept = NULL;
  kept_count = 0;
}

static struct host *host_receiving(enum host_kind kind)
{
  struct sim_net_params params = device_with(kind, LRO_FEATURES);
  struct host *host = host_with(&params, 16, 0);
  kept_count = 0;
  host->netif.input = keep;
  return host;
}

/* A frame that fills so many buffers, but for some bytes. */
static size_t fill_buffers(struct host *host, u8_t *bytes, unsigned buffers, size_t less)
{
  size_t len = buffers * (size_t)sim_net_rx_bytes(host->dev) - sim_net_hdr_bytes(host->dev) - less;
  support_pattern(bytes, len, buffers);
  memcpy(bytes, host->netif.hwaddr, 6);
  packet_put16(bytes + 12, 0x88b5);
  return len;
}

static void check_chain(const struct host *host, const u8_t *bytes, size_t len, unsigned buffers)
{
  size_t at = 0;
  unsigned count = 0;
  for (struct pbuf *q = kept; q != NULL; q = q->next) {
    assert_int_equal(q->tot_len, len - at);
    assert_memory_equal(q->payload, bytes + at, q->len);
    at += q->len;
    count++;
  }
  assert_int_equal(at, len);
  assert_int_equal(count, buffers);
  assert_int_equal(virtioif_rx_usage(&host->netif).held, buffers);
}

static u8_t large[80000];

static void frames_that_just_fill_their_buffers_arrive_whole(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_LEGACY_APART; kind++) {
    struct host *host = host_receiving((enum host_kind)kind);
    for (unsigned buffers = 2; buffers <= 31; buffers++) {
      for (size_t less = 0; less <= 2; less++) {
        size_t len = fill_buffers(host, large, buffers, less);
        assert_true(sim_net_deliver(host->dev, large, len));
        host_run(host);
        assert_int_equal(kept_count, 1);
        check_chain(host, large, len, buffers);
        drop_kept();
        host_run(host);
        host_check_buffers(host);
        assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
      }
    }
    next_host();
  }
}

/* The used index moves on by one buffer a poll. */
static void a_frame_whose_buffers_appear_one_by_one_waits_for_the_last(void **state)
{
  (void)state;
  struct host *host = host_receiving(HOST_MODERN);
  for (unsigned buffers = 2; buffers <= 31; buffers += 7) {
    size_t len = fill_buffers(host, large, buffers, 1);
    u16_t idx = host->vif.net.rx.used_idx;
    assert_true(sim_net_deliver(host->dev, large, len));
    for (unsigned shown = 0; shown < buffers; shown++) {
      sim_lie_idx(host->dev, SIM_RX, (u16_t)(idx + shown));
      virtioif_isr(&host->netif);
      assert_false(virtioif_poll(&host->netif, 64));
      assert_true(virtioif_idle(&host->netif));
      assert_int_equal(kept_count, 0);
      assert_int_equal(virtioif_rx_usage(&host->netif).held, shown);
      host_check_buffers(host);
    }
    sim_honest_idx(host->dev, SIM_RX);
    host_run(host);
    assert_int_equal(kept_count, 1);
    check_chain(host, large, len, buffers);
    drop_kept();
    host_run(host);
  }
}

/* A budget is no reason to leave half a frame lying. */
static void a_small_budget_still_takes_the_whole_frame(void **state)
{
  (void)state;
  struct host *host = host_receiving(HOST_MODERN);
  size_t len = fill_buffers(host, large, 9, 0);
  assert_true(sim_net_deliver(host->dev, large, len));
  assert_true(virtioif_poll(&host->netif, 1));
  assert_int_equal(kept_count, 1);
  check_chain(host, large, len, 9);
  drop_kept();
  host_run(host);
}

/* The length of one of the buffers behind the first is nonsense. */
static void a_bad_buffer_in_the_middle_costs_its_frame_alone(void **state)
{
  (void)state;
  static const u32_t lies[] = {0, 0x10000, 0xffffffff};
  for (size_t l = 0; l < COUNT(lies); l++) {
    for (unsigned bad = 1; bad < 5; bad++) {
      struct host *host = host_receiving(HOST_MODERN);
      size_t len = fill_buffers(host, large, 5, 0);
      u16_t idx = host->vif.net.rx.used_idx;
      assert_true(sim_net_deliver(host->dev, large, len));
      /* flags, idx, then {id, len} for each. */
      u8_t *used = (u8_t *)host->vif.net.rx.used;
      u32_t lie = virtio_hal_le32(lies[l], false);
      memcpy(used + 4 + 8 * ((idx + bad) % 64u) + 4, &lie, 4);
      host_run(host);
      assert_int_equal(kept_count, 0);
      assert_int_equal(host_news(host).rx_drop_len, 1);
      assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
      assert_int_equal(virtioif_rx_usage(&host->netif).posted, 64);
      host_check_buffers(host);
      len = fill_buffers(host, large, 3, 0);
      assert_true(sim_net_deliver(host->dev, large, len));
      host_run(host);
      assert_int_equal(kept_count, 1);
      check_chain(host, large, len, 3);
      drop_kept();
      next_host();
    }
  }
}

static void a_count_of_buffers_that_cannot_be_is_dropped_and_counted(void **state)
{
  (void)state;
  static const u16_t lies[] = {0, 65, 66, 0x7fff, 0xffff};
  struct host *host = host_receiving(HOST_MODERN);
  size_t len = fill_buffers(host, large, 1, 500);
  for (unsigned i = 0; i < COUNT(lies); i++) {
    sim_faults(host->dev)->rx_num_buffers_wrong = true;
    sim_faults(host->dev)->rx_num_buffers = lies[i];
    assert_true(sim_net_deliver(host->dev, large, len));
    host_run(host);
    assert_int_equal(host_news(host).rx_drop_len, i + 1);
    assert_int_equal(kept_count, 0);
    assert_int_equal(virtioif_rx_usage(&host->netif).posted, 64);
    host_check_buffers(host);
    sim_faults(host->dev)->rx_num_buffers_wrong = false;
    assert_true(sim_net_deliver(host->dev, large, len));
    host_run(host);
    assert_int_equal(kept_count, 1);
    drop_kept();
    host_run(host);
  }
}

static void a_packet_in_a_tunnel_is_dropped_with_all_its_buffers(void **state)
{
  (void)state;
  static const u8_t types[] = {0x20, 0x40, 0x60, 0x21, 0x41, 0x24, 0x44, 0xe4};
  for (unsigned kind = 0; kind < HOST_LEGACY_APART; kind++) {
    struct host *host = host_receiving((enum host_kind)kind);
    unsigned dropped = 0;
    for (unsigned buffers = 1; buffers <= 31; buffers += 6) {
      for (size_t i = 0; i < COUNT(types); i++) {
        struct sim_hdr hdr = {.flags = i % 4, .gso_type = types[i], .gso_size = 1400};
        size_t len = fill_buffers(host, large, buffers, 1);
        hdr.num_buffers = (u16_t)buffers;
        assert_true(sim_net_deliver_with(host->dev, &hdr, large, len));
        host_run(host);
        assert_int_equal(kept_count, 0);
        assert_int_equal(host_news(host).rx_drop_len, ++dropped);
        host_check_buffers(host);
        assert_int_equal(virtioif_rx_usage(&host->netif).held, 0);
      }
      size_t len = fill_buffers(host, large, 3, 0);
      assert_true(sim_net_deliver(host->dev, large, len));
      host_run(host);
      assert_int_equal(kept_count, 1);
      check_chain(host, large, len, 3);
      drop_kept();
      host_run(host);
    }
    next_host();
  }
}

/* One large segment arrives as the device would hand it over. */
static void send_large(struct remote *remote, size_t len)
{
  remote_segment(remote, &packet, 0, len, PACKET_ACK);
  struct sim_hdr hdr = packet_leave_sum(&packet);
  hdr.gso_type = remote->way.ipv6 ? GSO_TCP6 : GSO_TCP4;
  hdr.gso_size = 1400;
  hdr.hdr_len = (u16_t)packet_tcp_payload(&packet);
  assert_true(sim_net_deliver_with(remote->host->dev, &hdr, packet.bytes, packet.len));
  host_run(remote->host);
  remote->seq += (u32_t)len;
}

/* No time passes here: an ACK that waits for a timer or for one more segment is not seen. */
static void a_large_segment_is_acknowledged_at_once_although_nobody_takes_the_data(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 4; variant++) {
    struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES);
    struct host *host = host_with(&params, 16, 0);
    struct server *server = server_open(PORT);
    struct remote remote;
    remote_open(&remote, host, (variant & 1) != 0, PORT);
    server->mute = (variant & 2) == 0;
    server->keeps = (variant & 2) != 0;
    u32_t window = TCP_WND;
    for (unsigned i = 0; window > 0; i++) {
      u32_t len = LWIP_MIN(window, 5000u + i);
      struct packet_tcp answer;
      peer_forget(host);
      send_large(&remote, len);
      window -= len;
      assert_int_equal(server->received, TCP_WND - window);
      assert_int_equal(server->calls, i + 1); /* one for each */
      assert_true(remote_heard(&remote, &answer));
      assert_int_equal(answer.ack, remote.seq);
      assert_int_equal(answer.window, window);
      assert_int_equal(remote_count(&remote), 1);
    }
    next_host();
  }
}

/* Two small ones still share one, as they should. */
static void small_segments_are_acknowledged_in_pairs_as_ever(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES);
  struct host *host = host_with(&params, 16, 0);
  struct server *server = server_open(PORT);
  struct remote remote;
  remote_open(&remote, host, false, PORT);
  server->mute = true;
  for (unsigned i = 0; i < 8; i++) {
    remote_send(&remote, 0, 1460, PACKET_ACK);
    remote.seq += 1460;
    assert_int_equal(remote_count(&remote), (i + 1) / 2);
  }
}

/* So many segments, and what may come behind them, are there when the interface is polled. */
static void arrive(struct remote *remote, unsigned segments, bool and_an_ack)
{
  for (unsigned i = 0; i < segments; i++) {
    remote_segment(remote, &packet, 0, 1460, PACKET_ACK);
    assert_true(sim_net_deliver(remote->host->dev, packet.bytes, packet.len));
    remote->seq += 1460;
  }
  if (and_an_ack) {
    remote_segment(remote, &packet, 0, 0, PACKET_ACK);
    assert_true(sim_net_deliver(remote->host->dev, packet.bytes, packet.len));
  }
}

/* Also when the last of them is another connection's, or no segment at all. No time passes. */
static void segments_that_arrive_together_are_acknowledged_together(void **state)
{
  (void)state;
  for (unsigned variant = 0; variant < 8; variant++) {
    struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES);
    struct host *host = host_with(&params, 16, 0);
    struct server *server = server_open(PORT);
    struct remote remote;
    remote_open(&remote, host, (variant & 1) != 0, PORT);
    server->mute = true;
    for (unsigned n = 2; n <= 5; n++) {
      struct packet_tcp answer;
      peer_forget(host);
      arrive(&remote, n, (variant & 2) != 0);
      if ((variant & 4) != 0) {
        struct peer_frame ping;
        peer_ping(host, &ping, 56, n);
        peer_send(host, &ping);
      }
      host_run(host);
      assert_true(remote_heard(&remote, &answer));
      assert_int_equal(answer.ack, remote.seq);
      assert_int_equal(remote_count(&remote), 1);
    }
    next_host();
  }
}

/* What is held back waits for the end of the poll, not for the frames that the next will take. */
static void acks_leave_with_the_poll_that_took_their_segments(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES);
  struct host *host = host_with(&params, 16, 0);
  struct server *server = server_open(PORT);
  struct remote remote;
  struct packet_tcp answer;
  remote_open(&remote, host, false, PORT);
  server->mute = true;
  u32_t start = remote.seq;
  arrive(&remote, 8, false);
  assert_true(virtioif_poll(&host->netif, 5));
  assert_true(remote_heard(&remote, &answer));
  assert_int_equal(answer.ack, start + 5 * 1460);
  assert_int_equal(remote_count(&remote), 1);
}

/* Together they are more than the server takes; it takes what there is room for. */
static void segments_beyond_the_window_are_answered_for_as_much_as_fits(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES);
  struct host *host = host_with(&params, 16, 0);
  struct server *server = server_open(PORT);
  struct remote remote;
  struct packet_tcp answer;
  remote_open(&remote, host, false, PORT);
  server->mute = true;
  u32_t start = remote.seq;
  while (remote.seq - start < TCP_WND + 3 * 1460) {
    peer_forget(host);
    arrive(&remote, 3, false);
    host_run(host);
    assert_true(remote_heard(&remote, &answer));
  }
  assert_int_equal(answer.ack, start + TCP_WND);
  assert_int_equal(answer.window, 0);
  assert_int_equal(server->received, TCP_WND);
}

/* The server has said all it had to say, the client has not. */
static void half_a_connection_is_acknowledged_as_well(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES);
  struct host *host = host_with(&params, 16, 0);
  struct server *server = server_open(PORT);
  struct remote remote;
  struct packet_tcp answer;
  remote_open(&remote, host, false, PORT);
  server->mute = true;
  assert_int_equal(tcp_shutdown(server->pcb, 0, 1), ERR_OK);
  arrive(&remote, 5, false);
  host_run(host);
  host_wait_ms(250); /* the last one may be delayed */
  assert_int_equal(server->received, 5 * 1460);
  assert_true(remote_heard(&remote, &answer));
  assert_int_equal(answer.ack, remote.seq);
}

static err_t take_nothing(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(p);
  LWIP_UNUSED_ARG(err);
  return ERR_MEM;
}

/* lwIP keeps the first of them for the application and drops the others; later it all comes. */
static void segments_that_the_application_refuses_are_not_lost(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES);
  struct host *host = host_with(&params, 16, 0);
  struct server *server = server_open(PORT);
  struct remote remote;
  struct packet_tcp answer;
  remote_open(&remote, host, false, PORT);
  u32_t start = remote.seq;
  tcp_recv_fn take = server->pcb->recv;
  tcp_recv(server->pcb, take_nothing);
  arrive(&remote, 4, false);
  host_run(host);
  host_wait_ms(250); /* lwIP offers again, and ACKs what it delayed */
  host_run(host);
  assert_true(remote_heard(&remote, &answer));
  assert_int_equal(answer.ack, start + 1460);
  remote.seq = answer.ack;
  arrive(&remote, 2, false); /* still refused */
  host_run(host);
  tcp_recv(server->pcb, take);
  remote.seq = answer.ack;
  arrive(&remote, 3, false);
  host_run(host);
  host_wait_ms(250); /* lwIP offers again, and ACKs what it delayed */
  host_run(host);
  assert_int_equal(server->received, 4 * 1460);
  assert_true(remote_heard(&remote, &answer));
  assert_int_equal(answer.ack, start + 4 * 1460);
}

/* A gap is told at once, and with each segment behind it: that is what the sender counts. */
static void duplicate_acks_are_not_held_back(void **state)
{
  (void)state;
  struct sim_net_params params = device_with(HOST_MODERN, LRO_FEATURES);
  struct host *host = host_with(&params, 16, 0);
  struct server *server = server_open(PORT);
  struct remote remote;
  struct packet_tcp answer;
  remote_open(&remote, host, false, PORT);
  server->mute = true;
  arrive(&remote, 1, false);
  u32_t gap = remote.seq;
  remote.seq += 1460;
  arrive(&remote, 4, false);
  host_run(host);
  assert_int_equal(remote_count(&remote), 4);
  assert_true(remote_heard(&remote, &answer));
  assert_int_equal(answer.ack, gap);
}

/* Whoever gave memory without a copy waits for all frames to be gone, sent or not. */
static void a_run_that_waits_is_in_flight(void **state)
{
  (void)state;
  static const u8_t data[1000];
  struct sim_net_params params = device_with(HOST_MODERN, TSO_FEATURES);
  struct host *host = host_with(&params, 16, 0);
  struct server *server = server_open(PORT);
  struct remote remote;
  remote_open(&remote, host, false, PORT);
  assert_int_equal(virtioif_tx_in_flight(&host->netif), 0);
  virtioif_cork(&host->netif);
  assert_int_equal(tcp_write(server->pcb, data, sizeof(data), TCP_WRITE_FLAG_MORE), ERR_OK);
  assert_int_equal(tcp_output(server->pcb), ERR_OK);
  assert_int_equal(virtq_in_flight(&host->vif.net.tx), 0);
  assert_int_equal(virtioif_tx_in_flight(&host->netif), 1);
  virtioif_flush(&host->netif);
  host_run(host);
  assert_int_equal(virtioif_tx_in_flight(&host->netif), 0);
}

static void large_receive_is_declined_where_it_must_be(void **state)
{
  (void)state;
  static const struct {
    uint64_t features;
    uint64_t off;
    bool bridged;
    uint64_t accepted;
  } cases[] = {
      {LRO_FEATURES, 0, false, GUEST_LARGE},
      {LRO_FEATURES & ~SIM_F_MRG_RXBUF, 0, false, 0},
      {LRO_FEATURES & ~SIM_F_GUEST_CSUM, 0, false, 0},
      {LRO_FEATURES & ~SIM_F_GUEST_TSO6, 0, false, SIM_F_GUEST_TSO4 | SIM_F_GUEST_ECN},
      {LRO_FEATURES, 0, true, 0},
      {LRO_FEATURES, GUEST_LARGE, false, 0},
      {LRO_FEATURES, SIM_F_MRG_RXBUF, false, 0},
      {LRO_FEATURES, SIM_F_GUEST_CSUM, false, 0},
      {LRO_FEATURES, SIM_F_GUEST_TSO4, false, SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct sim_net_params params = device_with(HOST_MODERN, cases[i].features);
    struct host *host = host_create(&params, 64, 16, 96);
    host->params.features_off = cases[i].off;
    host->params.bridged = cases[i].bridged;
    assert_int_equal(host_add(host), ERR_OK);
    assert_int_equal(sim_accepted(host->dev) & GUEST_LARGE, cases[i].accepted);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(cut_again_large_frames_are_what_lwip_would_have_sent_one_by_one),
      HOST_TEST(outside_a_lap_each_segment_leaves_at_once),
      HOST_TEST(what_a_poll_makes_lwip_send_leaves_when_it_ends),
      HOST_TEST(what_does_not_continue_a_run_ends_it),
      HOST_TEST(a_run_changes_nothing_in_lwips_pbufs_but_the_first_checksum_field),
      HOST_TEST(a_run_ends_before_its_last_piece_would_not_fit),
      HOST_TEST(a_run_that_a_poll_finds_open_is_watched_like_others),
      HOST_TEST(segments_with_congestion_flags_are_not_joined),
      HOST_TEST(the_length_of_the_headers_is_told_exactly),
      HOST_TEST(options_have_to_be_the_same_and_in_the_first_pbuf_at_the_same_place),
      HOST_TEST(tagged_segments_are_joined_if_all_of_their_headers_are_the_same),
      HOST_TEST(a_push_begins_no_run),
      HOST_TEST(a_run_ends_before_its_length_overflows),
      HOST_TEST(a_run_has_no_more_pieces_than_allowed),
      HOST_TEST(a_queue_that_is_nearly_full_loses_nothing_and_keeps_nothing),
      HOST_TEST(a_run_that_waits_is_in_flight),
      HOST_TEST(indirect_tables_come_back),
      HOST_TEST(without_the_feature_for_its_protocol_no_run_begins),
      HOST_TEST(frames_that_just_fill_their_buffers_arrive_whole),
      HOST_TEST(a_frame_whose_buffers_appear_one_by_one_waits_for_the_last),
      HOST_TEST(a_small_budget_still_takes_the_whole_frame),
      HOST_TEST(a_bad_buffer_in_the_middle_costs_its_frame_alone),
      HOST_TEST(a_count_of_buffers_that_cannot_be_is_dropped_and_counted),
      HOST_TEST(a_large_segment_is_acknowledged_at_once_although_nobody_takes_the_data),
      HOST_TEST(a_packet_in_a_tunnel_is_dropped_with_all_its_buffers),
      HOST_TEST(small_segments_are_acknowledged_in_pairs_as_ever),
      HOST_TEST(segments_that_arrive_together_are_acknowledged_together),
      HOST_TEST(acks_leave_with_the_poll_that_took_their_segments),
      HOST_TEST(segments_beyond_the_window_are_answered_for_as_much_as_fits),
      HOST_TEST(half_a_connection_is_acknowledged_as_well),
      HOST_TEST(segments_that_the_application_refuses_are_not_lost),
      HOST_TEST(duplicate_acks_are_not_held_back),
      HOST_TEST(large_receive_is_declined_where_it_must_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
