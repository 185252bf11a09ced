/*
 * udp_echo.c: each datagram goes back as it came.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "services.h"

static void echo_receive(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *peer,
                         u16_t peer_port)
{
  LWIP_UNUSED_ARG(arg);
  if (service_may_answer(peer_port) && udp_sendto(pcb, p, peer, peer_port) != ERR_OK) {
    services_stats.udp_drops++;
  }
  pbuf_free(p); /* lwIP and the driver hold on to it as long as they need it */
}

void udp_echo_start(void)
{
  service_receive(ECHO_PORT, echo_receive);
}
