/*
 * record_net.c: seeds for fuzz_virtio_net.c: what a test's device, peer and application do.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "host.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"
#include "record.h"

#include <string.h>

enum {
  DEVICE = 0,
  STACK = 1,
  DEVICE_RINGS = 7, /* of fuzz_device_act() */
  PREFIX_BYTES = 110,
  HOW_FIX_ETH = 1,
  HOW_FIX_ADDRESSES = 2,
  HOW_FIX_TCP = 4,
  HOW_FIX_SUMS = 8,
};

static struct sim_net_params device;
static struct sim_device *followed;
static bool sent;      /* something for the device to complete */
static unsigned depth; /* of calls that lead to others that are recorded, too */

static void u8(unsigned value)
{
  record_u8(RECORD_NET, value);
}

static void u16(unsigned value)
{
  record_u16(RECORD_NET, value);
}

static void act(unsigned who, unsigned what)
{
  u8(who);
  u8(what);
}

static void rings(unsigned what, unsigned queue)
{
  act(DEVICE, DEVICE_RINGS);
  u8(what);
  u8(queue);
}

/*
 * Bring-up
 */

WRAP(struct sim_device *, sim_net_create, const struct sim_net_params *params)
{
  device = *params;
  followed = __real_sim_net_create(params);
  return followed;
}

static unsigned shift_of(unsigned size)
{
  unsigned shift = 0;
  while (2u << shift < size && shift < 5) {
    shift++;
  }
  return shift;
}

WRAP(err_t, virtioif_init, struct netif *netif)
{
  const struct virtioif_params *params = (const struct virtioif_params *)netif->state;
  if (params == NULL || params->memory == NULL) {
    return __real_virtioif_init(netif);
  }
  const struct virtioif_memory *memory = params->memory;
  record_begin(RECORD_NET);
  u8(device.version == 2 ? 1 : 0);
  record_u32(RECORD_NET, (uint32_t)device.features);
  record_u32(RECORD_NET, (uint32_t)(device.features >> 32));
  u16(device.queue_max[0]);
  u16(device.queue_max[1]);
  record_bytes(RECORD_NET, device.mac, 6);
  u16(device.status);
  u16(0);
  u16(device.mtu);
  u8(shift_of(memory->rx_size));
  u8(shift_of(memory->tx_size));
  u8(memory->rx_buffers - 1u);
  u8((unsigned)params->rx_copy_all | (unsigned)params->bridged << 1);
  /* Every other one ends with a removal in the middle of things. */
  static unsigned count;
  u8((count++ & 1) != 0 ? 4 : 0);
  depth++;
  err_t err = __real_virtioif_init(netif);
  depth--;
  return err;
}

/*
 * The device
 */

/* A frame as fuzz_frame() builds it, by its length and first bytes; the rest does not matter. */
static void frame(const u8_t *bytes, size_t len, size_t max)
{
  unsigned type = (unsigned)(bytes[12] << 8 | bytes[13]);
  bool is_ip = type == 0x0800 || type == 0x86dd;
  bool is_tcp = is_ip && len > 60 && bytes[type == 0x0800 ? 23 : 20] == 6;
  unsigned how = (bytes[0] & 1) != 0 ? 0 : HOW_FIX_ETH;

  len = len < max ? len : max - 1;
  record_shape(RECORD_NET, (unsigned)len / 16383);
  how |= is_ip ? HOW_FIX_ADDRESSES | HOW_FIX_SUMS : type == 0x0806 ? HOW_FIX_ADDRESSES : 0;
  u8(how | (is_tcp ? HOW_FIX_TCP : 0));
  u16(len + 128 > max ? 0xff00 | (unsigned)(max - 1 - len) : (unsigned)(len - 14));
  u8(0);
  size_t count = len < PREFIX_BYTES ? len : PREFIX_BYTES;
  u8((unsigned)count);
  record_bytes(RECORD_NET, bytes, count);
  if (is_tcp) {
    u8(bytes[type == 0x0800 ? 47 : 67]);
  }
}

static void deliver(struct sim_device *dev, const struct sim_hdr *hdr, const void *bytes,
                    size_t len)
{
  const struct sim_faults *faults = sim_faults(dev);
  bool merges = (device.features & SIM_F_MRG_RXBUF) != 0;
  struct sim_hdr lie = {.num_buffers = faults->rx_num_buffers};

  if (dev != followed || len < 14) {
    return;
  }
  if (faults->used_len_wrong) {
    rings(9, 0);
    u8(4);
    u8(0);
    record_u32(RECORD_NET, faults->used_len);
    return;
  }
  hdr = faults->rx_num_buffers_wrong ? &lie : hdr;
  rings(0, 0);
  u8(hdr != NULL);
  if (hdr != NULL) {
    u8(hdr->flags);
    u8(hdr->gso_type);
    u16(hdr->hdr_len);
    u16(hdr->gso_size);
    u16(hdr->csum_start);
    u16(hdr->csum_offset);
    u16(hdr->num_buffers);
  }
  frame(bytes, len, merges ? 0x10000 + 64 : 2048);
}

WRAP(bool, sim_net_deliver, struct sim_device *dev, const void *bytes, size_t len)
{
  deliver(dev, NULL, bytes, len);
  return __real_sim_net_deliver(dev, bytes, len);
}

WRAP(bool, sim_net_deliver_with, struct sim_device *dev, const struct sim_hdr *hdr,
     const void *bytes, size_t len)
{
  deliver(dev, hdr, bytes, len);
  return __real_sim_net_deliver_with(dev, hdr, bytes, len);
}

WRAP(void, sim_lie_used, struct sim_device *dev, unsigned queue, uint32_t id, uint32_t len)
{
  rings(9, queue);
  u8(1 | 4);
  record_u32(RECORD_NET, id);
  record_u32(RECORD_NET, len);
  __real_sim_lie_used(dev, queue, id, len);
}

WRAP(void, sim_lie_idx, struct sim_device *dev, unsigned queue, uint16_t idx)
{
  rings(11, queue);
  u8((unsigned)(idx - sim_used_idx(dev, queue)));
  __real_sim_lie_idx(dev, queue, idx);
}

WRAP(void, sim_lie_suppression, struct sim_device *dev, unsigned queue, uint16_t flags,
     uint16_t event)
{
  rings(12, queue);
  u8(flags);
  u16(event);
  __real_sim_lie_suppression(dev, queue, flags, event);
}

WRAP(void, sim_scribble, struct sim_device *dev, unsigned queue)
{
  rings(15, queue);
  u8(1);
  u8(255);
  u8(255);
  u16(0);
  u8(0);
  __real_sim_scribble(dev, queue);
}

WRAP(void, sim_spurious_interrupt, struct sim_device *dev, uint32_t causes)
{
  act(DEVICE, 2);
  u8(causes);
  __real_sim_spurious_interrupt(dev, causes);
}

WRAP(void, sim_needs_reset, struct sim_device *dev, bool dead)
{
  act(DEVICE, 6);
  __real_sim_needs_reset(dev, dead);
}

WRAP(void, sim_drop_status, struct sim_device *dev)
{
  act(DEVICE, 4);
  u8(0);
  __real_sim_drop_status(dev);
}

WRAP(void, sim_net_set_link, struct sim_device *dev, bool up)
{
  act(DEVICE, 3);
  u8(6);
  u8(up);
  u8(1);
  __real_sim_net_set_link(dev, up);
}

/*
 * Stack and application
 */

WRAP(bool, virtioif_poll, struct netif *netif, u16_t budget)
{
  if (sent) {
    sent = false;
    rings(6, 1);
    u8(255);
  }
  act(STACK, 0);
  u8(budget - 1u);
  depth++;
  bool more = __real_virtioif_poll(netif, budget);
  depth--;
  return more;
}

WRAP(bool, virtioif_isr, struct netif *netif)
{
  act(STACK, 3);
  return __real_virtioif_isr(netif);
}

WRAP(void, virtioif_cork, struct netif *netif)
{
  act(STACK, 6);
  __real_virtioif_cork(netif);
}

WRAP(void, virtioif_flush, struct netif *netif)
{
  act(STACK, 7);
  __real_virtioif_flush(netif);
}

WRAP(void, virtioif_reset, struct netif *netif)
{
  act(STACK, 18);
  u8(0);
  u8(1);
  __real_virtioif_reset(netif);
}

/* The shapes of make_chain(): custom pbufs and others that it does not know become RAM. */
static void shape(const struct pbuf *p)
{
  unsigned pieces = pbuf_clen(p);
  u8(pieces > 1);
  if (pieces > 1) {
    u8(pieces - 1u);
  }
  for (; p != NULL; p = p->next) {
    bool is_external = (p->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) == 0;
    bool is_long = p->len > 255;
    u8((is_external ? PBUF_NEEDS_COPY(p) != 0 : 2) | (is_long ? 8 : 0));
    if (p->next != NULL) {
      u8(is_long ? p->len / 8u : p->len);
    }
  }
  u8(0);
}

WRAP(err_t, virtioif_linkoutput, struct netif *netif, struct pbuf *p)
{
  u8_t bytes[PREFIX_BYTES] = {0};
  sent = true;
  if (depth == 0 && p->tot_len >= 14) {
    act(STACK, 8);
    pbuf_copy_partial(p, bytes, sizeof(bytes), 0);
    u8(0);
    u16((p->tot_len - 14u) % (2100 - 14));
    u8(0);
    u8(PREFIX_BYTES);
    record_bytes(RECORD_NET, bytes, sizeof(bytes));
    shape(p);
  }
  return __real_virtioif_linkoutput(netif, p);
}

WRAP(err_t, udp_sendto, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port)
{
  if (depth++ == 0) {
    act(STACK, 11);
    u8(IP_IS_V6(addr) ? 3 : 4);
    u16(p->tot_len);
    u8(0);
  }
  err_t err = __real_udp_sendto(pcb, p, addr, port);
  depth--;
  return err;
}

WRAP(err_t, tcp_write, struct tcp_pcb *pcb, const void *bytes, u16_t len, u8_t flags)
{
  act(STACK, 12);
  u8(0);
  u8(1);
  u16(len);
  u8(flags);
  return __real_tcp_write(pcb, bytes, len, flags);
}

WRAP(err_t, tcp_output, struct tcp_pcb *pcb)
{
  if (depth++ == 0) {
    act(STACK, 12);
    u8(0);
    u8(5);
  }
  err_t err = __real_tcp_output(pcb);
  depth--;
  return err;
}

WRAP(err_t, tcp_close, struct tcp_pcb *pcb)
{
  act(STACK, 12);
  u8(0);
  u8(6);
  depth++;
  err_t err = __real_tcp_close(pcb);
  depth--;
  return err;
}

WRAP(void, host_wait_ms, u32_t ms)
{
  static const u16_t waits[] = {1, 10, 100, 250, 500, 1000, 5000, 20000};
  unsigned i = 0;
  while (i + 1 < sizeof(waits) / sizeof(waits[0]) && waits[i] < ms) {
    i++;
  }
  act(STACK, 19);
  u8(i);
  depth++;
  __real_host_wait_ms(ms);
  depth--;
}
