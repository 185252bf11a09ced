/*
 * fuzz_stack.c: what a stack and an application do with a network interface, in any order.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "fuzz_stack.h"

#include "host.h"
#include "lwip/memp.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"

#include <string.h>

enum { KEPT_MAX = 64, MARK_LEN = 60, MARK = 0xb5 };

const uint8_t fuzz_peer_mac[6] = {0x02, 0x70, 0x65, 0x65, 0x72, 0x00};
const uint8_t fuzz_peer_ip4[4] = {10, 0, 0, 2};
const uint8_t fuzz_own_ip4[4] = {10, 0, 0, 1};
const uint8_t fuzz_peer_ip6[16] = {0xfd, [15] = 2};
const uint8_t fuzz_own_ip6[16] = {0xfd, [15] = 1};

static struct pbuf *kept[KEPT_MAX];
static unsigned kept_count;
static struct udp_pcb *udp;
static struct tcp_pcb *listener;
static uint32_t policy; /* two bits for each of the next packets */

enum { PASS, KEEP, REFUSE, ECHO };

static unsigned next_policy(void)
{
  unsigned now = policy & 3;
  policy = policy >> 2 | now << 30;
  return now;
}

static void keep(struct pbuf *p)
{
  if (kept_count < KEPT_MAX) {
    kept[kept_count++] = p;
  } else {
    pbuf_free(p);
  }
}

/*
 * What comes in
 */

uint32_t fuzz_stack_mark(uint8_t *frame)
{
  memset(frame, MARK, MARK_LEN);
  memcpy(frame, rig.netif.hwaddr, 6);
  memcpy(frame + 12, "\x88\xb5", 2);
  return MARK_LEN;
}

static bool is_marked(const struct pbuf *p)
{
  return p->tot_len == MARK_LEN && pbuf_get_at(p, 12) == 0x88 && pbuf_get_at(p, 13) == 0xb5 &&
         pbuf_get_at(p, 14) == MARK && pbuf_get_at(p, MARK_LEN - 1) == MARK;
}

/* All of it is there. */
static void look_at_chain(const struct pbuf *p)
{
  u32_t rest = p->tot_len;
  for (; p != NULL; p = p->next) {
    FUZZ_CHECK(p->ref >= 1 && p->len <= rest);
    fuzz_touch(p->payload, p->len);
    rest -= p->len;
  }
  FUZZ_CHECK(rest == 0);
}

err_t fuzz_stack_input(struct pbuf *p, struct netif *netif)
{
  look_at_chain(p);
  rig.received++;
  rig.marked += is_marked(p);
  switch (next_policy()) {
  case KEEP:
    keep(p);
    return ERR_OK;
  case REFUSE:
    return ERR_MEM;
  default:
    return netif_input(p, netif);
  }
}

static void on_udp(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                   u16_t port)
{
  LWIP_UNUSED_ARG(arg);
  unsigned what = next_policy();
  if (what == KEEP) {
    keep(p);
    return;
  }
  if (what == ECHO) {
    (void)udp_sendto(pcb, p, addr, port);
  }
  pbuf_free(p);
}

static err_t on_tcp(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  LWIP_UNUSED_ARG(err);
  if (p == NULL) {
    return ERR_OK;
  }
  unsigned what = next_policy();
  if (what == REFUSE) {
    return ERR_MEM;
  }
  tcp_recved(pcb, p->tot_len);
  if (what == ECHO) {
    (void)tcp_write(pcb, p->payload, p->len, TCP_WRITE_FLAG_COPY);
  }
  if (what == KEEP) {
    keep(p);
  } else {
    pbuf_free(p);
  }
  return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
  LWIP_UNUSED_ARG(arg);
  if (err == ERR_OK && pcb != NULL) {
    tcp_recv(pcb, on_tcp);
  }
  return ERR_OK;
}

/*
 * What is done besides receiving and sending (fuzz_send.c)
 */

static void use_kept(void)
{
  if (kept_count == 0) {
    return;
  }
  unsigned n = fuzz_below(kept_count);
  struct pbuf *p = kept[n];
  kept[n] = kept[--kept_count];
  if ((fuzz_u8() & 1) != 0) {
    (void)rig.netif.linkoutput(&rig.netif, p);
  }
  pbuf_free(p);
}

/* lwIP counts on room for its timers, and has an assertion to say so. The linker puts this in the
 * place of memp_malloc(). */
void *__wrap_memp_malloc(memp_t type);
void *__real_memp_malloc(memp_t type);

void *__wrap_memp_malloc(memp_t type)
{
  u32_t fail_from = support_malloc_fail_from;
  if (type == MEMP_SYS_TIMEOUT) {
    support_malloc_fail_from = UINT32_MAX;
  }
  void *memory = __real_memp_malloc(type);
  support_malloc_fail_from = fail_from;
  return memory;
}

static void fail_allocations(void)
{
  uint8_t from = fuzz_u8();
  support_malloc_count = 0;
  support_malloc_fail_once = (from & 1) != 0;
  support_malloc_fail_from = from == 0 ? UINT32_MAX : from >> 1;
}

void fuzz_stack_wait(u32_t ms)
{
  support_now_ms += ms;
  sys_check_timeouts();
}

/*
 * All of it
 */

static void introduce_peer(void)
{
  struct nd6_neighbor_cache_entry *entry = &neighbor_cache[0];
  memcpy(entry->next_hop_address.addr, fuzz_peer_ip6, 16);
  ip6_addr_clear_zone(&entry->next_hop_address);
  entry->netif = &rig.netif;
  memcpy(entry->lladdr, fuzz_peer_mac, 6);
  entry->state = ND6_REACHABLE;
  entry->counter.reachable_time = UINT32_MAX;
}

void fuzz_stack_begin(void)
{
  ip4_addr_t addr, mask, gateway;
  ip6_addr_t addr6;
  IP4_ADDR(&addr, 10, 0, 0, 1);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 10, 0, 0, 2);
  IP6_ADDR(&addr6, PP_HTONL(0xfd000000), 0, 0, PP_HTONL(1));
  policy = 0;
  udp = udp_new_ip_type(IPADDR_TYPE_ANY);
  (void)udp_bind(udp, IP_ANY_TYPE, FUZZ_UDP_PORT);
  udp_recv(udp, on_udp, NULL);
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  (void)tcp_bind(pcb, IP_ANY_TYPE, FUZZ_TCP_PORT);
  listener = tcp_listen(pcb);
  tcp_accept(listener, on_accept);
  netif_set_addr(&rig.netif, &addr, &mask, &gateway);
  netif_ip6_addr_set(&rig.netif, 1, &addr6);
  netif_ip6_addr_set_state(&rig.netif, 1, IP6_ADDR_PREFERRED);
  introduce_peer();
  netif_set_up(&rig.netif);
}

void fuzz_stack_act(void)
{
  static const u16_t waits[] = {1, 10, 100, 250, 500, 1000, 5000, 20000};
  struct netif *netif = &rig.netif;
  u16_t ms;

  switch (fuzz_below(20)) {
  case 0:
  case 1:
  case 2:
    (void)virtioif_poll(netif, (u16_t)(1 + fuzz_u8()));
    break;
  case 3:
  case 4:
    (void)virtioif_isr(netif);
    break;
  case 5:
    (void)virtioif_idle(netif);
    break;
  case 6:
    virtioif_cork(netif);
    break;
  case 7:
    virtioif_flush(netif);
    break;
  case 8:
  case 9:
    fuzz_send_frame();
    break;
  case 10:
    fuzz_send_segments();
    break;
  case 11:
    fuzz_send_udp(udp);
    break;
  case 12:
  case 13:
  case 14:
    fuzz_use_tcp(on_tcp);
    break;
  case 15:
    use_kept();
    break;
  case 16:
    policy = fuzz_u32();
    break;
  case 17:
    fail_allocations();
    break;
  case 18:
    if (fuzz_below(8) == 0) {
      virtioif_reset(netif);
    }
    (void)(fuzz_u8() & 1 ? netif_set_up : netif_set_down)(netif);
    break;
  default:
    ms = waits[fuzz_below(sizeof(waits) / sizeof(waits[0]))];
    fuzz_stack_wait(fuzz_spend(ms * 2u) ? ms : 1);
    break;
  }
}

void fuzz_stack_calm(void)
{
  support_malloc_fail_from = UINT32_MAX;
  policy = 0;
  while (kept_count > 0) {
    pbuf_free(kept[--kept_count]);
  }
  udp_remove(udp);
  tcp_close(listener);
  while (tcp_active_pcbs != NULL) {
    tcp_abort(tcp_active_pcbs);
  }
  while (tcp_tw_pcbs != NULL) {
    tcp_abort(tcp_tw_pcbs);
  }
  while (tcp_bound_pcbs != NULL) {
    tcp_abort(tcp_bound_pcbs);
  }
}
