/*
 * main.c: adds the interface and starts its task. port/README.md quotes from here.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <stdio.h>

#include "lwip/dhcp.h"
#include "lwip/init.h"
#include "lwip/tcpip.h"
#include "netif/ethernet.h"
#include "netif/virtioif.h"
#include "virtio/virtio_mmio.h"

_Static_assert(SYS_LIGHTWEIGHT_PROT &&LWIP_SOCKET &&TCPIP_MBOX_SIZE > 0 &&
                   DEFAULT_TCP_RECVMBOX_SIZE > 0 && DEFAULT_ACCEPTMBOX_SIZE > 0,
               "virtioif_lwipopts.h with NO_SYS=0: what threads and sockets want");

/* task.c */
void nic_interrupt(void);
void nic_task(void *arg);

struct netif netif;
sys_sem_t nic_wake;

static struct virtio_mmio mmio;
static struct virtioif nic;
VIRTIOIF_MEMORY(nic_memory, 64, 64, 128);

/* An empty slot: magic value, version, device 0. */
static const u32_t empty_slot[64] = {0x74726976, 2, 0};

bool start_interface(void)
{
  struct virtioif_params params = {.vif = &nic, .dev = &mmio.dev, .memory = &nic_memory};
  struct netif *added;

  if (sys_sem_new(&nic_wake, 0) != ERR_OK) {
    return false;
  }
  LOCK_TCPIP_CORE();
  added = netif_add_noaddr(&netif, &params, virtioif_init, ethernet_input);
  if (added != NULL) {
    netif_set_default(added);
    netif_set_up(added);
    dhcp_start(added);
  }
  UNLOCK_TCPIP_CORE();
  return added != NULL && sys_thread_new("nic", nic_task, NULL, 4096, 5) != NULL;
}

static void started(void *arg)
{
  sys_sem_signal((sys_sem_t *)arg);
}

int main(void)
{
  sys_sem_t ready;

  if (sys_sem_new(&ready, 0) != ERR_OK) {
    return 1;
  }
  tcpip_init(started, &ready);
  sys_sem_wait(&ready);
  if (virtio_mmio_probe(&mmio, (uintptr_t)empty_slot) != VIRTIO_OK) {
    printf("rtos: lwIP %s\n", LWIP_VERSION_STRING);
    return 0;
  }
  return start_interface() ? 0 : 1;
}
