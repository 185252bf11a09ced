/*
 * virtioif_csum.c: who computes and who checks which checksum.
 *
 * Out: with VIRTIO_NET_F_CSUM the device finishes TCP checksums; lwIP leaves the field 0 and the
 * pseudo-header sum goes in here. UDP stays with lwIP, which would otherwise cut a datagram into
 * fragments before anybody had summed it.
 *
 * In: with VIRTIO_NET_F_GUEST_CSUM the device says of a frame that its sum is good, or not there
 * yet but the data good. lwIP's checks are a property of the interface, not of a packet, so they
 * are switched for the length of one input call: off for such a frame, on for the others, and on
 * for fragments, whose datagram is checked when it is whole. Between frames TCP is not checked,
 * because what lwIP loops back to itself carries no sum either.
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
#include "virtioif_priv.h"
#include <string.h>

#define TCP_CHKSUM_OFFSET 16u
#define UDP_CHKSUM_OFFSET 6u
#define VLAN_TAG_BYTES    4u

static u16_t get_be16(const u8_t *at)
{
  return (u16_t)(at[0] << 8 | at[1]);
}

static void parse_ip4(const u8_t *ip, u16_t len, struct virtioif_packet *packet)
{
  u16_t hdr_len = (u16_t)((ip[0] & 0x0fu) * 4u);
  u16_t ip_len = get_be16(ip + 2);

  if (len < IP_HLEN || hdr_len < IP_HLEN || ip_len < hdr_len) {
    return;
  }
  packet->fragment = (get_be16(ip + 6) & (IP_MF | IP_OFFMASK)) != 0;
  packet->l4_start = (u16_t)(packet->ip_start + hdr_len);
  packet->l4_len = (u16_t)(ip_len - hdr_len);
  packet->proto = ip[9];
}

/* Extension headers are not followed: what has one is no plain packet. */
static void parse_ip6(const u8_t *ip, u16_t len, struct virtioif_packet *packet)
{
  if (len < IP6_HLEN) {
    return;
  }
  packet->ipv6 = true;
  packet->l4_start = (u16_t)(packet->ip_start + IP6_HLEN);
  packet->l4_len = get_be16(ip + 4);
  packet->proto = ip[6];
}

struct virtioif_packet virtioif_parse(const u8_t *frame, u16_t len)
{
  struct virtioif_packet packet = {.ip_start = SIZEOF_ETH_HDR};

  if (len < SIZEOF_ETH_HDR + VLAN_TAG_BYTES) {
    return packet;
  }
  u16_t type = get_be16(frame + 12);
  if (type == ETHTYPE_VLAN) {
    type = get_be16(frame + 16);
    packet.ip_start = (u16_t)(packet.ip_start + VLAN_TAG_BYTES);
  }
  const u8_t *ip = frame + packet.ip_start;
  u16_t rest = (u16_t)(len - packet.ip_start);
  if (type == ETHTYPE_IP) {
    parse_ip4(ip, rest, &packet);
  } else if (type == ETHTYPE_IPV6) {
    parse_ip6(ip, rest, &packet);
  }
  return packet;
}

u16_t virtioif_pseudo_sum(const u8_t *frame, const struct virtioif_packet *packet, u32_t l4_len)
{
  const u8_t *addrs = frame + packet->ip_start + (packet->ipv6 ? 8 : 12);
  unsigned bytes = packet->ipv6 ? 32 : 8;
  u32_t sum = lwip_htons(packet->proto) + (u32_t)lwip_htons((u16_t)l4_len);

  for (unsigned i = 0; i < bytes; i += 2) {
    u16_t word;
    memcpy(&word, addrs + i, sizeof(word));
    sum += word;
  }
  return FOLD_U32T(FOLD_U32T(sum)) & 0xffffu;
}

#if LWIP_CHECKSUM_CTRL_PER_NETIF

u64_t virtioif_csum_features(const struct netif *netif)
{
  u64_t features = VIRTIO_NET_FEATURES;
#if !NO_SYS
  /* A check can only be switched for one frame if the frame is dealt with during the call. */
  if (netif->input == tcpip_input && !LWIP_TCPIP_CORE_LOCKING_INPUT) {
    features &= ~VIRTIO_NET_F_GUEST_CSUM;
  }
#endif
  LWIP_UNUSED_ARG(netif);
  return features;
}

void virtioif_csum_init(struct virtioif *vif)
{
  u16_t flags = NETIF_CHECKSUM_ENABLE_ALL;
  if (virtioif_has(vif, VIRTIO_NET_F_CSUM)) {
    flags &= (u16_t) ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_CHECK_TCP);
  }
  vif->csum_rest = flags;
  NETIF_SET_CHECKSUM_CTRL(vif->netif, flags);
}

bool virtioif_csum_tx(struct virtioif *vif, struct pbuf *p, struct virtio_net_offload *offload)
{
  u8_t *frame = (u8_t *)p->payload;

  memset(offload, 0, sizeof(*offload));
  if (!virtioif_has(vif, VIRTIO_NET_F_CSUM)) {
    return true;
  }
  struct virtioif_packet packet = virtioif_parse(frame, p->len);
  bool headers_are_here = p->len >= packet.l4_start + TCP_HLEN;
  if (packet.proto != IP_PROTO_TCP || packet.fragment) {
    /* The IP header itself may stand in the next pbuf. */
    return packet.proto != 0 || p->next == NULL || p->len >= SIZEOF_ETH_HDR + IP6_HLEN;
  }
  if (!headers_are_here) {
    return p->next == NULL;
  }
  u8_t *field = frame + packet.l4_start + TCP_CHKSUM_OFFSET;
  if (field[0] != 0 || field[1] != 0) {
    return true; /* summed by whoever made the packet */
  }
  u16_t sum = virtioif_pseudo_sum(frame, &packet, packet.l4_len);
  memcpy(field, &sum, sizeof(sum));
  offload->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
  offload->csum_start = packet.l4_start;
  offload->csum_offset = TCP_CHKSUM_OFFSET;
  return true;
}

/* Finish a sum that the sender left to the device, for a frame that goes further than to us. The
 * offsets are the device's word: what they point at has to be in the first pbuf. */
static void complete_sum(struct pbuf *p, const struct virtio_net_offload *offload)
{
  u32_t field = (u32_t)offload->csum_start + offload->csum_offset;
  if (field + sizeof(u16_t) > p->len) {
    return;
  }
  pbuf_remove_header(p, offload->csum_start);
  u16_t sum = inet_chksum_pbuf(p);
  pbuf_add_header_force(p, offload->csum_start);
  if (sum == 0) {
    sum = 0xffff; /* 0 would mean "no checksum" in UDP and is the same number */
  }
  memcpy((u8_t *)p->payload + field, &sum, sizeof(sum));
}

static bool is_to_us(const struct virtioif *vif, const struct pbuf *p)
{
  return memcmp(p->payload, vif->netif->hwaddr, ETH_HWADDR_LEN) == 0;
}

/* Whether the device vouches for the transport checksum of this very packet. */
static bool is_vouched_for(const struct pbuf *p, const struct virtio_net_offload *offload)
{
  if ((offload->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) == 0) {
    return false;
  }
  struct virtioif_packet packet = virtioif_parse((const u8_t *)p->payload, p->len);
  return (packet.proto == IP_PROTO_TCP || packet.proto == IP_PROTO_UDP) && !packet.fragment;
}

err_t virtioif_csum_input(struct virtioif *vif, struct pbuf *p,
                          const struct virtio_net_offload *offload)
{
  struct netif *netif = vif->netif;
  u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;

  if (!virtioif_has(vif, VIRTIO_NET_F_GUEST_CSUM)) {
    NETIF_SET_CHECKSUM_CTRL(netif, vif->csum_rest | checks);
  } else if (is_vouched_for(p, offload)) {
    NETIF_SET_CHECKSUM_CTRL(netif, vif->csum_rest & (u16_t)~checks);
    if ((offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 && !is_to_us(vif, p)) {
      complete_sum(p, offload);
    }
  } else {
    NETIF_SET_CHECKSUM_CTRL(netif, vif->csum_rest | checks);
    if ((offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
      complete_sum(p, offload);
    }
  }
  err_t err = netif->input(p, netif);
  NETIF_SET_CHECKSUM_CTRL(netif, vif->csum_rest);
  return err;
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

bool virtioif_csum_tx(struct virtioif *vif, struct pbuf *p, struct virtio_net_offload *offload)
{
  LWIP_UNUSED_ARG(vif);
  LWIP_UNUSED_ARG(p);
  memset(offload, 0, sizeof(*offload));
  return true;
}

err_t virtioif_csum_input(struct virtioif *vif, struct pbuf *p,
                          const struct virtio_net_offload *offload)
{
  LWIP_UNUSED_ARG(offload);
  return vif->netif->input(p, vif->netif);
}

#endif /* LWIP_CHECKSUM_CTRL_PER_NETIF */
