/*
 * chargen.c: a source to measure transmission with. The text is the one RFC 864 suggests: lines of
 * 72 characters, each line starting one character later in the ASCII table than the last.
 *
 * The text repeats after LINES lines, never changes, and so is sent from where it stands, without a
 * copy. A connection's only state is where in the text it is, which is the argument of its
 * callbacks.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "services.h"

#define FIRST_CHAR   ' '
#define CHARS        95 /* that are printable */
#define LINES        CHARS
#define LINE_CHARS   72
#define LINE_BYTES   (LINE_CHARS + 2)
#define TEXT_BYTES   (LINES * LINE_BYTES)

#define DATAGRAM_MAX 512

static char text[TEXT_BYTES];

static void make_text(void)
{
  char *to = text;
  unsigned line;
  unsigned column;

  for (line = 0; line < LINES; line++) {
    for (column = 0; column < LINE_CHARS; column++) {
      *to++ = (char)(FIRST_CHAR + (line + column) % CHARS);
    }
    *to++ = '\r';
    *to++ = '\n';
  }
}

/* Fill the send buffer. Goes on when the peer has acknowledged some of it. */
static void chargen_send(const char *next, struct tcp_pcb *pcb)
{
  tcpwnd_size_t room;

  while ((room = tcp_sndbuf(pcb)) > 0) {
    u16_t bytes = (u16_t)LWIP_MIN(room, text + TEXT_BYTES - next);

    if (tcp_write(pcb, next, bytes, 0) != ERR_OK) {
      break;
    }
    next += bytes;
    if (next == text + TEXT_BYTES) {
      next = text;
    }
  }
  tcp_arg(pcb, LWIP_CONST_CAST(char *, next));
  tcp_output(pcb);
}

static err_t chargen_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
  LWIP_UNUSED_ARG(bytes);
  chargen_send(arg, pcb);
  return ERR_OK;
}

/* Only matters if memory was missing: with nothing under way there is no ACK to go on from. */
static err_t chargen_poll(void *arg, struct tcp_pcb *pcb)
{
  chargen_send(arg, pcb);
  return ERR_OK;
}

static err_t chargen_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    service_close(pcb);
  } else {
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
  }
  return ERR_OK;
}

static err_t chargen_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  tcp_recv(pcb, chargen_recv);
  tcp_sent(pcb, chargen_sent);
  tcp_poll(pcb, chargen_poll, 1);
  ip_set_option(pcb, SOF_KEEPALIVE);
  chargen_send(text, pcb);
  return ERR_OK;
}

/* RFC 864: a random number of characters, up to 512. */
static void chargen_receive(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *peer,
                            u16_t peer_port)
{
  struct pbuf *answer;

  LWIP_UNUSED_ARG(arg);
  pbuf_free(p);
  if (!service_may_answer(peer_port)) {
    return;
  }
  answer = pbuf_alloc(PBUF_TRANSPORT, (u16_t)(LWIP_RAND() % (DATAGRAM_MAX + 1)), PBUF_RAM);
  if (answer == NULL) {
    services_stats.udp_drops++;
    return;
  }
  pbuf_take(answer, text, answer->len);
  if (udp_sendto(pcb, answer, peer, peer_port) != ERR_OK) {
    services_stats.udp_drops++;
  }
  pbuf_free(answer);
}

void chargen_start(void)
{
  make_text();
  service_listen(CHARGEN_PORT, chargen_accept);
  service_receive(CHARGEN_PORT, chargen_receive);
}
