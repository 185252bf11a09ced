/*
 * virtioif_rx.c: receive buffers and received frames.
 *
 * A receive buffer is FREE (on a list here), POSTED (the device's) or HELD (by lwIP, as a custom
 * pbuf). rxbuf_free() brings it from HELD to FREE and does nothing else, so lwIP may call it from
 * wherever it likes; posting and notifying happens in virtioif_poll() alone. No error loses a
 * buffer: every path through here ends with it HELD or FREE.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/snmp.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "virtioif_priv.h"

/* Frames start at 6 modulo 8 in receive buffers, so that the IP header is aligned, and so do their
 * copies, so that copying goes by whole words. */
#define RX_COPY_PAD (VIRTIO_NET_RX_FRAME_OFFSET % 8u)

/*
 * Buffers
 */

static void rxbuf_push(struct virtioif *vif, struct virtioif_rxbuf *buf)
{
  vif->rx_free_list[vif->rx_free++] = buf->buffer;
}

/* HELD -> FREE. Runs wherever the last reference to the pbuf is dropped. */
static void rxbuf_free(struct pbuf *p)
{
  struct virtioif_rxbuf *buf = (struct virtioif_rxbuf *)p;
  struct virtioif *vif = buf->vif;
  SYS_ARCH_DECL_PROTECT(level);

  SYS_ARCH_PROTECT(level);
  rxbuf_push(vif, buf);
  vif->rx_held--;
  SYS_ARCH_UNPROTECT(level);
}

/* POSTED -> HELD: the buffer itself as a pbuf. */
static struct pbuf *rxbuf_hold(struct virtioif *vif, const struct virtio_net_rx *rx)
{
  struct virtioif_rxbuf *buf = &vif->memory->rxbufs[rx->buffer];
  SYS_ARCH_DECL_PROTECT(level);

  SYS_ARCH_PROTECT(level);
  vif->rx_held++;
  SYS_ARCH_UNPROTECT(level);
  return pbuf_alloced_custom(PBUF_RAW, rx->len, PBUF_REF, &buf->pbuf, rx->data, rx->len);
}

/* POSTED -> FREE. */
static void rxbuf_drop(struct virtioif *vif, u16_t buffer)
{
  SYS_ARCH_DECL_PROTECT(level);

  SYS_ARCH_PROTECT(level);
  rxbuf_push(vif, &vif->memory->rxbufs[buffer]);
  SYS_ARCH_UNPROTECT(level);
}

bool virtioif_is_rxbuf(const struct pbuf *p)
{
  return (p->flags & PBUF_FLAG_IS_CUSTOM) != 0 &&
         ((const struct pbuf_custom *)p)->custom_free_function == rxbuf_free;
}

void virtioif_rx_init(struct virtioif *vif)
{
  vif->rx_free_list = vif->memory->rx_free_list;
  for (u16_t i = vif->memory->rx_buffers; i-- > 0;) {
    struct virtioif_rxbuf *buf = &vif->memory->rxbufs[i];
    buf->vif = vif;
    buf->buffer = i;
    buf->pbuf.custom_free_function = rxbuf_free;
    rxbuf_push(vif, buf);
  }
}

VIRTIO_HOT void virtioif_rx_refill(struct virtioif *vif)
{
  SYS_ARCH_DECL_PROTECT(level);

  SYS_ARCH_PROTECT(level);
  vif->rx_free = (u16_t)virtio_net_rx_post(&vif->net, vif->rx_free_list, vif->rx_free);
  SYS_ARCH_UNPROTECT(level);
}

VIRTIO_COLD void virtioif_rx_reclaim(struct virtioif *vif)
{
  u16_t buffer;
  while (virtq_reclaim(&vif->net.rx, &buffer)) {
    rxbuf_drop(vif, buffer);
  }
}

/*
 * Frames
 */

static void count_received(struct netif *netif, const struct pbuf *p)
{
  LINK_STATS_INC(link.recv);
#if MIB2_STATS
  MIB2_STATS_NETIF_ADD(netif, ifinoctets, p->tot_len);
  if ((((const u8_t *)p->payload)[0] & 1) != 0) {
    MIB2_STATS_NETIF_INC(netif, ifinnucastpkts);
  } else {
    MIB2_STATS_NETIF_INC(netif, ifinucastpkts);
  }
#else
  LWIP_UNUSED_ARG(netif);
  LWIP_UNUSED_ARG(p);
#endif
}

static VIRTIO_COLD void count_drop(struct virtioif *vif, u32_t *cause)
{
  LWIP_UNUSED_ARG(vif); /* without MIB2_STATS */
  (*cause)++;
  LINK_STATS_INC(link.drop);
  MIB2_STATS_NETIF_INC(vif->netif, ifindiscards);
}

static inline void deliver(struct virtioif *vif, struct pbuf *p,
                           const struct virtio_net_offload *offload)
{
  struct netif *netif = vif->netif;
  err_t err;

  count_received(netif, p);
  vif->stats.rx_frames++;
  if (virtioif_csum_rx(vif, p, offload)) {
    err = netif->input(p, netif);
  } else {
    err = virtioif_csum_input_any(netif, p);
  }
  if (err != ERR_OK) {
    pbuf_free(p);
    count_drop(vif, &vif->stats.rx_drop_input);
  }
}

static struct pbuf *alloc_copy(struct virtioif *vif, u16_t len)
{
  struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(RX_COPY_PAD + len), PBUF_POOL);
  if (p == NULL) {
    LINK_STATS_INC(link.memerr);
    count_drop(vif, &vif->stats.rx_drop_nomem);
    return NULL;
  }
  pbuf_remove_header(p, RX_COPY_PAD);
  vif->stats.rx_copied++;
  return p;
}

/* What lwIP holds is missing from the pool; if it held more than the spare buffers the ring would
 * run dry. A short frame holds as much as a long one, so the last half of them is not for those. */
static bool may_hold(const struct virtioif *vif, u16_t more, u32_t len)
{
  u16_t most = len > VIRTIOIF_RX_COPY_BYTES ? vif->rx_held_max : vif->rx_held_max / 2;
  return vif->rx_held + more <= most;
}

/* A frame in one buffer. One that lwIP will forward is copied: a receive buffer has no room for the
 * next link's header. */
static void receive_single(struct virtioif *vif, const struct virtio_net_rx *rx)
{
  struct pbuf *p;

  if (may_hold(vif, 1, rx->len) && !virtioif_is_foreign(rx->data, rx->len)) {
    p = rxbuf_hold(vif, rx);
  } else {
    p = alloc_copy(vif, rx->len);
    if (p != NULL) {
      pbuf_take(p, rx->data, rx->len);
    }
    rxbuf_drop(vif, rx->buffer);
  }
  if (p != NULL) {
    deliver(vif, p, &rx->offload);
  }
}

/*
 * Frames over several buffers, VIRTIO_NET_F_MRG_RXBUF. The device need not show all of them at
 * once, so what has come so far waits in vif->rx_part.
 */

/* "Processing of Incoming Packets": no tunnel was negotiated, and without one such a packet is not
 * to be accepted, however many buffers it takes. */
static bool is_tunnel(const struct virtio_net_offload *offload)
{
  return (offload->gso_type & VIRTIO_NET_HDR_GSO_TUNNEL) != 0;
}

static void part_begin(struct virtioif *vif, const struct virtio_net_rx *rx)
{
  struct virtioif_rx_part *part = &vif->rx_part;

  part->first = rxbuf_hold(vif, rx);
  part->last = part->first;
  part->len = rx->len;
  part->missing = (u16_t)(rx->buffers - 1u);
  part->bad = is_tunnel(&rx->offload);
  part->offload = rx->offload;
}

/* lwIP counts a packet's bytes in 16 bits, so a frame beyond that is lost as a whole. */
static void part_append(struct virtioif *vif, const struct virtio_net_rx *rx)
{
  struct virtioif_rx_part *part = &vif->rx_part;

  part->missing--;
  part->len += rx->len;
  if (rx->len == 0 || part->len > 0xffffu - RX_COPY_PAD) {
    part->bad = true;
  }
  if (part->bad) {
    rxbuf_drop(vif, rx->buffer);
  } else {
    part->last->next = rxbuf_hold(vif, rx);
    part->last = part->last->next;
  }
}

/* Each pbuf of a chain says how many bytes there are from it on. */
static void set_lengths(struct pbuf *p, u16_t len)
{
  u16_t rest = len;
  for (; p != NULL; p = p->next) {
    p->tot_len = rest;
    rest = (u16_t)(rest - p->len);
  }
}

static VIRTIO_COLD struct pbuf *part_copy(struct virtioif *vif, struct pbuf *p)
{
  struct pbuf *copy = alloc_copy(vif, p->tot_len);
  if (copy != NULL) {
    pbuf_copy(copy, p);
  }
  pbuf_free(p);
  return copy;
}

/* Hand over the frame that is open, unless more of it is to come. */
static void part_end(struct virtioif *vif)
{
  struct virtioif_rx_part *part = &vif->rx_part;
  struct pbuf *p = part->first;

  if (part->missing > 0) {
    return;
  }
  part->first = NULL;
  if (part->bad) {
    pbuf_free(p);
    LINK_STATS_INC(link.lenerr);
    count_drop(vif, &vif->stats.rx_drop_len);
    return;
  }
  set_lengths(p, (u16_t)part->len);
  vif->stats.rx_merged++;
  if (!may_hold(vif, 0, part->len) || virtioif_is_foreign(p->payload, p->len)) {
    p = part_copy(vif, p);
  }
  if (p != NULL) {
    deliver(vif, p, &part->offload);
  }
}

static bool part_is_open(const struct virtioif *vif)
{
  return VIRTIOIF_LRO && vif->rx_part.first != NULL;
}

/* A frame that is to go on over more buffers than were ever posted would wait for them for ever. */
static u16_t most_buffers(const struct virtioif *vif)
{
  return LWIP_MIN(vif->net.rx.size, vif->memory->rx_buffers);
}

/* The next buffer of the frame that is open. Returns what virtio_net_rx_take_more() does. */
static int receive_more(struct virtioif *vif)
{
  struct virtio_net_rx rx;
  int got = virtio_net_rx_take_more(&vif->net, &rx);

  if (got == 1) {
    part_append(vif, &rx);
    part_end(vif);
  }
  return got;
}

/* The next frame, or as much of it as its first buffer has. Returns what virtio_net_rx_take() does.
 */
static int receive_next(struct virtioif *vif)
{
  struct virtio_net_rx rx;
  int got = virtio_net_rx_take(&vif->net, &rx);

  if (got != 1) {
    return got;
  }
  if (rx.len != 0 && rx.buffers == 1 && !is_tunnel(&rx.offload)) {
    receive_single(vif, &rx);
  } else if (VIRTIOIF_LRO && rx.len != 0 && rx.buffers - 1u < most_buffers(vif)) {
    part_begin(vif, &rx);
    part_end(vif);
  } else {
    rxbuf_drop(vif, rx.buffer);
    LINK_STATS_INC(link.lenerr);
    count_drop(vif, &vif->stats.rx_drop_len);
  }
  return got;
}

void virtioif_rx_abandon(struct virtioif *vif)
{
  if (part_is_open(vif)) {
    pbuf_free(vif->rx_part.first);
    vif->rx_part.first = NULL;
  }
}

u16_t virtioif_rx_receive(struct virtioif *vif, u16_t budget)
{
  unsigned taken = 0;

  while (taken < budget || part_is_open(vif)) {
    int got = part_is_open(vif) ? receive_more(vif) : receive_next(vif);
    if (got != 1) {
      if (got < 0) {
        virtioif_device_failed(vif, VIRTIOIF_EVENT_QUEUE_BROKEN);
      }
      break;
    }
    taken++;
  }
  virtioif_csum_rx_end(vif);
  virtioif_ack_held(vif);
  return (u16_t)taken;
}
