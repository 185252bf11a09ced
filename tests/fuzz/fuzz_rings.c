/*
 * fuzz_rings.c: the fuzzed device's side of the rings: its job, and what it can do besides.
 *
 * A receive buffer that the device holds is nobody else's: its memory is poisoned for the address
 * sanitizer until the device returns it. After lies about which buffers are returned (tainted)
 * device and driver may disagree on that, and the device no longer minds, nor looks at what it is
 * sent.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "fuzz_rings.h"

#include <sanitizer/asan_interface.h>
#include <string.h>

enum {
  BUFFER_BYTES = 2048,
  FLAG_NEXT = 1,
  FLAG_WRITE = 2,
  FLAG_INDIRECT = 4,
  ISR_QUEUE = 1,
  HDR_NUM_BUFFERS = 10,
};

struct desc {
  uint64_t addr;
  uint32_t len;
  uint16_t flags;
  uint16_t next;
};

struct fuzz_queue fuzz_queues[FUZZ_QUEUES];

struct fuzz_memory fuzz_memory;
static unsigned sent_count;

void fuzz_rings_memory(void *dma, size_t bytes, size_t packets, unsigned buffers, bool all_copied)
{
  fuzz_memory.dma = dma;
  fuzz_memory.bytes = bytes;
  fuzz_memory.packets = packets;
  fuzz_memory.buffers = (size_t)buffers * BUFFER_BYTES;
  fuzz_memory.all_copied = all_copied;
  sent_count = 0;
}

/*
 * Whose memory it is
 */

static void show(struct fuzz_buffer *buffer)
{
  for (unsigned i = 0; buffer->hidden && i < FUZZ_PIECES; i++) {
    ASAN_UNPOISON_MEMORY_REGION(buffer->at[i], buffer->len[i]);
  }
  buffer->hidden = false;
}

static void hide(struct fuzz_buffer *buffer)
{
  for (unsigned i = 0; i < FUZZ_PIECES; i++) {
    ASAN_POISON_MEMORY_REGION(buffer->at[i], buffer->len[i]);
  }
  buffer->hidden = true;
}

void fuzz_rings_taint(struct fuzz_queue *q)
{
  q->tainted = true;
  for (unsigned i = 0; i < FUZZ_QUEUE_MAX; i++) {
    show(&q->buffers[i]);
  }
}

/* By the device, whoever may touch it. A function of the library would ask the sanitizer. */
__attribute__((no_sanitize("address"))) static void put(uint8_t *at, const uint8_t *from,
                                                        uint32_t len)
{
  for (uint32_t i = 0; i < len; i++) {
    ((volatile uint8_t *)at)[i] = from[i];
  }
}

void fuzz_rings_fill(uint8_t *at, uint8_t value, size_t len)
{
  while (len-- > 0) {
    put(at++, &value, 1);
  }
}

/*
 * What is available
 */

static struct desc *desc_at(const struct fuzz_queue *q, uint16_t n)
{
  return (struct desc *)(void *)q->mem_desc + n;
}

/* The driver's frame may be read: all of it is memory that is alive. */
static void look_at_frame(const struct fuzz_queue *q, uint16_t head)
{
  const struct desc *d = desc_at(q, head);
  const struct desc *table = (const struct desc *)(const void *)q->mem_desc;
  unsigned count = q->size;

  if ((d->flags & FLAG_INDIRECT) != 0) {
    count = d->len / sizeof(*d);
    table = fuzz_dma_at(d->addr, d->len);
    FUZZ_CHECK(table != NULL && count > 0);
    d = table;
  }
  for (unsigned n = 0; n < count; n++) {
    FUZZ_CHECK((d->flags & (FLAG_WRITE | FLAG_INDIRECT)) == 0 && d->len > 0);
    fuzz_touch(fuzz_any_at(d->addr), d->len);
    if ((d->flags & FLAG_NEXT) == 0) {
      return;
    }
    FUZZ_CHECK(d->next < count);
    d = &table[d->next];
  }
  fuzz_fail("a chain without an end");
}

static void accept_buffer(struct fuzz_queue *q, uint16_t head)
{
  struct fuzz_buffer *buffer = &q->buffers[head];
  const struct desc *d = desc_at(q, head);

  show(buffer);
  memset(buffer, 0, sizeof(*buffer));
  for (unsigned i = 0; i < FUZZ_PIECES; i++) {
    uint8_t *at = fuzz_dma_at(d->addr, d->len);
    bool valid = (d->flags & FLAG_WRITE) != 0 && at >= fuzz_memory.dma + fuzz_memory.packets &&
                 at + d->len <= fuzz_memory.dma + fuzz_memory.packets + fuzz_memory.buffers;
    FUZZ_CHECK(valid || q->tainted);
    buffer->at[i] = valid ? at : NULL;
    buffer->len[i] = valid ? d->len : 0;
    if ((d->flags & FLAG_NEXT) == 0 || d->next >= q->size) {
      break;
    }
    d = desc_at(q, d->next);
  }
  if (!q->tainted) {
    hide(buffer);
  }
}

static bool drop(struct fuzz_queue *q, uint32_t head)
{
  for (unsigned i = 0; i < q->held_count; i++) {
    if (q->held[i] == head) {
      q->held_count--;
      memmove(&q->held[i], &q->held[i + 1], (q->held_count - i) * sizeof(q->held[0]));
      return true;
    }
  }
  return false;
}

static void accept(struct fuzz_queue *q, uint16_t head)
{
  FUZZ_CHECK(head < q->size || q->tainted);
  if (head >= q->size) {
    return;
  }
  FUZZ_CHECK(!drop(q, head) || q->tainted);
  q->held[q->held_count++] = head;
  if (q == &fuzz_queues[FUZZ_RX]) {
    accept_buffer(q, head);
  } else {
    sent_count++;
    if (!q->tainted) {
      look_at_frame(q, head);
    }
  }
}

void fuzz_rings_fetch_queue(struct fuzz_queue *q)
{
  if (!q->live) {
    return;
  }
  uint16_t idx = q->mem_avail[1];
  bool possible = (uint16_t)(idx - q->seen) <= q->size;
  FUZZ_CHECK(possible || q->tainted);
  while (possible && q->seen != idx) {
    uint16_t head = q->mem_avail[2 + (q->seen++ & (q->size - 1u))];
    accept(q, head);
  }
  if (q->event_idx) {
    q->mem_used[2u + 4u * q->size] = q->seen;
  }
}

void fuzz_rings_fetch(void)
{
  fuzz_rings_fetch_queue(&fuzz_queues[FUZZ_RX]);
  fuzz_rings_fetch_queue(&fuzz_queues[FUZZ_TX]);
}

/*
 * Life of a queue
 */

void fuzz_rings_reset(void)
{
  fuzz_rings_taint(&fuzz_queues[FUZZ_RX]);
  memset(fuzz_queues, 0, sizeof(fuzz_queues));
}

void fuzz_rings_enable(struct fuzz_queue *q, bool event_idx)
{
  uint32_t size = q->size;
  FUZZ_CHECK(!q->live && size > 0 && size <= FUZZ_QUEUE_MAX && (size & (size - 1)) == 0);
  q->mem_desc = fuzz_dma_at(q->desc, 16u * size);
  q->mem_avail = fuzz_dma_at(q->avail, 6u + 2u * size);
  q->mem_used = fuzz_dma_at(q->used, 6u + 8u * size);
  FUZZ_CHECK(q->mem_desc != NULL && q->mem_avail != NULL && q->mem_used != NULL);
  q->event_idx = event_idx;
  q->live = true;
}

bool fuzz_device_tainted(void)
{
  return fuzz_queues[FUZZ_RX].tainted || fuzz_queues[FUZZ_TX].tainted;
}

unsigned fuzz_device_sent(void)
{
  fuzz_rings_fetch();
  return sent_count;
}

void fuzz_rings_calm(void)
{
  for (unsigned i = 0; i < FUZZ_QUEUES; i++) {
    if (fuzz_queues[i].live) {
      fuzz_queues[i].mem_used[0] = 0;
      fuzz_queues[i].mem_used[1] = fuzz_queues[i].used_idx;
      fuzz_rings_fetch_queue(&fuzz_queues[i]);
    }
  }
}

/*
 * The job
 */

void fuzz_rings_use(struct fuzz_queue *q, uint32_t id, uint32_t len)
{
  uint32_t elem[2] = {id, len};
  uint8_t *ring = (uint8_t *)(q->mem_used + 2);
  put(ring + 8u * (q->used_idx & (q->size - 1u)), (const uint8_t *)elem, sizeof(elem));
  if (!drop(q, id)) {
    fuzz_rings_taint(q); /* it has no such buffer, but will when the driver gets to see this */
  } else {
    show(&q->buffers[id]);
  }
  q->mem_used[1] = ++q->used_idx;
  fuzz_isr |= ISR_QUEUE;
}

/* Len bytes, the first of them at byte at of a buffer. */
static void put_buffer(const struct fuzz_buffer *buffer, uint32_t at, const uint8_t *bytes,
                       uint32_t len)
{
  for (unsigned i = 0; i < FUZZ_PIECES && len > 0; i++) {
    uint32_t here = at < buffer->len[i] ? buffer->len[i] - at : 0;
    here = here < len ? here : len;
    if (here > 0) {
      put(buffer->at[i] + at, bytes, here);
    }
    at = here > 0 ? 0 : at - buffer->len[i];
    bytes += here;
    len -= here;
  }
}

static uint32_t bytes_of(const struct fuzz_buffer *buffer)
{
  return buffer->len[0] + buffer->len[1];
}

bool fuzz_device_deliver(const uint8_t *frame, uint32_t len, const uint8_t *hdr)
{
  struct fuzz_queue *q = &fuzz_queues[FUZZ_RX];
  uint8_t right_hdr[FUZZ_HDR_BYTES] = {0};
  uint32_t before = (uint32_t)fuzz_device_hdr_bytes();
  uint32_t written = 0;
  unsigned count = 0;

  fuzz_rings_fetch_queue(q);
  for (uint32_t room = 0; q->live && room < before + len; count++) {
    if (count == q->held_count || (count == 1 && !fuzz_device_merges())) {
      return false;
    }
    uint32_t more = bytes_of(&q->buffers[q->held[count]]);
    if (more < FUZZ_HDR_BYTES) {
      return false;
    }
    room += more;
  }
  right_hdr[HDR_NUM_BUFFERS] = (uint8_t)count;
  for (unsigned i = 0; i < count; i++) {
    const struct fuzz_buffer *buffer = &q->buffers[q->held[0]];
    uint32_t room = bytes_of(buffer) - before;
    uint32_t here = len - written < room ? len - written : room;
    put_buffer(buffer, 0, hdr != NULL ? hdr : right_hdr, before);
    put_buffer(buffer, before, frame + written, here);
    fuzz_rings_use(q, q->held[0], before + here);
    written += here;
    before = 0;
  }
  return count > 0;
}

void fuzz_device_complete(unsigned count)
{
  struct fuzz_queue *q = &fuzz_queues[FUZZ_TX];
  fuzz_rings_fetch_queue(q);
  for (; count > 0 && q->held_count > 0; count--) {
    if (!q->tainted) {
      look_at_frame(q, q->held[0]);
    }
    fuzz_rings_use(q, q->held[0], 0);
  }
}
