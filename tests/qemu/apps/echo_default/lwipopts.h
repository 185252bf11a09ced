/*
 * lwipopts.h: the default profile, as it is.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef ECHO_DEFAULT_LWIPOPTS_H
#define ECHO_DEFAULT_LWIPOPTS_H

#define DEMO_RX_QUEUE        64
#define DEMO_TX_QUEUE        64
#define DEMO_RX_BUFFERS      128
#define TCP_ECHO_CONNECTIONS 32

#include "netif/virtioif_lwipopts.h"

#endif /* ECHO_DEFAULT_LWIPOPTS_H */
