/*
 * lwip_hooks.h: the hooks that the demos put into lwIP: the port's, and TCP's initial sequence
 * numbers from lwIP's addon tcp_isn. lwIP includes it by LWIP_HOOK_FILENAME.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef LWIP_HOOKS_H
#define LWIP_HOOKS_H

#include "netif/virtioif_hooks.h"
#include "tcp_isn.h"

#endif /* LWIP_HOOKS_H */
