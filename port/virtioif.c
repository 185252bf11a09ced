/*
 * virtioif.c: the netif: bring-up, poll, link and interrupt.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "netif/virtioif.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/snmp.h"
#include "lwip/timeouts.h"
#include "virtio/virtio_hal.h"
#include "virtioif_priv.h"
#include <string.h>

/* Interrupts without a cause before a poll is asked for; as many again before the device is reset.
 */
#define STRAYS_MAX 1000u

#define IFNAME0    'v'
#define IFNAME1    'i'

/*
 * Link
 */

void virtioif_link_changed(struct virtioif *vif, bool up)
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
  vif->config_changed = false;
  /* An interrupt from here on sets it again and is not overtaken by this. */
  virtio_hal_mb();
  if (virtio_needs_reset(vif->net.dev)) {
    virtioif_device_failed(vif, VIRTIOIF_EVENT_NEEDS_RESET);
  } else if (virtio_net_update_link(&vif->net) == VIRTIO_OK) {
    virtioif_link_changed(vif, vif->net.link_up);
  }
}

/*
 * Poll
 */

/* After room was made TCP goes on at once, instead of at the next ACK or timeout. True: others
 * whose frames were refused may go on, too, and should be asked before anybody sleeps. */
static bool tx_resume(struct virtioif *vif)
{
  if (!vif->tx_armed || !vif->tx_reaped) {
    return false;
  }
  vif->tx_armed = false;
  virtq_disarm(&vif->net.tx);
#if LWIP_TCP
  tcp_txnow();
#endif
  return true;
}

/* When lwIP holds all it may, data that waits for a gap to close is the first to go: its sender has
 * it still. One connection a call. */
static void relieve_pool(const struct virtioif *vif)
{
#if LWIP_TCP && TCP_QUEUE_OOSEQ && NO_SYS && PBUF_POOL_FREE_OOSEQ
  if (vif->rx_held >= vif->rx_held_max && vif->rx_held_max > 0) {
    pbuf_free_ooseq();
  }
#else
  LWIP_UNUSED_ARG(vif);
#endif
}

bool virtioif_poll(struct netif *netif, u16_t budget)
{
  struct virtioif *vif = virtioif_of(netif);

  LWIP_ASSERT_CORE_LOCKED();
  vif->interrupted = false;
  vif->strays = 0;
  if (!virtioif_is_live(vif) && !virtioif_recover(vif)) {
    virtioif_loop_poll(); /* what lwIP sends to itself still arrives */
    return false;
  }
  vif->corked = true;
  virtq_disarm(&vif->net.rx);
  if (vif->config_changed) {
    config_changed(vif);
  }
  virtioif_tx_reap(vif);
  virtioif_watch(vif);
  bool resumed = tx_resume(vif);
  u16_t received = virtioif_rx_receive(vif, budget);
  relieve_pool(vif);
  bool looped = virtioif_loop_pending();
  if (looped) {
    virtioif_loop_poll(); /* there may be answers: this poll is not the last */
  }
  virtioif_rx_refill(vif);
  if (!virtioif_is_live(vif)) {
    return true; /* the next poll sees to it */
  }
  if (virtio_net_kick(&vif->net, &vif->net.rx)) {
    vif->stats.kicks_rx++;
  }
  virtioif_flush(netif);
  if (received >= budget) {
    return true;
  }
  return virtq_arm(&vif->net.rx) || resumed || vif->interrupted || looped;
}

/* Whether this sleep may last: no lwIP timer ends it, or lwIP's timers run in another thread. */
static bool sleep_is_unbounded(void)
{
#if NO_SYS && LWIP_TIMERS && !LWIP_TIMERS_CUSTOM
  return sys_timeouts_sleeptime() == SYS_TIMEOUTS_SLEEPTIME_INFINITE;
#else
  return true;
#endif
}

/* A transmitted pbuf is freed by the poll that some timer brings about; where none does, by an
 * interrupt. True: it can be freed already. */
static bool tx_arm_for_sleep(struct virtioif *vif)
{
  if (virtq_in_flight(&vif->net.tx) == 0 || vif->tx_armed || !sleep_is_unbounded()) {
    return false;
  }
  vif->tx_armed = true; /* so that the next poll disarms it again */
  vif->tx_reaped = false;
  return virtq_arm(&vif->net.tx);
}

bool virtioif_idle(struct netif *netif)
{
  struct virtioif *vif = virtioif_of(netif);

  if (vif->interrupted || virtioif_loop_pending()) {
    return false;
  }
  if (!virtioif_is_live(vif)) {
    return !virtioif_recovery_is_due(vif);
  }
  return !vif->corked && !tx_arm_for_sleep(vif);
}

void virtioif_cork(struct netif *netif)
{
  LWIP_ASSERT_CORE_LOCKED();
  virtioif_of(netif)->corked = true;
}

void virtioif_flush(struct netif *netif)
{
  struct virtioif *vif = virtioif_of(netif);

  LWIP_ASSERT_CORE_LOCKED();
  if (virtioif_is_live(vif)) {
    if (VIRTIOIF_TSO && virtioif_tso_is_open(vif)) {
      virtioif_tso_close(vif);
    }
    vif->corked = false;
    virtioif_tx_kick(vif);
  }
}

/* An interrupt without a cause. A line that stays high, as QEMU's does once it has stopped the
 * device, would keep the CPU in the handler for ever. Another device on the same line may interrupt
 * as often as it likes: the poll that is asked for after a while forgets the count. Where that poll
 * never gets to run, a reset lowers the line, and the poll finds the device's status lost. */
static bool stray_interrupt(struct virtioif *vif)
{
  u16_t strays = (u16_t)(vif->strays + 1);

  vif->strays = strays;
  if (strays == 2 * STRAYS_MAX) {
    vif->dev->ops->set_status(vif->dev, 0);
    vif->config_changed = true;
  } else if (strays != STRAYS_MAX) {
    return false;
  }
  vif->interrupted = true;
  return true;
}

bool virtioif_isr(struct netif *netif)
{
  struct virtioif *vif = virtioif_of(netif);
  u32_t causes = vif->dev->ops->isr_ack(vif->dev);

  if (causes == 0) {
    return stray_interrupt(vif);
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
  return &virtioif_of(netif)->stats;
}

u16_t virtioif_tx_in_flight(const struct netif *netif)
{
  const struct virtioif *vif = virtioif_of(netif);
  return (u16_t)(virtq_in_flight(&vif->net.tx) + vif->run.segments);
}

struct virtioif_rx_usage virtioif_rx_usage(const struct netif *netif)
{
  const struct virtioif *vif = virtioif_of(netif);
  return (struct virtioif_rx_usage){
      .free = vif->rx_free,
      .posted = virtq_in_flight(&vif->net.rx),
      .held = vif->rx_held,
  };
}

/*
 * Bring-up
 */

/* What virtio_net_init() does not look at. */
static bool memory_is_valid(const struct virtioif_memory *memory)
{
  return memory != NULL && memory->dma != NULL && memory->rxbufs != NULL &&
         memory->rx_free_list != NULL && memory->txslots != NULL && memory->rx_buffers > 0;
}

/* Whatever lay in the memory behind the rings before is not shown to the device. */
static void clear_buffers(const struct virtioif *vif, u8_t *start)
{
  const u8_t *end = vif->tx_tables + (size_t)VIRTIOIF_TSO_BYTES;

  memset(start, 0, (size_t)(end - start));
  virtio_hal_cache_clean(start, (size_t)(end - start));
}

/* The device-visible memory in order: rings, receive buffers, transmit slots, indirect tables. */
static int init_device(struct virtioif *vif)
{
  bool first_time = vif->tx_mem == NULL;
  const struct virtioif_memory *memory = vif->memory;
  size_t ring_bytes = VIRTIO_NET_RING_BYTES(memory->rx_size, memory->tx_size);
  u8_t *rx_mem = (u8_t *)memory->dma + VIRTIO_ALIGN_UP(ring_bytes, VIRTIO_NET_RX_BUF_ALIGN);
  struct virtio_net_params net_params = {
      .dev = vif->dev,
      .features = vif->features,
      .rx_size = memory->rx_size,
      .tx_size = memory->tx_size,
      .ring = memory->dma,
      .shadow = memory->shadow,
      .rx_mem = rx_mem,
      .rx_buf_bytes = VIRTIOIF_RX_BUF_BYTES,
  };
  vif->tx_mem = rx_mem + (size_t)memory->rx_buffers * VIRTIOIF_RX_BUF_BYTES;
  vif->tx_tables = vif->tx_mem + (size_t)memory->tx_size * VIRTIOIF_TX_SLOT_BYTES;
  int err = virtio_net_init(&vif->net, &net_params);
  if (err == VIRTIO_OK && first_time) {
    clear_buffers(vif, rx_mem);
  }
  return err;
}

/* How many receive buffers the largest frame takes, header included. */
#define LARGE_FRAME_BUFFERS                                                                        \
  (1 + VIRTIO_NET_RX_LARGE_BYTES / (VIRTIOIF_RX_BUF_BYTES - VIRTIO_NET_RX_FRAME_OFFSET))

/* Whether the buffers that the queue takes hold a frame of large receive, if there are such frames.
 */
static bool large_frames_fit(const struct virtioif *vif)
{
  return LWIP_MIN(vif->net.rx.size, vif->memory->rx_buffers) >= LARGE_FRAME_BUFFERS ||
         (vif->net.dev->features & VIRTIO_NET_F_GUEST_LARGE) == 0;
}

/* What the device says of the interface may have changed when it comes back from a reset. */
static void adopt_device(struct virtioif *vif)
{
  struct netif *netif = vif->netif;
  u16_t mtu = vif->net.mtu;

  netif->hwaddr_len = ETH_HWADDR_LEN;
  if (vif->net.has_mac) {
    memcpy(netif->hwaddr, vif->net.mac, ETH_HWADDR_LEN);
  }
  mtu = mtu != 0 ? LWIP_MIN(mtu, VIRTIOIF_MTU) : VIRTIOIF_MTU;
#if LWIP_TCP && LWIP_CHECKSUM_CTRL_PER_NETIF
  /* Segments that were cut for a larger one leave in fragments, with sums from lwIP. */
  vif->mtu_sank = tcp_active_pcbs != NULL && (vif->mtu_sank || mtu < netif->mtu);
#endif
  netif->mtu = mtu;
#if LWIP_IPV6 && LWIP_ND6_ALLOW_RA_UPDATES
  netif->mtu6 = netif->mtu;
#endif
}

/* Buffers beyond what the queue takes are for lwIP to keep, whoever has them right now. */
static void post_buffers(struct virtioif *vif)
{
  u16_t all = vif->memory->rx_buffers;
  u16_t queued = (u16_t)(vif->net.rx.size / (virtio_net_header_is_apart(&vif->net) ? 2u : 1u));

  vif->rx_held_max = vif->rx_copy_all ? 0 : (u16_t)(all - LWIP_MIN(all, queued));
  virtioif_rx_refill(vif);
}

static bool has_address(const struct netif *netif)
{
  static const u8_t none[ETH_HWADDR_LEN] = {0};
  return memcmp(netif->hwaddr, none, ETH_HWADDR_LEN) != 0;
}

int virtioif_start(struct virtioif *vif)
{
  vif->start_error = init_device(vif);
  if (VIRTIOIF_LRO && vif->start_error == VIRTIO_OK && !large_frames_fit(vif)) {
    vif->features &= ~VIRTIO_NET_F_GUEST_LARGE;
    vif->start_error = init_device(vif);
  }
  if (vif->start_error == VIRTIO_OK && !vif->net.has_mac && !has_address(vif->netif)) {
    virtio_fail(vif->net.dev);
    vif->start_error = VIRTIOIF_ERR_NO_ADDRESS;
  }
  if (vif->start_error == VIRTIO_OK) {
    adopt_device(vif);
    virtioif_csum_init(vif);
    virtioif_tx_init(vif);
    if (VIRTIOIF_TSO) {
      virtioif_tso_init(vif);
    }
    post_buffers(vif);
    virtio_net_start(&vif->net);
    vif->config_changed = true; /* what changed before this was not told: the poll looks again */
  }
  return vif->start_error;
}

/* The address for want of one from the device; all zero if there is none. Guessable numbers make no
 * address: all machines that boot the same image in the same way would have the same one. */
static void init_mac(struct netif *netif, const struct virtioif_params *params)
{
  u8_t *mac = netif->hwaddr;

  memcpy(mac, params->mac, ETH_HWADDR_LEN);
  if (!has_address(netif) && params->mac_random) {
    u32_t low = LWIP_RAND();
    u32_t high = LWIP_RAND();
    memcpy(mac, &low, 4);
    memcpy(mac + 4, &high, 2);
    mac[0] = (u8_t)((mac[0] & 0xfcu) | 0x02u); /* unicast, locally administered */
  }
}

static void init_netif(const struct virtioif *vif, struct netif *netif)
{
  netif->name[0] = IFNAME0;
  netif->name[1] = IFNAME1;
#if LWIP_IPV6
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

/* What this build has no code for. */
#define FEATURES_LEFT_OUT                                                                          \
  ((VIRTIOIF_TSO ? 0 : VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_F_INDIRECT_DESC) | \
   (VIRTIOIF_LRO ? 0 : VIRTIO_NET_F_GUEST_LARGE | VIRTIO_NET_F_MRG_RXBUF))

/* What comes in has to fit the other ports, and the bridge's own interface, which knows nothing of
 * the device's word, checks all sums. What goes out has its sums, and may be another port's, too.
 */
#define FEATURES_NOT_BRIDGED                                                                       \
  (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_LARGE)

/* Take over what the caller said. */
static void init_state(struct virtioif *vif, struct netif *netif,
                       const struct virtioif_params *params)
{
  u64_t off = params->features_off | (params->bridged ? FEATURES_NOT_BRIDGED : 0);

  memset(vif, 0, sizeof(*vif));
  netif->state = vif;
  vif->netif = netif;
  vif->net.dev = params->dev;
  vif->dev = params->dev;
  vif->memory = params->memory;
  vif->features = virtioif_csum_features(netif) & ~(off | FEATURES_LEFT_OUT);
  vif->event = params->event;
  vif->rx_copy_all = params->rx_copy_all;
  if (VIRTIOIF_TSO) {
    u16_t wanted = params->tso_pieces_max;
    vif->tso_pieces_wanted =
        wanted == 0 ? VIRTIOIF_TSO_PIECES : LWIP_MIN(wanted, VIRTIOIF_TSO_PIECES);
  }
  vif->start_error = VIRTIO_ERR_ARG;
}

VIRTIO_COLD err_t virtioif_init(struct netif *netif)
{
  const struct virtioif_params *params = (const struct virtioif_params *)netif->state;

  if (params == NULL || params->vif == NULL) {
    return ERR_ARG;
  }
  struct virtioif *vif = params->vif;
  init_state(vif, netif, params);
  if (!memory_is_valid(params->memory) || !virtioif_csum_can_check(netif)) {
    return ERR_ARG;
  }
  init_mac(netif, params);
  virtioif_rx_init(vif);
  int err = virtioif_start(vif);
  if (err != VIRTIO_OK) {
    return err == VIRTIO_ERR_ARG || err == VIRTIOIF_ERR_NO_ADDRESS ? ERR_ARG : ERR_IF;
  }
  init_netif(vif, netif);
  return ERR_OK;
}

VIRTIO_COLD const char *virtioif_init_error(const struct virtioif *vif)
{
  switch (vif->start_error) {
  case VIRTIO_OK:
    return "no error";
  case VIRTIO_ERR_ARG:
    return "a parameter is missing or out of range";
  case VIRTIOIF_ERR_NO_ADDRESS:
    return "the device has no hardware address: set mac or mac_random";
  case VIRTIO_ERR_FEATURES:
    return "the device does not agree on a set of features";
  case VIRTIO_ERR_TIMEOUT:
    return "the device did not settle: reset or configuration never came to rest";
  default:
    return "the device has no usable receive and transmit queue";
  }
}
