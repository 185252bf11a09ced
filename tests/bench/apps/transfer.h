/*
 * transfer.h: a sink and a source of TCP data that count: what tests/bench measures reception and
 * transmission with.
 *
 * On one connection a client asks again and again, each time for one transfer: it sends a decimal
 * number of bytes and a line feed. To the sink it then sends that many bytes, and the sink answers
 * with a line feed when it has got the last one. The source sends that many bytes.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#define SINK_PORT   5001
#define SOURCE_PORT 5002

/** Listen on both ports. */
void transfer_start(void);

#endif /* TRANSFER_H */
