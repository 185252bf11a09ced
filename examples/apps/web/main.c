/*
 * main.c: the app web: lwIP's web server with a page that shows the interface at work, and the TCP
 * echo.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "counters.h"
#include "demo.h"
#include "lwip/apps/httpd.h"
#include "services.h"

const char app_name[] = "web server (80) and TCP echo (7)";

void app_start(struct netif *netif)
{
  counters_start(netif);
  httpd_init();
  tcp_echo_start();
}
