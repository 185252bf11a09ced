/*
 * main.c: the app bench: what tests/bench measures. TCP echo, a sink and a source of data, and a
 * web server with one small page.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "demo.h"
#include "lwip/apps/httpd.h"
#include "services.h"
#include "transfer.h"

const char app_name[] = "TCP echo (7), sink (5001), source (5002) and a small page (80)";

void app_start(struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
  httpd_init();
  tcp_echo_start();
  transfer_start();
}
