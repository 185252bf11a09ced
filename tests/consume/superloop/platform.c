/*
 * platform.c: stand-ins for a platform, for a program that is only built and never finds a device.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "platform.h"

/* An empty slot: magic value, version, device 0. */
static const u32_t empty_slot[64] = {0x74726976, 2, 0};

uintptr_t platform_slot(unsigned i)
{
  LWIP_UNUSED_ARG(i);
  return (uintptr_t)empty_slot;
}

u32_t platform_now_ms(void)
{
  return 0;
}

void irq_mask(void)
{
}

void irq_unmask(void)
{
}

void wait_for_interrupt(u32_t limit_ms)
{
  LWIP_UNUSED_ARG(limit_ms);
}
