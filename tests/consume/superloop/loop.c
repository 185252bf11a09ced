/*
 * loop.c: the main loop. port/README.md quotes from here.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/timeouts.h"
#include "netif/virtioif.h"

/* The platform's, and the application's. */
void irq_mask(void);
void irq_unmask(void);
void wait_for_interrupt(u32_t limit_ms);
void app_work(struct netif *netif);

void superloop(struct netif *netif)
{
  for (;;) {
    bool more = virtioif_poll(netif, 64); /* before the timers: sent frames come back here */
    sys_check_timeouts();
    app_work(netif);
    irq_mask();
    if (!more && virtioif_idle(netif)) {
      wait_for_interrupt(sys_timeouts_sleeptime());
    }
    irq_unmask();
  }
}
