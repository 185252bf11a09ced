/*
 * virtioif_hooks.c: routes to an interface's own addresses, ACKs for large segments.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/opt.h"

#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/tcp.h"
#include "netif/virtioif_hooks.h"

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

#if LWIP_TCP
err_t virtioif_tcp_inpacket(struct tcp_pcb *pcb, const struct pbuf *p)
{
  /* With this flag set tcp_ack() sends an ACK instead of waiting for another segment. A listening
   * pcb is a shorter structure and has no flags. */
  if (pcb->state >= ESTABLISHED && p->tot_len > pcb->mss) {
    tcp_set_flags(pcb, TF_ACK_DELAY);
  }
  return ERR_OK;
}
#endif
