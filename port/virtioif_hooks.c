/*
 * virtioif_hooks.c: routes to an interface's own addresses.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/opt.h"

#include "lwip/netif.h"
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
