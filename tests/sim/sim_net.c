/*
 * sim_net.c: frames through the queues of a simulated network device.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

enum { ETH_HDR_BYTES = 14, ETH_FRAME_BYTES = 1514, HDR_BYTES_MAX = 12 };

/* What the device writes behind the frame, where a driver must not look. */
enum { JUNK = 0xa5 };

struct sim_net_params sim_net_defaults(uint32_t version)
{
  struct sim_net_params params = {.version = version,
                                  .features = SIM_F_MAC | SIM_F_STATUS,
                                  .queue_max = {256, 256},
                                  .mac = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56},
                                  .status = 1,
                                  .mtu = 1500,
                                  .config_bytes = SIM_CONFIG_BYTES,
                                  .tx_frame_max = ETH_FRAME_BYTES};
  params.features |= version == 1 ? SIM_F_ANY_LAYOUT : SIM_F_VERSION_1;
  return params;
}

bool sim_is_net(const struct sim_device *dev)
{
  return dev->device_id == 1;
}

struct sim_device *sim_net_create(const struct sim_net_params *params)
{
  return sim_device_create(params, 1);
}

static bool has(const struct sim_device *dev, uint64_t feature)
{
  return (dev->accepted & feature) != 0;
}

size_t sim_net_hdr_bytes(const struct sim_device *dev)
{
  return has(dev, SIM_F_VERSION_1 | SIM_F_MRG_RXBUF) ? 12 : 10;
}

/* Legacy framing: the header has a descriptor of its own. */
static bool header_apart(const struct sim_device *dev)
{
  return sim_legacy(dev) && !has(dev, SIM_F_ANY_LAYOUT);
}

/*
 * Rules for what is made available
 */

static void check_rx_size(const struct sim_device *dev, uint64_t bytes)
{
  size_t hdr = sim_net_hdr_bytes(dev);
  const uint64_t big = SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_UFO | UINT64_C(3) << 54;
  if (has(dev, SIM_F_MRG_RXBUF)) {
    if (bytes < hdr) {
      sim_breach("drv-net-rxbuf-3", "receive buffer of %u bytes", (unsigned)bytes);
    }
  } else if (has(dev, big)) {
    if (bytes < 65601 - 12 + hdr) {
      sim_breach("drv-net-rxbuf-1", "receive buffer of %u bytes", (unsigned)bytes);
    }
  } else if (bytes < ETH_FRAME_BYTES + hdr) {
    sim_breach("drv-net-rxbuf-2", "receive buffer of %u bytes", (unsigned)bytes);
  }
  if (has(dev, SIM_F_MTU) && !has(dev, SIM_F_MRG_RXBUF) &&
      bytes < (uint64_t)dev->params.mtu + ETH_HDR_BYTES + hdr) {
    sim_breach("drv-net-cfg-8", "receive buffer of %u bytes, MTU %u", (unsigned)bytes,
               dev->params.mtu);
  }
}

void sim_net_made_available(struct sim_device *dev, struct sim_ring *ring, uint16_t head)
{
  const struct sim_chain *chain = &ring->chains[head];
  bool receive = ring->index == SIM_RX; /* also the one queue of an entropy device */
  if ((receive ? chain->out_bytes : chain->in_bytes) != 0) {
    sim_breach(sim_is_net(dev) ? "own-direction" : "drv-rng-1",
               "queue %u: element of the wrong direction", ring->index);
  }
  if (!sim_is_net(dev)) {
    return;
  }
  if (receive) {
    check_rx_size(dev, chain->in_bytes);
  }
  if (header_apart(dev) && (chain->count < 2 || chain->pieces[0].len != sim_net_hdr_bytes(dev))) {
    sim_breach("leg-net-framing-1", "queue %u: first of %u elements has %u bytes", ring->index,
               chain->count, chain->pieces[0].len);
  }
}

/*
 * Completions
 */

static uint32_t next_random(struct sim_device *dev)
{
  dev->random = dev->random * 1664525u + 1013904223u;
  return dev->random >> 16;
}

/* Which of count buffers is next. */
static unsigned pick(struct sim_device *dev, unsigned count)
{
  switch (dev->order) {
  case SIM_LIFO:
    return count - 1u;
  case SIM_SHUFFLED:
    return next_random(dev) % count;
  default:
    return 0;
  }
}

void sim_net_use(struct sim_device *dev, struct sim_ring *ring, uint16_t head, uint32_t len)
{
  struct sim_faults *faults = &dev->faults;
  sim_ring_release(ring, head);
  bool spoil = (faults->used_queues >> ring->index & 1u) != 0 && faults->used_times != 0;
  if (!spoil) {
    sim_ring_raw_used(ring, head, len);
    return;
  }
  bool wrong = faults->used_id_wrong || faults->used_len_wrong || faults->used_twice ||
               faults->used_idx_extra != 0;
  if (wrong && faults->used_times != SIM_FOREVER) {
    faults->used_times--;
  }
  uint32_t id = faults->used_id_wrong ? faults->used_id : head;
  uint32_t shown = faults->used_len_wrong ? faults->used_len : len;
  ring->used_lie = (uint16_t)(ring->used_lie + faults->used_idx_extra);
  sim_ring_raw_used(ring, id, shown);
  if (faults->used_twice) {
    sim_ring_raw_used(ring, id, shown);
  }
  if (faults->scribble_after_use) {
    sim_ring_scribble(ring);
  }
}

void sim_net_signal(struct sim_device *dev, struct sim_ring *ring)
{
  if (dev->burst != 0) {
    dev->burst_used = true;
    return;
  }
  bool wanted = sim_ring_wants_interrupt(ring) || dev->faults.interrupts_unwanted;
  if (wanted && !dev->faults.interrupts_lost) {
    dev->count.interrupts++;
    sim_raise(dev, 1);
  }
}

void sim_burst_begin(struct sim_device *dev)
{
  dev->burst++;
}

void sim_burst_end(struct sim_device *dev)
{
  dev->burst--;
  if (dev->burst == 0 && dev->burst_used) {
    dev->burst_used = false;
    sim_net_signal(dev, &dev->ring[SIM_RX]);
    sim_net_signal(dev, &dev->ring[SIM_TX]);
  }
}

/*
 * Transmit
 */

static struct sim_frame *new_frame(struct sim_device *dev)
{
  if (dev->frame_count == dev->frame_room) {
    dev->frame_room = dev->frame_room == 0 ? 64 : 2u * dev->frame_room;
    dev->frames = realloc(dev->frames, dev->frame_room * sizeof(*dev->frames));
  }
  struct sim_frame *frame = &dev->frames[dev->frame_count++];
  *frame = (struct sim_frame){0};
  return frame;
}

static void send_frame(struct sim_device *dev, const struct sim_buffer *buffer)
{
  struct sim_ring *ring = &dev->ring[SIM_TX];
  size_t total = (size_t)buffer->out_bytes;
  uint8_t *bytes = sim_alloc(total + 1u);
  size_t at = 0;
  for (unsigned i = 0; i < buffer->pieces; i++) {
    struct sim_piece piece = sim_ring_piece(ring, buffer->head, i);
    if (!piece.write) {
      memcpy(bytes + at, piece.mem, piece.len);
      at += piece.len;
    }
  }
  sim_ring_sent(ring, buffer->head, bytes, total);
  size_t hdr_len = sim_net_hdr_bytes(dev);
  if (total <= hdr_len) {
    sim_breach("own-tx-short", "sent %u bytes, header included", (unsigned)total);
    free(bytes);
    return;
  }
  uint8_t hdr[HDR_BYTES_MAX];
  memcpy(hdr, bytes, hdr_len);
  memmove(bytes, bytes + hdr_len, total - hdr_len);
  struct sim_frame *frame = new_frame(dev);
  frame->bytes = bytes;
  frame->len = total - hdr_len;
  frame->pieces = buffer->pieces;
  sim_frame_check(dev, frame, hdr, hdr_len);
}

static void hold(struct sim_device *dev, uint16_t head)
{
  dev->held = realloc(dev->held, (dev->held_count + 1u) * sizeof(*dev->held));
  dev->held[dev->held_count++] = head;
}

unsigned sim_complete(struct sim_device *dev, unsigned count)
{
  struct sim_ring *ring = &dev->ring[SIM_TX];
  unsigned done = 0;
  while (done < count && dev->held_count != 0 && !dev->dead) {
    unsigned n = pick(dev, dev->held_count);
    uint16_t head = dev->held[n];
    dev->held_count--;
    memmove(&dev->held[n], &dev->held[n + 1u], (dev->held_count - n) * sizeof(dev->held[0]));
    sim_net_use(dev, ring, head, 0);
    done++;
  }
  if (done != 0) {
    sim_net_signal(dev, ring);
  }
  return done;
}

static void transmit(struct sim_device *dev)
{
  struct sim_ring *ring = &dev->ring[SIM_TX];
  struct sim_buffer buffer;
  while (sim_ring_take(ring, &buffer)) {
    send_frame(dev, &buffer);
    hold(dev, buffer.head);
  }
  if (dev->pace != SIM_HOLD) {
    sim_complete(dev, dev->held_count);
  }
}

void sim_net_notified(struct sim_device *dev, unsigned queue)
{
  if (!sim_is_net(dev)) {
    if (dev->pace == SIM_EAGER) {
      sim_rng_answer(dev);
    }
    return;
  }
  if (queue == SIM_TX && dev->pace != SIM_LAZY && !dev->dead) {
    transmit(dev);
  }
}

void sim_pace(struct sim_device *dev, enum sim_pace pace)
{
  dev->pace = pace;
}

void sim_order(struct sim_device *dev, enum sim_order order)
{
  dev->order = order;
}

unsigned sim_net_sent_count(const struct sim_device *dev)
{
  return dev->frame_count;
}

const struct sim_frame *sim_net_sent(const struct sim_device *dev, unsigned n)
{
  if (n >= dev->frame_count) {
    sim_fatal("frame %u was not sent, only %u were", n, dev->frame_count);
    return NULL;
  }
  return &dev->frames[n];
}

unsigned sim_net_tx_held(const struct sim_device *dev)
{
  return dev->held_count;
}

/*
 * Receive
 */

static void put_hdr(const struct sim_device *dev, const struct sim_hdr *hdr, uint8_t *bytes)
{
  bool native = sim_legacy(dev);
  bytes[0] = hdr->flags;
  bytes[1] = hdr->gso_type;
  sim_put16(bytes + 2, hdr->hdr_len, native);
  sim_put16(bytes + 4, hdr->gso_size, native);
  sim_put16(bytes + 6, hdr->csum_start, native);
  sim_put16(bytes + 8, hdr->csum_offset, native);
  sim_put16(bytes + 10, hdr->num_buffers, native);
}

/* Write into one buffer from offset at of the whole; returns how much fitted. */
size_t sim_net_fill(struct sim_device *dev, const struct sim_buffer *buffer, const uint8_t *bytes,
                    size_t len)
{
  struct sim_ring *ring = &dev->ring[SIM_RX];
  size_t done = 0;
  for (unsigned i = 0; i < buffer->pieces; i++) {
    struct sim_piece piece = sim_ring_piece(ring, buffer->head, i);
    if (!piece.write) {
      continue;
    }
    size_t part = len - done < piece.len ? len - done : piece.len;
    if (dev->params.noncoherent) {
      if (part != 0) {
        sim_cache_write(piece.mem, bytes + done, part);
      }
    } else {
      memcpy(piece.mem, bytes + done, part);
      memset(piece.mem + part, JUNK, piece.len - part);
    }
    done += part;
  }
  return done;
}

/* Enough receive buffers for total bytes, or none and the reason is counted. */
static unsigned buffers_for(struct sim_device *dev, size_t total)
{
  struct sim_ring *ring = &dev->ring[SIM_RX];
  unsigned available = sim_ring_available(ring);
  uint64_t room = 0;
  unsigned needed = 0;
  unsigned most = has(dev, SIM_F_MRG_RXBUF) ? available : 1;
  while (room < total && needed < most && needed < available) {
    /* Buffers of different sizes would need their order; drivers here post equal ones. */
    room += ring->chains[ring->fifo[needed]].in_bytes;
    needed++;
  }
  if (room >= total) {
    return needed;
  }
  if (available == 0 || (has(dev, SIM_F_MRG_RXBUF) && needed == available)) {
    dev->count.rx_no_buffer++;
  } else {
    dev->count.rx_too_big++;
  }
  return 0;
}

static bool can_receive(struct sim_device *dev)
{
  if (!dev->live || dev->dead) {
    return false;
  }
  if (sim_offered(dev, SIM_F_STATUS) && (dev->params.status & 1u) == 0) {
    dev->count.rx_link_down++;
    return false;
  }
  return true;
}

bool sim_net_deliver_with(struct sim_device *dev, const struct sim_hdr *hdr, const void *frame,
                          size_t len)
{
  struct sim_ring *ring = &dev->ring[SIM_RX];
  sim_check(dev);
  if (!can_receive(dev)) {
    return false;
  }
  size_t hdr_len = sim_net_hdr_bytes(dev);
  size_t total = hdr_len + len;
  unsigned count = buffers_for(dev, total);
  if (count == 0) {
    return false;
  }
  uint8_t *bytes = sim_alloc(total + HDR_BYTES_MAX);
  struct sim_hdr full = *hdr;
  if (full.num_buffers == 0 && !dev->faults.rx_num_buffers_wrong) {
    full.num_buffers = (uint16_t)count;
  }
  if (dev->faults.rx_num_buffers_wrong) {
    full.num_buffers = dev->faults.rx_num_buffers;
  }
  put_hdr(dev, &full, bytes);
  memcpy(bytes + hdr_len, frame, len);
  size_t done = 0;
  for (unsigned i = 0; i < count; i++) {
    struct sim_buffer buffer = {0};
    sim_ring_take_nth(ring, pick(dev, sim_ring_available(ring)), &buffer);
    size_t part = sim_net_fill(dev, &buffer, bytes + done, total - done);
    done += part;
    sim_net_use(dev, ring, buffer.head, (uint32_t)part);
  }
  free(bytes);
  dev->count.rx_delivered++;
  sim_net_signal(dev, ring);
  return true;
}

bool sim_net_deliver(struct sim_device *dev, const void *frame, size_t len)
{
  const struct sim_hdr plain = {0};
  return sim_net_deliver_with(dev, &plain, frame, len);
}

unsigned sim_net_rx_buffers(struct sim_device *dev)
{
  return sim_ring_available(&dev->ring[SIM_RX]);
}

uint64_t sim_net_rx_bytes(struct sim_device *dev)
{
  struct sim_ring *ring = &dev->ring[SIM_RX];
  uint64_t smallest = 0;
  for (unsigned i = 0; i < sim_ring_available(ring); i++) {
    uint64_t bytes = ring->chains[ring->fifo[i]].in_bytes;
    smallest = i == 0 || bytes < smallest ? bytes : smallest;
  }
  return smallest;
}

unsigned sim_net_rx_pieces(struct sim_device *dev)
{
  struct sim_ring *ring = &dev->ring[SIM_RX];
  return sim_ring_available(ring) == 0 ? 0 : ring->chains[ring->fifo[0]].count;
}

/*
 * Time passes
 */

void sim_check(struct sim_device *dev)
{
  /* A hook runs in the middle of the driver's work, which may be about to notify. */
  if (dev->in_hook) {
    return;
  }
  if (dev->live && !dev->dead) {
    sim_ring_check(&dev->ring[SIM_RX]);
    sim_ring_check(&dev->ring[SIM_TX]);
  }
}

void sim_run(struct sim_device *dev)
{
  sim_check(dev);
  if (!sim_is_net(dev)) {
    sim_rng_answer(dev);
  } else if (dev->live && !dev->dead) {
    transmit(dev);
  }
}

void sim_suppress_kicks(struct sim_device *dev, unsigned queue, bool suppress)
{
  struct sim_ring *ring = &dev->ring[queue];
  sim_ring_scan(ring);
  ring->suppress = suppress;
  if (ring->event_idx) {
    /* An index that was passed just now comes again after 65535 more. */
    sim_ring_set_event(ring, (uint16_t)(ring->seen_idx - (suppress ? 1 : 0)));
  } else {
    sim_ring_set_flags(ring, suppress);
  }
}
