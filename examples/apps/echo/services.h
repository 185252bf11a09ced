/*
 * services.h: the small services of the early Internet, on lwIP's raw API. They listen on all
 * addresses, IPv4 and IPv6, and run in lwIP's callbacks.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef SERVICES_H
#define SERVICES_H

#include "lwip/tcp.h"
#include "lwip/udp.h"
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ECHO_PORT    7  /* RFC 862 */
#define DISCARD_PORT 9  /* RFC 863 */
#define CHARGEN_PORT 19 /* RFC 864 */

/** What could not be done. All count up from the start. */
struct services_stats {
  u32_t tcp_echo_now;     /**< Echo connections at this moment. */
  u32_t tcp_echo_refused; /**< Echo connections reset because there were too many. */
  u32_t tcp_echo_stalled; /**< Echo connections reset because the peer stopped reading. */
  u32_t udp_drops;        /**< Datagrams not answered for lack of memory or room. */
};

extern struct services_stats services_stats;

/** Send back what comes in over TCP. Every byte, in order, whatever the peer's pace. */
void tcp_echo_start(void);

/** Send back what comes in over UDP. */
void udp_echo_start(void);

/** Take what comes in over TCP and UDP, and forget it. */
void discard_start(void);

/** Send text without end over TCP, and some of it for each datagram over UDP. */
void chargen_start(void);

/** Listen on a TCP port of all addresses. For the services themselves. */
void service_listen(u16_t port, tcp_accept_fn accept);

/** Receive from a UDP port of all addresses. For the services themselves. */
void service_receive(u16_t port, udp_recv_fn receive);

/** Close a connection once all that was written is sent. No callback of its owner runs after it. */
void service_close(struct tcp_pcb *pcb);

/**
 * Whether the datagram now being received may be answered. Not if it was sent to many, and not if
 * it comes from such a service: two of them would talk to each other for ever.
 */
bool service_may_answer(u16_t peer_port);

#ifdef __cplusplus
}
#endif

#endif /* SERVICES_H */
