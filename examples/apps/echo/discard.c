/*
 * discard.c: takes everything and gives nothing: a sink to measure reception with.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "services.h"

static err_t discard_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    service_close(pcb);
  } else {
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
  }
  return ERR_OK;
}

static err_t discard_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  tcp_recv(pcb, discard_recv);
  ip_set_option(pcb, SOF_KEEPALIVE);
  return ERR_OK;
}

static void discard_receive(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *peer,
                            u16_t peer_port)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(peer);
  LWIP_UNUSED_ARG(peer_port);
  pbuf_free(p);
}

void discard_start(void)
{
  service_listen(DISCARD_PORT, discard_accept);
  service_receive(DISCARD_PORT, discard_receive);
}
