/*
 * virtioif_tso.c: large send, VIRTIO_NET_F_HOST_TSO4 and _TSO6.
 *
 * lwIP cuts its data into segments; consecutive segments of one connection, sent within one lap,
 * are put together again and leave as one frame that the device cuts. A run is a list of slots, one
 * a segment, each with its reference; the first slot's memory takes the headers of the whole.
 * lwIP's pbufs stay as they are, so a retransmission finds them untouched. Only the first segment's
 * TCP checksum field changes, as in any frame whose sum is the device's: it holds the sum over that
 * segment's pseudo-header, and lwIP clears it before it sends the segment again.
 *
 * A run of one is an ordinary frame. What an open run needs of the queue is free by the time lwIP
 * hears ERR_OK, so closing it cannot fail.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/inet_chksum.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "virtioif_headers.h"
#include "virtioif_priv.h"
#include <string.h>

#if VIRTIOIF_TSO

#define IP_PACKET_MAX 0xffffu

/* A TCP segment that may be a part of a run. */
struct segment {
  const struct virtioif_packet *packet;
  u16_t hdr_len; /* bytes of the frame up to the TCP payload */
  u16_t payload;
  u8_t flags;
  u16_t ip_id; /* IPv4 only */
  u32_t seq;
};

/* Fill in *seg if p is a segment that may be joined with others: plain headers in one piece, data,
 * no flag that means something for its own place in the stream, a sum that is left to the device.
 */
static bool is_segment(const struct virtioif *vif, const struct pbuf *p,
                       const struct virtioif_packet *packet, struct segment *seg)
{
  const u8_t *frame = (const u8_t *)p->payload;
  u64_t feature = packet->ipv6 ? VIRTIO_NET_F_HOST_TSO6 : VIRTIO_NET_F_HOST_TSO4;

  if (packet->proto != IP_PROTO_TCP || packet->sum_at == 0 || !virtioif_has(vif, feature) ||
      packet->l4_start - packet->ip_start != (packet->ipv6 ? IP6_HLEN : IP_HLEN) ||
      p->tot_len != packet->l4_start + packet->l4_len) {
    return false;
  }
  const u8_t *tcp = frame + packet->l4_start;
  u16_t tcp_hdr_len = (u16_t)((tcp[TCP_DATA_OFFSET] >> 4) * 4);
  seg->packet = packet;
  seg->hdr_len = (u16_t)(packet->l4_start + tcp_hdr_len);
  seg->flags = tcp[TCP_FLAGS_AT];
  if (tcp_hdr_len < TCP_HLEN || p->len < seg->hdr_len ||
      (seg->flags & ~(TCP_ACK | TCP_PSH | TCP_FIN)) != 0) {
    return false;
  }
  seg->payload = (u16_t)(p->tot_len - seg->hdr_len);
  seg->seq = get_be32(tcp + TCP_SEQ);
  seg->ip_id = get_be16(frame + packet->ip_start + IP4_ID);
  return true;
}

/* Of a constant length that fits a word, this is one comparison. */
static inline bool same(const u8_t *a, const u8_t *b, size_t bytes)
{
  return memcmp(a, b, bytes) == 0;
}

static inline bool ip4_matches(const u8_t *a, const u8_t *b)
{
  return same(a, b, 2) && same(a + IP4_FRAG, b + IP4_FRAG, 4) && same(a + IP4_SRC, b + IP4_SRC, 8);
}

static inline bool ip6_matches(const u8_t *a, const u8_t *b)
{
  return same(a, b, 4) && same(a + IP6_NEXTH, b + IP6_NEXTH, 2) &&
         same(a + IP6_SRC, b + IP6_SRC, 8) && same(a + IP6_SRC + 8, b + IP6_SRC + 8, 8) &&
         same(a + IP6_DEST, b + IP6_DEST, 8) && same(a + IP6_DEST + 8, b + IP6_DEST + 8, 8);
}

static inline bool tcp_matches(const u8_t *a, const u8_t *b, size_t len)
{
  return same(a, b, 4) && same(a + TCP_ACKNO, b + TCP_ACKNO, 4) &&
         same(a + TCP_DATA_OFFSET, b + TCP_DATA_OFFSET, 1) &&
         same(a + TCP_WINDOW, b + TCP_WINDOW, 2) && same(a + TCP_URGP, b + TCP_URGP, 2) &&
         (len == TCP_HLEN || same(a + TCP_HLEN, b + TCP_HLEN, len - TCP_HLEN));
}

/* Whether a frame differs from the run's first in nothing but length, sequence number, ID, sums,
 * PSH and FIN. */
static inline bool headers_match(const struct virtioif_run *run, const u8_t *frame)
{
  const u8_t *first = (const u8_t *)run->first->payload;
  const u8_t *ip = frame + run->packet.ip_start;
  const u8_t *first_ip = first + run->packet.ip_start;
  size_t tcp = run->packet.l4_start;

  /* Ethernet's header has 14 bytes, or 18 with a tag. */
  return same(first, frame, 8) && same(first + 8, frame + 8, 2) && same(first_ip - 8, ip - 8, 8) &&
         (run->packet.ipv6 ? ip6_matches(first_ip, ip) : ip4_matches(first_ip, ip)) &&
         tcp_matches(first + tcp, frame + tcp, run->hdr_len - tcp);
}

/* Whether the IP header says the length of the frame and, if IPv4, the ID that is due. */
static inline bool ip_continues(const struct virtioif_run *run, const u8_t *frame, u16_t len)
{
  const u8_t *ip = frame + run->packet.ip_start;

  if (run->packet.ipv6) {
    return get_be16(ip + IP6_PLEN) == len - run->packet.l4_start;
  }
  return get_be16(ip + IP4_LEN) == len - run->packet.ip_start &&
         get_be16(ip + IP4_ID) == run->next_id;
}

/* Whether p is the next segment of the open run. Where its headers match those of the first, all
 * that was found out about that one holds for this one, too. */
static bool continues(const struct virtioif_run *run, const struct pbuf *p)
{
  const u8_t *frame = (const u8_t *)p->payload;
  const u8_t *tcp = frame + run->packet.l4_start;
  u32_t ip_len = run->payload + p->tot_len - run->packet.ip_start;

  return p->len >= run->hdr_len && p->tot_len > run->hdr_len &&
         p->tot_len <= run->hdr_len + run->gso_size && ip_len <= IP_PACKET_MAX &&
         get_be32(tcp + TCP_SEQ) == run->next_seq && get16(tcp + TCP_CHKSUM) == 0 &&
         (tcp[TCP_FLAGS_AT] & ~(TCP_PSH | TCP_FIN)) == run->flags &&
         ip_continues(run, frame, p->tot_len) && headers_match(run, frame);
}

/*
 * Tables
 */

static u8_t *table_mem(const struct virtioif *vif, u16_t table)
{
  return vif->tx_tables + table * VIRTQ_TABLE_BYTES((size_t)VIRTIOIF_TSO_PIECES);
}

static bool has_table(const struct virtioif *vif)
{
  return virtioif_has(vif, VIRTIO_F_INDIRECT_DESC) && vif->tx_tables_free != 0;
}

static u16_t take_table(struct virtioif *vif)
{
  if (!has_table(vif)) {
    return VIRTIOIF_NONE;
  }
  u16_t table = 0;
  while ((vif->tx_tables_free >> table & 1u) == 0) {
    table++;
  }
  vif->tx_tables_free &= vif->tx_tables_free - 1u;
  return table;
}

void virtioif_tso_free_table(struct virtioif *vif, u16_t table)
{
  vif->tx_tables_free |= (u32_t)1 << table;
}

void virtioif_tso_init(struct virtioif *vif)
{
  vif->tx_tables_free = (u32_t)((UINT64_C(1) << VIRTIOIF_TSO_TABLES) - 1u);
  vif->run.segments = 0;
  /* "Indirect Descriptors": no chain is longer than the queue, even in a table. */
  vif->tso_pieces_max = LWIP_MIN(vif->tso_pieces_wanted, vif->net.tx.size);
  vif->tso =
      !virtio_net_header_is_apart(&vif->net) && vif->net.tx.size > 2 &&
      (virtioif_has(vif, VIRTIO_NET_F_HOST_TSO4) || virtioif_has(vif, VIRTIO_NET_F_HOST_TSO6));
}

/*
 * Runs
 */

/* Start a run with a frame, described as the ordinary frame that it is if no other follows: a
 * header in the slot and one in the pbuf at the most, then the payload. */
static bool open_run(struct virtioif *vif, struct pbuf *p, const struct segment *seg)
{
  struct virtioif_run *run = &vif->run;
  unsigned most = LWIP_MIN(VIRTIOIF_FRAME_PIECES, vif->net.tx.size) - 2u;

  if (seg->payload <= VIRTIOIF_TX_COPY_BYTES || (seg->flags & (TCP_PSH | TCP_FIN)) != 0 ||
      p->ref >= VIRTIOIF_REFERENCES_MAX) { /* the slot's reference is one more */
    return false;
  }
  int pieces = virtioif_tx_pieces(p, seg->hdr_len, run->sg, most);
  bool in_place = pieces >= 0 && virtioif_tx_pieces(p, 0, run->sg, most + 1u) >= 0;
  if (!in_place || !virtioif_tx_make_room(vif, 2u + (unsigned)pieces)) {
    return false;
  }
  u16_t slot = virtioif_txslot_pop(vif);
  run->pieces = (u16_t)virtioif_tx_describe(vif, p, seg->packet, slot, run->sg, &run->offload);
  run->payload_pieces = (u16_t)pieces;
  run->first = p;
  run->first_slot = slot;
  run->last_slot = slot;
  run->segments = 1;
  run->packet = *seg->packet;
  run->hdr_len = seg->hdr_len;
  run->gso_size = seg->payload;
  run->payload = seg->payload;
  run->flags = seg->flags;
  run->next_seq = seg->seq + seg->payload;
  run->next_id = (u16_t)(seg->ip_id + 1u);
  return true;
}

/* With a second segment the frame becomes: headers in the slot, then the payloads. The second one's
 * pieces were listed behind the ordinary frame, where a header may have been in two. */
static void make_large(struct virtioif *vif, unsigned more)
{
  struct virtioif_run *run = &vif->run;
  u8_t *frame = virtioif_txslot_frame(vif, run->first_slot);
  u32_t hdr_bytes = virtio_net_hdr_bytes(&vif->net);

  memmove(&run->sg[1 + run->payload_pieces], &run->sg[run->pieces], more * sizeof(run->sg[0]));
  run->sg[0] = (struct virtq_sg){frame - hdr_bytes, hdr_bytes + run->hdr_len};
  (void)virtioif_tx_pieces(run->first, run->hdr_len, &run->sg[1], run->payload_pieces);
  run->pieces = (u16_t)(1 + run->payload_pieces);
  vif->memory->txslots[run->first_slot].table = take_table(vif);
}

/* Whether so many pieces more fit into the frame and the queue. */
static bool pieces_fit(const struct virtioif *vif, unsigned more)
{
  const struct virtioif_run *run = &vif->run;
  bool first_join = run->segments == 1;
  bool indirect =
      first_join ? has_table(vif) : vif->memory->txslots[run->first_slot].table != VIRTIOIF_NONE;
  unsigned pieces = (first_join ? 1u + run->payload_pieces : run->pieces) + more;

  return pieces <= vif->tso_pieces_max && (indirect || pieces <= vif->net.tx.num_free);
}

static bool join_run(struct virtioif *vif, struct pbuf *p)
{
  struct virtioif_run *run = &vif->run;

  if (vif->tx_free == 0 || !continues(run, p)) {
    return false;
  }
  unsigned room = LWIP_MIN(VIRTIOIF_FRAME_PIECES, VIRTIOIF_TSO_PIECES - (unsigned)run->pieces);
  int pieces = virtioif_tx_pieces(p, run->hdr_len, &run->sg[run->pieces], room);
  if (pieces < 0 || !pieces_fit(vif, (unsigned)pieces)) {
    return false;
  }
  if (run->segments == 1) {
    make_large(vif, (unsigned)pieces);
  }
  u16_t slot = virtioif_txslot_pop(vif);
  u32_t payload = (u32_t)p->tot_len - run->hdr_len;
  pbuf_ref(p);
  vif->memory->txslots[slot].p = p;
  vif->memory->txslots[run->last_slot].next = slot;
  run->last_slot = slot;
  run->segments++;
  run->pieces = (u16_t)(run->pieces + pieces);
  run->payload += payload;
  run->flags |= ((const u8_t *)p->payload)[run->packet.l4_start + TCP_FLAGS_AT];
  run->next_seq += payload;
  run->next_id++;
  return true;
}

/* The headers of the whole: those of the first segment, with length, flags and sums of all. */
static void build_headers(struct virtioif *vif)
{
  struct virtioif_run *run = &vif->run;
  u8_t *frame = virtioif_txslot_frame(vif, run->first_slot);
  u8_t *ip = frame + run->packet.ip_start;
  u8_t *tcp = frame + run->packet.l4_start;
  u16_t tcp_len = (u16_t)(run->hdr_len - run->packet.l4_start + run->payload);

  memcpy(frame, run->first->payload, run->hdr_len);
  if (run->packet.ipv6) {
    put_be16(ip + IP6_PLEN, tcp_len);
  } else {
    put_be16(ip + IP4_LEN, (u16_t)(IP_HLEN + tcp_len));
    put_be16(ip + IP4_CHKSUM, 0);
    put16(ip + IP4_CHKSUM, inet_chksum(ip, IP_HLEN));
  }
  tcp[TCP_FLAGS_AT] = run->flags;
  put16(tcp + TCP_CHKSUM, virtioif_pseudo_sum(frame, &run->packet, tcp_len));
  run->offload = (struct virtio_net_offload){
      .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
      .gso_type = run->packet.ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
      .hdr_len = run->hdr_len,
      .gso_size = run->gso_size,
      .csum_start = run->packet.l4_start,
      .csum_offset = TCP_CHKSUM,
  };
}

void virtioif_tso_close(struct virtioif *vif)
{
  struct virtioif_run *run = &vif->run;
  void *table = NULL;

  if (run->segments > 1) {
    u16_t index = vif->memory->txslots[run->first_slot].table;
    table = index != VIRTIOIF_NONE ? table_mem(vif, index) : NULL;
    build_headers(vif);
    vif->stats.tx_large++;
  }
  run->segments = 0;
  (void)virtio_net_tx_add(&vif->net, run->sg, run->pieces, &run->offload, run->first_slot, table);
}

bool virtioif_tso_join(struct virtioif *vif, struct pbuf *p)
{
  struct virtioif_run *run = &vif->run;
  bool joined = join_run(vif, p);

  /* A short segment, PSH or FIN is right only at the end. */
  if (!joined || p->tot_len < run->hdr_len + run->gso_size ||
      (run->flags & (TCP_PSH | TCP_FIN)) != 0) {
    virtioif_tso_close(vif);
  }
  return joined;
}

bool virtioif_tso_open(struct virtioif *vif, struct pbuf *p, const struct virtioif_packet *packet)
{
  struct segment seg;
  return is_segment(vif, p, packet, &seg) && open_run(vif, p, &seg);
}

void virtioif_tso_abandon(struct virtioif *vif)
{
  if (vif->run.segments > 0) {
    vif->run.segments = 0;
    virtioif_tx_release(vif, vif->run.first_slot);
  }
}

#endif /* VIRTIOIF_TSO */
