/*
 * remote.c: a TCP of few words on the other end of the wire.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "remote.h"

#include "lwip/priv/tcp_priv.h"

#include <string.h>

static struct packet out;
static struct packet in;

/*
 * The server
 */

static struct server *servers;

static void close_servers(void)
{
  while (servers != NULL) {
    server_free(servers);
    if (servers->pcb != NULL) {
      tcp_abort(servers->pcb);
    }
    tcp_close(servers->listener);
    servers = servers->others;
  }
}

static void gone(void *arg, err_t err)
{
  struct server *server = arg;
  server->pcb = NULL;
  server->error = err;
}

static err_t sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
  struct server *server = arg;
  LWIP_UNUSED_ARG(pcb);
  server->acked += len;
  return ERR_OK;
}

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct server *server = arg;
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    return ERR_OK;
  }
  server->received += p->tot_len;
  server->calls++;
  if (server->keeps && server->kept != NULL) {
    pbuf_cat(server->kept, p);
  } else if (server->keeps) {
    server->kept = p;
  } else {
    if (!server->mute) {
      tcp_recved(pcb, p->tot_len);
    }
    pbuf_free(p);
  }
  return ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
  struct server *server = arg;
  LWIP_UNUSED_ARG(err);
  server->pcb = pcb;
  tcp_arg(pcb, server);
  tcp_recv(pcb, received);
  tcp_sent(pcb, sent);
  tcp_err(pcb, gone);
  return ERR_OK;
}

struct server *server_open(u16_t port)
{
  struct server *server = support_alloc(sizeof(*server), 16);
  memset(server, 0, sizeof(*server));
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, port), ERR_OK);
  server->listener = tcp_listen(pcb);
  tcp_arg(server->listener, server);
  tcp_accept(server->listener, accepted);
  if (host_cleanup == NULL) {
    host_cleanup = close_servers;
    servers = NULL;
  }
  server->others = servers;
  servers = server;
  return server;
}

void server_free(struct server *server)
{
  if (server->kept != NULL) {
    pbuf_free(server->kept);
    server->kept = NULL;
  }
}

/*
 * The other side
 */

void remote_introduce(struct host *host)
{
  peer_introduce(host);
  packet_solicit(&out, host);
  assert_true(sim_net_deliver(host->dev, out.bytes, out.len));
  host_run(host);
  peer_forget(host);
}

void remote_segment(const struct remote *remote, struct packet *p, u32_t offset, size_t len,
                    u8_t flags)
{
  struct packet_tcp tcp = {
      .src = remote->port,
      .dest = remote->server,
      .seq = remote->seq + offset,
      .ack = remote->ack,
      .flags = flags,
      .window = remote->window,
  };
  packet_tcp(p, &remote->way, &tcp, len, remote->port);
}

void remote_send(const struct remote *remote, u32_t offset, size_t len, u8_t flags)
{
  remote_segment(remote, &out, offset, len, flags);
  assert_true(sim_net_deliver(remote->host->dev, out.bytes, out.len));
  host_run(remote->host);
}

/* The nth frame is one for this connection. */
static bool is_for(const struct remote *remote, unsigned n, struct packet_tcp *tcp)
{
  const struct sim_frame *frame = peer_got(remote->host, n);
  if (!packet_parse(&in, frame->bytes, frame->len) || in.protocol != PACKET_TCP) {
    return false;
  }
  *tcp = packet_tcp_of(&in);
  return tcp->dest == remote->port && tcp->src == remote->server;
}

bool remote_heard(const struct remote *remote, struct packet_tcp *last)
{
  for (unsigned n = peer_got_count(remote->host); n-- > 0;) {
    if (is_for(remote, n, last)) {
      return true;
    }
  }
  return false;
}

unsigned remote_count(const struct remote *remote)
{
  struct packet_tcp tcp;
  unsigned count = 0;
  for (unsigned n = 0; n < peer_got_count(remote->host); n++) {
    count += is_for(remote, n, &tcp);
  }
  return count;
}

u32_t remote_bytes(const struct remote *remote)
{
  struct packet_tcp tcp;
  size_t bytes = 0;
  for (unsigned n = 0; n < peer_got_count(remote->host); n++) {
    bytes += is_for(remote, n, &tcp) ? in.len - packet_tcp_payload(&in) : 0;
  }
  return (u32_t)bytes;
}

void remote_acknowledge(struct remote *remote)
{
  struct packet_tcp tcp;
  for (unsigned n = 0; n < peer_got_count(remote->host); n++) {
    if (is_for(remote, n, &tcp)) {
      u32_t end = tcp.seq + (u32_t)(in.len - packet_tcp_payload(&in));
      if ((s32_t)(end - remote->ack) > 0) {
        remote->ack = end;
      }
    }
  }
  peer_forget(remote->host);
  remote_send(remote, 0, 0, PACKET_ACK);
}

void remote_open(struct remote *remote, struct host *host, bool ipv6, u16_t server)
{
  static u16_t port = 20000;
  struct packet_tcp answer;
  *remote = (struct remote){.host = host,
                            .way = packet_to(host, ipv6),
                            .port = ++port,
                            .server = server,
                            .seq = 0xfffff000u, /* wraps soon */
                            .window = 65535};
  remote_send(remote, 0, 0, PACKET_SYN);
  assert_true(remote_heard(remote, &answer));
  assert_int_equal(answer.flags, PACKET_SYN | PACKET_ACK);
  remote->seq++;
  remote->ack = answer.seq + 1;
  remote_send(remote, 0, 0, PACKET_ACK);
  peer_forget(host);
}
