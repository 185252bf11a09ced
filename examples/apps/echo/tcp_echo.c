/*
 * tcp_echo.c: TCP echo that loses nothing.
 *
 * What arrives is queued for sending at once, as far as the send buffer takes it. The rest waits as
 * a chain of pbufs, and only what has been queued is given back to the receive window: a peer that
 * sends without reading is stopped by TCP itself, and no connection holds more than one window of
 * memory.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "services.h"

#include "lwip/memp.h"

/** Most connections at a time; one more is reset. */
#ifndef TCP_ECHO_CONNECTIONS
#define TCP_ECHO_CONNECTIONS 64
#endif

/* lwIP calls back this often, in halves of a second, ... */
#define POLL_INTERVAL 1
/* ... and after so many of these without progress the peer is taken for gone: 2 minutes. */
#define POLLS_MAX     240

/* Many small segments in waiting would hold as many receive buffers, so they are copied together.
 */
#define SEGMENTS_MAX  8
#define SEGMENT_SMALL 512

struct tcp_echo {
  struct pbuf *waiting; /* received, not yet queued for sending */
  bool closing;         /* the peer has sent its last byte */
  u16_t polls;          /* without progress */
};

LWIP_MEMPOOL_DECLARE(TCP_ECHO, TCP_ECHO_CONNECTIONS, sizeof(struct tcp_echo), "TCP_ECHO")

static void echo_free(struct tcp_echo *echo)
{
  if (echo->waiting != NULL) {
    pbuf_free(echo->waiting);
  }
  LWIP_MEMPOOL_FREE(TCP_ECHO, echo);
  services_stats.tcp_echo_now--;
}

/* Queue as much as there is room for: lwIP sends it when its callback returns. What does not fit is
 * tried again at the next ACK, and every half second in case it was memory that was missing. */
static err_t echo_send(struct tcp_echo *echo, struct tcp_pcb *pcb)
{
  while (echo->waiting != NULL) {
    struct pbuf *p = echo->waiting;
    u16_t bytes = (u16_t)LWIP_MIN(p->len, tcp_sndbuf(pcb));

    if (bytes == 0 || tcp_write(pcb, p->payload, bytes, TCP_WRITE_FLAG_COPY) != ERR_OK) {
      break;
    }
    tcp_recved(pcb, bytes);
    echo->waiting = pbuf_free_header(p, bytes);
  }
  if (echo->closing && echo->waiting == NULL) {
    echo_free(echo);
    service_close(pcb);
  }
  return ERR_OK;
}

static void echo_wait(struct tcp_echo *echo, struct pbuf *p)
{
  u16_t segments;

  if (echo->waiting == NULL) {
    echo->waiting = p;
    return;
  }
  pbuf_cat(echo->waiting, p);
  segments = pbuf_clen(echo->waiting);
  if (segments > SEGMENTS_MAX && echo->waiting->tot_len < segments * SEGMENT_SMALL) {
    echo->waiting = pbuf_coalesce(echo->waiting, PBUF_RAW);
  }
}

static err_t echo_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct tcp_echo *echo = arg;

  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    echo->closing = true;
  } else if (echo->waiting != NULL && echo->waiting->tot_len + p->tot_len > UINT16_MAX) {
    return ERR_MEM; /* more than a pbuf chain can count: lwIP keeps it and asks again */
  } else {
    echo_wait(echo, p);
  }
  echo->polls = 0;
  return echo_send(echo, pcb);
}

static err_t echo_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
  struct tcp_echo *echo = arg;

  LWIP_UNUSED_ARG(bytes);
  echo->polls = 0;
  return echo->waiting != NULL ? echo_send(echo, pcb) : ERR_OK;
}

static err_t echo_poll(void *arg, struct tcp_pcb *pcb)
{
  struct tcp_echo *echo = arg;

  if (echo->waiting == NULL && tcp_sndqueuelen(pcb) == 0) {
    return ERR_OK; /* idle is fine: keep-alive probes tell whether the peer is there */
  }
  if (++echo->polls > POLLS_MAX) {
    services_stats.tcp_echo_stalled++;
    tcp_abort(pcb); /* calls echo_error() */
    return ERR_ABRT;
  }
  return echo_send(echo, pcb);
}

/* The connection is gone: reset by the peer, timed out, or aborted. */
static void echo_error(void *arg, err_t err)
{
  LWIP_UNUSED_ARG(err);
  echo_free(arg);
}

static err_t echo_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  struct tcp_echo *echo;

  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  echo = LWIP_MEMPOOL_ALLOC(TCP_ECHO);
  if (echo == NULL) {
    services_stats.tcp_echo_refused++;
    return ERR_MEM; /* lwIP resets the connection */
  }
  services_stats.tcp_echo_now++;
  echo->waiting = NULL;
  echo->closing = false;
  echo->polls = 0;
  tcp_arg(pcb, echo);
  tcp_recv(pcb, echo_recv);
  tcp_sent(pcb, echo_sent);
  tcp_poll(pcb, echo_poll, POLL_INTERVAL);
  tcp_err(pcb, echo_error);
  tcp_nagle_disable(pcb); /* an answer is never worth waiting for more */
  ip_set_option(pcb, SOF_KEEPALIVE);
  return ERR_OK;
}

void tcp_echo_start(void)
{
  LWIP_MEMPOOL_INIT(TCP_ECHO);
  service_listen(ECHO_PORT, echo_accept);
}
