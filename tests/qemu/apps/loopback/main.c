/*
 * main.c: the app loopback: talks to itself. For test_loopback.py, which pulls the cable meanwhile.
 *
 * In turn, for each of its own addresses, a datagram and a stream of bytes go to an echo server in
 * the same image and back. The first result for each address and link state is a line
 *
 *   loopback: <tcp|udp> <address> link <up|down>: <ok|what went wrong>
 *
 * The port that lwIP chose for its first connection is a line of its own, for test_entropy.py.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "demo.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include <stdbool.h>
#include <stdio.h>

#define PORT           4000
#define STREAM_BYTES   4096 /* more than two segments, less than the send buffer */
#define DATAGRAM_BYTES 100
#define PAUSE_MS       50
#define LIMIT_MS       5000 /* of one try; only a hang takes so long */

#define ADDRESSES      4 /* two of lwIP's own loopback interface, two of the real one */

enum protocol { UDP, TCP, PROTOCOLS };

const char app_name[] = "a talk with itself";

static struct netif *net;
static ip_addr_t addresses[ADDRESSES];
static bool told[ADDRESSES][PROTOCOLS][2];

/* The try that is under way. */
static unsigned address;
static enum protocol protocol;
static bool link_was_up;
static struct tcp_pcb *client;
static struct udp_pcb *asker;
static u16_t came_back;
static u8_t number; /* tells the answer to this try from a late one */

static void begin_try(void *arg);

static u8_t pattern(u16_t at)
{
  return (u8_t)(at ^ at >> 8);
}

static void forget_client(void)
{
  if (client != NULL) {
    tcp_err(client, NULL);
    tcp_abort(client);
    client = NULL;
  }
}

/* Ends the try. A cable that moved meanwhile spoils it: it is tried again. */
static void end_try(const char *result)
{
  bool up = netif_is_link_up(net) != 0;
  bool *known = &told[address][protocol][up];

  if (up == link_was_up) {
    if (!*known) {
      *known = true;
      printf("loopback: %s %s link %s: %s\n", protocol == TCP ? "tcp" : "udp",
             ipaddr_ntoa(&addresses[address]), up ? "up" : "down", result);
    }
    protocol = protocol == UDP ? TCP : UDP;
    address = (address + (protocol == UDP)) % ADDRESSES;
  }
  sys_timeout(PAUSE_MS, begin_try, NULL);
}

static void give_up(void *arg)
{
  LWIP_UNUSED_ARG(arg);
  forget_client();
  end_try("no answer");
}

static void succeed_or(const char *complaint)
{
  sys_untimeout(give_up, NULL);
  end_try(complaint == NULL ? "ok" : complaint);
}

/*
 * The client's side
 */

static void client_error(void *arg, err_t error)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(error);
  client = NULL; /* lwIP has freed it */
  succeed_or("reset");
}

static err_t client_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
  bool same = true;
  u16_t i;

  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(error);
  if (p == NULL) {
    forget_client();
    succeed_or("closed early");
    return ERR_ABRT;
  }
  for (i = 0; i < p->tot_len; i++) {
    same = same && pbuf_get_at(p, i) == pattern(came_back++);
  }
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  if (same && came_back < STREAM_BYTES) {
    return ERR_OK;
  }
  forget_client();
  succeed_or(same ? NULL : "other bytes came back");
  return ERR_ABRT;
}

static err_t client_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
  u8_t stream[STREAM_BYTES];
  u16_t i;

  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(error);
  for (i = 0; i < STREAM_BYTES; i++) {
    stream[i] = pattern(i);
  }
  return tcp_write(pcb, stream, STREAM_BYTES, TCP_WRITE_FLAG_COPY);
}

static err_t connect_client(void)
{
  static bool port_told;
  err_t error = tcp_connect(client, &addresses[address], PORT, client_connected);

  if (error == ERR_OK && !port_told) {
    port_told = true;
    printf("loopback: first port %u\n", client->local_port);
  }
  return error;
}

static err_t try_tcp(void)
{
  came_back = 0;
  client = tcp_new_ip_type(IPADDR_TYPE_ANY);
  if (client == NULL) {
    return ERR_MEM;
  }
  tcp_err(client, client_error);
  tcp_recv(client, client_receive);
  return connect_client();
}

static void asker_receive(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                          u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(pcb);
  LWIP_UNUSED_ARG(from);
  LWIP_UNUSED_ARG(port);
  if (protocol == UDP && pbuf_get_at(p, 0) == number) {
    succeed_or(p->tot_len == DATAGRAM_BYTES ? NULL : "another length came back");
  }
  pbuf_free(p);
}

static err_t try_udp(void)
{
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, DATAGRAM_BYTES, PBUF_RAM);
  err_t error = ERR_MEM;

  if (p != NULL) {
    pbuf_put_at(p, 0, number);
    error = udp_sendto(asker, p, &addresses[address], PORT);
    pbuf_free(p);
  }
  return error;
}

static void begin_try(void *arg)
{
  err_t error;

  LWIP_UNUSED_ARG(arg);
  number++;
  link_was_up = netif_is_link_up(net) != 0;
  sys_timeout(LIMIT_MS, give_up, NULL);
  error = protocol == TCP ? try_tcp() : try_udp();
  if (error != ERR_OK) {
    forget_client();
    succeed_or(error == ERR_RTE ? "no route" : "cannot send");
  }
}

/*
 * The server's side
 */

static err_t echo_stream(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
  struct pbuf *part;

  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(error);
  if (p == NULL) {
    tcp_close(pcb);
    return ERR_OK;
  }
  for (part = p; part != NULL; part = part->next) {
    tcp_write(pcb, part->payload, part->len, TCP_WRITE_FLAG_COPY); /* what is lost will be missed */
  }
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static err_t accept_stream(void *arg, struct tcp_pcb *pcb, err_t error)
{
  LWIP_UNUSED_ARG(arg);
  if (error != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  tcp_recv(pcb, echo_stream);
  return ERR_OK;
}

static void echo_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                          u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  udp_sendto(pcb, p, from, port);
  pbuf_free(p);
}

static void start_server(void)
{
  struct tcp_pcb *listener = tcp_new_ip_type(IPADDR_TYPE_ANY);
  struct udp_pcb *echo = udp_new_ip_type(IPADDR_TYPE_ANY);

  tcp_bind(listener, IP_ANY_TYPE, PORT);
  tcp_accept(tcp_listen(listener), accept_stream);
  udp_bind(echo, IP_ANY_TYPE, PORT);
  udp_recv(echo, echo_datagram, NULL);
  asker = udp_new_ip_type(IPADDR_TYPE_ANY);
  udp_bind(asker, IP_ANY_TYPE, PORT + 1);
  udp_recv(asker, asker_receive, NULL);
}

void app_start(struct netif *netif)
{
  ip6_addr_t unique_local;
  s8_t index = -1;

  net = netif;
  ip6addr_aton("fd00:77::15", &unique_local);
  netif_add_ip6_address(netif, &unique_local, &index);
  netif_ip6_addr_set_state(netif, index, IP6_ADDR_PREFERRED);
  ipaddr_aton("127.0.0.1", &addresses[0]);
  ipaddr_aton("::1", &addresses[1]);
  ip_addr_copy_from_ip4(addresses[2], *netif_ip4_addr(netif)); /* it was given by an option */
  ip_addr_copy_from_ip6(addresses[3], *netif_ip6_addr(netif, index));
  start_server();
  sys_timeout(PAUSE_MS, begin_try, NULL);
}
