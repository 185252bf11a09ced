/*
 * main.c: the app echo: TCP and UDP echo, discard and chargen.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "demo.h"
#include "services.h"

const char app_name[] = "echo (7), discard (9) and chargen (19) over TCP and UDP";

void app_start(struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  tcp_echo_start();
  udp_echo_start();
  discard_start();
  chargen_start();
}
