/*
 * lwipopts.h, default profile: virtioif's defaults as they are. Beside it are a minimal and a
 * throughput profile; yours looks like them: define what should differ, then include the defaults.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef VIRTIOIF_LWIPOPTS_H
#define VIRTIOIF_LWIPOPTS_H

#include "netif/virtioif_lwipopts.h"

#endif /* VIRTIOIF_LWIPOPTS_H */
