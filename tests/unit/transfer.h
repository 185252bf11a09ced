/*
 * transfer.h: bytes through TCP, from one simulated interface to another over a cable, both of them
 * lwIP's.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "host.h"

#include "lwip/tcp.h"

struct transfer;

/** Called for each frame on the cable; true: it is lost. */
typedef bool transfer_lose_fn(struct transfer *t, const u8_t *bytes, size_t len);

struct transfer {
  /* Set by the test */
  u32_t to_send;          /**< Bytes. */
  bool ipv6;              /**< Over IPv6. */
  bool in_place;          /**< Written without a copy. */
  bool corked;            /**< Each lap of writing is one burst. */
  transfer_lose_fn *lose; /**< NULL: no frame is lost. */
  bool lie_hdr_len;       /**< Large frames arrive with hdr_len in their header ... */
  u16_t hdr_len;          /**< ... instead of what is true. */
  /* The rest is for reading. */
  struct host *hosts[2]; /**< The sender, the receiver. */
  struct tcp_pcb *listener;
  struct tcp_pcb *server;
  struct tcp_pcb *client;
  u8_t *stream; /**< All bytes. */
  u32_t sent;
  u32_t received;
  u32_t carried; /**< Frames that the cable has seen. */
  u32_t largest; /**< The longest frame on the cable. */
  bool connected;
};

/** Two interfaces to devices of these kinds, with a connection under way between them. */
void transfer_start(struct transfer *t, const struct sim_net_params *from,
                    const struct sim_net_params *to);

/** Until all has arrived, or nothing moves any more. Time passes only while nothing moves. */
void transfer_run(struct transfer *t);

/** One lap of it. Returns whether anything moved. */
bool transfer_lap(struct transfer *t);

/** Connections away; the hosts stay until the end of the test. */
void transfer_end(struct transfer *t);

#endif /* TRANSFER_H */
