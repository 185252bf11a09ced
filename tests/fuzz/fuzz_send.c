/*
 * fuzz_send.c: what an application sends: frames and datagrams in any shape, segments that may be
 * joined, TCP connections.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "fuzz_stack.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"

#include <string.h>

enum { CONST_BYTES = 8192 };

static const uint8_t constant[CONST_BYTES];

static struct pbuf *piece(unsigned type, u16_t len)
{
  struct pbuf *p;
  if (type < 2) {
    p = pbuf_alloc(PBUF_RAW, len, type == 0 ? PBUF_ROM : PBUF_REF);
    if (p != NULL) {
      p->payload = (void *)(uintptr_t)constant;
    }
    return p;
  }
  p = pbuf_alloc(type < 5 ? PBUF_RAW_TX : PBUF_RAW, len, type < 6 ? PBUF_RAM : PBUF_POOL);
  for (struct pbuf *q = p; q != NULL; q = q->next) {
    memset(q->payload, 0, q->len);
  }
  return p;
}

static struct pbuf *one_piece(const uint8_t *frame, uint32_t len)
{
  struct pbuf *p = pbuf_alloc(PBUF_RAW_TX, (u16_t)len, PBUF_RAM);
  if (p != NULL) {
    pbuf_take(p, frame, (u16_t)len);
  }
  return p;
}

/* A frame in as many pieces as the input says; its first bytes are those of frame. */
static struct pbuf *make_chain(const uint8_t *frame, uint32_t len)
{
  unsigned count = 1 + (fuzz_u8() & 1 ? fuzz_below(40) : 0);
  struct pbuf *p = NULL;

  for (uint32_t done = 0; count > 0 && (done < len || p == NULL); count--) {
    uint8_t shape = fuzz_u8();
    uint32_t here = count == 1 ? len - done : fuzz_u8() * (shape & 8 ? 8u : 1u);
    here = here < len - done ? here : len - done;
    struct pbuf *q = piece(shape & 7, (u16_t)here);
    if (q == NULL) {
      break;
    }
    if ((shape & 7) >= 2) {
      pbuf_take(q, frame + done, (u16_t)here);
    }
    if (p == NULL) {
      p = q;
    } else {
      pbuf_cat(p, q);
    }
    done += here;
  }
  return p;
}

void fuzz_send_frame(void)
{
  static uint8_t frame[FUZZ_FRAME_BYTES];
  struct pbuf *p = make_chain(frame, fuzz_frame(frame, 2100));
  if (p != NULL) {
    bool twice = (fuzz_u8() & 1) != 0;
    (void)rig.netif.linkoutput(&rig.netif, p);
    if (twice) {
      (void)rig.netif.linkoutput(&rig.netif, p);
    }
    pbuf_free(p);
  }
}

/* Segments that may be joined, but for what the input makes of one of them. */
void fuzz_send_segments(void)
{
  static uint8_t frame[FUZZ_FRAME_BYTES];
  uint8_t how = fuzz_u8();
  unsigned count = fuzz_below(64);
  unsigned odd = fuzz_below(64);
  u16_t payload = (u16_t)(1 + fuzz_u16() % 1460);

  for (unsigned n = 0; n < count && fuzz_spend(payload); n++) {
    bool last = (how & 2) != 0 && n + 1 == count;
    uint32_t len = fuzz_segment(frame, (how & 1) != 0, payload, n);
    if (n == odd) {
      frame[fuzz_below(80)] ^= fuzz_u8();
    }
    struct pbuf *p = (how & 4) != 0 ? make_chain(frame, len - last) : one_piece(frame, len - last);
    if (p != NULL) {
      (void)rig.netif.linkoutput(&rig.netif, p);
      pbuf_free(p);
    }
  }
}

static void pick_address(ip_addr_t *addr)
{
  switch (fuzz_below(6)) {
  case 0:
    IP_ADDR4(addr, 127, 0, 0, 1);
    break;
  case 1:
    IP_ADDR4(addr, 10, 0, 0, 1);
    break;
  case 2:
    IP_ADDR4(addr, 10, 0, 0, 255);
    break;
  case 3:
    IP_ADDR6(addr, PP_HTONL(0xfd000000), 0, 0, PP_HTONL(2));
    break;
  default:
    IP_ADDR4(addr, 10, 0, 0, 2);
    break;
  }
}

void fuzz_send_udp(struct udp_pcb *udp)
{
  ip_addr_t addr;
  pick_address(&addr);
  u16_t len = fuzz_u16() % 6000;
  struct pbuf *p =
      fuzz_u8() & 1 ? piece(fuzz_u8() & 1, len) : pbuf_alloc(PBUF_TRANSPORT, len, PBUF_RAM);
  if (p != NULL) {
    (void)udp_sendto(udp, p, &addr, FUZZ_UDP_PORT);
    pbuf_free(p);
  }
}

static struct tcp_pcb *pick_pcb(void)
{
  unsigned n = fuzz_u8() & 3;
  struct tcp_pcb *pcb = tcp_active_pcbs;
  while (pcb != NULL && pcb->next != NULL && n-- > 0) {
    pcb = pcb->next;
  }
  return pcb;
}

void fuzz_use_tcp(tcp_recv_fn on_tcp)
{
  struct tcp_pcb *pcb = pick_pcb();
  unsigned what = fuzz_below(8);
  if (what == 0 || pcb == NULL) {
    ip_addr_t addr;
    pick_address(&addr);
    pcb = tcp_new();
    if (pcb != NULL) {
      tcp_recv(pcb, on_tcp);
      if (tcp_connect(pcb, &addr, fuzz_u8() & 1 ? 80 : FUZZ_TCP_PORT, NULL) != ERR_OK) {
        tcp_abort(pcb);
      }
    }
  } else if (what < 5) {
    (void)tcp_write(pcb, constant, fuzz_u16() % CONST_BYTES, fuzz_u8() & 3);
  } else if (what == 5) {
    (void)tcp_output(pcb);
  } else if (what == 6) {
    (void)tcp_close(pcb);
  } else {
    tcp_abort(pcb);
  }
}
