/*
 * main.c: adds the interface from a thread that holds lwIP's core lock, with an input function that
 * queues and with one that does not.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <stdio.h>

#include "lwip/init.h"
#include "lwip/sockets.h"
#include "lwip/tcpip.h"
#include "netif/ethernet.h"
#include "netif/virtioif.h"

#define SUMS (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM)
#define LARGE                                                                                      \
  (VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_GUEST_TSO4 |                     \
   VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN)

/* device.c */
extern struct virtio_device device;

/* Whether there can be an interface with that input function. What it leaves to the device is in
 * device.features then. */
static bool add(netif_input_fn input)
{
  static struct virtioif nic;
  static struct netif netif;
  VIRTIOIF_MEMORY(memory, 64, 64, 96);
  struct virtioif_params params = {.vif = &nic, .dev = &device, .memory = &memory};

  if (netif_add_noaddr(&netif, &params, virtioif_init, input) == NULL) {
    return false;
  }
  virtioif_remove(&netif);
  return true;
}

/* Checks cannot be switched for a frame that is queued: its sum is not left to the device, and a
 * router, which has to switch them, is refused. */
static bool queue_is_minded(void)
{
  bool added = add(tcpip_input);
  return IP_FORWARD ? !added : added && (device.features & (SUMS | LARGE)) == 0;
}

static bool offload_is_used(void)
{
  return add(ethernet_input) &&
         (device.features & SUMS) == (LWIP_CHECKSUM_CTRL_PER_NETIF ? SUMS : 0);
}

static void started(void *arg)
{
  sys_sem_signal(arg);
}

int main(void)
{
  static struct netif netif;
  struct virtioif_params params = {0};
  struct netif *added;
  sys_sem_t ready;
  int udp;

  if (sys_sem_new(&ready, 0) != ERR_OK) {
    return 1;
  }
  tcpip_init(started, &ready);
  sys_sem_wait(&ready);

  LOCK_TCPIP_CORE();
  added = netif_add_noaddr(&netif, &params, virtioif_init, tcpip_input);
  if (!queue_is_minded() || !offload_is_used()) {
    puts("checksums are left to the device where they must not be, or nowhere");
    return 1;
  }
  UNLOCK_TCPIP_CORE();
  if (added != NULL) {
    puts("an interface without a device was added");
    return 1;
  }
  udp = lwip_socket(AF_INET, SOCK_DGRAM, 0);
  if (udp < 0 || lwip_close(udp) != 0) {
    puts("no socket");
    return 1;
  }
  printf("threads: lwIP %s\n", LWIP_VERSION_STRING);
  return 0;
}
