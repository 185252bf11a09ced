/*
 * virtioif_hooks.c: routes to an interface's own addresses, how often TCP acknowledges, and what
 * keeps peers and routers from setting off faults of lwIP 2.2.1.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/opt.h"

#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ip6.h"
#include "lwip/tcp.h"
#include "netif/virtioif_hooks.h"
#include "virtioif_priv.h"

#if LWIP_IPV4
struct netif *virtioif_ip4_route(const ip4_addr_t *dest)
{
  struct netif *netif;
  NETIF_FOREACH(netif)
  {
    if (netif_is_up(netif) && !ip4_addr_isany(dest) && ip4_addr_eq(dest, netif_ip4_addr(netif))) {
      return netif;
    }
  }
  return NULL;
}
#endif

#if LWIP_IPV6
struct netif *virtioif_ip6_route(const ip6_addr_t *src, const ip6_addr_t *dest)
{
  struct netif *netif;
  LWIP_UNUSED_ARG(src);
  NETIF_FOREACH(netif)
  {
    s8_t i = netif_get_ip6_addr_match(netif, dest);
    if (netif_is_up(netif) && i >= 0 && ip6_addr_isvalid(netif_ip6_addr_state(netif, i))) {
      return netif;
    }
  }
  return NULL;
}
#endif

#if LWIP_IPV6
/* The smallest MTU of all interfaces that have one. */
static VIRTIO_COLD u16_t smallest_mtu(void)
{
  u16_t smallest = 0xffff;
  struct netif *netif;

  NETIF_FOREACH(netif)
  {
    u16_t mtu = netif_mtu6(netif);
    smallest = mtu != 0 ? LWIP_MIN(smallest, mtu) : smallest;
  }
  return smallest;
}

void virtioif_mend_path_mtu(void)
{
  u16_t smallest = smallest_mtu();
  u16_t least = LWIP_MIN(IP6_MIN_MTU_LENGTH, smallest); /* unless a device cannot do even that */

  for (unsigned i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++) {
    struct nd6_destination_cache_entry *entry = &destination_cache[i];
    u16_t most = smallest;
    if (entry->pmtu > smallest) {
      const struct netif *netif = ip6_route(IP6_ADDR_ANY6, &entry->next_hop_addr);
      most = netif != NULL ? netif_mtu6(netif) : smallest;
    }
    if (entry->pmtu != 0) { /* 0: nobody knows */
      entry->pmtu = LWIP_MIN(LWIP_MAX(entry->pmtu, least), most);
    }
  }
}
#endif

#if LWIP_TCP

/* The interface of ours by which the packet came that lwIP is looking at, if it has another one
 * ready behind it. */
static struct virtioif *has_more(void)
{
  const struct netif *netif = ip_current_input_netif();
  if (netif->linkoutput != virtioif_linkoutput) {
    return NULL;
  }
  struct virtioif *vif = virtioif_of(netif);
  return virtio_net_rx_more(&vif->net) ? vif : NULL;
}

/* Whether tcp_receive() will take this segment and then call tcp_ack(), so that TF_ACK_DELAY, if it
 * is cleared now, is set again. */
static bool will_be_taken(const struct tcp_pcb *pcb, const struct tcp_hdr *hdr,
                          const struct pbuf *p)
{
  bool fits = p->tot_len - 1u < pcb->rcv_wnd; /* and is not empty */
  return pcb->state == ESTABLISHED && hdr->seqno == pcb->rcv_nxt && fits &&
         pcb->refused_data == NULL;
}

/* Whether the segment is ahead of what is due and ends behind the window. Nobody sends that who
 * minds the window, and lwIP 2.2.1 queues it as it is. */
static bool overruns_window(const struct tcp_pcb *pcb, const struct tcp_hdr *hdr,
                            const struct pbuf *p)
{
  u32_t ahead = hdr->seqno - pcb->rcv_nxt;
  u32_t len = p->tot_len + ((TCPH_FLAGS(hdr) & TCP_FIN) != 0 ? 1u : 0u);
  return ahead < pcb->rcv_wnd && ahead + len > pcb->rcv_wnd;
}

VIRTIO_HOT err_t virtioif_tcp_inpacket(struct tcp_pcb *pcb, const struct tcp_hdr *hdr,
                                       const struct pbuf *p)
{
  if (pcb->state < SYN_RCVD) {
    return ERR_OK; /* a listening pcb is a shorter structure */
  }
  if (hdr->seqno != pcb->rcv_nxt && overruns_window(pcb, hdr, p)) {
    return ERR_VAL;
  }
  /* With TF_ACK_DELAY set tcp_ack() sends an ACK, otherwise it sets the flag. */
  struct virtioif *vif = has_more();
  if (vif != NULL && will_be_taken(pcb, hdr, p)) {
    if ((pcb->flags & TF_ACK_DELAY) != 0 || p->tot_len > pcb->mss) {
      tcp_clear_flags(pcb, TF_ACK_DELAY);
      vif->acks_held = true;
    }
  } else if (p->tot_len > pcb->mss) {
    tcp_set_flags(pcb, TF_ACK_DELAY);
  }
  return ERR_OK;
}

#if LWIP_IPV6 && LWIP_IPV6_FRAG

/* Put a segment that is about to be sent into one pbuf. False: there is no memory for it. */
static bool make_whole(struct tcp_pcb *pcb, struct tcp_seg *seg)
{
  struct pbuf *whole = pbuf_alloc(PBUF_IP, seg->p->tot_len, PBUF_RAM);
  if (whole == NULL) {
    return false;
  }
  pbuf_copy_partial(seg->p, whole->payload, whole->tot_len, 0);
  pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen - pbuf_clen(seg->p) + 1u);
  pbuf_free(seg->p);
  seg->p = whole;
  seg->tcphdr = (struct tcp_hdr *)whole->payload;
#if TCP_OVERSIZE
  if (seg->next == NULL) {
    pcb->unsent_oversize = 0; /* nothing may be added behind it */
  }
#endif
#if TCP_OVERSIZE_DBGCHECK
  seg->oversize_left = 0;
#endif
  return true;
}

/* Let lwIP send the segment in one, in vain: the router that minds says so again. */
static void forget_path(const ip6_addr_t *dest)
{
  for (unsigned i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++) {
    if (ip6_addr_eq(&destination_cache[i].destination_addr, dest)) {
      destination_cache[i].pmtu = 0;
    }
  }
}

/* Of a segment in pieces the device cannot compute the checksum. */
static void sum_segment(const struct tcp_pcb *pcb, const struct tcp_seg *seg)
{
#if LWIP_CHECKSUM_CTRL_PER_NETIF
  const struct netif *netif = pcb->netif_idx != NETIF_NO_INDEX
                                  ? netif_get_by_index(pcb->netif_idx)
                                  : ip_route(&pcb->local_ip, &pcb->remote_ip);
  if (netif != NULL && (netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP) == 0) {
    seg->tcphdr->chksum =
        ip_chksum_pseudo(seg->p, IP_PROTO_TCP, seg->p->tot_len, &pcb->local_ip, &pcb->remote_ip);
  }
#else
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(seg);
#endif
}

/* Whether the segment is too long for its path. */
static bool will_be_cut(const struct pbuf *p, const struct tcp_pcb *pcb)
{
  return pcb != NULL && IP_IS_V6(&pcb->remote_ip) && pcb->unsent != NULL && pcb->unsent->p == p &&
         p->tot_len + IP6_HLEN > nd6_get_destination_mtu(ip_2_ip6(&pcb->remote_ip), NULL);
}

VIRTIO_COLD static u32_t *prepare_fragments(struct tcp_pcb *pcb, u32_t *opts)
{
  struct tcp_seg *seg = pcb->unsent;
  size_t opts_at = (size_t)((u8_t *)opts - (u8_t *)seg->tcphdr);
  if (seg->p->next != NULL && !make_whole(pcb, seg)) {
    forget_path(ip_2_ip6(&pcb->remote_ip));
    return opts;
  }
  sum_segment(pcb, seg);
  return (u32_t *)(void *)((u8_t *)seg->tcphdr + opts_at);
}

VIRTIO_HOT u32_t *virtioif_tcp_out(struct pbuf *p, struct tcp_pcb *pcb, u32_t *opts)
{
  /* Every path takes a packet of IPv6's least MTU. */
  if (p->tot_len <= IP6_MIN_MTU_LENGTH - IP6_HLEN || !will_be_cut(p, pcb)) {
    return opts;
  }
  return prepare_fragments(pcb, opts);
}

#else

VIRTIO_HOT u32_t *virtioif_tcp_out(struct pbuf *p, struct tcp_pcb *pcb, u32_t *opts)
{
  LWIP_UNUSED_ARG(p);
  LWIP_UNUSED_ARG(pcb);
  return opts;
}

#endif

void virtioif_ack_held(struct virtioif *vif)
{
  if (!vif->acks_held) {
    return;
  }
  vif->acks_held = false;
  for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
    if ((pcb->flags & TF_ACK_DELAY) != 0) {
      tcp_ack_now(pcb);
      tcp_output(pcb);
    }
  }
}

#else

void virtioif_ack_held(struct virtioif *vif)
{
  LWIP_UNUSED_ARG(vif);
}

#endif
