/*
 * lwipopts.h: the minimal profile, with what the app echo needs beyond it.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef ECHO_MINIMAL_LWIPOPTS_H
#define ECHO_MINIMAL_LWIPOPTS_H

#define DEMO_RX_QUEUE              8
#define DEMO_TX_QUEUE              8
#define DEMO_RX_BUFFERS            8
#define TCP_ECHO_CONNECTIONS       4

/* Echo, discard and chargen, each over TCP and UDP, and DHCP. The bring-up prints the address. */
#define MEMP_NUM_TCP_PCB_LISTEN    3
#define MEMP_NUM_UDP_PCB           4
#define LWIP_NETIF_STATUS_CALLBACK 1

#include "../../../../port/lwipopts/minimal/lwipopts.h"

#endif /* ECHO_MINIMAL_LWIPOPTS_H */
