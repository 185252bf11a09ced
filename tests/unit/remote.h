/*
 * remote.h: a TCP of few words on the other end of the wire, made by hand, and an lwIP application
 * that it talks to.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "packet.h"

#include "lwip/tcp.h"

/** The lwIP side: a server of one connection. */
struct server {
  struct tcp_pcb *listener;
  struct tcp_pcb *pcb;   /**< The connection; NULL before and after it. */
  struct pbuf *kept;     /**< All that came, if it keeps that. */
  bool keeps;            /**< It neither frees what it gets nor calls tcp_recved(). */
  bool mute;             /**< It frees, but does not call tcp_recved(). */
  u32_t received;        /**< Bytes. */
  u32_t acked;           /**< Bytes of its own that arrived. */
  unsigned calls;        /**< Times it was called with data. */
  err_t error;           /**< Why the connection went. */
  struct server *others; /**< Private. */
};

/** Wait for one connection. Gone with host_end(), like its connection. */
struct server *server_open(u16_t port);
/** Free what it kept. */
void server_free(struct server *server);

/** The other side. */
struct remote {
  struct host *host;
  struct packet_way way;
  u16_t port;   /**< Its own. */
  u16_t server; /**< The server's. */
  u32_t seq;    /**< Next byte it would send. */
  u32_t ack;    /**< Next byte it waits for. */
  u16_t window; /**< What it offers. */
};

/** The interface knows the peer, over IPv4 and IPv6, and has sent all it had to say. */
void remote_introduce(struct host *host);

/** A connection to the server, up to its first byte. */
void remote_open(struct remote *remote, struct host *host, bool ipv6, u16_t server);

/** The frame with len bytes, which begin offset bytes behind remote->seq. The bytes are those of
 * support_pattern() with remote->port as the seed. */
void remote_segment(const struct remote *remote, struct packet *p, u32_t offset, size_t len,
                    u8_t flags);

/** It arrives, with or without a word about its checksum, and the interface is polled. */
void remote_send(const struct remote *remote, u32_t offset, size_t len, u8_t flags);

/** What the interface said last to this connection: false if nothing since peer_forget(). */
bool remote_heard(const struct remote *remote, struct packet_tcp *last);

/** How many frames to this connection there were since then, and how many bytes. */
unsigned remote_count(const struct remote *remote);
u32_t remote_bytes(const struct remote *remote);

/** All that was heard is acknowledged. */
void remote_acknowledge(struct remote *remote);

#endif /* REMOTE_H */
