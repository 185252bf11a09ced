/*
 * transfer.c: see transfer.h. Both take the shortest way that lwIP's raw API has: the sink gives
 * the window back as data arrives, the source sends constant memory without a copy.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include "lwip/ip.h"
#include "lwip/tcp.h"
#include "services.h"
#include <stdbool.h>

#define CONNECTIONS 8

/* What the source sends from. Longer than any piece, as bytes of a segment lie together. */
static const char zeros[UINT16_MAX];

struct transfer {
  bool used;
  u32_t number; /* what has been read of the number so far */
  u32_t left;   /* bytes to receive or to queue */
};

static struct transfer transfers[CONNECTIONS];

/* Reads the number from the start of p. Returns how many bytes it took; left is set at its end. */
static u16_t read_number(struct transfer *transfer, const struct pbuf *p)
{
  u16_t at;

  for (at = 0; at < p->tot_len && transfer->left == 0; at++) {
    u8_t byte = pbuf_get_at(p, at);

    if (byte == '\n') {
      transfer->left = transfer->number;
      transfer->number = 0;
    } else {
      transfer->number = 10 * transfer->number + (u32_t)(byte - '0');
    }
  }
  return at;
}

static void end(struct transfer *transfer, struct tcp_pcb *pcb)
{
  transfer->used = false;
  service_close(pcb);
}

static void on_error(void *arg, err_t err)
{
  struct transfer *transfer = arg;

  LWIP_UNUSED_ARG(err);
  transfer->used = false;
}

static err_t sink_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct transfer *transfer = arg;
  u32_t data;

  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    end(transfer, pcb);
    return ERR_OK;
  }
  data = p->tot_len;
  if (transfer->left == 0) {
    data -= read_number(transfer, p);
  }
  if (data > 0) {
    transfer->left -= LWIP_MIN(transfer->left, data);
    if (transfer->left == 0) {
      tcp_write(pcb, "\n", 1, 0);
    }
  }
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

/* Queue whole segments only, but for the last one: lwIP sends them when the callback returns. */
static void source_send(struct transfer *transfer, struct tcp_pcb *pcb)
{
  while (transfer->left > 0) {
    u32_t bytes = LWIP_MIN(tcp_sndbuf(pcb), sizeof(zeros));

    if (bytes >= transfer->left) {
      bytes = transfer->left;
    } else {
      bytes -= bytes % tcp_mss(pcb);
    }
    if (bytes == 0 || tcp_write(pcb, zeros, (u16_t)bytes, 0) != ERR_OK) {
      break;
    }
    transfer->left -= bytes;
  }
}

static err_t source_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct transfer *transfer = arg;

  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    end(transfer, pcb);
    return ERR_OK;
  }
  read_number(transfer, p);
  source_send(transfer, pcb);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static err_t source_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
  LWIP_UNUSED_ARG(bytes);
  source_send(arg, pcb);
  return ERR_OK;
}

/* Only matters if memory was missing: with nothing under way there is no ACK to go on from. */
static err_t source_poll(void *arg, struct tcp_pcb *pcb)
{
  source_send(arg, pcb);
  return tcp_output(pcb);
}

static struct transfer *open_transfer(struct tcp_pcb *pcb)
{
  unsigned i;

  for (i = 0; i < CONNECTIONS; i++) {
    if (!transfers[i].used) {
      transfers[i] = (struct transfer){.used = true};
      tcp_arg(pcb, &transfers[i]);
      tcp_err(pcb, on_error);
      ip_set_option(pcb, SOF_KEEPALIVE);
      return &transfers[i];
    }
  }
  return NULL;
}

static err_t sink_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL || open_transfer(pcb) == NULL) {
    return ERR_MEM; /* lwIP resets the connection */
  }
  tcp_recv(pcb, sink_recv);
  return ERR_OK;
}

static err_t source_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL || open_transfer(pcb) == NULL) {
    return ERR_MEM;
  }
  tcp_recv(pcb, source_recv);
  tcp_sent(pcb, source_sent);
  tcp_poll(pcb, source_poll, 1);
  return ERR_OK;
}

void transfer_start(void)
{
  service_listen(SINK_PORT, sink_accept);
  service_listen(SOURCE_PORT, source_accept);
}
