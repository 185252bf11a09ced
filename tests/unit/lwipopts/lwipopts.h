/*
 * lwipopts.h: lwIP for the unit tests: the port's defaults, but every allocation is one of the C
 * library, so that the address sanitizer sees what is used after it was freed, and tests can let
 * allocations fail.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef UNIT_LWIPOPTS_H
#define UNIT_LWIPOPTS_H

#include <stddef.h>
#include <stdint.h>

/* support_lwip.c */
void *support_malloc(size_t bytes);
void *support_calloc(size_t count, size_t bytes);
void support_free(void *memory);
uint32_t support_random(void);

#define MEMP_MEM_MALLOC      1
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC    support_malloc
#define MEM_CUSTOM_CALLOC    support_calloc
#define MEM_CUSTOM_FREE      support_free

#define LWIP_RAND()          support_random()

/* Timers can be looked at, and taken away. */
#define LWIP_TESTMODE        1

#define LWIP_STATS           1
#define MIB2_STATS           1

#include "netif/virtioif_lwipopts.h"

#endif /* UNIT_LWIPOPTS_H */
