/*
 * main.c: the app breaker: TCP echo and counters as in the app web, and a UDP port on which it is
 * told to break something. For test_recovery.py.
 *
 * The first byte of a datagram to port 4001 says what: a ring, see spoilers below, 'r' for
 * virtioif_reset(), 'R' for virtioif_remove() and netif_add(). QEMU takes a driver that breaks the
 * rules for mad and stops the device: a modern one says DEVICE_NEEDS_RESET, a legacy one just never
 * answers again. Nothing else makes QEMU's device fail.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "board.h"
#include "counters.h"
#include "demo.h"
#include "lwip/apps/httpd.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "netif/virtioif.h"
#include "services.h"
#include "virtio/virtq.h"
#include <stdio.h>

#define PORT       4001
#define NOTICED_MS 200 /* by then QEMU has looked at the ring, on a busy machine, too */

const char app_name[] = "web server (80), TCP echo (7) and a hammer (4001)";

static struct netif *net;

/* The rings, as "Split Virtqueues" lays them out. The driver keeps to itself what it has there. */
struct desc {
  u64_t addr;
  u32_t len;
  u16_t flags;
  u16_t next;
};

#define DESC_NEXT 1u

static volatile struct desc *desc_of(const struct virtq *vq, unsigned index)
{
  return (volatile struct desc *)(void *)vq->desc + index;
}

static volatile u16_t *avail_idx(const struct virtq *vq)
{
  return (volatile u16_t *)(void *)vq->avail + 1;
}

static volatile u16_t *avail_ring(const struct virtq *vq, u16_t index)
{
  return (volatile u16_t *)(void *)vq->avail + 2 + index % vq->size;
}

/* More buffers than the queue has descriptors. */
static void jump(struct virtq *vq)
{
  *avail_idx(vq) = (u16_t)(*avail_idx(vq) + 2 * vq->size);
}

/* A chain that does not exist. */
static void wrong_head(struct virtq *vq)
{
  *avail_ring(vq, *avail_idx(vq)) = vq->size;
  *avail_idx(vq) = (u16_t)(*avail_idx(vq) + 1);
}

/* A chain without end. The descriptor may be in use: with the device stopped, nobody will know. */
static void loop(struct virtq *vq)
{
  volatile struct desc *desc = desc_of(vq, 0);

  desc->flags = DESC_NEXT;
  desc->next = 0;
  *avail_ring(vq, *avail_idx(vq)) = 0;
  *avail_idx(vq) = (u16_t)(*avail_idx(vq) + 1);
}

/* A piece of no bytes. */
static void empty(struct virtq *vq)
{
  volatile struct desc *desc = desc_of(vq, 0);

  desc->flags = 0;
  desc->len = 0;
  *avail_ring(vq, *avail_idx(vq)) = 0;
  *avail_idx(vq) = (u16_t)(*avail_idx(vq) + 1);
}

static const struct {
  char command;
  bool receive;
  void (*spoil)(struct virtq *vq);
} spoilers[] = {
    {'j', false, jump},  {'w', false, wrong_head}, {'l', false, loop},
    {'e', false, empty}, {'J', true, jump},
};

/* Spoil a ring, show it to the device, and wait until that has looked: the driver below would put
 * the index right again. */
static void spoil(char command)
{
  struct virtio_net *dev = &((struct virtioif *)net->state)->net;
  u32_t start = sys_now();
  unsigned i;

  for (i = 0; i < LWIP_ARRAYSIZE(spoilers); i++) {
    if (spoilers[i].command == command) {
      struct virtq *vq = spoilers[i].receive ? &dev->rx : &dev->tx;
      spoilers[i].spoil(vq);
      dev->dev->ops->notify(dev->dev, vq->index);
    }
  }
  while (sys_now() - start < NOTICED_MS) {
  }
}

/* Take the interface out of lwIP and put it back. Outside virtioif_poll(), as that asks. */
static void replace(void *arg)
{
  const struct virtioif *vif = net->state;
  struct virtioif_params params = {
      .vif = net->state, .dev = vif->net.dev, .memory = vif->memory, .event = vif->event};
  ip4_addr_t address = *netif_ip4_addr(net);
  ip4_addr_t mask = *netif_ip4_netmask(net);
  ip4_addr_t gateway = *netif_ip4_gw(net);
  err_t removed;

  LWIP_UNUSED_ARG(arg);
  board_irq_mask();
  removed = virtioif_remove(net);
  if (removed != ERR_OK) {
    printf("virtioif: error: cannot be removed: %d\n", removed);
    board_exit(1);
  }
  netif_add(net, &address, &mask, &gateway, &params, virtioif_init, ethernet_input);
  board_irq_unmask();
  netif_set_default(net);
  netif_create_ip6_linklocal_address(net, 1);
  netif_set_up(net);
  printf("breaker: replaced\n");
}

static void obey(char command)
{
  if (command == 'r') {
    virtioif_reset(net);
  } else if (command == 'R') {
    sys_timeout(0, replace, NULL);
  } else {
    spoil(command);
  }
}

static void receive(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *peer,
                    u16_t peer_port)
{
  char command = (char)pbuf_get_at(p, 0);

  LWIP_UNUSED_ARG(arg);
  obey(command);
  /* A legacy device that has stopped is found out by what it does not send: give it something. */
  udp_sendto(pcb, p, peer, peer_port);
  pbuf_free(p);
}

void app_start(struct netif *netif)
{
  net = netif;
  counters_start(netif);
  httpd_init();
  tcp_echo_start();
  service_receive(PORT, receive);
}
