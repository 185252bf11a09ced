/*
 * services.c: what the services have in common.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "services.h"

#include "lwip/ip.h"

struct services_stats services_stats;

/* A service that is not there is worse than none at all. */
static void check(bool ok, const char *cure)
{
  if (!ok) {
    LWIP_PLATFORM_ASSERT(cure); /* in release builds too */
  }
}

void service_listen(u16_t port, tcp_accept_fn accept)
{
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

  check(pcb != NULL, "lwipopts.h: MEMP_NUM_TCP_PCB is too small");
  check(tcp_bind(pcb, IP_ANY_TYPE, port) == ERR_OK, "a TCP port is taken already");
  pcb = tcp_listen(pcb); /* a smaller PCB takes its place */
  check(pcb != NULL, "lwipopts.h: MEMP_NUM_TCP_PCB_LISTEN is too small");
  tcp_accept(pcb, accept);
}

void service_receive(u16_t port, udp_recv_fn receive)
{
  struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);

  check(pcb != NULL, "lwipopts.h: MEMP_NUM_UDP_PCB is too small");
  check(udp_bind(pcb, IP_ANY_TYPE, port) == ERR_OK, "a UDP port is taken already");
  udp_recv(pcb, receive, NULL);
}

void service_close(struct tcp_pcb *pcb)
{
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_poll(pcb, NULL, 0);
  tcp_err(pcb, NULL);
  tcp_close(pcb); /* if there is no memory for the FIN, lwIP tries again by itself */
}

bool service_may_answer(u16_t peer_port)
{
  const ip_addr_t *to = ip_current_dest_addr();

  return !ip_addr_isbroadcast(to, ip_current_netif()) && !ip_addr_ismulticast(to) &&
         peer_port != ECHO_PORT && peer_port != CHARGEN_PORT;
}
