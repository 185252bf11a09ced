/*
 * lwipopts.h: the throughput profile, with queues and buffers as it says.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef BENCH_THROUGHPUT_LWIPOPTS_H
#define BENCH_THROUGHPUT_LWIPOPTS_H

#define DEMO_RX_QUEUE   256
#define DEMO_TX_QUEUE   256
#define DEMO_RX_BUFFERS 512

#include "../bench_opts.h"

#include "../../../../port/lwipopts/throughput/lwipopts.h"

#endif /* BENCH_THROUGHPUT_LWIPOPTS_H */
