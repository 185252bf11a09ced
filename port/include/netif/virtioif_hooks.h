/*
 * virtioif_hooks.h: lwIP hooks that keep an interface's own addresses reachable while its link is
 * down, and acknowledge received segments in time and not too often. Name it in LWIP_HOOK_FILENAME,
 * as the default lwipopts.h does; who has hooks of their own calls these functions from them.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef LWIP_HDR_NETIF_VIRTIOIF_HOOKS_H
#define LWIP_HDR_NETIF_VIRTIOIF_HOOKS_H

#include "lwip/err.h"
#include "lwip/ip4_addr.h"
#include "lwip/ip6_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

struct netif;
struct pbuf;
struct tcp_hdr;
struct tcp_pcb;

#if LWIP_IPV4
/**
 * For LWIP_HOOK_IP4_ROUTE: the interface whose own address dest is.
 *
 * lwIP asks this when no interface with its link up leads to dest. What it then sends is looped
 * back above the driver.
 *
 * @param dest where a packet is to go
 * @return the interface that is up and has that address, or NULL to let lwIP go on
 */
struct netif *virtioif_ip4_route(const ip4_addr_t *dest);
#endif

#if LWIP_IPV6
/**
 * For LWIP_HOOK_IP6_ROUTE: the interface whose own global address dest is.
 *
 * @param src  where a packet comes from; not used
 * @param dest where it is to go. Link-local addresses never get here: lwIP decides on them before.
 * @return the interface that is up and has that address, or NULL to let lwIP go on
 */
struct netif *virtioif_ip6_route(const ip6_addr_t *src, const ip6_addr_t *dest);
#endif

/**
 * For LWIP_HOOK_TCP_INPACKET_PCB: decide how soon a segment is acknowledged, and refuse one that
 * begins within the receive window, but not where it is due, and ends behind it: lwIP 2.2.1 would
 * keep that whole and find its window overrun later.
 *
 * lwIP acknowledges every second input call, whatever it carries. What arrives together is
 * acknowledged together: the ACKs of one virtioif_poll() would leave in one burst anyway, and the
 * last of them says it all. A segment that is larger than the MSS, dozens in one large frame, does
 * not wait for another call, or its sender would run out of window waiting.
 *
 * @param pcb the connection, or a listening one
 * @param hdr its header, with the sequence number in CPU byte order
 * @param p   the segment without its TCP header
 * @return ERR_OK: the segment is to be processed; ERR_VAL: it is to be dropped
 */
err_t virtioif_tcp_inpacket(struct tcp_pcb *pcb, const struct tcp_hdr *hdr, const struct pbuf *p);

/**
 * For LWIP_HOOK_TCP_OUT_ADD_TCPOPTS: prepare a segment that is too long for its path over IPv6.
 *
 * lwIP sends such a segment in fragments. Its checksum cannot be left to the device then. And
 * ip6_frag() of lwIP 2.2.1 leaves the segment's pbufs changed: of the first one TCP puts that right
 * when it sends the segment again, of the others nobody does, so they are made one.
 *
 * @param p    the segment with its TCP header
 * @param pcb  its connection
 * @param opts the end of its options so far
 * @return the same place, in the pbuf that the segment is in now
 */
uint32_t *virtioif_tcp_out(struct pbuf *p, struct tcp_pcb *pcb, uint32_t *opts);

#ifndef LWIP_HOOK_TCP_INPACKET_PCB
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p)                             \
  virtioif_tcp_inpacket(pcb, hdr, p)
#endif
#ifndef LWIP_HOOK_TCP_OUT_ADD_TCPOPTS
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, hdr, pcb, opts)                                           \
  virtioif_tcp_out(p, (struct tcp_pcb *)(pcb), opts)
#endif
#ifndef LWIP_HOOK_IP4_ROUTE
#define LWIP_HOOK_IP4_ROUTE(dest) virtioif_ip4_route(dest)
#endif
#ifndef LWIP_HOOK_IP6_ROUTE
#define LWIP_HOOK_IP6_ROUTE(src, dest) virtioif_ip6_route(src, dest)
#endif

#ifdef __cplusplus
}
#endif

#endif /* LWIP_HDR_NETIF_VIRTIOIF_HOOKS_H */
