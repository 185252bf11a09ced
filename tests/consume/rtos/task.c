/*
 * task.c: the interface in a task of an operating system. port/README.md quotes from here.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/sys.h"
#include "lwip/tcpip.h"
#include "netif/virtioif.h"

#define NIC_NAP_MS 250

extern struct netif netif;
extern sys_sem_t nic_wake;

void nic_interrupt(void)
{
  if (virtioif_isr(&netif)) {
    sys_sem_signal(&nic_wake);
  }
}

void nic_task(void *arg)
{
  LWIP_UNUSED_ARG(arg);
  for (;;) {
    LOCK_TCPIP_CORE();
    bool sleep = !virtioif_poll(&netif, 64) && virtioif_idle(&netif);
    UNLOCK_TCPIP_CORE();
    if (sleep) {
      sys_arch_sem_wait(&nic_wake, NIC_NAP_MS);
    }
  }
}
