/*
 * counters.h: the counters of an interface as files of lwIP's web server.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef COUNTERS_H
#define COUNTERS_H

#ifdef __cplusplus
extern "C" {
#endif

struct netif;

/** Serve the counters of a virtioif interface as /counters.json and /counters.txt, and what it and
 * lwIP use of their memory as /memory.json. */
void counters_start(struct netif *interface);

#ifdef __cplusplus
}
#endif

#endif /* COUNTERS_H */
