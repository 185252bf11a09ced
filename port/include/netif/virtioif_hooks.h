/*
 * virtioif_hooks.h: lwIP hooks that keep an interface's own addresses reachable while its link is
 * down. Name it in LWIP_HOOK_FILENAME, as the default lwipopts.h does; who has hooks of their own
 * calls these two functions from them.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef LWIP_HDR_NETIF_VIRTIOIF_HOOKS_H
#define LWIP_HDR_NETIF_VIRTIOIF_HOOKS_H

#include "lwip/ip4_addr.h"
#include "lwip/ip6_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

struct netif;

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
