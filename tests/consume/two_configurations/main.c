/*
 * main.c: prints the size of a type that depends on the configuration, as this firmware sees it.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <stdio.h>

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/sys.h"
#include "netif/ethernet.h"
#include "netif/virtioif.h"
#if APP_HTTPD
#include "lwip/apps/httpd.h"
#endif

u32_t sys_now(void)
{
  return 0;
}

int main(void)
{
  static struct netif netif;
  struct virtioif_params params = {0};

  lwip_init();
#if APP_HTTPD
  httpd_init();
#endif
  if (netif_add_noaddr(&netif, &params, virtioif_init, ethernet_input) != NULL) {
    puts("an interface without a device was added");
    return 1;
  }
  printf("%s IPv6, %s\n", LWIP_IPV6 ? "with" : "without",
         sizeof(netif) > 200 ? "large netif" : "small netif");
  return 0;
}
