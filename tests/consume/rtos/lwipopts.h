/*
 * lwipopts.h: lwIP with threads and sockets, otherwise as the port has it by default.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef RTOS_LWIPOPTS_H
#define RTOS_LWIPOPTS_H

#define NO_SYS              0
#define LWIP_COMPAT_SOCKETS 0

/* What the other macros of core locking are is in the system's sys_arch.h. */
void sys_check_core_locking(void);
#define LWIP_ASSERT_CORE_LOCKED() sys_check_core_locking()

#include "netif/virtioif_lwipopts.h"

#endif /* RTOS_LWIPOPTS_H */
