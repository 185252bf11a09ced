/*
 * virtioif.c: the only place that knows both lwIP and VirtIO.
 *
 * A receive buffer is FREE (on a list here), POSTED (the device's) or HELD (by lwIP, as a custom
 * pbuf). rxbuf_free() brings it from HELD to FREE and does nothing else, so lwIP may free it
 * wherever it likes; all that touches the device happens in virtioif_poll() and the output
 * functions. A transmitted pbuf is referenced until the device has read it.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "netif/virtioif.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/snmp.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include <string.h>

#define IFNAME0        'v'
#define IFNAME1        'i'

/* Room for one VLAN tag, which the device's MTU does not count. */
#define VLAN_TAG_BYTES 4u

/* Frames start at 6 modulo 8 in receive buffers, so that the IP header is aligned, and so do their
 * copies, so that copying goes by whole words. */
#define RX_COPY_PAD    (VIRTIO_NET_RX_FRAME_OFFSET % 8u)

static struct virtioif *vif_of(const struct netif *netif)
{
  return (struct virtioif *)netif->state;
}

/*
 * Receive buffers
 */

static void rxbuf_push(struct virtioif *vif, u16_t buffer)
{
  vif->memory->rxbufs[buffer].next = vif->rx_free_head;
  vif->rx_free_head = buffer;
  vif->rx_free++;
}

static u16_t rxbuf_index(const struct virtioif *vif, const struct virtioif_rxbuf *buf)
{
  return (u16_t)(buf - vif->memory->rxbufs);
}

/* HELD -> FREE. Runs wherever the last reference to the pbuf is dropped. */
static void rxbuf_free(struct pbuf *p)
{
  struct virtioif_rxbuf *buf = (struct virtioif_rxbuf *)p;
  struct virtioif *vif = buf->vif;
  SYS_ARCH_DECL_PROTECT(level);

  SYS_ARCH_PROTECT(level);
  rxbuf_push(vif, rxbuf_index(vif, buf));
  vif->rx_held--;
  SYS_ARCH_UNPROTECT(level);
}

static bool is_rxbuf(const struct pbuf *p)
{
  return (p->flags & PBUF_FLAG_IS_CUSTOM) != 0 &&
         ((const struct pbuf_custom *)p)->custom_free_function == rxbuf_free;
}

/* FREE -> POSTED, as many as the queue takes. The device sees them at the next kick. */
static void rx_refill(struct virtioif *vif)
{
  SYS_ARCH_DECL_PROTECT(level);

  SYS_ARCH_PROTECT(level);
  while (vif->rx_free > 0) {
    u16_t buffer = vif->rx_free_head;
    if (virtio_net_rx_post(&vif->net, buffer) != VIRTIO_OK) {
      break;
    }
    vif->rx_free_head = vif->memory->rxbufs[buffer].next;
    vif->rx_free--;
  }
  SYS_ARCH_UNPROTECT(level);
}

/*
 * Receive
 */

/* POSTED -> HELD: lwIP gets the buffer itself. */
static struct pbuf *rx_in_place(struct virtioif *vif, const struct virtio_net_rx *rx)
{
  struct virtioif_rxbuf *buf = &vif->memory->rxbufs[rx->buffer];
  SYS_ARCH_DECL_PROTECT(level);

  SYS_ARCH_PROTECT(level);
  vif->rx_held++;
  SYS_ARCH_UNPROTECT(level);
  return pbuf_alloced_custom(PBUF_RAW, rx->len, PBUF_REF, &buf->pbuf, rx->frame, rx->len);
}

/* POSTED -> FREE: lwIP gets a copy. */
static struct pbuf *rx_copy(struct virtioif *vif, const struct virtio_net_rx *rx)
{
  struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(RX_COPY_PAD + rx->len), PBUF_POOL);
  if (p == NULL) {
    LINK_STATS_INC(link.memerr);
    vif->stats.rx_drop_nomem++;
  } else {
    pbuf_remove_header(p, RX_COPY_PAD);
    pbuf_take(p, rx->frame, rx->len);
    vif->stats.rx_copied++;
  }
  rxbuf_push(vif, rx->buffer);
  return p;
}

/* The frame as a pbuf. NULL if it is lost, with its buffer FREE again and the cause counted. */
static struct pbuf *rx_wrap(struct virtioif *vif, const struct virtio_net_rx *rx)
{
  if (rx->len == 0) {
    LINK_STATS_INC(link.lenerr);
    vif->stats.rx_drop_len++;
    rxbuf_push(vif, rx->buffer);
    return NULL;
  }
  /* What lwIP holds is missing from the pool; beyond the spare ones the ring would run dry. */
  bool copy =
      vif->rx_copy_all || rx->len <= VIRTIOIF_RX_COPY_BYTES || vif->rx_held >= vif->rx_held_max;
  return copy ? rx_copy(vif, rx) : rx_in_place(vif, rx);
}

static void rx_count(struct netif *netif, const struct virtio_net_rx *rx)
{
  LINK_STATS_INC(link.recv);
  MIB2_STATS_NETIF_ADD(netif, ifinoctets, rx->len);
  if ((rx->frame[0] & 1) != 0) {
    MIB2_STATS_NETIF_INC(netif, ifinnucastpkts);
  } else {
    MIB2_STATS_NETIF_INC(netif, ifinucastpkts);
  }
}

static void rx_deliver(struct virtioif *vif, const struct virtio_net_rx *rx)
{
  struct netif *netif = vif->netif;

  rx_count(netif, rx);
  struct pbuf *p = rx_wrap(vif, rx);
  if (p == NULL) {
    LINK_STATS_INC(link.drop);
    MIB2_STATS_NETIF_INC(netif, ifindiscards);
    return;
  }
  vif->stats.rx_frames++;
  if (netif->input(p, netif) != ERR_OK) {
    pbuf_free(p);
    vif->stats.rx_drop_input++;
  }
}

/*
 * Transmit
 */

static u8_t *txslot_mem(const struct virtioif *vif, u16_t slot)
{
  return vif->tx_mem + (size_t)slot * VIRTIOIF_TX_SLOT_BYTES;
}

static u16_t txslot_pop(struct virtioif *vif)
{
  u16_t slot = vif->tx_free_head;
  vif->tx_free_head = vif->memory->txslots[slot].next;
  return slot;
}

static void txslot_push(struct virtioif *vif, u16_t slot)
{
  vif->memory->txslots[slot].p = NULL;
  vif->memory->txslots[slot].next = vif->tx_free_head;
  vif->tx_free_head = slot;
}

/* Nothing more is given to the device or taken from it. The link goes down at the next poll, not
 * here: this may be deep inside lwIP's output. */
static void device_failed(struct virtioif *vif)
{
  vif->failed = true;
  vif->stats.device_errors++;
}

/* Drop the references to all frames that the device has read. */
static void tx_reap(struct virtioif *vif)
{
  u16_t slot;
  int got;
  while ((got = virtio_net_tx_take(&vif->net, &slot)) == 1) {
    struct pbuf *p = vif->memory->txslots[slot].p;
    txslot_push(vif, slot);
    if (p != NULL) {
      pbuf_free(p);
    }
  }
  if (got < 0) {
    device_failed(vif);
  }
}

static void tx_kick(struct virtioif *vif)
{
  if (virtio_net_kick(&vif->net, &vif->net.tx)) {
    vif->stats.kicks_tx++;
  }
}

static bool tx_has_room(const struct virtioif *vif, unsigned pieces)
{
  return vif->net.tx.num_free >= pieces;
}

/* Find descriptors for a frame of so many pieces, without waiting. If there are none the interrupt
 * is armed, so that the poll after the next completion can let TCP go on. */
static bool tx_make_room(struct virtioif *vif, unsigned pieces)
{
  if (tx_has_room(vif, pieces)) {
    return true;
  }
  tx_reap(vif);
  if (tx_has_room(vif, pieces)) {
    return true;
  }
  tx_kick(vif);
  if (virtq_arm(&vif->net.tx)) {
    tx_reap(vif);
    if (tx_has_room(vif, pieces)) {
      return true;
    }
  }
  vif->tx_refused = true;
  vif->stats.tx_ring_full++;
  return false;
}

/* Whether there is room for the header in front of the frame, in memory that nobody else uses. */
static bool has_headroom(const struct virtioif *vif, const struct pbuf *p)
{
  const u8_t *start = (const u8_t *)p + LWIP_MEM_ALIGN_SIZE(sizeof(struct pbuf));
  return !vif->net.header_apart && p->ref == 1 && (p->flags & PBUF_FLAG_IS_CUSTOM) == 0 &&
         (p->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) != 0 &&
         (const u8_t *)p->payload >= start + vif->net.hdr_bytes;
}

/* Describe header and frame in place. Returns the number of pieces, or 0 if it cannot be done:
 * memory that its owner may reuse at once, or too many pieces. */
static unsigned tx_map(const struct virtioif *vif, struct pbuf *p, u8_t *slot_hdr,
                       struct virtq_sg *sg)
{
  u32_t hdr_bytes = vif->net.hdr_bytes;
  struct pbuf *q = p;
  unsigned count = 1;

  if (has_headroom(vif, p)) {
    sg[0] = (struct virtq_sg){(u8_t *)p->payload - hdr_bytes, hdr_bytes + p->len};
    q = p->next;
  } else {
    sg[0] = (struct virtq_sg){slot_hdr, hdr_bytes};
  }
  for (; q != NULL; q = q->next) {
    if (count == VIRTIO_NET_TX_SG_MAX || (PBUF_NEEDS_COPY(q) && !is_rxbuf(q))) {
      return 0;
    }
    if (q->len > 0) {
      sg[count++] = (struct virtq_sg){q->payload, q->len};
    }
  }
  return count <= vif->net.tx.size ? count : 0;
}

/* Copy a short frame behind the slot's header and describe both. */
static unsigned tx_copy(const struct virtioif *vif, const struct pbuf *p, u8_t *slot_hdr,
                        struct virtq_sg *sg)
{
  u32_t hdr_bytes = vif->net.hdr_bytes;

  pbuf_copy_partial(p, slot_hdr + hdr_bytes, p->tot_len, 0);
  if (vif->net.header_apart) {
    sg[0] = (struct virtq_sg){slot_hdr, hdr_bytes};
    sg[1] = (struct virtq_sg){slot_hdr + hdr_bytes, p->tot_len};
    return 2;
  }
  sg[0] = (struct virtq_sg){slot_hdr, hdr_bytes + p->tot_len};
  return 1;
}

/* Describe the frame in the cheapest way there is. *kept is what has to live until the device has
 * read it, with a reference that is the driver's; NULL if that is the slot alone. */
static unsigned tx_describe(struct virtioif *vif, struct pbuf *p, u16_t slot, struct virtq_sg *sg,
                            struct pbuf **kept)
{
  u8_t *slot_hdr = txslot_mem(vif, slot) + VIRTIOIF_TX_FRAME_OFFSET - vif->net.hdr_bytes;

  *kept = NULL;
  if (p->tot_len <= VIRTIOIF_TX_COPY_BYTES) {
    vif->stats.tx_copied++;
    return tx_copy(vif, p, slot_hdr, sg);
  }
  unsigned count = tx_map(vif, p, slot_hdr, sg);
  if (count > 0) {
    pbuf_ref(p);
    *kept = p;
    return count;
  }
  struct pbuf *whole = pbuf_clone(PBUF_RAW_TX, PBUF_RAM, p);
  if (whole == NULL) {
    return 0;
  }
  vif->stats.tx_copied++;
  *kept = whole;
  return tx_map(vif, whole, slot_hdr, sg);
}

static void tx_count(struct virtioif *vif, const struct pbuf *p)
{
  vif->stats.tx_frames++;
  LINK_STATS_INC(link.xmit);
  MIB2_STATS_NETIF_ADD(vif->netif, ifoutoctets, p->tot_len);
  if ((((const u8_t *)p->payload)[0] & 1) != 0) {
    MIB2_STATS_NETIF_INC(vif->netif, ifoutnucastpkts);
  } else {
    MIB2_STATS_NETIF_INC(vif->netif, ifoutucastpkts);
  }
}

static err_t tx_frame(struct virtioif *vif, struct pbuf *p)
{
  static const struct virtio_net_offload plain;
  struct virtq_sg sg[VIRTIO_NET_TX_SG_MAX];
  struct pbuf *kept;

  if (!tx_make_room(vif, 1)) {
    return ERR_MEM;
  }
  u16_t slot = txslot_pop(vif); /* there are as many slots as descriptors */
  unsigned count = tx_describe(vif, p, slot, sg, &kept);
  if (count == 0) {
    LINK_STATS_INC(link.memerr);
    vif->stats.tx_drop_nomem++;
  }
  if (count == 0 || !tx_make_room(vif, count)) {
    txslot_push(vif, slot);
    if (kept != NULL) {
      pbuf_free(kept);
    }
    return ERR_MEM;
  }

  vif->memory->txslots[slot].p = kept;
  tx_count(vif, p);
  (void)virtio_net_tx_add(&vif->net, sg, count, &plain, slot); /* there is room */
  if (!vif->corked) {
    tx_kick(vif);
  }
  return ERR_OK;
}

static bool tx_len_is_valid(const struct netif *netif, const struct pbuf *p)
{
  return p->tot_len >= SIZEOF_ETH_HDR && p->tot_len <= netif->mtu + SIZEOF_ETH_HDR + VLAN_TAG_BYTES;
}

static err_t virtioif_linkoutput(struct netif *netif, struct pbuf *p)
{
  struct virtioif *vif = vif_of(netif);
  err_t err;

  LWIP_ASSERT_CORE_LOCKED();
  if (vif->failed || !netif_is_link_up(netif)) {
    vif->stats.tx_drop_down++;
    err = ERR_IF;
  } else if (!tx_len_is_valid(netif, p)) {
    vif->stats.tx_drop_len++;
    LINK_STATS_INC(link.lenerr);
    err = ERR_ARG;
  } else {
    err = tx_frame(vif, p);
  }
  if (err != ERR_OK) {
    LINK_STATS_INC(link.drop);
    MIB2_STATS_NETIF_INC(netif, ifoutdiscards);
  }
  return err;
}

/*
 * Link
 */

static void link_changed(struct virtioif *vif, bool up)
{
  if (up == (netif_is_link_up(vif->netif) != 0)) {
    return;
  }
  vif->stats.link_changes++;
  LWIP_DEBUGF(VIRTIOIF_DEBUG, ("virtioif: link %s\n", up ? "up" : "down"));
  if (up) {
    netif_set_link_up(vif->netif);
  } else {
    netif_set_link_down(vif->netif);
  }
}

static void config_changed(struct virtioif *vif)
{
  if (virtio_needs_reset(vif->net.dev)) {
    device_failed(vif);
    return;
  }
  if (virtio_net_update_link(&vif->net) == VIRTIO_OK) {
    link_changed(vif, vif->net.link_up);
  }
}

/*
 * Poll
 */

static u16_t rx_receive(struct virtioif *vif, u16_t budget)
{
  struct virtio_net_rx rx;
  u16_t received = 0;

  while (received < budget) {
    int got = virtio_net_rx_take(&vif->net, &rx);
    if (got < 0) {
      device_failed(vif);
    }
    if (got != 1) {
      break;
    }
    received++;
    rx_deliver(vif, &rx);
  }
  return received;
}

/* Packets to own addresses, which lwIP queues above the driver. */
static void loop_poll(void)
{
#if ENABLE_LOOPBACK && !LWIP_NETIF_LOOPBACK_MULTITHREADING
  netif_poll_all();
#endif
}

static bool loop_pending(void)
{
#if ENABLE_LOOPBACK && !LWIP_NETIF_LOOPBACK_MULTITHREADING
  struct netif *netif;
  NETIF_FOREACH(netif)
  {
    if (netif->loop_first != NULL) {
      return true;
    }
  }
#endif
  return false;
}

/* After room was made TCP goes on at once, instead of at the next ACK or timeout. */
static void tx_resume(struct virtioif *vif)
{
  if (!vif->tx_refused) {
    return;
  }
  vif->tx_refused = false;
  virtq_disarm(&vif->net.tx);
#if LWIP_TCP
  tcp_txnow();
#endif
}

/* A transmitted pbuf is freed by the poll that some timer brings about; where no timer runs, by an
 * interrupt. */
static bool tx_arm(struct virtioif *vif)
{
#if LWIP_TIMERS
  if (vif->net.tx.in_flight > 0 && !vif->tx_refused &&
      sys_timeouts_sleeptime() == SYS_TIMEOUTS_SLEEPTIME_INFINITE) {
    return virtq_arm(&vif->net.tx);
  }
#endif
  return false;
}

static bool poll_failed(struct virtioif *vif)
{
  link_changed(vif, false);
  loop_poll();
  return false;
}

bool virtioif_poll(struct netif *netif, u16_t budget)
{
  struct virtioif *vif = vif_of(netif);

  LWIP_ASSERT_CORE_LOCKED();
  vif->interrupted = false;
  if (vif->failed) {
    return poll_failed(vif);
  }
  vif->corked = true;
  virtq_disarm(&vif->net.rx);
  if (vif->config_changed) {
    vif->config_changed = false;
    config_changed(vif);
  }
  tx_reap(vif);
  tx_resume(vif);
  u16_t received = rx_receive(vif, budget);
  loop_poll();
  rx_refill(vif);
  if (vif->failed) {
    return poll_failed(vif);
  }
  if (virtio_net_kick(&vif->net, &vif->net.rx)) {
    vif->stats.kicks_rx++;
  }
  virtioif_flush(netif);
  if (received == budget) {
    return true;
  }
  bool more = virtq_arm(&vif->net.rx);
  return tx_arm(vif) || more || !virtioif_idle(netif);
}

bool virtioif_idle(const struct netif *netif)
{
  const struct virtioif *vif = vif_of(netif);
  bool link_is_stale = vif->failed && netif_is_link_up(netif);
  return !vif->interrupted && !link_is_stale && !loop_pending();
}

void virtioif_cork(struct netif *netif)
{
  LWIP_ASSERT_CORE_LOCKED();
  vif_of(netif)->corked = true;
}

void virtioif_flush(struct netif *netif)
{
  struct virtioif *vif = vif_of(netif);

  LWIP_ASSERT_CORE_LOCKED();
  vif->corked = false;
  tx_kick(vif);
}

bool virtioif_isr(struct netif *netif)
{
  struct virtioif *vif = vif_of(netif);
  struct virtio_device *dev = vif->net.dev;
  u32_t causes = dev->ops->isr_ack(dev);

  if (causes == 0) {
    return false;
  }
  vif->stats.interrupts++;
  if ((causes & VIRTIO_ISR_CONFIG) != 0) {
    vif->stats.interrupts_config++;
    vif->config_changed = true;
  }
  vif->interrupted = true;
  return true;
}

const struct virtioif_stats *virtioif_stats(const struct netif *netif)
{
  return &vif_of(netif)->stats;
}

struct virtioif_rx_usage virtioif_rx_usage(const struct netif *netif)
{
  const struct virtioif *vif = vif_of(netif);
  return (struct virtioif_rx_usage){
      .free = vif->rx_free,
      .posted = vif->net.rx.in_flight,
      .held = vif->rx_held,
  };
}

/*
 * Bring-up
 */

static bool memory_is_valid(const struct virtioif_memory *memory)
{
  return memory != NULL && memory->dma != NULL &&
         (uintptr_t)memory->dma % VIRTIOIF_DMA_ALIGN == 0 && memory->shadow != NULL &&
         memory->rxbufs != NULL && memory->txslots != NULL && memory->rx_buffers > 0;
}

static void init_buffers(struct virtioif *vif)
{
  vif->rx_free_head = 0;
  for (u16_t i = vif->memory->rx_buffers; i-- > 0;) {
    struct virtioif_rxbuf *buf = &vif->memory->rxbufs[i];
    buf->vif = vif;
    buf->pbuf.custom_free_function = rxbuf_free;
    rxbuf_push(vif, i);
  }
  for (u16_t i = vif->memory->tx_size; i-- > 0;) {
    txslot_push(vif, i);
  }
}

static int init_device(struct virtioif *vif, const struct virtioif_params *params)
{
  const struct virtioif_memory *memory = params->memory;
  u8_t *ring = (u8_t *)memory->dma;
  u8_t *rx_mem = ring + VIRTIO_ALIGN_UP(
                            VIRTIO_NET_RING_BYTES((size_t)memory->rx_size, (size_t)memory->tx_size),
                            VIRTIO_NET_RX_BUF_ALIGN);
  struct virtio_net_params net_params = {
      .dev = params->dev,
      .features = VIRTIO_NET_FEATURES & ~params->features_off,
      .rx_size = memory->rx_size,
      .tx_size = memory->tx_size,
      .ring = ring,
      .shadow = memory->shadow,
      .rx_mem = rx_mem,
  };
  vif->tx_mem = rx_mem + (size_t)memory->rx_buffers * VIRTIO_NET_RX_BUF_BYTES;
  return virtio_net_init(&vif->net, &net_params);
}

static void init_mac(struct virtioif *vif, const u8_t *wanted)
{
  static const u8_t none[ETH_HWADDR_LEN] = {0};
  u8_t *mac = vif->netif->hwaddr;

  vif->netif->hwaddr_len = ETH_HWADDR_LEN;
  if (vif->net.has_mac) {
    memcpy(mac, vif->net.mac, ETH_HWADDR_LEN);
  } else if (memcmp(wanted, none, ETH_HWADDR_LEN) != 0) {
    memcpy(mac, wanted, ETH_HWADDR_LEN);
  } else {
    u32_t low = LWIP_RAND();
    u32_t high = LWIP_RAND();
    memcpy(mac, &low, 4);
    memcpy(mac + 4, &high, 2);
    mac[0] = (u8_t)((mac[0] & 0xfcu) | 0x02u); /* unicast, locally administered */
  }
}

static void init_netif(struct virtioif *vif, struct netif *netif)
{
  u16_t mtu = vif->net.mtu;

  netif->state = vif;
  netif->name[0] = IFNAME0;
  netif->name[1] = IFNAME1;
  netif->mtu = mtu != 0 && mtu < VIRTIOIF_MTU ? mtu : VIRTIOIF_MTU;
#if LWIP_IPV6
  netif->mtu6 = netif->mtu;
  netif->output_ip6 = ethip6_output;
#endif
#if LWIP_IPV4
  netif->output = etharp_output;
#endif
  netif->linkoutput = virtioif_linkoutput;
  netif->flags |= NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHERNET;
#if LWIP_ARP
  netif->flags |= NETIF_FLAG_ETHARP;
#endif
#if LWIP_IGMP
  netif->flags |= NETIF_FLAG_IGMP;
#endif
#if LWIP_IPV6_MLD
  netif->flags |= NETIF_FLAG_MLD6;
#endif
  if (vif->net.link_up) {
    netif->flags |= NETIF_FLAG_LINK_UP;
  }
  MIB2_INIT_NETIF(netif, snmp_ifType_ethernet_csmacd, 0);
}

/* Buffers beyond what the queue holds are for lwIP to keep. */
static void init_rx_budget(struct virtioif *vif)
{
  u16_t posted = vif->net.rx.in_flight;
  vif->rx_held_max = (u16_t)(vif->memory->rx_buffers - posted);
}

err_t virtioif_init(struct netif *netif)
{
  const struct virtioif_params *params = (const struct virtioif_params *)netif->state;

  if (params == NULL || params->vif == NULL) {
    return ERR_ARG;
  }
  struct virtioif *vif = params->vif;
  memset(vif, 0, sizeof(*vif));
  vif->netif = netif;
  vif->memory = params->memory;
  vif->rx_copy_all = params->rx_copy_all;
  vif->init_error = VIRTIO_ERR_ARG;
  if (params->dev == NULL || !memory_is_valid(params->memory)) {
    return ERR_ARG;
  }

  vif->init_error = init_device(vif, params);
  if (vif->init_error != VIRTIO_OK) {
    return vif->init_error == VIRTIO_ERR_ARG ? ERR_ARG : ERR_IF;
  }
  init_mac(vif, params->mac);
  init_netif(vif, netif);
  init_buffers(vif);
  rx_refill(vif);
  init_rx_budget(vif);
  virtio_net_start(&vif->net);
  return ERR_OK;
}

const char *virtioif_init_error(const struct virtioif *vif)
{
  switch (vif->init_error) {
  case VIRTIO_OK:
    return "no error";
  case VIRTIO_ERR_ARG:
    return "a parameter is missing or out of range";
  case VIRTIO_ERR_FEATURES:
    return "the device does not agree on a set of features";
  case VIRTIO_ERR_TIMEOUT:
    return "the device did not settle: reset or configuration never came to rest";
  default:
    return "the device has no usable receive and transmit queue";
  }
}
