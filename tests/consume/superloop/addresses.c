/*
 * addresses.c: the application's policy: which addresses, and what to tell about them.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <stdio.h>

#include "lwip/dhcp.h"
#include "lwip/netif.h"
#include "platform.h"

static void tell(struct netif *netif)
{
  printf("link %s, address %s\n", netif_is_link_up(netif) ? "up" : "down",
         ip4addr_ntoa(netif_ip4_addr(netif)));
}

void start_addresses(struct netif *netif)
{
  netif_set_default(netif);
  netif_set_link_callback(netif, tell);
  netif_set_status_callback(netif, tell);
  netif_create_ip6_linklocal_address(netif, 1);
  netif_set_ip6_autoconfig_enabled(netif, 1);
  netif_set_up(netif);
  dhcp_start(netif); /* asks anew by itself whenever the link comes up */
}
