/*
 * packets.c: what an application may do with memory that it sends or receives.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <stdio.h>
#include <string.h>

#include "lwip/pbuf.h"
#include "netif/virtioif.h"
#include "platform.h"

/* A datagram of its own each time, given up at once. lwIP and the driver hold on to it as long as
 * they need it. */
err_t send_reading(struct udp_pcb *pcb, const struct reading *reading)
{
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, sizeof(*reading), PBUF_RAM);
  if (p == NULL) {
    return ERR_MEM;
  }
  pbuf_take(p, reading, sizeof(*reading));
  err_t err = udp_send(pcb, p);
  pbuf_free(p);
  return err;
}

/* Many datagrams with one notification of the device. */
void send_burst(struct netif *netif, struct udp_pcb *pcb, const struct reading *r, unsigned count)
{
  virtioif_cork(netif);
  while (count > 0 && send_reading(pcb, r) == ERR_OK) {
    r++;
    count--;
  }
  virtioif_flush(netif);
}

/* Constant memory goes out from where it is, memory that changes is copied. */
err_t send_page(struct tcp_pcb *pcb, unsigned visitors)
{
  static const char head[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n";
  char body[32];
  int len = snprintf(body, sizeof(body), "%u visitors\n", visitors);

  err_t err = tcp_write(pcb, head, sizeof(head) - 1, TCP_WRITE_FLAG_MORE);
  if (err == ERR_OK) {
    err = tcp_write(pcb, body, (u16_t)len, TCP_WRITE_FLAG_COPY);
  }
  return err == ERR_OK ? tcp_output(pcb) : err;
}

/* What is to be kept is copied, and the pbuf, which may be a receive buffer, goes back. */
err_t receive_some(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  static u8_t kept[256];

  LWIP_UNUSED_ARG(arg);
  if (p == NULL) {
    return tcp_close(pcb);
  }
  pbuf_copy_partial(p, kept, sizeof(kept), 0);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return err;
}

void print_counters(const struct netif *netif)
{
  const struct virtioif_stats *s = virtioif_stats(netif);
  struct virtioif_rx_usage rx = virtioif_rx_usage(netif);

  printf("in %lu, copied %lu; out %lu, queue full %lu\n", (unsigned long)s->rx_frames,
         (unsigned long)s->rx_copied, (unsigned long)s->tx_frames, (unsigned long)s->tx_ring_full);
  printf("buffers: %u free, %u posted, %u held\n", rx.free, rx.posted, rx.held);
}

void app_work(struct netif *netif)
{
  static const struct reading readings[4];
  static struct udp_pcb *pcb;

  if (pcb == NULL) {
    pcb = udp_new();
  }
  send_burst(netif, pcb, readings, LWIP_ARRAYSIZE(readings));
  print_counters(netif);
}
