/*
 * sim_ring.c: the device side of a split virtqueue, and the rules a driver has to keep there.
 *
 * Ring memory is plain memory, so nobody can watch the driver write to it. Instead it is compared
 * with private copies at each point where the driver is seen at all: barriers and registers.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

/* Descriptor flags. */
#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

/* Available ring: flags, idx, ring[size], used_event. Used ring: flags, idx, ring[size] of 8 bytes,
 * avail_event. */
enum { RING_HEAD = 4, AVAIL_SLOT = 2, USED_SLOT = 8, SCRIBBLE = 0xff };

static struct sim_ring *rings;

/*
 * Bytes
 */

uint16_t sim_get16(const uint8_t *at, bool native)
{
  uint16_t value;
  if (native) {
    memcpy(&value, at, sizeof(value));
    return value;
  }
  return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t sim_get32(const uint8_t *at, bool native)
{
  uint32_t value;
  if (native) {
    memcpy(&value, at, sizeof(value));
    return value;
  }
  return sim_get16(at, false) | (uint32_t)sim_get16(at + 2, false) << 16;
}

uint64_t sim_get64(const uint8_t *at, bool native)
{
  uint64_t value;
  if (native) {
    memcpy(&value, at, sizeof(value));
    return value;
  }
  return sim_get32(at, false) | (uint64_t)sim_get32(at + 4, false) << 32;
}

void sim_put16(uint8_t *at, uint16_t value, bool native)
{
  if (native) {
    memcpy(at, &value, sizeof(value));
    return;
  }
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
}

void sim_put32(uint8_t *at, uint32_t value, bool native)
{
  if (native) {
    memcpy(at, &value, sizeof(value));
    return;
  }
  sim_put16(at, (uint16_t)value, false);
  sim_put16(at + 2, (uint16_t)(value >> 16), false);
}

static size_t avail_bytes(const struct sim_ring *ring)
{
  return RING_HEAD + AVAIL_SLOT * (size_t)ring->size + 2u;
}

static size_t used_bytes(const struct sim_ring *ring)
{
  return RING_HEAD + USED_SLOT * (size_t)ring->size + 2u;
}

static uint16_t avail_flags(const struct sim_ring *ring)
{
  return sim_get16(ring->avail, ring->native);
}

static uint16_t avail_idx(const struct sim_ring *ring)
{
  return sim_get16(ring->avail + 2, ring->native);
}

static size_t slot_offset(const struct sim_ring *ring, uint16_t idx)
{
  return RING_HEAD + AVAIL_SLOT * (size_t)(idx % ring->size);
}

static uint16_t used_event(const struct sim_ring *ring)
{
  return sim_get16(ring->avail + avail_bytes(ring) - 2u, ring->native);
}

static void put_avail_event(struct sim_ring *ring, uint16_t event)
{
  sim_put16(ring->used + used_bytes(ring) - 2u, event, ring->native);
}

/* Whether an index that goes from old to new passes event. */
static bool passes(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
  uint16_t behind = (uint16_t)(new_idx - event - 1);
  uint16_t step = (uint16_t)(new_idx - old_idx);
  return behind < step;
}

/*
 * Life of a ring
 */

void sim_rings_begin(void)
{
  rings = NULL;
}

void sim_ring_clear(struct sim_ring *ring)
{
  for (struct sim_ring **link = &rings; *link != NULL; link = &(*link)->next) {
    if (*link == ring) {
      *link = ring->next;
      break;
    }
  }
  for (unsigned head = 0; head < ring->size; head++) {
    struct sim_chain *chain = &ring->chains[head];
    free(chain->pieces);
    free(chain->table);
    free(chain->sent);
  }
  free(ring->chains);
  free(ring->owner);
  free(ring->desc_copy);
  free(ring->fifo);
  free(ring->barrier_desc);
  free(ring->barrier_avail);
  free(ring->done_clock);
  struct sim_device *dev = ring->dev;
  uint16_t index = ring->index;
  *ring = (struct sim_ring){.dev = dev, .index = index};
}

/* The device's own rings are gone by now: these were made for tests of the ring alone. */
void sim_rings_end(void)
{
  while (rings != NULL) {
    struct sim_ring *ring = rings;
    sim_ring_clear(ring);
    free(ring);
  }
}

static void *memory_at(uint64_t bus, unsigned align, const char *what)
{
  if (bus % align != 0) {
    sim_breach("drv-virtqueues-1", "%s at %llx is not aligned to %u", what, (unsigned long long)bus,
               align);
  }
  void *memory = sim_cpu_addr(bus);
  if (memory == NULL) {
    sim_breach("drv-rsvd-4", "%s at %llx: not a bus address", what, (unsigned long long)bus);
  }
  return memory;
}

static void take_barrier_copy(struct sim_ring *ring)
{
  memcpy(ring->barrier_desc, ring->desc, SIM_DESC_BYTES * (size_t)ring->size);
  memcpy(ring->barrier_avail, ring->avail, avail_bytes(ring));
}

void sim_ring_init(struct sim_ring *ring, const struct sim_ring_params *params)
{
  ring->size = params->size;
  ring->event_idx = params->event_idx;
  ring->indirect = params->indirect;
  ring->native = params->native_endian;
  ring->desc = memory_at(params->desc_bus, 16, "descriptor table");
  ring->avail = memory_at(params->avail_bus, 2, "available ring");
  ring->used = memory_at(params->used_bus, 4, "used ring");
  if (ring->desc == NULL || ring->avail == NULL || ring->used == NULL) {
    ring->size = 0;
    return;
  }
  size_t size = params->size;
  ring->chains = sim_alloc(size * sizeof(*ring->chains));
  ring->owner = sim_alloc(size * sizeof(*ring->owner));
  ring->desc_copy = sim_alloc(size * SIM_DESC_BYTES);
  ring->fifo = sim_alloc(size * sizeof(*ring->fifo));
  ring->barrier_desc = sim_alloc(size * SIM_DESC_BYTES);
  ring->barrier_avail = sim_alloc(avail_bytes(ring));
  ring->done_clock = sim_alloc(size * sizeof(*ring->done_clock));
  take_barrier_copy(ring);
  ring->flags_at_mb = avail_flags(ring);
  ring->event_at_mb = used_event(ring);
  ring->next = rings;
  rings = ring;
}

struct sim_ring *sim_ring_create(const struct sim_ring_params *params)
{
  struct sim_ring *ring = sim_alloc(sizeof(*ring));
  sim_ring_init(ring, params);
  return ring;
}

/*
 * What was made available
 */

static bool ring_breach(struct sim_ring *ring, const char *id, const char *what, unsigned value)
{
  /* Where the device wrote over the ring itself, it reads back its own garbage. */
  if (!ring->scribbled) {
    sim_breach(id, "queue %u: %s (%u)", ring->index, what, value);
  }
  ring->dead = true;
  return false;
}

/* Whether the device wrote over a descriptor and the driver has not written it since. */
static bool is_spoilt(const struct sim_ring *ring, const uint8_t *desc)
{
  bool spoilt = ring->scribbled;
  for (unsigned i = 0; i < SIM_DESC_BYTES; i++) {
    spoilt = spoilt && desc[i] == SCRIBBLE;
  }
  return spoilt;
}

/* Copy one descriptor that becomes part of a buffer. The driver need not write it again if it is
 * to say the same, so what the device itself spoilt it has to remember. */
static bool own_descriptor(struct sim_ring *ring, uint16_t head, uint16_t n)
{
  if (n >= ring->size) {
    return ring_breach(ring, "own-desc-range", "descriptor number out of range", n);
  }
  if (ring->owner[n] == head + 1u) {
    return ring_breach(ring, "drv-desc-1", "chain with a loop at descriptor", n);
  }
  if (ring->owner[n] != 0) {
    return ring_breach(ring, "drv-cleanup-1", "a buffer in flight already has descriptor", n);
  }
  if (ring->done_clock[n] > ring->rmb_clock) {
    sim_breach("own-used-acquire", "queue %u: descriptor %u reused, no read barrier after used idx",
               ring->index, n);
  }
  const uint8_t *desc = ring->desc + SIM_DESC_BYTES * (size_t)n;
  if (memcmp(desc, ring->barrier_desc + SIM_DESC_BYTES * (size_t)n, SIM_DESC_BYTES) != 0) {
    sim_breach("drv-updidx-1", "queue %u: no write barrier between descriptor %u and avail idx",
               ring->index, n);
  }
  if (!is_spoilt(ring, desc)) {
    memcpy(ring->desc_copy + SIM_DESC_BYTES * (size_t)n, desc, SIM_DESC_BYTES);
  }
  ring->owner[n] = (uint16_t)(head + 1u);
  return true;
}

/* Add one element, direct or from a table. */
static bool add_piece(struct sim_ring *ring, struct sim_chain *chain, const uint8_t *desc)
{
  uint64_t addr = sim_get64(desc, ring->native);
  uint32_t len = sim_get32(desc + 8, ring->native);
  uint16_t flags = sim_get16(desc + 12, ring->native);
  uint8_t *mem = sim_cpu_addr(addr);
  bool write = (flags & DESC_WRITE) != 0;
  if (chain->count == ring->size) {
    return ring_breach(ring, "drv-indirect-3", "more elements than the queue has entries",
                       chain->count);
  }
  if ((flags & ~(DESC_NEXT | DESC_WRITE | DESC_INDIRECT)) != 0) {
    return ring_breach(ring, "own-desc-flags", "unknown descriptor flags", flags);
  }
  if (mem == NULL) {
    return ring_breach(ring, "drv-rsvd-4", "element at no bus address, of length", len);
  }
  if (len == 0) {
    return ring_breach(ring, "own-desc-empty", "element of no length", chain->count);
  }
  if (!write && chain->in_bytes != 0) {
    ring_breach(ring, "drv-framing-1", "readable element behind a writable one", chain->count);
  }
  if ((chain->count & (chain->count - 1u)) == 0) {
    unsigned room = chain->count == 0 ? 1u : 2u * chain->count;
    chain->pieces = realloc(chain->pieces, room * sizeof(*chain->pieces));
  }
  chain->pieces[chain->count++] = (struct sim_piece){.mem = mem, .len = len, .write = write};
  *(write ? &chain->in_bytes : &chain->out_bytes) += len;
  if (chain->in_bytes + chain->out_bytes > UINT64_C(1) << 32) {
    return ring_breach(ring, "drv-desc-1", "chain of more than 2^32 bytes", chain->count);
  }
  return true;
}

/* Add all elements of an indirect table. */
static bool add_table(struct sim_ring *ring, struct sim_chain *chain, const uint8_t *desc)
{
  uint16_t flags = sim_get16(desc + 12, ring->native);
  size_t bytes = sim_get32(desc + 8, ring->native);
  const uint8_t *table = sim_cpu_addr(sim_get64(desc, ring->native));
  if (!ring->indirect) {
    return ring_breach(ring, "drv-indirect-1", "INDIRECT was not negotiated", flags);
  }
  if ((flags & DESC_NEXT) != 0) {
    return ring_breach(ring, "drv-indirect-4", "INDIRECT and NEXT in one descriptor", flags);
  }
  if (table == NULL || bytes == 0 || bytes % SIM_DESC_BYTES != 0) {
    return ring_breach(ring, "own-indirect-table", "no table, or one of odd length",
                       (unsigned)bytes);
  }
  if (bytes / SIM_DESC_BYTES > ring->size) {
    return ring_breach(ring, "drv-indirect-3", "table with more entries than the queue",
                       (unsigned)(bytes / SIM_DESC_BYTES));
  }
  chain->table = sim_alloc(bytes);
  chain->table_mem = table;
  chain->table_bytes = bytes;
  memcpy(chain->table, table, bytes);
  size_t at = 0;
  for (;;) {
    const uint8_t *entry = chain->table + SIM_DESC_BYTES * at;
    uint16_t entry_flags = sim_get16(entry + 12, ring->native);
    if ((entry_flags & DESC_INDIRECT) != 0) {
      return ring_breach(ring, "drv-indirect-2", "INDIRECT inside a table", entry_flags);
    }
    if (!add_piece(ring, chain, entry)) {
      return false;
    }
    if ((entry_flags & DESC_NEXT) == 0) {
      return true;
    }
    at = sim_get16(entry + 14, ring->native);
    if (at >= bytes / SIM_DESC_BYTES) {
      return ring_breach(ring, "own-desc-range", "entry outside its table", (unsigned)at);
    }
  }
}

static bool add_chain(struct sim_ring *ring, uint16_t head)
{
  struct sim_chain *chain = &ring->chains[head];
  *chain = (struct sim_chain){.in_flight = true, .slot = ring->seen_idx};
  uint16_t n = head;
  for (;;) {
    if (!own_descriptor(ring, head, n)) {
      return false;
    }
    const uint8_t *desc = ring->desc_copy + SIM_DESC_BYTES * (size_t)n;
    uint16_t flags = sim_get16(desc + 12, ring->native);
    bool good =
        (flags & DESC_INDIRECT) != 0 ? add_table(ring, chain, desc) : add_piece(ring, chain, desc);
    if (!good) {
      return false;
    }
    if ((flags & DESC_NEXT) == 0) {
      return true;
    }
    n = sim_get16(desc + 14, ring->native);
  }
}

/* Two writable buffers in the same memory would overwrite each other. Compares with all others,
 * which is too slow for the largest of rings. */
static void check_apart(struct sim_ring *ring, uint16_t head)
{
  const struct sim_piece *piece = ring->chains[head].pieces;
  if (!piece->write || ring->size > 1024) {
    return;
  }
  for (unsigned other = 0; other < ring->size; other++) {
    const struct sim_chain *chain = &ring->chains[other];
    if (other == head || !chain->in_flight || chain->count == 0) {
      continue;
    }
    const struct sim_piece *theirs = chain->pieces;
    if (piece->mem < theirs->mem + theirs->len && theirs->mem < piece->mem + piece->len) {
      sim_breach("own-buffer-twice", "queue %u: buffers %u and %u share memory", ring->index, head,
                 other);
    }
  }
}

static void accept(struct sim_ring *ring, uint16_t head)
{
  struct sim_chain *chain = &ring->chains[head];
  check_apart(ring, head);
  if (ring->noncoherent && chain->table != NULL) {
    sim_cache_check(chain->table_mem, chain->table_bytes, false);
  }
  for (unsigned i = 0; ring->noncoherent && i < chain->count; i++) {
    sim_cache_check(chain->pieces[i].mem, chain->pieces[i].len, chain->pieces[i].write);
  }
  for (unsigned i = 0; ring->noncoherent && i < chain->count; i++) {
    sim_cache_posted(chain->pieces[i].mem, chain->pieces[i].len);
  }
  ring->fifo[ring->fifo_count++] = head;
  ring->in_flight++;
  if (ring->dev != NULL) {
    sim_net_made_available(ring->dev, ring, head);
  }
}

static void check_flags(struct sim_ring *ring)
{
  if (ring->scribbled) {
    return;
  }
  uint16_t flags = avail_flags(ring);
  if (flags == ring->flags_seen) {
    return;
  }
  ring->flags_seen = flags;
  if (ring->event_idx && flags != 0) {
    sim_breach("drv-usednotif-2", "queue %u: avail flags %x with EVENT_IDX", ring->index, flags);
  }
  if (!ring->event_idx && flags > 1) {
    sim_breach("drv-usednotif-1", "queue %u: avail flags %x", ring->index, flags);
  }
}

void sim_ring_scan(struct sim_ring *ring)
{
  if (ring->size == 0 || ring->dead) {
    return;
  }
  check_flags(ring);
  uint16_t idx = avail_idx(ring);
  uint16_t news = (uint16_t)(idx - ring->seen_idx);
  if (news == 0 || (ring->scribbled && news > ring->size)) {
    return;
  }
  if (news > ring->size) {
    ring_breach(ring, "drv-avail-1", "avail idx went backwards or too far, to", idx);
    return;
  }
  bool wants = ring->event_idx ? passes(ring->avail_event, idx, ring->seen_idx) : !ring->suppress;
  ring->kick_due = ring->kick_due || wants;
  ring->kick_news = true;
  while (ring->seen_idx != idx) {
    size_t at = slot_offset(ring, ring->seen_idx);
    uint16_t head = sim_get16(ring->avail + at, ring->native);
    if (memcmp(ring->avail + at, ring->barrier_avail + at, AVAIL_SLOT) != 0) {
      sim_breach("drv-updidx-1", "queue %u: no write barrier between ring entry %u and avail idx",
                 ring->index, ring->seen_idx);
    }
    if (head >= ring->size) {
      ring_breach(ring, "own-desc-range", "available ring names descriptor", head);
      return;
    }
    if (ring->chains[head].in_flight) {
      ring_breach(ring, "drv-cleanup-1", "made available again while in flight: buffer", head);
      return;
    }
    if (!add_chain(ring, head)) {
      return;
    }
    ring->seen_idx++;
    accept(ring, head);
  }
}

void sim_rings_barrier(enum sim_barrier kind)
{
  for (struct sim_ring *ring = rings; ring != NULL; ring = ring->next) {
    sim_ring_scan(ring);
    ring->clock++;
    if (kind != SIM_RMB) {
      take_barrier_copy(ring);
    }
    if (kind != SIM_WMB) {
      ring->rmb_clock = ring->clock;
    }
    if (kind == SIM_MB) {
      ring->idx_at_mb = avail_idx(ring);
      ring->flags_at_mb = avail_flags(ring);
      ring->event_at_mb = used_event(ring);
    }
  }
}

void sim_ring_verify(struct sim_ring *ring, const char *id)
{
  sim_ring_scan(ring);
  if (ring->size == 0 || ring->dead || ring->scribbled) {
    return;
  }
  for (unsigned n = 0; n < ring->size; n++) {
    size_t at = SIM_DESC_BYTES * (size_t)n;
    if (ring->owner[n] != 0 && memcmp(ring->desc + at, ring->desc_copy + at, SIM_DESC_BYTES) != 0) {
      sim_breach(id, "queue %u: descriptor %u was altered in flight", ring->index, n);
    }
  }
}

/*
 * The device takes and returns buffers
 */

unsigned sim_ring_available(struct sim_ring *ring)
{
  sim_ring_scan(ring);
  return ring->fifo_count;
}

bool sim_ring_take_nth(struct sim_ring *ring, unsigned n, struct sim_buffer *buffer)
{
  sim_ring_scan(ring);
  if (n >= ring->fifo_count) {
    return false;
  }
  uint16_t head = ring->fifo[n];
  ring->fifo_count--;
  memmove(&ring->fifo[n], &ring->fifo[n + 1u], (ring->fifo_count - n) * sizeof(ring->fifo[0]));
  struct sim_chain *chain = &ring->chains[head];
  chain->taken = true;
  size_t at = slot_offset(ring, chain->slot);
  bool lapped = (uint16_t)(ring->seen_idx - chain->slot) > ring->size;
  if (!ring->scribbled && !lapped && sim_get16(ring->avail + at, ring->native) != head) {
    sim_breach("drv-avail-1", "queue %u: a ring entry that was published changed", ring->index);
  }
  if (ring->event_idx && !ring->suppress) {
    sim_ring_set_event(ring, ring->seen_idx);
  }
  *buffer = (struct sim_buffer){.head = head,
                                .pieces = chain->count,
                                .out_bytes = chain->out_bytes,
                                .in_bytes = chain->in_bytes};
  return true;
}

bool sim_ring_take(struct sim_ring *ring, struct sim_buffer *buffer)
{
  return sim_ring_take_nth(ring, 0, buffer);
}

struct sim_piece sim_ring_piece(struct sim_ring *ring, uint16_t head, unsigned n)
{
  return ring->chains[head].pieces[n];
}

void sim_ring_sent(struct sim_ring *ring, uint16_t head, const uint8_t *bytes, size_t len)
{
  struct sim_chain *chain = &ring->chains[head];
  chain->sent = sim_alloc(len + 1u);
  memcpy(chain->sent, bytes, len);
}

/* The descriptor behind n in its chain, as the driver wrote it; false behind the last. */
static bool next_in_chain(const struct sim_ring *ring, uint16_t *n)
{
  const uint8_t *desc = ring->desc_copy + SIM_DESC_BYTES * (size_t)*n;
  *n = sim_get16(desc + 14, ring->native);
  return (sim_get16(desc + 12, ring->native) & DESC_NEXT) != 0;
}

/* Neither descriptors nor what they lead to may change while the device has a buffer. */
static void check_unchanged(struct sim_ring *ring, uint16_t head)
{
  struct sim_chain *chain = &ring->chains[head];
  uint16_t n = head;
  do {
    size_t at = SIM_DESC_BYTES * (size_t)n;
    if (memcmp(ring->desc + at, ring->desc_copy + at, SIM_DESC_BYTES) != 0) {
      sim_breach("drv-cleanup-1", "queue %u: descriptor %u was altered in flight", ring->index, n);
    }
  } while (next_in_chain(ring, &n));
  if (chain->table != NULL && memcmp(chain->table, chain->table_mem, chain->table_bytes) != 0) {
    sim_breach("drv-cleanup-1", "queue %u: an indirect table was altered in flight", ring->index);
  }
  size_t at = 0;
  for (unsigned i = 0; chain->sent != NULL && i < chain->count; i++) {
    const struct sim_piece *piece = &chain->pieces[i];
    if (!piece->write && memcmp(piece->mem, chain->sent + at, piece->len) != 0) {
      sim_breach("own-sent-changed", "queue %u: element %u was changed while being sent",
                 ring->index, i);
    }
    at += piece->write ? 0 : piece->len;
  }
}

void sim_ring_release(struct sim_ring *ring, uint16_t head)
{
  struct sim_chain *chain = &ring->chains[head];
  if (!ring->scribbled) {
    check_unchanged(ring, head);
  }
  ring->clock++;
  uint16_t n = head;
  do {
    ring->owner[n] = 0;
    ring->done_clock[n] = ring->clock;
  } while (next_in_chain(ring, &n));
  free(chain->pieces);
  free(chain->table);
  free(chain->sent);
  *chain = (struct sim_chain){0};
  ring->in_flight--;
}

void sim_ring_show_idx(struct sim_ring *ring)
{
  sim_put16(ring->used + 2, (uint16_t)(ring->used_idx + ring->used_lie), ring->native);
}

void sim_ring_raw_used(struct sim_ring *ring, uint32_t id, uint32_t len)
{
  uint8_t *slot = ring->used + RING_HEAD + USED_SLOT * (size_t)(ring->used_idx % ring->size);
  sim_put32(slot, id, ring->native);
  sim_put32(slot + 4, len, ring->native);
  ring->used_idx++;
  sim_ring_show_idx(ring);
}

void sim_ring_use(struct sim_ring *ring, uint16_t head, uint32_t len)
{
  if (head >= ring->size || !ring->chains[head].in_flight) {
    sim_fatal("sim_ring_use: the device does not have buffer %u", head);
    return;
  }
  sim_ring_release(ring, head);
  sim_ring_raw_used(ring, head, len);
}

bool sim_ring_wants_interrupt(struct sim_ring *ring)
{
  uint16_t old = ring->signalled;
  ring->signalled = ring->used_idx;
  if (old == ring->used_idx) {
    return false;
  }
  if (ring->event_idx) {
    return passes(used_event(ring), ring->used_idx, old);
  }
  return (avail_flags(ring) & 1u) == 0;
}

/*
 * Notifications from the driver
 */

void sim_ring_set_event(struct sim_ring *ring, uint16_t event)
{
  ring->avail_event = event;
  put_avail_event(ring, event);
}

void sim_ring_set_flags(struct sim_ring *ring, uint16_t flags)
{
  ring->suppress = (flags & 1u) != 0;
  sim_put16(ring->used, flags, ring->native);
}

void sim_ring_notify(struct sim_ring *ring)
{
  sim_ring_scan(ring);
  if (ring->size != 0 && !ring->dead && ring->kick_news) {
    if (ring->idx_at_mb != ring->seen_idx) {
      sim_breach("drv-notifydev-1", "queue %u: no full barrier between avail idx and notification",
                 ring->index);
    }
    if (!ring->kick_due) {
      sim_breach(ring->event_idx ? "drv-availnotif-7" : "drv-availnotif-3",
                 "queue %u: notification although the device wants none", ring->index);
    }
  }
  ring->kick_due = false;
  ring->kick_news = false;
}

void sim_ring_check(struct sim_ring *ring)
{
  sim_ring_scan(ring);
  if (ring->size == 0 || ring->dead) {
    return;
  }
  if (ring->kick_due) {
    sim_breach(ring->event_idx ? "drv-availnotif-6" : "drv-availnotif-4",
               "queue %u: new buffers and no notification, avail idx %u", ring->index,
               ring->seen_idx);
    ring->kick_due = false;
  }
  /* An event index behind what was used already asks for nothing. */
  bool ahead = (uint16_t)(used_event(ring) - ring->used_idx) < 0x8000;
  bool armed = ring->event_idx ? ahead && used_event(ring) != ring->event_at_mb
                               : avail_flags(ring) == 0 && ring->flags_at_mb != 0;
  if (armed) {
    sim_breach("own-arm-fence", "queue %u: no full barrier after asking for an interrupt",
               ring->index);
    ring->flags_at_mb = avail_flags(ring);
    ring->event_at_mb = used_event(ring);
  }
}

/*
 * Lies
 */

void sim_ring_lie_used(struct sim_ring *ring, uint32_t id, uint32_t len)
{
  sim_ring_raw_used(ring, id, len);
}

void sim_ring_lie_idx(struct sim_ring *ring, uint16_t idx)
{
  ring->used_lie = (uint16_t)(idx - ring->used_idx);
  sim_ring_show_idx(ring);
}

/* The index goes far from where it was, so that scanning goes on when the driver writes it again.
 */
void sim_ring_scribble(struct sim_ring *ring)
{
  sim_ring_scan(ring);
  ring->scribbled = true;
  memset(ring->desc, SCRIBBLE, SIM_DESC_BYTES * (size_t)ring->size);
  memset(ring->avail + RING_HEAD, SCRIBBLE, AVAIL_SLOT * (size_t)ring->size);
  sim_put16(ring->avail, 0xfffe, ring->native);
  sim_put16(ring->avail + 2, (uint16_t)(ring->seen_idx + 0x8001u), ring->native);
}
