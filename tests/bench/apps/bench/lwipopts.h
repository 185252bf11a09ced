/*
 * lwipopts.h: the default profile, with queues as the demos have them.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef BENCH_LWIPOPTS_H
#define BENCH_LWIPOPTS_H

#include "../bench_opts.h"

#include "netif/virtioif_lwipopts.h"

#endif /* BENCH_LWIPOPTS_H */
