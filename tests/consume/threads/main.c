/*
 * main.c: adds the interface from a thread that holds lwIP's core lock.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <stdio.h>

#include "lwip/init.h"
#include "lwip/sockets.h"
#include "lwip/tcpip.h"
#include "netif/virtioif.h"

#if IP_FORWARD
/* A router's input function must not queue. The device is not looked at before that is known. */
static bool router_may_queue(void)
{
  static struct virtioif nic;
  static struct netif router;
  static struct virtio_device device = {.device_id = VIRTIO_ID_NET};
  VIRTIOIF_MEMORY(memory, 4, 4, 4);
  struct virtioif_params params = {.vif = &nic, .dev = &device, .memory = &memory};

  return netif_add_noaddr(&router, &params, virtioif_init, tcpip_input) != NULL;
}
#else
static bool router_may_queue(void)
{
  return false;
}
#endif

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
  if (router_may_queue()) {
    puts("a router's frames were to be queued");
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
