/*
 * platform.h: what port/README.md asks of a platform, and what its examples call beside that.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "lwip/tcp.h"
#include "lwip/udp.h"

/** The places where a VirtIO-MMIO device may be. */
#define PLATFORM_SLOTS 8u
uintptr_t platform_slot(unsigned i);

/** Milliseconds since some moment; wraps at 2^32. */
u32_t platform_now_ms(void);

/** Mask and unmask interrupts at the CPU. */
void irq_mask(void);
void irq_unmask(void);

/** Sleep until an interrupt is pending, masked or not, or limit_ms have passed. */
void wait_for_interrupt(u32_t limit_ms);

/* addresses.c */

void start_addresses(struct netif *netif);

/* packets.c */

/** One line of a table that the application sends. */
struct reading {
  u32_t when_ms;
  u32_t value;
};

err_t send_reading(struct udp_pcb *pcb, const struct reading *reading);
void send_burst(struct netif *netif, struct udp_pcb *pcb, const struct reading *r, unsigned count);
err_t send_page(struct tcp_pcb *pcb, unsigned visitors);
err_t receive_some(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err);
void print_counters(const struct netif *netif);

/** Whatever the application does in the main loop. */
void app_work(struct netif *netif);

/* loop.c */

void superloop(struct netif *netif);

#endif /* PLATFORM_H */
