/*
 * virtq_model.c: calls of the ring, each with what it must do.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "virtq_model.h"

#include "virtio/virtio_hal.h"

#include <stdlib.h>
#include <string.h>

enum {
  FLAG_NEXT = 1,
  FLAG_WRITE = 2,
  FLAG_INDIRECT = 4,
  NONE = 0xffff,
};

struct desc {
  uint64_t addr;
  uint32_t len;
  uint16_t flags;
  uint16_t next;
};

struct virtq_model model;

/*
 * Ring memory
 */

static struct desc *descs(void)
{
  return (struct desc *)(void *)model.ring;
}

/* flags, idx, ring[size], used_event */
static uint16_t *avail(void)
{
  return (uint16_t *)(void *)(model.ring + 16u * model.size);
}

/* flags, idx, (id, len)[size], avail_event */
uint16_t *model_used_ring(void)
{
  return (uint16_t *)(void *)(model.ring + VIRTQ_USED_OFFSET(model.size));
}

uint32_t *model_used_elem(uint16_t idx)
{
  return (uint32_t *)(void *)(model_used_ring() + 2) + 2u * (idx & (model.size - 1u));
}

uint16_t *model_avail_event(void)
{
  return model_used_ring() + 2u + 4u * model.size;
}

/*
 * Calls
 */

static void check_desc(const struct desc *desc, const struct virtq_sg *sg, uint16_t flags)
{
  FUZZ_CHECK(desc->addr == virtio_hal_bus_addr(sg->addr) && desc->len == sg->len);
  FUZZ_CHECK((desc->flags & ~FLAG_NEXT) == flags);
}

/* Follow the chain that was just added; all of its descriptors were free. */
static void check_chain(uint16_t head, const struct virtq_sg *sg, unsigned out, unsigned in)
{
  uint16_t at = head;
  for (unsigned i = 0; i < out + in; i++) {
    FUZZ_CHECK(at < model.size && model.owner[at] == NONE);
    model.owner[at] = head;
    check_desc(&descs()[at], &sg[i], i < out ? 0 : FLAG_WRITE);
    FUZZ_CHECK(((descs()[at].flags & FLAG_NEXT) != 0) == (i + 1 < out + in));
    at = descs()[at].next;
  }
}

static void check_table(uint16_t head, const uint8_t *table, const struct virtq_sg *sg,
                        unsigned out)
{
  struct virtq_sg whole = {(void *)(uintptr_t)table, VIRTQ_TABLE_BYTES(out)};
  FUZZ_CHECK(head < model.size && model.owner[head] == NONE);
  model.owner[head] = head;
  check_desc(&descs()[head], &whole, FLAG_INDIRECT);
  for (unsigned i = 0; i < out; i++) {
    struct desc entry;
    memcpy(&entry, table + 16u * i, sizeof(entry));
    check_desc(&entry, &sg[i], 0);
    FUZZ_CHECK(((entry.flags & FLAG_NEXT) != 0) == (i + 1 < out));
    FUZZ_CHECK(i + 1 == out || entry.next == i + 1);
  }
}

/* What was added is in flight. */
static void note_added(uint16_t head, uint16_t token, unsigned count)
{
  model.token[head] = token;
  model.count[head] = (uint16_t)count;
  model.free -= count;
  model.in_flight++;
  model.added++;
  if (model.held < MODEL_SIZE_MAX) {
    model.heads[model.held++] = head;
  }
}

/* Where the next buffer that the model notes was put. */
static uint16_t added_head(void)
{
  return avail()[2 + (model.added & (model.size - 1u))];
}

void model_refill(unsigned count)
{
  static uint8_t data[MODEL_POOL_BUFFERS * 64];
  const struct virtq_pool pool = {.base = data, .stride = 64, .len = 60};
  uint16_t buffers[MODEL_PIECES_MAX];

  if (model.kind == MODEL_PIECES) {
    model_add(0, 1, false);
    return;
  }
  model.kind = MODEL_POOL;
  for (unsigned i = 0; i < count; i++) {
    buffers[i] = (uint16_t)fuzz_below(MODEL_POOL_BUFFERS);
  }
  unsigned left = virtq_refill(&model.vq, &pool, buffers, count);
  FUZZ_CHECK(left == (count > model.free ? count - model.free : 0));
  for (; count > left; count--) {
    uint16_t head = added_head();
    uint16_t buffer = buffers[count - 1];
    FUZZ_CHECK(head < model.size && model.owner[head] == NONE);
    model.owner[head] = head;
    if (!model.scribbled) {
      struct virtq_sg piece = {data + (size_t)64 * buffer, 60};
      check_desc(&descs()[head], &piece, FLAG_WRITE);
    }
    note_added(head, buffer, 1);
  }
}

void model_add(unsigned out, unsigned in, bool indirect)
{
  if (model.kind == MODEL_POOL) {
    model_refill(1);
    return;
  }
  model.kind = MODEL_PIECES;
  static uint8_t data[MODEL_PIECES_MAX];
  struct virtq_sg sg[MODEL_PIECES_MAX];
  unsigned count = indirect ? 1 : out + in;
  uint8_t *table = indirect ? fuzz_alloc(VIRTQ_TABLE_BYTES(out), 16) : NULL;
  uint16_t token = fuzz_u16();

  for (unsigned i = 0; i < out + in; i++) {
    sg[i] = (struct virtq_sg){&data[i], 1u + (token + i) % 2000u};
  }
  int err = indirect ? virtq_add_indirect(&model.vq, table, sg, out, token)
                     : virtq_add(&model.vq, sg, out, in, token);
  FUZZ_CHECK(err == (count <= model.free ? VIRTIO_OK : VIRTIO_ERR_FULL));
  if (err == VIRTIO_OK) {
    uint16_t head = added_head();
    if (indirect) {
      check_table(head, table, sg, out);
    } else {
      check_chain(head, sg, out, in);
    }
    note_added(head, token, count);
  }
  free(table);
}

void model_publish(void)
{
  model.hook_ran = false;
  bool news = model.published != model.added;
  model.published = model.added;
  virtq_publish(&model.vq);
  FUZZ_CHECK(!news || avail()[1] == model.published);
}

void model_kick(void)
{
  uint16_t old = model.kicked;
  uint16_t new = model.published;
  bool expected = false;
  bool wanted = virtq_kick_wanted(&model.vq);

  model.kicked = new;
  if (new != old && model.event_idx) {
    /* Whether the event index is one of those that were published since. */
    expected = (uint16_t)(*model_avail_event() - old) < (uint16_t)(new - old);
  } else if (new != old) {
    expected = (model_used_ring()[0] & 1) == 0;
  }
  FUZZ_CHECK(wanted == expected);
}

/* A buffer is not in flight any more. Its descriptors are not to be used again. */
static void forget(uint16_t head)
{
  for (unsigned i = 0; i < model.held; i++) {
    if (model.heads[i] == head) {
      model.heads[i--] = model.heads[--model.held];
    }
  }
  model.count[head] = 0;
  model.in_flight--;
}

/* A buffer came back, and its descriptors are free. */
static void note_taken(uint16_t head)
{
  for (unsigned i = 0; i < model.size; i++) {
    if (model.owner[i] == head) {
      model.owner[i] = NONE;
    }
  }
  model.free += model.count[head];
  forget(head);
}

/* What is known before the call: 1 if an entry may be taken. */
static int expect_take(void)
{
  if (model.broken) {
    return VIRTIO_ERR_DEVICE;
  }
  if (model.seen == model.used) {
    uint16_t idx = model_used_ring()[1];
    if (idx == model.used) {
      return 0;
    }
    if ((uint16_t)(idx - model.used) > (uint16_t)(model.published - model.used)) {
      model.broken = true;
      return VIRTIO_ERR_DEVICE;
    }
    model.seen = idx;
  }
  return 1;
}

void model_take(void)
{
  struct virtq_done done;
  int expected = expect_take();
  int got = virtq_take(&model.vq, &done);
  if (expected == 1) {
    const uint32_t *elem = model_used_elem(model.used);
    if (elem[0] >= model.size || model.count[elem[0]] == 0) {
      model.broken = true;
      expected = VIRTIO_ERR_DEVICE;
    } else {
      FUZZ_CHECK(got == 1 && done.token == model.token[elem[0]] && done.len == elem[1]);
      note_taken((uint16_t)elem[0]);
      model.used++;
    }
  }
  FUZZ_CHECK(got == expected);
}

void model_arm(void)
{
  model.hook_ran = false;
  bool pending = virtq_arm(&model.vq);
  FUZZ_CHECK(pending == (model_used_ring()[1] != model.used));
  FUZZ_CHECK(pending == virtq_pending(&model.vq));
  if (!model.hook_ran) {
    FUZZ_CHECK(model.event_idx ? avail()[2 + model.size] == model.used : avail()[0] == 0);
  }
}

void model_disarm(void)
{
  virtq_disarm(&model.vq);
  FUZZ_CHECK(model.event_idx ? avail()[2 + model.size] == (uint16_t)(model.used - 1u)
                             : avail()[0] == 1);
}

void model_reclaim_one(void)
{
  uint16_t token;
  if (!virtq_reclaim(&model.vq, &token)) {
    FUZZ_CHECK(model.in_flight == 0);
    return;
  }
  for (uint16_t head = 0; head < model.size; head++) {
    if (model.count[head] != 0 && model.token[head] == token) {
      /* Which of several with one token it was, the driver's notes tell. */
      if (model.vq.shadow[head].count == 0) {
        forget(head);
        model.seen = ++model.used;
        return;
      }
    }
  }
  fuzz_fail("a token came back that was not in flight");
}

/*
 * Life
 */

void model_begin(uint16_t size, bool event_idx)
{
  memset(&model, 0, sizeof(model));
  memset(model.owner, 0xff, sizeof(model.owner));
  model.size = size;
  model.event_idx = event_idx;
  model.free = size;
  model.ring = fuzz_alloc(VIRTQ_RING_BYTES(size), VIRTQ_ALIGN);
}

void model_start(uint16_t at)
{
  struct virtq_params params = {
      .ring = model.ring,
      .shadow = fuzz_alloc(model.size * sizeof(struct virtq_shadow), 8),
      .size = model.size,
      .event_idx = model.event_idx,
  };
  virtq_init(&model.vq, &params);
  model.vq.avail_idx = model.vq.published_idx = model.vq.kicked_idx = at;
  model.vq.used_idx = model.vq.used_seen = at;
  model.added = model.published = model.kicked = model.used = model.seen = at;
  avail()[1] = model_used_ring()[1] = at;
}

void model_check(void)
{
  FUZZ_CHECK(model.vq.num_free == model.free && virtq_in_flight(&model.vq) == model.in_flight);
  FUZZ_CHECK(model.vq.broken == model.broken);
}

/* Every free descriptor can be had, and everything comes back. */
void model_end(void)
{
  for (unsigned i = model.free + 1; i > 0; i--) {
    model_add(1, 0, false);
  }
  FUZZ_CHECK(model.free == 0);
  while (model.in_flight > 0) {
    model_reclaim_one();
  }
  model_reclaim_one();
  free(model.vq.shadow);
  free(model.ring);
}
