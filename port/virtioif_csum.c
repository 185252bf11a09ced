/*
 * virtioif_csum.c: who computes and who checks which checksum.
 *
 * Out: with VIRTIO_NET_F_CSUM the device finishes TCP checksums; lwIP leaves the field 0 and the
 * pseudo-header sum goes in here. UDP stays with lwIP, which would otherwise cut a datagram into
 * fragments before anybody had summed it.
 *
 * In: with VIRTIO_NET_F_GUEST_CSUM the device says of a frame that its sum is good, or not there
 * yet but the data good. lwIP's checks are a property of the interface, not of a packet, so they
 * are switched frame by frame: off for such a frame, on for the others, and on for fragments, whose
 * datagram is checked when it is whole. Behind the last frame of a poll TCP is not checked, because
 * what lwIP loops back to itself carries no sum either.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/inet_chksum.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcpip.h"
#include "virtioif_headers.h"
#include "virtioif_priv.h"
#include <string.h>

static void parse_ip4(const u8_t *ip, unsigned len, struct virtioif_packet *packet)
{
  if (len < IP_HLEN) {
    return;
  }
  unsigned hdr_len = (ip[0] & 0x0fu) * 4u;
  unsigned ip_len = get_be16(ip + IP4_LEN);
  if (hdr_len < IP_HLEN || ip_len < hdr_len) {
    return;
  }
  packet->fragment = (get16(ip + IP4_FRAG) & PP_HTONS(IP_MF | IP_OFFMASK)) != 0;
  packet->l4_start = (u16_t)(packet->ip_start + hdr_len);
  packet->l4_len = (u16_t)(ip_len - hdr_len);
  packet->proto = ip[IP4_PROTO];
}

/* Extension headers are not followed: what has one is no plain packet. */
static void parse_ip6(const u8_t *ip, unsigned len, struct virtioif_packet *packet)
{
  if (len < IP6_HLEN) {
    return;
  }
  packet->ipv6 = true;
  packet->l4_start = (u16_t)(packet->ip_start + IP6_HLEN);
  packet->l4_len = get_be16(ip + IP6_PLEN);
  packet->proto = ip[IP6_NEXTH];
}

/* Look at the headers of a frame, of which len bytes are in one piece. Leaves sum_at 0. */
static inline void parse(const u8_t *frame, unsigned len, struct virtioif_packet *packet)
{
  memset(packet, 0, sizeof(*packet));
  if (len < SIZEOF_ETH_HDR + VLAN_TAG_BYTES) {
    return;
  }
  packet->ip_start = SIZEOF_ETH_HDR;
  u16_t type = get16(frame + ETH_TYPE);
  if (type == PP_HTONS(ETHTYPE_VLAN)) {
    packet->ip_start = SIZEOF_ETH_HDR + VLAN_TAG_BYTES;
    type = get16(frame + ETH_TYPE + VLAN_TAG_BYTES);
  }
  const u8_t *ip = frame + packet->ip_start;
  unsigned rest = len - packet->ip_start;
  if (type == PP_HTONS(ETHTYPE_IP)) {
    parse_ip4(ip, rest, packet);
  } else if (type == PP_HTONS(ETHTYPE_IPV6)) {
    parse_ip6(ip, rest, packet);
  }
}

static u64_t sum_addresses(const u8_t *at, unsigned words)
{
  u64_t sum = 0;
  for (; words > 0; words--, at += 4) {
    sum += get32(at);
  }
  return sum;
}

static inline u16_t pseudo_sum(const u8_t *frame, const struct virtioif_packet *packet,
                               u16_t l4_len)
{
  const u8_t *ip = frame + packet->ip_start;
  u64_t sum = packet->ipv6 ? sum_addresses(ip + IP6_SRC, 8) : sum_addresses(ip + IP4_SRC, 2);

  sum += lwip_htons((u16_t)packet->proto) + (u64_t)lwip_htons(l4_len);
  return fold_sum(sum);
}

u16_t virtioif_pseudo_sum(const u8_t *frame, const struct virtioif_packet *packet, u16_t l4_len)
{
  return pseudo_sum(frame, packet, l4_len);
}

/*
 * Routers
 */

#if VIRTIOIF_FORWARDS

static bool is_own_ip4(const u8_t *addr)
{
#if LWIP_IPV4
  ip4_addr_t dest;
  struct netif *netif;

  memcpy(&dest.addr, addr, sizeof(dest.addr));
  if (ip4_addr_ismulticast(&dest) || dest.addr == IPADDR_BROADCAST) {
    return true;
  }
  NETIF_FOREACH(netif)
  {
    if (ip4_addr_eq(&dest, netif_ip4_addr(netif)) || ip4_addr_isbroadcast(&dest, netif)) {
      return true;
    }
  }
#else
  LWIP_UNUSED_ARG(addr);
#endif
  return false;
}

static bool is_own_ip6(const u8_t *addr)
{
#if LWIP_IPV6
  ip6_addr_t dest;
  struct netif *netif;

  memcpy(dest.addr, addr, sizeof(dest.addr));
  ip6_addr_clear_zone(&dest);
  if (ip6_addr_ismulticast(&dest)) {
    return true;
  }
  NETIF_FOREACH(netif)
  {
    if (netif_get_ip6_addr_match(netif, &dest) >= 0) {
      return true;
    }
  }
#else
  LWIP_UNUSED_ARG(addr);
#endif
  return false;
}

bool virtioif_is_foreign(const u8_t *frame, u16_t len)
{
  struct virtioif_packet packet;
  parse(frame, len, &packet);
  const u8_t *ip = frame + packet.ip_start;

  if (packet.l4_start == 0) {
    return false;
  }
  return packet.ipv6 ? !is_own_ip6(ip + IP6_DEST) : !is_own_ip4(ip + IP4_DEST);
}

#endif /* VIRTIOIF_FORWARDS */

/*
 * Out
 */

/* Without lwIP's switches per interface nothing can be left to the device. */
static bool is_offloaded(const struct virtioif *vif)
{
  return LWIP_CHECKSUM_CTRL_PER_NETIF && virtioif_has(vif, VIRTIO_NET_F_CSUM);
}

/* Offset of the checksum in the transport header, or -1 if this packet's sum is lwIP's affair. */
static int sum_offset(const struct virtioif_packet *packet)
{
  switch (packet->proto) {
  case IP_PROTO_TCP:
    return TCP_CHKSUM;
#if IP_FORWARD
  case IP_PROTO_UDP:
    return UDP_CHKSUM;
  case IP_PROTO_ICMP:
    return packet->ipv6 ? -1 : ICMP_CHKSUM;
#endif
  default:
    return -1;
  }
}

/* Leave the sum to the device: "Packet Transmission". */
static void offload_sum(u8_t *frame, const struct virtioif_packet *packet,
                        struct virtio_net_offload *offload)
{
  put16(frame + packet->sum_at, pseudo_sum(frame, packet, packet->l4_len));
  offload->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
  offload->csum_start = packet->l4_start;
  offload->csum_offset = (u16_t)(packet->sum_at - packet->l4_start);
}

#if LWIP_CHECKSUM_CTRL_PER_NETIF || IP_FORWARD
/* Sum p from byte start on and store that at byte field, whose content is a part of the sum. */
static void sum_in_place(struct pbuf *p, u16_t start, u16_t field)
{
  pbuf_remove_header(p, start);
  u16_t sum = inet_chksum_pbuf(p);
  pbuf_add_header_force(p, start);
  if (sum == 0) {
    sum = 0xffff; /* 0 would mean "no checksum" in UDP, and is the same number */
  }
  put16((u8_t *)p->payload + field, sum);
}
#endif

#if IP_FORWARD
/* Whether the packet was made here, rather than forwarded. lwIP then left an IPv4 header's sum 0,
 * and it is filled in; an IPv6 packet is told by its source. */
static bool finish_own_packet(const struct pbuf *p, const struct virtioif_packet *packet)
{
  u8_t *ip = (u8_t *)p->payload + packet->ip_start;
  if (packet->l4_start > p->len) {
    return false; /* its header is not all there: no packet of lwIP's */
  }
  if (packet->ipv6) {
    return is_own_ip6(ip + IP6_SRC);
  }
  if (ip[IP4_CHKSUM] != 0 || ip[IP4_CHKSUM + 1] != 0) {
    return false;
  }
  put16(ip + IP4_CHKSUM, inet_chksum(ip, (u16_t)(packet->l4_start - packet->ip_start)));
  return true;
}

static void sum_in_software(struct pbuf *p, const struct virtioif_packet *packet)
{
  u8_t *frame = (u8_t *)p->payload;
  u16_t pseudo = 0; /* ICMP has none */
  if (packet->proto != IP_PROTO_ICMP) {
    pseudo = pseudo_sum(frame, packet, packet->l4_len);
  }
  put16(frame + packet->sum_at, pseudo);
  sum_in_place(p, packet->l4_start, packet->sum_at);
}
#endif

/* Whether all headers that could matter are in the first pbuf. */
static bool headers_are_together(const struct pbuf *p, const struct virtioif_packet *packet)
{
  u32_t needed = packet->l4_start != 0 ? packet->l4_start + TCP_HLEN : SIZEOF_ETH_HDR + IP6_HLEN;
  return p->next == NULL || p->len >= needed;
}

VIRTIO_HOT bool virtioif_csum_parse(const struct virtioif *vif, const struct pbuf *p,
                                    struct virtioif_packet *packet)
{
  const u8_t *frame = (const u8_t *)p->payload;

  if (!is_offloaded(vif) && !IP_FORWARD) {
    packet->proto = 0;
    packet->sum_at = 0;
    return true;
  }
  parse(frame, p->len, packet);
  if (!headers_are_together(p, packet)) {
    return false;
  }
  int offset = sum_offset(packet);
  u32_t field = packet->l4_start + (u32_t)offset;
  if (offset >= 0 && !packet->fragment && field + sizeof(u16_t) <= p->len &&
      get16(frame + field) == 0) {
    packet->sum_at = (u16_t)field;
  }
  return true;
}

VIRTIO_HOT void virtioif_csum_tx(const struct virtioif *vif, struct pbuf *p,
                                 const struct virtioif_packet *packet,
                                 struct virtio_net_offload *offload)
{
  u8_t *frame = (u8_t *)p->payload;

  memset(offload, 0, sizeof(*offload));
#if IP_FORWARD
  if (packet->l4_start == 0 || !finish_own_packet(p, packet)) {
    return;
  }
  if (packet->sum_at != 0 && (!is_offloaded(vif) || packet->proto == IP_PROTO_ICMP)) {
    sum_in_software(p, packet);
    return;
  }
#else
  LWIP_UNUSED_ARG(vif);
#endif
  if (LWIP_CHECKSUM_CTRL_PER_NETIF && packet->sum_at != 0) {
    offload_sum(frame, packet, offload);
  }
}

/*
 * In
 */

/* Whether the frame may tell of a path MTU, that is, may be ICMPv6, behind whatever other headers.
 */
static bool may_be_icmp6(const struct pbuf *p)
{
  const u8_t *frame = (const u8_t *)p->payload;
  u16_t type = get16(frame + ETH_TYPE);

  if (!LWIP_IPV6 || type == PP_HTONS(ETHTYPE_IP) || p->len < SIZEOF_ETH_HDR + IP6_HLEN) {
    return false;
  }
  u8_t next = frame[SIZEOF_ETH_HDR + IP6_NEXTH];
  return type != PP_HTONS(ETHTYPE_IPV6) || (next != IP6_NEXTH_TCP && next != IP6_NEXTH_UDP);
}

err_t virtioif_csum_input_any(struct netif *netif, struct pbuf *p)
{
  bool mend = may_be_icmp6(p);
  err_t err = netif->input(p, netif);
  if (mend) {
    virtioif_mend_path_mtu();
  }
  return err;
}

#if LWIP_CHECKSUM_CTRL_PER_NETIF

#define CHECK_TRANSPORT (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

/* Whether a frame has been dealt with when netif->input() returns, as far as can be told. */
static bool input_is_direct(const struct netif *netif)
{
#if NO_SYS
  LWIP_UNUSED_ARG(netif);
  return true;
#else
  return netif->input != tcpip_input || LWIP_TCPIP_CORE_LOCKING_INPUT;
#endif
}

#if IP_FORWARD
bool virtioif_csum_can_check(const struct netif *netif)
{
  return input_is_direct(netif);
}
#endif

u64_t virtioif_csum_features(const struct netif *netif)
{
  u64_t features = VIRTIO_NET_FEATURES;
  /* A check can only be switched for one frame if the frame is dealt with during the call; and
   * where it cannot be switched off, own packets looped back need their sums. */
  if (!input_is_direct(netif)) {
    features &= ~(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM);
  }
#if VIRTIOIF_FORWARDS
  /* What is received has to fit the next link. */
  features &= ~VIRTIO_NET_F_GUEST_LARGE;
#endif
  return features;
}

void virtioif_csum_init(struct virtioif *vif)
{
  u16_t flags = NETIF_CHECKSUM_ENABLE_ALL;
#if IP_FORWARD
  flags &= (u16_t) ~(NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP |
                     NETIF_CHECKSUM_GEN_ICMP | NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP |
                     NETIF_CHECKSUM_CHECK_UDP | NETIF_CHECKSUM_CHECK_ICMP);
#endif
  if (virtioif_has(vif, VIRTIO_NET_F_CSUM) && !vif->mtu_sank) {
    flags &= (u16_t) ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_CHECK_TCP);
  }
  vif->csum_rest = flags;
  vif->csum_good =
      (flags & (u16_t)~CHECK_TRANSPORT) | NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_ICMP;
  vif->csum_check = vif->csum_good | CHECK_TRANSPORT;
  NETIF_SET_CHECKSUM_CTRL(vif->netif, flags);
}

/* Whether the frame ends here, so that nobody else will look at its sum. Without forwarding all of
 * them do: who sends frames on says so in virtioif_params::bridged. */
static bool is_to_us(const struct virtioif *vif, const struct pbuf *p)
{
#if VIRTIOIF_FORWARDS
  const u8_t *dest = (const u8_t *)p->payload;
  const u8_t *own = vif->netif->hwaddr;

  return get32(dest) == get32(own) && get16(dest + 4) == get16(own + 4) &&
         !virtioif_is_foreign(dest, p->len);
#else
  LWIP_UNUSED_ARG(vif);
  LWIP_UNUSED_ARG(p);
  return true;
#endif
}

/* Whether the device's word on the sum covers the packet: TCP or UDP, and no fragment. What has a
 * VLAN tag or extension headers is left to lwIP. */
static bool is_whole(const struct pbuf *p)
{
  const u8_t *ip = (const u8_t *)p->payload + SIZEOF_ETH_HDR;
  u16_t type = get16(ip - sizeof(type));
  u8_t proto = 0;

  if (type == PP_HTONS(ETHTYPE_IP) && p->len >= SIZEOF_ETH_HDR + IP_HLEN) {
    bool fragment = (get16(ip + IP4_FRAG) & PP_HTONS(IP_MF | IP_OFFMASK)) != 0;
    proto = fragment ? 0 : ip[IP4_PROTO];
  } else if (type == PP_HTONS(ETHTYPE_IPV6) && p->len >= SIZEOF_ETH_HDR + IP6_HLEN) {
    proto = ip[IP6_NEXTH];
  }
  return proto == IP_PROTO_TCP || proto == IP_PROTO_UDP;
}

/* Finish a sum that the sender left to the device, for a frame that may go further than to us. The
 * offsets are the device's word: what they point at has to be in the first pbuf. With RSC_INFO they
 * would be counts. */
static VIRTIO_COLD __attribute__((noinline)) void
complete_sum(struct pbuf *p, const struct virtio_net_offload *offload)
{
  const u8_t meaning = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_RSC_INFO;
  u32_t field = (u32_t)offload->csum_start + offload->csum_offset;
  bool is_offset = (offload->flags & meaning) == VIRTIO_NET_HDR_F_NEEDS_CSUM;

  if (is_offset && field + sizeof(u16_t) <= p->len) {
    sum_in_place(p, offload->csum_start, (u16_t)field);
  }
}

VIRTIO_HOT bool virtioif_csum_rx(const struct virtioif *vif, struct pbuf *p,
                                 const struct virtio_net_offload *offload)
{
  const u8_t known = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
  bool told = (offload->flags & known) != 0;
  bool good = told && is_whole(p);

  NETIF_SET_CHECKSUM_CTRL(vif->netif, good ? vif->csum_good : vif->csum_check);
  if (told && !(good && is_to_us(vif, p))) {
    complete_sum(p, offload); /* a sum that was left out is good only here */
  }
  return good;
}

void virtioif_csum_rx_end(const struct virtioif *vif)
{
  NETIF_SET_CHECKSUM_CTRL(vif->netif, vif->csum_rest);
}

#else /* LWIP_CHECKSUM_CTRL_PER_NETIF */

u64_t virtioif_csum_features(const struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  return VIRTIO_NET_FEATURES & ~(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM);
}

void virtioif_csum_init(struct virtioif *vif)
{
  LWIP_UNUSED_ARG(vif);
}

#endif /* LWIP_CHECKSUM_CTRL_PER_NETIF */
