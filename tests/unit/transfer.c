/*
 * transfer.c: bytes through TCP, from one simulated interface to another.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include "lwip/priv/tcp_priv.h"

#include <string.h>

enum { PORT = 5001, CHUNK = 10000, QUIET_LIMIT = 400, QUIET_MS = 250, FRAME_BYTES_MAX = 70000 };

/*
 * The two ends
 */

static err_t data_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct transfer *t = arg;
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    return ERR_OK;
  }
  for (struct pbuf *q = p; q != NULL; q = q->next) {
    assert_true(t->received + q->len <= t->to_send);
    assert_memory_equal(q->payload, t->stream + t->received, q->len);
    t->received += q->len;
  }
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
  struct transfer *t = arg;
  LWIP_UNUSED_ARG(err);
  t->server = pcb;
  tcp_arg(pcb, t);
  tcp_recv(pcb, data_received);
  return ERR_OK;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
  struct transfer *t = arg;
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(err);
  t->connected = true;
  return ERR_OK;
}

static void failed(void *arg, err_t err)
{
  struct transfer *t = arg;
  LWIP_UNUSED_ARG(err);
  t->client = NULL;
  t->connected = false;
}

static void write_more(struct transfer *t)
{
  if (!t->connected) {
    return;
  }
  u32_t before = t->sent;
  if (t->corked) {
    virtioif_cork(&t->hosts[0]->netif);
  }
  while (t->sent < t->to_send) {
    u32_t len = LWIP_MIN((u32_t)CHUNK, t->to_send - t->sent);
    u8_t flags = t->in_place ? 0 : TCP_WRITE_FLAG_COPY;
    if (tcp_write(t->client, t->stream + t->sent, (u16_t)len, flags) != ERR_OK) {
      break;
    }
    t->sent += len;
  }
  /* Who has nothing to say calls nobody: what lwIP could not send it has to send by itself. */
  if (t->sent != before) {
    tcp_output(t->client);
  }
  if (t->corked) {
    virtioif_flush(&t->hosts[0]->netif);
  }
}

/*
 * The cable
 */

static void carry_frame(struct transfer *t, struct host *to, const struct sim_hdr *hdr,
                        const u8_t *bytes, size_t len)
{
  bool lost = t->lose != NULL && t->lose(t, bytes, len);
  t->carried++;
  t->largest = LWIP_MAX(t->largest, (u32_t)len);
  if (!lost) {
    sim_net_deliver_with(to->dev, hdr, bytes, len);
  }
}

/* Large frames arrive as they are where the device may deliver such, and cut elsewhere. */
static unsigned carry(struct transfer *t, struct host *from, struct host *to)
{
  static const struct sim_hdr plain;
  static const struct sim_hdr good = {.flags = 2};
  static u8_t bytes[FRAME_BYTES_MAX];
  u64_t accepted_by_receiver = sim_accepted(to->dev);
  bool takes_large = (accepted_by_receiver & (SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6)) != 0;
  bool takes_csum = (accepted_by_receiver & SIM_F_GUEST_CSUM) != 0;
  unsigned count = 0;
  while (from->wire_next < sim_net_sent_count(from->dev)) {
    const struct sim_frame *frame = sim_net_sent(from->dev, from->wire_next++);
    count++;
    if (frame->hdr.gso_type != 0 && takes_large) {
      struct sim_hdr hdr = frame->hdr;
      hdr.hdr_len = t->lie_hdr_len ? t->hdr_len : hdr.hdr_len;
      carry_frame(t, to, &hdr, frame->bytes, frame->len);
      continue;
    }
    size_t len;
    for (unsigned n = 0; sim_frame_segment(frame, n, bytes, &len); n++) {
      carry_frame(t, to, takes_csum ? &good : &plain, bytes, len);
    }
  }
  return count;
}

/*
 * The whole
 */

static void put_in_one_subnet(struct host *host, u8_t n)
{
  ip4_addr_t addr;
  ip4_addr_t mask;
  ip6_addr_t addr6;
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&addr, 10, 9, 0, n);
  netif_set_addr(&host->netif, &addr, &mask, IP4_ADDR_ANY4);
  IP6_ADDR(&addr6, PP_HTONL(0xfd090000u), 0, 0, lwip_htonl(n));
  /* An address that becomes valid is heard of by multicast, one that changes is not. */
  netif_ip6_addr_set_state(&host->netif, 1, IP6_ADDR_INVALID);
  netif_ip6_addr_set(&host->netif, 1, &addr6);
  netif_ip6_addr_set_state(&host->netif, 1, IP6_ADDR_PREFERRED);
}

static void fill_stream(struct transfer *t)
{
  t->stream = support_alloc(t->to_send + 1u, 1);
  for (u32_t i = 0; i < t->to_send; i++) {
    t->stream[i] = (u8_t)(i * 31u + (i >> 8) * 7u + (i >> 16));
  }
}

static void make_hosts(struct transfer *t, const struct sim_net_params *from,
                       const struct sim_net_params *to)
{
  const struct sim_net_params *params[] = {from, to};
  for (unsigned i = 0; i < 2; i++) {
    struct sim_net_params own = *params[i];
    own.mac[5] = (u8_t)(0x10 + i);
    t->hosts[i] = host_create(&own, 128, 16, 192);
    assert_int_equal(host_add(t->hosts[i]), ERR_OK);
    host_configure(t->hosts[i]);
    put_in_one_subnet(t->hosts[i], (u8_t)(i + 1));
  }
}

static void abort_all(void)
{
  while (tcp_active_pcbs != NULL) {
    tcp_abort(tcp_active_pcbs);
  }
  while (tcp_listen_pcbs.pcbs != NULL) {
    tcp_close(tcp_listen_pcbs.pcbs);
  }
}

void transfer_start(struct transfer *t, const struct sim_net_params *from,
                    const struct sim_net_params *to)
{
  host_cleanup = abort_all;
  fill_stream(t);
  make_hosts(t, from, to);
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  tcp_bind_netif(pcb, &t->hosts[1]->netif);
  assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, PORT), ERR_OK);
  t->listener = tcp_listen(pcb);
  tcp_arg(t->listener, t);
  tcp_accept(t->listener, accepted);
  t->client = tcp_new_ip_type(IPADDR_TYPE_ANY);
  tcp_arg(t->client, t);
  tcp_err(t->client, failed);
  tcp_bind_netif(t->client, &t->hosts[0]->netif);
  ip_addr_t addr;
  if (t->ipv6) {
    ip_addr_copy_from_ip6(addr, *netif_ip6_addr(&t->hosts[1]->netif, 1));
  } else {
    ip_addr_copy_from_ip4(addr, *netif_ip4_addr(&t->hosts[1]->netif));
  }
  assert_int_equal(tcp_connect(t->client, &addr, PORT, connected), ERR_OK);
}

bool transfer_lap(struct transfer *t)
{
  u32_t before = t->received;
  unsigned moved = 0;
  write_more(t);
  for (unsigned i = 0; i < 2; i++) {
    sim_run(t->hosts[i]->dev);
    moved += sim_complete(t->hosts[i]->dev, 3);
  }
  moved += carry(t, t->hosts[0], t->hosts[1]);
  moved += carry(t, t->hosts[1], t->hosts[0]);
  for (unsigned i = 0; i < 2; i++) {
    host_run(t->hosts[i]);
    host_check_buffers(t->hosts[i]);
  }
  return moved != 0 || t->received != before;
}

void transfer_run(struct transfer *t)
{
  unsigned quiet = 0;
  while (t->received < t->to_send && t->client != NULL && quiet < QUIET_LIMIT) {
    if (transfer_lap(t)) {
      quiet = 0;
    } else {
      quiet++;
      host_wait_ms(QUIET_MS);
    }
  }
}

void transfer_end(struct transfer *t)
{
  if (t->client != NULL) {
    tcp_abort(t->client);
  }
  if (t->server != NULL) {
    tcp_abort(t->server);
  }
  tcp_close(t->listener);
  host_cleanup = NULL;
}
