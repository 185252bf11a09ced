/*
 * virtioif_loop.c: packets that lwIP sends to its own addresses. They are queued above the driver
 * and wait for somebody to take them.
 *
 * lwIP's netif_poll_all() goes on for as long as there are any, which two services that answer each
 * other can make for ever. Here a lap takes what is there when it begins; the answers wait for the
 * next one, after the device and the timers had their turn.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/ip.h"
#include "lwip/stats.h"
#include "virtioif_priv.h"

#if ENABLE_LOOPBACK && !LWIP_NETIF_LOOPBACK_MULTITHREADING

/* The queue is one chain; each packet in it ends where tot_len does. Returns the next packet. */
static struct pbuf *cut_first(struct pbuf *p)
{
  while (p->len != p->tot_len) {
    p = p->next;
  }
  struct pbuf *next = p->next;
  p->next = NULL;
  return next;
}

static struct pbuf *take_queue(struct netif *netif)
{
  struct pbuf *queue = netif->loop_first;
  netif->loop_first = NULL;
  netif->loop_last = NULL;
#if LWIP_LOOPBACK_MAX_PBUFS
  netif->loop_cnt_current = 0;
#endif
  return queue;
}

static void deliver_looped(struct netif *netif)
{
  struct pbuf *p = take_queue(netif);
  while (p != NULL) {
    struct pbuf *next = cut_first(p);
    p->if_idx = netif_get_index(netif);
    LINK_STATS_INC(link.recv);
    if (ip_input(p, netif) != ERR_OK) {
      pbuf_free(p);
    }
    p = next;
  }
}

void virtioif_loop_poll(void)
{
  struct netif *netif;
  NETIF_FOREACH(netif)
  {
    if (netif->loop_first != NULL) {
      deliver_looped(netif);
    }
  }
}

bool virtioif_loop_pending(void)
{
  struct netif *netif;
  NETIF_FOREACH(netif)
  {
    if (netif->loop_first != NULL) {
      return true;
    }
  }
  return false;
}

void virtioif_loop_drop(struct netif *netif)
{
  struct pbuf *p = take_queue(netif);
  if (p != NULL) {
    pbuf_free(p);
  }
}

#else

void virtioif_loop_poll(void)
{
}

bool virtioif_loop_pending(void)
{
  return false;
}

void virtioif_loop_drop(struct netif *netif)
{
  LWIP_UNUSED_ARG(netif);
}

#endif
