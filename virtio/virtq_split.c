/*
 * virtq_split.c: the driver's side of "Split Virtqueues".
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "virtio/virtio_hal.h"
#include "virtio/virtq.h"
#include <string.h>

/* "The Virtqueue Descriptor Table" */
struct virtq_desc {
  uint64_t addr;
  uint32_t len;
  uint16_t flags;
  uint16_t next;
};

#define VIRTQ_DESC_F_NEXT     1u
#define VIRTQ_DESC_F_WRITE    2u
#define VIRTQ_DESC_F_INDIRECT 4u

/* "The Virtqueue Available Ring"; used_event stands behind the last ring entry. */
struct virtq_avail {
  uint16_t flags;
  uint16_t idx;
  uint16_t ring[];
};

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u

/* "The Virtqueue Used Ring"; avail_event stands behind the last ring entry. */
struct virtq_used_elem {
  uint32_t id;
  uint32_t len;
};

struct virtq_used {
  uint16_t flags;
  uint16_t idx;
  struct virtq_used_elem ring[];
};

#define VIRTQ_USED_F_NO_NOTIFY 1u

_Static_assert(sizeof(struct virtq_desc) == 16, "struct virtq_desc is 16 bytes on the wire");
_Static_assert(sizeof(struct virtq_avail) == 4, "the available ring has a 4-byte head");
_Static_assert(sizeof(struct virtq_used) == 4, "the used ring has a 4-byte head");
_Static_assert(sizeof(struct virtq_used_elem) == 8,
               "struct virtq_used_elem is 8 bytes on the wire");

/*
 * Fields that the other side reads or writes at any time are accessed exactly once, in one piece.
 */

static uint16_t shared_read16(const struct virtq *vq, const uint16_t *field)
{
  return virtio_hal_le16(__atomic_load_n(field, __ATOMIC_RELAXED), vq->native_endian);
}

static void shared_write16(const struct virtq *vq, uint16_t *field, uint16_t value)
{
  __atomic_store_n(field, virtio_hal_le16(value, vq->native_endian), __ATOMIC_RELAXED);
}

static uint16_t *used_event(const struct virtq *vq)
{
  return &vq->avail->ring[vq->size];
}

static const uint16_t *avail_event(const struct virtq *vq)
{
  return (const uint16_t *)&vq->used->ring[vq->size];
}

static uint16_t device_used_idx(const struct virtq *vq)
{
  return shared_read16(vq, &vq->used->idx);
}

/*
 * Set-up
 */

VIRTIO_COLD void virtq_init(struct virtq *vq, const struct virtq_params *params)
{
  uint8_t *ring = params->ring;
  uint16_t size = params->size;

  memset(vq, 0, sizeof(*vq));
  memset(ring, 0, VIRTQ_RING_BYTES(size));
  vq->desc = (struct virtq_desc *)(void *)ring;
  vq->avail = (struct virtq_avail *)(void *)(ring + size * sizeof(struct virtq_desc));
  vq->used = (struct virtq_used *)(void *)(ring + VIRTQ_USED_OFFSET(size));
  vq->shadow = params->shadow;
  vq->index = params->index;
  vq->size = size;
  vq->mask = (uint16_t)(size - 1u);
  vq->num_free = size;
  vq->event_idx = params->event_idx;
  vq->native_endian = params->native_endian;

  for (unsigned i = 0; i < size; i++) {
    vq->shadow[i] = (struct virtq_shadow){.next = (uint16_t)(i + 1u), .token = VIRTQ_NO_BUFFER};
  }
}

VIRTIO_COLD struct virtq_placement virtq_placement(const struct virtq *vq)
{
  return (struct virtq_placement){
      .size = vq->size,
      .desc_bus = virtio_hal_bus_addr(vq->desc),
      .avail_bus = virtio_hal_bus_addr(vq->avail),
      .used_bus = virtio_hal_bus_addr(vq->used),
  };
}

/*
 * Adding: descriptors come off the free list, which the shadow links in the order of use.
 */

static void write_desc(const struct virtq *vq, struct virtq_desc *desc, const struct virtq_sg *sg,
                       uint16_t flags, uint16_t next)
{
  desc->addr = virtio_hal_le64(virtio_hal_bus_addr(sg->addr), vq->native_endian);
  desc->len = virtio_hal_le32(sg->len, vq->native_endian);
  desc->flags = virtio_hal_le16(flags, vq->native_endian);
  desc->next = virtio_hal_le16(next, vq->native_endian);
}

/* Put the chain of count descriptors at head, behind which rest is the first free one, into the
 * next entry of the available ring. The device sees neither before the index moves. */
static inline void commit(struct virtq *vq, uint16_t head, uint16_t rest, unsigned count,
                          uint16_t token)
{
  struct virtq_shadow *first = &vq->shadow[head];
  uint16_t idx = vq->avail_idx;

  vq->free_head = rest;
  vq->num_free = (uint16_t)(vq->num_free - count);
  vq->avail_idx = (uint16_t)(idx + 1u);
  first->count = (uint16_t)count;
  first->token = token;
  vq->avail->ring[idx & vq->mask] = virtio_hal_le16(head, vq->native_endian);
}

VIRTIO_HOT int virtq_add(struct virtq *vq, const struct virtq_sg *sg, unsigned out, unsigned in,
                         uint16_t token)
{
  unsigned count = out + in;
  if (count > vq->num_free) {
    return VIRTIO_ERR_FULL;
  }

  uint16_t head = vq->free_head;
  uint16_t next = head;
  unsigned i = 0;
  do {
    uint16_t at = next;
    uint16_t flags = (i < out ? 0 : VIRTQ_DESC_F_WRITE) | (i + 1 < count ? VIRTQ_DESC_F_NEXT : 0);
    next = vq->shadow[at].next;
    write_desc(vq, &vq->desc[at], &sg[i], flags, next); /* without F_NEXT next means nothing */
  } while (++i < count);
  commit(vq, head, next, count, token);
  return VIRTIO_OK;
}

VIRTIO_HOT unsigned virtq_refill(struct virtq *vq, const struct virtq_pool *pool,
                                 const uint16_t *buffers, unsigned count)
{
  unsigned added = vq->num_free < count ? vq->num_free : count;
  const uint16_t *buffer = buffers + count;
  uint16_t head = vq->free_head;
  unsigned idx = vq->avail_idx;

  vq->num_free = (uint16_t)(vq->num_free - added);
  for (unsigned n = added; n > 0; n--) {
    struct virtq_shadow *first = &vq->shadow[head];

    buffer--;
    if (first->token != *buffer) {
      struct virtq_sg piece = {pool->base + (size_t)*buffer * pool->stride, pool->len};
      write_desc(vq, &vq->desc[head], &piece, VIRTQ_DESC_F_WRITE, 0);
      first->token = *buffer;
    }
    first->count = 1;
    vq->avail->ring[idx++ & vq->mask] = virtio_hal_le16(head, vq->native_endian);
    head = first->next;
  }
  vq->avail_idx = (uint16_t)idx;
  vq->free_head = head;
  return count - added;
}

int virtq_add_indirect(struct virtq *vq, void *table, const struct virtq_sg *sg, unsigned out,
                       uint16_t token)
{
  if (vq->num_free == 0) {
    return VIRTIO_ERR_FULL;
  }

  struct virtq_desc *entries = table;
  for (unsigned i = 0; i < out; i++) {
    uint16_t flags = i + 1 < out ? VIRTQ_DESC_F_NEXT : 0;
    write_desc(vq, &entries[i], &sg[i], flags, (uint16_t)(i + 1));
  }
  struct virtq_sg whole = {.addr = table, .len = VIRTQ_TABLE_BYTES(out)};
  virtio_hal_cache_clean(table, whole.len);
  uint16_t head = vq->free_head;
  write_desc(vq, &vq->desc[head], &whole, VIRTQ_DESC_F_INDIRECT, 0);
  commit(vq, head, vq->shadow[head].next, 1, token);
  return VIRTIO_OK;
}

/*
 * Notifying the device
 */

VIRTIO_HOT void virtq_publish(struct virtq *vq)
{
  if (vq->published_idx == vq->avail_idx) {
    return;
  }
  /* "Updating idx": descriptors, ring entries and whatever was read from a buffer that is being
   * reposted come before the index that gives them away. */
  virtio_hal_wmb();
  vq->published_idx = vq->avail_idx;
  shared_write16(vq, &vq->avail->idx, vq->published_idx);
}

VIRTIO_HOT bool virtq_kick_wanted(struct virtq *vq)
{
  uint16_t old = vq->kicked_idx;
  uint16_t new = vq->published_idx;
  if (new == old) {
    return false;
  }
  vq->kicked_idx = new;

  /* "Notifying The Device": the index must be visible before the suppression is read, or both
   * sides go to sleep, each on what it last saw of the other. A release store does not do it. */
  virtio_hal_mb();
  if (vq->event_idx) {
    uint16_t event = shared_read16(vq, avail_event(vq));
    return (uint16_t)(new - event - 1u) < (uint16_t)(new - old);
  }
  return (shared_read16(vq, &vq->used->flags) & VIRTQ_USED_F_NO_NOTIFY) == 0;
}

/*
 * Taking
 */

/* The device broke the rules: with used_seen here, nobody gets past look_for_used() any more. */
static VIRTIO_COLD void set_broken(struct virtq *vq)
{
  vq->broken = true;
  vq->used_seen = vq->used_idx;
}

/* Whether there is an entry to take. The used index that the device shows can only be true if it
 * owes no more than it was shown. */
static bool look_for_used(struct virtq *vq)
{
  uint16_t seen = device_used_idx(vq);
  if (seen == vq->used_idx || vq->broken) {
    return false;
  }
  if ((uint16_t)(seen - vq->used_idx) > (uint16_t)(vq->published_idx - vq->used_idx)) {
    set_broken(vq);
    return false;
  }
  vq->used_seen = seen;
  /* "Receiving Used Buffers From The Device": entries and payload are read after the index. */
  virtio_hal_rmb();
  return true;
}

/* Put the chain of count descriptors at head back on the free list. */
static uint16_t release(struct virtq *vq, uint32_t head, uint16_t count)
{
  struct virtq_shadow *first = &vq->shadow[head];
  struct virtq_shadow *last = first;

  for (unsigned n = count; n > 1; n--) {
    last = &vq->shadow[last->next];
  }
  last->next = vq->free_head;
  first->count = 0;
  vq->free_head = (uint16_t)head;
  vq->num_free = (uint16_t)(vq->num_free + count);
  return first->token;
}

VIRTIO_HOT int virtq_take(struct virtq *vq, struct virtq_done *done)
{
  uint16_t idx = vq->used_idx;
  if (vq->used_seen == idx && !look_for_used(vq)) {
    return vq->broken ? VIRTIO_ERR_DEVICE : 0;
  }

  const struct virtq_used_elem *elem = &vq->used->ring[idx & vq->mask];
  uint32_t id = virtio_hal_le32(__atomic_load_n(&elem->id, __ATOMIC_RELAXED), vq->native_endian);
  uint16_t count = id < vq->size ? vq->shadow[id].count : 0;
  if (count == 0) {
    set_broken(vq);
    return VIRTIO_ERR_DEVICE;
  }
  done->len = virtio_hal_le32(__atomic_load_n(&elem->len, __ATOMIC_RELAXED), vq->native_endian);
  done->token = release(vq, id, count);
  vq->used_idx = (uint16_t)(idx + 1u);
  return 1;
}

VIRTIO_HOT bool virtq_pending(const struct virtq *vq)
{
  return device_used_idx(vq) != vq->used_idx;
}

VIRTIO_HOT bool virtq_arm(struct virtq *vq)
{
  if (vq->event_idx) {
    shared_write16(vq, used_event(vq), vq->used_idx);
  } else {
    shared_write16(vq, &vq->avail->flags, 0);
  }
  /* "Used Buffer Notification Suppression": the request must be visible before the index is read
   * again, or a buffer used in between is announced by nobody. */
  virtio_hal_mb();
  return virtq_pending(vq);
}

VIRTIO_HOT void virtq_disarm(struct virtq *vq)
{
  if (vq->event_idx) {
    /* The flags stay 0; an event index just passed is the farthest away. */
    shared_write16(vq, used_event(vq), (uint16_t)(vq->used_idx - 1u));
  } else {
    shared_write16(vq, &vq->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
  }
}

VIRTIO_COLD bool virtq_reclaim(struct virtq *vq, uint16_t *token)
{
  for (unsigned head = 0; head < vq->size && virtq_in_flight(vq) > 0; head++) {
    if (vq->shadow[head].count != 0) {
      vq->shadow[head].count = 0;
      vq->used_seen = ++vq->used_idx;
      *token = vq->shadow[head].token;
      return true;
    }
  }
  return false;
}
