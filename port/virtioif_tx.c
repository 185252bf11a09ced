/*
 * virtioif_tx.c: transmit slots and frames sent one by one.
 *
 * A slot is the driver's side of a frame in flight: a reference to the pbuf, and a little
 * device-visible memory for virtio_net_hdr and for a short frame's copy. lwIP does not retransmit a
 * segment that is still referenced, so finished frames are reaped at every poll, before the timers.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/snmp.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "netif/ethernet.h"
#include "virtioif_headers.h"
#include "virtioif_priv.h"
#include <string.h>

/*
 * Slots
 */

u16_t virtioif_txslot_pop(struct virtioif *vif)
{
  u16_t slot = vif->tx_free_head;
  struct virtioif_txslot *s = &vif->memory->txslots[slot];

  vif->tx_free_head = s->next;
  vif->tx_free--;
  s->next = VIRTIOIF_NONE;
  s->generation = vif->tx_watch.generation;
  return slot;
}

static void txslot_push(struct virtioif *vif, u16_t slot)
{
  vif->memory->txslots[slot].next = vif->tx_free_head;
  vif->tx_free_head = slot;
  vif->tx_free++;
}

u8_t *virtioif_txslot_frame(const struct virtioif *vif, u16_t slot)
{
  return vif->tx_mem + (size_t)slot * VIRTIOIF_TX_SLOT_BYTES + VIRTIOIF_TX_FRAME_OFFSET;
}

void virtioif_tx_init(struct virtioif *vif)
{
  vif->tx_free = 0;
  for (u16_t i = vif->memory->tx_size; i-- > 0;) {
    vif->memory->txslots[i].p = NULL;
    vif->memory->txslots[i].table = VIRTIOIF_NONE;
    txslot_push(vif, i);
  }
}

static inline void release(struct virtioif *vif, u16_t slot)
{
  while (slot != VIRTIOIF_NONE) {
    struct virtioif_txslot *s = &vif->memory->txslots[slot];
    struct pbuf *p = s->p;
    u16_t next = s->next;

    txslot_push(vif, slot);
    if (p != NULL) {
      s->p = NULL;
      if (VIRTIOIF_TSO && s->table != VIRTIOIF_NONE) {
        virtioif_tso_free_table(vif, s->table);
        s->table = VIRTIOIF_NONE;
      }
      pbuf_free(p);
    }
    slot = next;
  }
}

VIRTIO_COLD void virtioif_tx_release(struct virtioif *vif, u16_t slot)
{
  release(vif, slot);
}

static void note_returned(struct virtioif *vif, u16_t slot)
{
  struct virtioif_tx_watch *watch = &vif->tx_watch;

  if (vif->memory->txslots[slot].generation != watch->generation) {
    watch->old--;
    watch->polls = 0;
  }
}

VIRTIO_HOT void virtioif_tx_reap(struct virtioif *vif)
{
  u16_t slot;
  int got;
  while ((got = virtio_net_tx_take(&vif->net, &slot)) == 1) {
    note_returned(vif, slot);
    release(vif, slot);
    vif->tx_reaped = true;
    if (!virtq_more(&vif->net.tx)) {
      return; /* what is finished meanwhile is the next poll's */
    }
  }
  if (got < 0) {
    virtioif_device_failed(vif, VIRTIOIF_EVENT_QUEUE_BROKEN);
  }
}

VIRTIO_COLD void virtioif_tx_reclaim(struct virtioif *vif)
{
  u16_t slot;
  while (virtq_reclaim(&vif->net.tx, &slot)) {
    virtioif_tx_release(vif, slot);
  }
}

/*
 * Room and notifications
 */

VIRTIO_HOT void virtioif_tx_kick(struct virtioif *vif)
{
  if (virtio_net_kick(&vif->net, &vif->net.tx)) {
    vif->stats.kicks_tx++;
  }
}

static bool has_room(const struct virtioif *vif, unsigned pieces)
{
  return vif->tx_free > 0 && vif->net.tx.num_free >= pieces;
}

/* The part of virtioif_tx_make_room() that is hardly ever needed. */
static VIRTIO_COLD __attribute__((noinline)) bool clear_room(struct virtioif *vif, unsigned pieces)
{
  virtioif_tx_reap(vif);
  if (has_room(vif, pieces)) {
    return true;
  }
  /* What was kept back has to move, or nothing ever completes. No run is open any more. */
  virtioif_tx_kick(vif);
  while (virtioif_is_live(vif) && virtq_arm(&vif->net.tx)) {
    virtioif_tx_reap(vif); /* takes at least one frame a lap; what comes later interrupts */
    if (has_room(vif, pieces)) {
      if (!vif->tx_armed) {
        virtq_disarm(&vif->net.tx);
      }
      return true;
    }
  }
  vif->tx_armed = true;
  vif->tx_reaped = false;
  return false;
}

VIRTIO_HOT bool virtioif_tx_make_room(struct virtioif *vif, unsigned pieces)
{
  return has_room(vif, pieces) || clear_room(vif, pieces);
}

/*
 * Frames
 */

/* Whether there is room for the header in front of the frame, in memory that nobody else uses. */
static bool has_headroom(const struct virtioif *vif, const struct pbuf *p)
{
  const u8_t *start = (const u8_t *)p + LWIP_MEM_ALIGN_SIZE(sizeof(struct pbuf));
  return !virtio_net_header_is_apart(&vif->net) && p->ref == 1 &&
         (p->flags & PBUF_FLAG_IS_CUSTOM) == 0 &&
         (p->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) != 0 &&
         (const u8_t *)p->payload >= start + virtio_net_hdr_bytes(&vif->net);
}

int virtioif_tx_pieces(struct pbuf *p, u16_t offset, struct virtq_sg *sg, unsigned max)
{
  unsigned count = 0;

  for (; p != NULL; p = p->next) {
    if (offset >= p->len) {
      offset = (u16_t)(offset - p->len);
      continue;
    }
    if (count == max || p->ref > VIRTIOIF_REFERENCES_MAX ||
        (PBUF_NEEDS_COPY(p) && !virtioif_is_rxbuf(p))) {
      return -1;
    }
    sg[count++] = (struct virtq_sg){(u8_t *)p->payload + offset, (u32_t)p->len - offset};
    offset = 0;
  }
  return (int)count;
}

/* Describe header and frame in place. Returns the number of pieces, or 0 if it cannot be done. */
static unsigned map_frame(const struct virtioif *vif, struct pbuf *p, u8_t *slot_hdr,
                          struct virtq_sg *sg)
{
  u32_t hdr_bytes = virtio_net_hdr_bytes(&vif->net);
  struct pbuf *rest = p;

  if (has_headroom(vif, p)) {
    sg[0] = (struct virtq_sg){(u8_t *)p->payload - hdr_bytes, hdr_bytes + p->len};
    rest = p->next;
  } else {
    sg[0] = (struct virtq_sg){slot_hdr, hdr_bytes};
  }
  int more = virtioif_tx_pieces(rest, 0, &sg[1], VIRTIOIF_FRAME_PIECES - 1);
  return more >= 0 && 1 + (unsigned)more <= vif->net.tx.size ? 1 + (unsigned)more : 0;
}

/* The frame in one pbuf of the driver's own, for when its pbufs are too many or may change. Not by
 * pbuf_clone(), which takes no chain that ends in an empty pbuf. */
static VIRTIO_COLD struct pbuf *gather_frame(struct virtioif *vif, const struct pbuf *p)
{
  struct pbuf *whole = pbuf_alloc(PBUF_RAW_TX, p->tot_len, PBUF_RAM);
  if (whole == NULL) {
    vif->stats.tx_drop_nomem++;
    LINK_STATS_INC(link.memerr);
    return NULL;
  }
  pbuf_copy_partial(p, whole->payload, p->tot_len, 0);
  return whole;
}

static void count_sent(struct virtioif *vif, const struct pbuf *p)
{
  vif->stats.tx_frames++;
  LINK_STATS_INC(link.xmit);
#if MIB2_STATS
  MIB2_STATS_NETIF_ADD(vif->netif, ifoutoctets, p->tot_len);
  if ((((const u8_t *)p->payload)[0] & 1) != 0) {
    MIB2_STATS_NETIF_INC(vif->netif, ifoutnucastpkts);
  } else {
    MIB2_STATS_NETIF_INC(vif->netif, ifoutucastpkts);
  }
#else
  LWIP_UNUSED_ARG(p);
#endif
}

unsigned virtioif_tx_describe(struct virtioif *vif, struct pbuf *p,
                              const struct virtioif_packet *packet, u16_t slot, struct virtq_sg *sg,
                              struct virtio_net_offload *offload)
{
  u8_t *slot_hdr = virtioif_txslot_frame(vif, slot) - virtio_net_hdr_bytes(&vif->net);
  struct virtioif_txslot *s = &vif->memory->txslots[slot];
  unsigned count = 0;

  if (packet != NULL) {
    virtioif_csum_tx(vif, p, packet, offload);
    count = map_frame(vif, p, slot_hdr, sg);
  }
  if (count > 0) {
    pbuf_ref(p);
    s->p = p;
    return count;
  }
  s->p = gather_frame(vif, p);
  if (s->p == NULL) {
    return 0;
  }
  if (packet == NULL) {
    struct virtioif_packet whole;
    virtioif_csum_parse(vif, s->p, &whole);
    virtioif_csum_tx(vif, s->p, &whole, offload);
  }
  return map_frame(vif, s->p, slot_hdr, sg);
}

/* Send a short frame from a copy in the slot, behind its header. */
static err_t send_short(struct virtioif *vif, struct pbuf *p, const struct virtioif_packet *packet)
{
  u32_t hdr_bytes = virtio_net_hdr_bytes(&vif->net);
  unsigned count = virtio_net_header_is_apart(&vif->net) ? 2 : 1;
  struct virtio_net_offload offload;

  if (!virtioif_tx_make_room(vif, count)) {
    vif->stats.tx_ring_full++;
    return ERR_MEM;
  }
  u16_t slot = virtioif_txslot_pop(vif);
  u8_t *frame = virtioif_txslot_frame(vif, slot);
  virtioif_csum_tx(vif, p, packet, &offload);
  if (p->next == NULL) {
    memcpy(frame, p->payload, p->len);
  } else {
    pbuf_copy_partial(p, frame, p->tot_len, 0);
  }
  struct virtq_sg sg[2];
  sg[0] = (struct virtq_sg){frame - hdr_bytes, hdr_bytes + p->tot_len};
  if (count == 2) {
    sg[0].len = hdr_bytes;
    sg[1] = (struct virtq_sg){frame, p->tot_len};
  }
  vif->stats.tx_copied++;
  (void)virtio_net_tx_add(&vif->net, sg, count, &offload, slot, NULL); /* there is room */
  return ERR_OK;
}

/* Send a frame from where it is, if that can be done. */
static err_t send_long(struct virtioif *vif, struct pbuf *p, const struct virtioif_packet *packet)
{
  struct virtq_sg sg[VIRTIOIF_FRAME_PIECES];
  struct virtio_net_offload offload;

  if (!virtioif_tx_make_room(vif, 1)) {
    vif->stats.tx_ring_full++;
    return ERR_MEM;
  }
  u16_t slot = virtioif_txslot_pop(vif);
  unsigned count = virtioif_tx_describe(vif, p, packet, slot, sg, &offload);
  bool fits = count <= vif->net.tx.num_free || virtioif_tx_make_room(vif, count);
  if (count == 0 || !fits) {
    virtioif_tx_release(vif, slot);
    vif->stats.tx_ring_full += fits ? 0 : 1;
    return ERR_MEM;
  }
  vif->stats.tx_copied += vif->memory->txslots[slot].p != p;
  (void)virtio_net_tx_add(&vif->net, sg, count, &offload, slot, NULL); /* there is room */
  return ERR_OK;
}

/* Frames of one connection may be joined; the others go by themselves, and after what came before
 * them. */
static err_t send_frame(struct virtioif *vif, struct pbuf *p)
{
  struct virtioif_packet packet;

  if (VIRTIOIF_TSO && virtioif_tso_is_open(vif) && virtioif_tso_join(vif, p)) {
    return ERR_OK;
  }
  bool parsed = virtioif_csum_parse(vif, p, &packet);
  if (parsed && p->tot_len <= VIRTIOIF_TX_COPY_BYTES) {
    return send_short(vif, p, &packet);
  }
  if (VIRTIOIF_TSO && parsed && virtioif_tso_may_open(vif) && virtioif_tso_open(vif, p, &packet)) {
    return ERR_OK;
  }
  return send_long(vif, p, parsed ? &packet : NULL);
}

/* A VLAN tag may come on top: the device's MTU does not count it. */
static bool len_is_valid(const struct netif *netif, const struct pbuf *p)
{
  u32_t most = netif->mtu + SIZEOF_ETH_HDR;
  if (p->len < SIZEOF_ETH_HDR) {
    return false;
  }
  return p->tot_len <= most ||
         (p->tot_len <= most + VLAN_TAG_BYTES &&
          get16((const u8_t *)p->payload + ETH_TYPE) == PP_HTONS(ETHTYPE_VLAN));
}

err_t virtioif_linkoutput(struct netif *netif, struct pbuf *p)
{
  struct virtioif *vif = virtioif_of(netif);
  err_t err;

  LWIP_ASSERT_CORE_LOCKED();
  if (!virtioif_is_live(vif) || !netif_is_link_up(netif)) {
    vif->stats.tx_drop_down++;
    err = ERR_IF;
  } else if (!len_is_valid(netif, p)) {
    vif->stats.tx_drop_len++;
    LINK_STATS_INC(link.lenerr);
    err = ERR_ARG;
  } else {
    err = send_frame(vif, p);
  }
  if (err != ERR_OK) {
    LINK_STATS_INC(link.drop);
    MIB2_STATS_NETIF_INC(netif, ifoutdiscards);
    return err;
  }
  count_sent(vif, p);
  if (!vif->corked) {
    virtioif_tx_kick(vif);
  }
  return ERR_OK;
}
