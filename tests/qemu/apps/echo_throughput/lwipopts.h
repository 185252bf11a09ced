/*
 * lwipopts.h: the throughput profile, with queue and buffers as it says.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef ECHO_THROUGHPUT_LWIPOPTS_H
#define ECHO_THROUGHPUT_LWIPOPTS_H

#define DEMO_RX_QUEUE        256
#define DEMO_TX_QUEUE        256
#define DEMO_RX_BUFFERS      512
#define TCP_ECHO_CONNECTIONS 32

#include "../../../../port/lwipopts/throughput/lwipopts.h"

#endif /* ECHO_THROUGHPUT_LWIPOPTS_H */
