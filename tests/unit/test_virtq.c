/*
 * test_virtq.c: the ring alone, without a device: its layout, its indices, its notifications, and
 * what it does about a device that lies.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "support.h"

#include "virtio/virtq.h"

#include <string.h>

enum { DATA_BYTES = 64, FLAG_NEXT = 1, FLAG_WRITE = 2, FLAG_INDIRECT = 4 };

/* Both sides of one ring. */
struct rig {
  struct virtq vq;
  struct virtq_params params;
  uint8_t *mem;
  size_t mem_bytes;
  uint8_t *data; /* as many buffers as there are descriptors */
  struct sim_ring *ring;
};

static struct rig *rig_with(uint16_t size, bool event_idx)
{
  struct rig *rig = support_alloc(sizeof(*rig), 16);
  rig->mem_bytes = VIRTQ_RING_BYTES((size_t)size);
  rig->mem = support_alloc(rig->mem_bytes, VIRTQ_ALIGN);
  rig->data = support_alloc((size_t)size * DATA_BYTES, 64);
  rig->params = (struct virtq_params){
      .ring = rig->mem,
      .shadow = support_alloc(size * sizeof(struct virtq_shadow), 16),
      .index = 0,
      .size = size,
      .event_idx = event_idx,
  };
  virtq_init(&rig->vq, &rig->params);
  struct virtq_placement at = virtq_placement(&rig->vq);
  struct sim_ring_params where = {.size = at.size,
                                  .desc_bus = at.desc_bus,
                                  .avail_bus = at.avail_bus,
                                  .used_bus = at.used_bus,
                                  .event_idx = event_idx,
                                  .indirect = true};
  rig->ring = sim_ring_create(&where);
  return rig;
}

static struct rig *rig_of(uint16_t size)
{
  return rig_with(size, false);
}

static uint8_t *data(const struct rig *rig, unsigned n)
{
  return rig->data + (size_t)n * DATA_BYTES;
}

/* One buffer of out + in pieces; the data of descriptor first and following. */
static int add(struct rig *rig, unsigned first, unsigned out, unsigned in, uint16_t token)
{
  struct virtq_sg sg[256];
  for (unsigned i = 0; i < out + in; i++) {
    sg[i] = (struct virtq_sg){data(rig, (first + i) % rig->vq.size), DATA_BYTES};
  }
  return virtq_add(&rig->vq, sg, out, in, token);
}

static void add_published(struct rig *rig, uint16_t token)
{
  assert_int_equal(add(rig, token % rig->vq.size, 1, 0, token), VIRTIO_OK);
  virtq_publish(&rig->vq);
}

/* The device takes the oldest buffer and returns it at once. */
static void device_uses_one(struct rig *rig, uint32_t len)
{
  struct sim_buffer buffer;
  assert_true(sim_ring_take(rig->ring, &buffer));
  sim_ring_use(rig->ring, buffer.head, len);
}

static void kick_if_wanted(struct rig *rig)
{
  virtq_publish(&rig->vq);
  if (virtq_kick_wanted(&rig->vq)) {
    sim_ring_notify(rig->ring);
  }
}

static void expect_token(struct rig *rig, unsigned token)
{
  struct virtq_done done;
  assert_int_equal(virtq_take(&rig->vq, &done), 1);
  assert_int_equal(done.token, token);
}

static void expect_nothing(struct rig *rig)
{
  struct virtq_done done;
  assert_int_equal(virtq_take(&rig->vq, &done), 0);
}

static void expect_broken(struct rig *rig)
{
  struct virtq_done done;
  assert_int_equal(virtq_take(&rig->vq, &done), VIRTIO_ERR_DEVICE);
  assert_int_equal(virtq_take(&rig->vq, &done), VIRTIO_ERR_DEVICE);
  assert_true(rig->vq.broken);
}

/*
 * Layout
 */

static size_t align_up(size_t value, size_t align)
{
  return (value + align - 1) / align * align;
}

static void parts_lie_where_the_specification_puts_them(void **state)
{
  (void)state;
  for (uint32_t size = 1; size <= VIRTQ_SIZE_MAX; size *= 2) {
    struct rig *rig = rig_of((uint16_t)size);
    struct virtq_placement at = virtq_placement(&rig->vq);
    assert_int_equal(at.size, size);
    assert_ptr_equal(sim_cpu_addr(at.desc_bus), rig->mem);
    assert_int_equal(at.avail_bus - at.desc_bus, 16 * size);
    size_t used = VIRTIO_LEGACY ? align_up(16 * size + 6 + 2 * size, 4096)
                                : align_up(16 * size + 6 + 2 * size, 4);
    assert_int_equal(at.used_bus - at.desc_bus, used);
    assert_true(VIRTQ_RING_BYTES((size_t)size) >= used + 6 + 8 * size);
    assert_int_equal(at.desc_bus % 16, 0);
    assert_int_equal(at.avail_bus % 2, 0);
    assert_int_equal(at.used_bus % 4, 0);
    assert_int_equal(VIRTQ_RING_BYTES((size_t)size) % VIRTQ_ALIGN, 0);
  }
}

static void legacy_sizes_are_those_of_the_specification(void **state)
{
  (void)state;
#if VIRTIO_LEGACY
  static const struct {
    unsigned size;
    unsigned used;
    unsigned total;
  } known[] = {{4, 4096, 8192}, {128, 4096, 8192}, {256, 8192, 12288}};
  for (size_t i = 0; i < COUNT(known); i++) {
    assert_int_equal(VIRTQ_USED_OFFSET(known[i].size), known[i].used);
    assert_int_equal(VIRTQ_RING_BYTES(known[i].size), known[i].total);
  }
#else
  assert_int_equal(VIRTQ_RING_BYTES(16u), align_up(428, 16));
#endif
}

static void a_new_ring_is_all_zero(void **state)
{
  (void)state;
  struct rig *rig = rig_of(16);
  for (size_t i = 0; i < rig->mem_bytes; i++) {
    assert_int_equal(rig->mem[i], 0);
  }
}

static uint64_t bytes_at(const uint8_t *at, unsigned count)
{
  uint64_t value = 0;
  for (unsigned i = 0; i < count; i++) {
    value |= (uint64_t)at[i] << 8 * i;
  }
  return value;
}

static void check_desc(const struct rig *rig, unsigned n, const void *mem, uint32_t len,
                       unsigned flags, unsigned next)
{
  const uint8_t *desc = rig->mem + 16 * n;
  assert_ptr_equal(sim_cpu_addr(bytes_at(desc, 8)), mem);
  assert_int_equal(bytes_at(desc + 8, 4), len);
  assert_int_equal(bytes_at(desc + 12, 2), flags);
  if ((flags & FLAG_NEXT) != 0) {
    assert_int_equal(bytes_at(desc + 14, 2), next);
  }
}

static void a_buffer_is_written_byte_for_byte_as_specified(void **state)
{
  (void)state;
  struct rig *rig = rig_of(4);
  struct virtq_sg sg[] = {{data(rig, 0), 10}, {data(rig, 1), 20}, {data(rig, 2), 30}};
  assert_int_equal(virtq_add(&rig->vq, sg, 2, 1, 7), VIRTIO_OK);
  virtq_publish(&rig->vq);
  const uint8_t *avail = rig->mem + 16 * 4;
  assert_int_equal(bytes_at(avail, 2), 0);     /* flags */
  assert_int_equal(bytes_at(avail + 2, 2), 1); /* idx */
  unsigned head = (unsigned)bytes_at(avail + 4, 2);
  unsigned second = (unsigned)bytes_at(rig->mem + 16 * head + 14, 2);
  unsigned third = (unsigned)bytes_at(rig->mem + 16 * second + 14, 2);
  check_desc(rig, head, data(rig, 0), 10, FLAG_NEXT, second);
  check_desc(rig, second, data(rig, 1), 20, FLAG_NEXT, third);
  check_desc(rig, third, data(rig, 2), 30, FLAG_WRITE, 0);

  struct sim_buffer buffer;
  assert_true(sim_ring_take(rig->ring, &buffer));
  assert_int_equal(buffer.pieces, 3);
  assert_int_equal(buffer.out_bytes, 30);
  assert_int_equal(buffer.in_bytes, 30);
  kick_if_wanted(rig);
}

/*
 * Adding and taking
 */

static void one_buffer_goes_round_in_rings_of_every_size(void **state)
{
  (void)state;
  for (uint16_t size = 1; size <= 256; size *= 2) {
    struct rig *rig = rig_of(size);
    for (unsigned lap = 0; lap < 3u * size; lap++) {
      add_published(rig, (uint16_t)lap);
      kick_if_wanted(rig);
      expect_nothing(rig);
      device_uses_one(rig, 5);
      expect_token(rig, lap);
      expect_nothing(rig);
    }
    assert_int_equal(rig->vq.num_free, size);
    assert_int_equal(virtq_in_flight(&rig->vq), 0);
  }
}

static void a_full_ring_goes_round_in_rings_of_every_size(void **state)
{
  (void)state;
  for (uint16_t size = 1; size <= 256; size *= 2) {
    struct rig *rig = rig_of(size);
    for (unsigned lap = 0; lap < 3; lap++) {
      for (unsigned i = 0; i < size; i++) {
        assert_int_equal(add(rig, i, 0, 1, (uint16_t)(100 + i)), VIRTIO_OK);
      }
      assert_int_equal(add(rig, 0, 0, 1, 99), VIRTIO_ERR_FULL);
      kick_if_wanted(rig);
      assert_int_equal(sim_ring_available(rig->ring), size);
      for (unsigned i = 0; i < size; i++) {
        device_uses_one(rig, i);
      }
      for (unsigned i = 0; i < size; i++) {
        struct virtq_done done;
        assert_int_equal(virtq_take(&rig->vq, &done), 1);
        assert_int_equal(done.token, 100 + i);
        assert_int_equal(done.len, i);
      }
      expect_nothing(rig);
    }
  }
}

static void the_largest_ring_can_be_filled(void **state)
{
  (void)state;
  struct rig *rig = rig_of(VIRTQ_SIZE_MAX);
  for (unsigned i = 0; i < VIRTQ_SIZE_MAX; i++) {
    assert_int_equal(add(rig, i, 0, 1, (uint16_t)i), VIRTIO_OK);
  }
  assert_int_equal(add(rig, 0, 0, 1, 0), VIRTIO_ERR_FULL);
  kick_if_wanted(rig);
  for (unsigned i = 0; i < VIRTQ_SIZE_MAX; i++) {
    device_uses_one(rig, 1);
  }
  for (unsigned i = 0; i < VIRTQ_SIZE_MAX; i++) {
    expect_token(rig, i);
  }
  assert_int_equal(rig->vq.num_free, VIRTQ_SIZE_MAX);
}

static void a_refused_buffer_changes_nothing(void **state)
{
  (void)state;
  struct rig *rig = rig_of(4);
  add_published(rig, 1);
  kick_if_wanted(rig);
  uint8_t *before = support_alloc(rig->mem_bytes, 16);
  struct virtq vq = rig->vq;
  memcpy(before, rig->mem, rig->mem_bytes);
  assert_int_equal(add(rig, 0, 2, 2, 9), VIRTIO_ERR_FULL);
  assert_memory_equal(before, rig->mem, rig->mem_bytes);
  assert_memory_equal(&vq, &rig->vq, sizeof(vq));
  assert_int_equal(add(rig, 0, 2, 1, 9), VIRTIO_OK);
  kick_if_wanted(rig);
}

static void chains_of_every_length_up_to_the_ring_are_taken(void **state)
{
  (void)state;
  struct rig *rig = rig_of(16);
  for (unsigned length = 1; length <= 16; length++) {
    for (unsigned out = 0; out <= length; out++) {
      assert_int_equal(add(rig, 3, out, length - out, (uint16_t)length), VIRTIO_OK);
      assert_int_equal(rig->vq.num_free, 16 - length);
      kick_if_wanted(rig);
      struct sim_buffer buffer;
      assert_true(sim_ring_take(rig->ring, &buffer));
      assert_int_equal(buffer.pieces, length);
      assert_int_equal(buffer.out_bytes, out * DATA_BYTES);
      assert_int_equal(buffer.in_bytes, (length - out) * DATA_BYTES);
      for (unsigned i = 0; i < length; i++) {
        struct sim_piece piece = sim_ring_piece(rig->ring, buffer.head, i);
        assert_ptr_equal(piece.mem, data(rig, (3 + i) % 16));
        assert_int_equal(piece.write, i >= out);
      }
      sim_ring_use(rig->ring, buffer.head, 0);
      expect_token(rig, length);
      assert_int_equal(rig->vq.num_free, 16);
    }
  }
  assert_int_equal(add(rig, 0, 17, 0, 1), VIRTIO_ERR_FULL);
}

static void the_device_sees_nothing_before_it_is_published(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  for (unsigned i = 0; i < 5; i++) {
    assert_int_equal(add(rig, i, 1, 0, (uint16_t)i), VIRTIO_OK);
    assert_int_equal(sim_ring_available(rig->ring), 0);
  }
  virtq_publish(&rig->vq);
  assert_int_equal(sim_ring_available(rig->ring), 5);
  kick_if_wanted(rig);
}

/* A small generator; what it gives is the same on every machine. */
static unsigned next_random(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 16;
}

static void buffers_come_back_in_any_order_with_any_chains(void **state)
{
  (void)state;
  uint32_t random = 1;
  for (uint16_t size = 2; size <= 64; size *= 2) {
    struct rig *rig = rig_of(size);
    uint16_t heads[64];
    unsigned tokens[64];
    unsigned count = 0;
    unsigned token = 0;
    for (unsigned step = 0; step < 4000; step++) {
      unsigned length = 1 + next_random(&random) % (size < 7 ? size : 7);
      if (next_random(&random) % 2 == 0 &&
          add(rig, step, length, 0, (uint16_t)token) == VIRTIO_OK) {
        kick_if_wanted(rig);
        struct sim_buffer buffer;
        assert_true(sim_ring_take(rig->ring, &buffer));
        assert_int_equal(buffer.pieces, length);
        heads[count] = buffer.head;
        tokens[count++] = token++;
      } else if (count != 0) {
        unsigned n = next_random(&random) % count;
        sim_ring_use(rig->ring, heads[n], 0);
        expect_token(rig, tokens[n] & 0xffff);
        heads[n] = heads[--count];
        tokens[n] = tokens[count];
      }
      assert_int_equal(virtq_in_flight(&rig->vq), count);
    }
  }
}

/*
 * Buffers of a pool
 */

enum { POOL_STRIDE = 48, POOL_LEN = 40, POOL_BUFFERS = 40 };

static struct virtq_pool pool_of(unsigned buffers)
{
  return (struct virtq_pool){.base = support_alloc((size_t)buffers * POOL_STRIDE, 16),
                             .stride = POOL_STRIDE,
                             .len = POOL_LEN};
}

/* What the device is shown next is this buffer, and nothing else of the pool. */
static uint16_t expect_pool_buffer(struct rig *rig, const struct virtq_pool *pool, unsigned number)
{
  struct sim_buffer buffer;
  assert_true(sim_ring_take(rig->ring, &buffer));
  assert_int_equal(buffer.pieces, 1);
  check_desc(rig, buffer.head, pool->base + (size_t)number * POOL_STRIDE, POOL_LEN, FLAG_WRITE, 0);
  return buffer.head;
}

static void a_pools_buffers_go_from_the_last_to_the_first_and_come_back_by_number(void **state)
{
  (void)state;
  static const uint16_t numbers[] = {3, 0, 39, 17, 8};
  struct rig *rig = rig_of(8);
  struct virtq_pool pool = pool_of(POOL_BUFFERS);
  assert_int_equal(virtq_refill(&rig->vq, &pool, numbers, COUNT(numbers)), 0);
  assert_int_equal(sim_ring_available(rig->ring), 0); /* not published yet */
  assert_int_equal(virtq_in_flight(&rig->vq), COUNT(numbers));
  kick_if_wanted(rig);
  for (size_t i = COUNT(numbers); i-- > 0;) {
    sim_ring_use(rig->ring, expect_pool_buffer(rig, &pool, numbers[i]), 7);
    expect_token(rig, numbers[i]);
  }
  assert_int_equal(rig->vq.num_free, 8);
}

static void what_of_a_pool_does_not_fit_is_left_at_the_start(void **state)
{
  (void)state;
  for (uint16_t size = 1; size <= 64; size *= 2) {
    for (unsigned count = 0; count <= size + 3u; count++) {
      struct rig *rig = rig_of(size);
      struct virtq_pool pool = pool_of(size + 3u);
      uint16_t numbers[67];
      for (uint16_t i = 0; i < count; i++) {
        numbers[i] = i;
      }
      unsigned left = count > size ? count - size : 0;
      assert_int_equal(virtq_refill(&rig->vq, &pool, numbers, count), left);
      kick_if_wanted(rig);
      assert_int_equal(sim_ring_available(rig->ring), count - left);
      for (unsigned i = count; i-- > left;) {
        expect_pool_buffer(rig, &pool, i);
      }
      assert_int_equal(virtq_refill(&rig->vq, &pool, numbers, left), count > size ? left : 0);
    }
  }
}

/* Whatever pairs of descriptor and buffer there were before. */
static void any_buffer_of_a_pool_may_follow_any_other(void **state)
{
  (void)state;
  uint32_t random = 3;
  for (uint16_t size = 1; size <= 32; size *= 2) {
    struct rig *rig = rig_of(size);
    struct virtq_pool pool = pool_of(POOL_BUFFERS);
    uint16_t heads[32];
    uint16_t posted[32];
    uint16_t free[POOL_BUFFERS];
    unsigned in_flight = 0;
    unsigned frees = POOL_BUFFERS;
    for (uint16_t i = 0; i < POOL_BUFFERS; i++) {
      free[i] = i;
    }
    for (unsigned step = 0; step < 3000; step++) {
      unsigned n = next_random(&random) % frees;
      uint16_t swapped = free[n];
      free[n] = free[frees - 1];
      free[frees - 1] = swapped;
      unsigned offered = next_random(&random) % 4;
      unsigned left = virtq_refill(&rig->vq, &pool, free + frees - offered, offered);
      kick_if_wanted(rig);
      for (; offered > left; offered--) {
        posted[in_flight] = free[--frees];
        heads[in_flight] = expect_pool_buffer(rig, &pool, posted[in_flight]);
        in_flight++;
      }
      assert_int_equal(left != 0, left != 0 && in_flight == size);
      for (unsigned back = next_random(&random) % 4; back > 0 && in_flight > 0; back--) {
        n = next_random(&random) % in_flight;
        sim_ring_use(rig->ring, heads[n], 0);
        expect_token(rig, posted[n]);
        free[frees++] = posted[n];
        heads[n] = heads[--in_flight];
        posted[n] = posted[in_flight];
      }
    }
  }
}

/* The descriptor's memory is the device's to read: what is there says whether it was written. */
static void a_descriptor_is_written_only_for_another_buffer(void **state)
{
  (void)state;
  struct rig *rig = rig_of(2);
  struct virtq_pool pool = pool_of(POOL_BUFFERS);
  static const uint16_t numbers[] = {5, 6};
  uint8_t *len = rig->mem + 8;
  assert_int_equal(virtq_refill(&rig->vq, &pool, numbers, 1), 0);
  kick_if_wanted(rig);
  for (unsigned lap = 0; lap < 4; lap++) {
    assert_int_equal(expect_pool_buffer(rig, &pool, 5), 0);
    sim_ring_use(rig->ring, 0, 0);
    expect_token(rig, 5);
    *len = 0; /* a write would put it right */
    assert_int_equal(virtq_refill(&rig->vq, &pool, numbers, 1), 0);
    assert_int_equal(*len, 0);
    *len = POOL_LEN;
    kick_if_wanted(rig);
  }
  assert_int_equal(expect_pool_buffer(rig, &pool, 5), 0);
  sim_ring_use(rig->ring, 0, 0);
  expect_token(rig, 5);
  *len = 0;
  assert_int_equal(virtq_refill(&rig->vq, &pool, numbers + 1, 1), 0);
  kick_if_wanted(rig);
  assert_int_equal(expect_pool_buffer(rig, &pool, 6), 0);
}

static void a_queue_made_anew_writes_its_descriptors_again(void **state)
{
  (void)state;
  struct rig *rig = rig_of(4);
  struct virtq_pool pool = pool_of(POOL_BUFFERS);
  static const uint16_t numbers[] = {0, 1, 2, 3};
  assert_int_equal(virtq_refill(&rig->vq, &pool, numbers, 4), 0);
  virtq_init(&rig->vq, &rig->params); /* which clears the descriptor table */
  assert_int_equal(virtq_refill(&rig->vq, &pool, numbers, 4), 0);
  virtq_publish(&rig->vq);
  for (unsigned i = 4; i-- > 0;) {
    expect_pool_buffer(rig, &pool, i);
  }
}

static void indices_run_over_65535(void **state)
{
  (void)state;
  static const uint16_t sizes[] = {1, 2, 8, 256};
  for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
    for (size_t s = 0; s < COUNT(sizes); s++) {
      struct rig *rig = rig_with(sizes[s], event_idx != 0);
      uint32_t random = 7;
      unsigned token = 0;
      unsigned back = 0;
      while (token < 70000) {
        unsigned batch = 1 + next_random(&random) % sizes[s];
        for (unsigned i = 0; i < batch; i++) {
          assert_int_equal(add(rig, i, 1, 0, (uint16_t)token++), VIRTIO_OK);
        }
        kick_if_wanted(rig);
        sim_ring_check(rig->ring);
        for (unsigned i = 0; i < batch; i++) {
          device_uses_one(rig, i);
        }
        for (unsigned i = 0; i < batch; i++) {
          expect_token(rig, back++ & 0xffff);
        }
        expect_nothing(rig);
      }
      assert_int_equal(rig->vq.num_free, sizes[s]);
    }
  }
}

static void used_buffers_that_come_while_taking_are_taken_too(void **state)
{
  (void)state;
  struct rig *rig = rig_of(4);
  for (uint16_t i = 0; i < 4; i++) {
    add_published(rig, i);
  }
  kick_if_wanted(rig);
  device_uses_one(rig, 0);
  device_uses_one(rig, 0);
  expect_token(rig, 0);
  device_uses_one(rig, 0);
  expect_token(rig, 1);
  expect_token(rig, 2);
  expect_nothing(rig);
  device_uses_one(rig, 0);
  expect_token(rig, 3);
}

static void the_length_is_passed_on_as_the_device_says(void **state)
{
  (void)state;
  static const uint32_t lengths[] = {0, 1, DATA_BYTES, DATA_BYTES + 1, 0x80000000u, UINT32_MAX};
  struct rig *rig = rig_of(2);
  for (size_t i = 0; i < COUNT(lengths); i++) {
    add_published(rig, 3);
    kick_if_wanted(rig);
    device_uses_one(rig, lengths[i]);
    struct virtq_done done;
    assert_int_equal(virtq_take(&rig->vq, &done), 1);
    assert_int_equal(done.len, lengths[i]);
  }
}

static void pending_tells_whether_there_is_something_to_take(void **state)
{
  (void)state;
  struct rig *rig = rig_of(2);
  assert_false(virtq_pending(&rig->vq));
  add_published(rig, 1);
  kick_if_wanted(rig);
  assert_false(virtq_pending(&rig->vq));
  device_uses_one(rig, 0);
  assert_true(virtq_pending(&rig->vq));
  expect_token(rig, 1);
  assert_false(virtq_pending(&rig->vq));
}

/*
 * Indirect tables
 */

static void an_indirect_buffer_takes_one_descriptor(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  for (unsigned out = 1; out <= 8; out++) {
    void *table = support_alloc(VIRTQ_TABLE_BYTES(out), 16);
    struct virtq_sg sg[8];
    for (unsigned i = 0; i < out; i++) {
      sg[i] = (struct virtq_sg){data(rig, i), 1 + i};
    }
    assert_int_equal(virtq_add_indirect(&rig->vq, table, sg, out, (uint16_t)out), VIRTIO_OK);
    assert_int_equal(rig->vq.num_free, 7);
    kick_if_wanted(rig);
    struct sim_buffer buffer;
    assert_true(sim_ring_take(rig->ring, &buffer));
    assert_int_equal(buffer.pieces, out);
    for (unsigned i = 0; i < out; i++) {
      struct sim_piece piece = sim_ring_piece(rig->ring, buffer.head, i);
      assert_ptr_equal(piece.mem, data(rig, i));
      assert_int_equal(piece.len, 1 + i);
      assert_false(piece.write);
    }
    sim_ring_use(rig->ring, buffer.head, 0);
    expect_token(rig, out);
  }
}

static void an_indirect_buffer_is_refused_when_the_ring_is_full(void **state)
{
  (void)state;
  struct rig *rig = rig_of(2);
  add_published(rig, 0);
  add_published(rig, 1);
  kick_if_wanted(rig);
  uint8_t *table = support_alloc(VIRTQ_TABLE_BYTES(1u), 16);
  uint8_t before[VIRTQ_TABLE_BYTES(1u)];
  memcpy(before, table, sizeof(before));
  struct virtq_sg sg = {data(rig, 0), 1};
  assert_int_equal(virtq_add_indirect(&rig->vq, table, &sg, 1, 2), VIRTIO_ERR_FULL);
  assert_memory_equal(table, before, sizeof(before));
}

/*
 * Notifying the device
 */

static void a_kick_is_wanted_once_for_all_that_was_published(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  assert_false(virtq_kick_wanted(&rig->vq));
  add_published(rig, 0);
  add_published(rig, 1);
  assert_true(virtq_kick_wanted(&rig->vq));
  sim_ring_notify(rig->ring);
  assert_false(virtq_kick_wanted(&rig->vq));

  sim_ring_set_flags(rig->ring, 1);
  add_published(rig, 2);
  assert_false(virtq_kick_wanted(&rig->vq));
  sim_ring_set_flags(rig->ring, 0);
  assert_false(virtq_kick_wanted(&rig->vq));
  add_published(rig, 3);
  assert_true(virtq_kick_wanted(&rig->vq));
  sim_ring_notify(rig->ring);
}

static void what_is_added_and_not_published_wants_no_kick(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  assert_int_equal(add(rig, 0, 1, 0, 0), VIRTIO_OK);
  assert_false(virtq_kick_wanted(&rig->vq));
  virtq_publish(&rig->vq);
  assert_true(virtq_kick_wanted(&rig->vq));
  sim_ring_notify(rig->ring);
}

static void without_event_idx_avail_event_is_ignored(void **state)
{
  (void)state;
  struct rig *rig = rig_of(4);
  sim_ring_set_event(rig->ring, 0x8000);
  add_published(rig, 0);
  assert_true(virtq_kick_wanted(&rig->vq));
  sim_ring_notify(rig->ring);
  sim_ring_set_flags(rig->ring, 1);
  sim_ring_set_event(rig->ring, 1);
  add_published(rig, 1);
  assert_false(virtq_kick_wanted(&rig->vq));
}

static void with_event_idx_used_flags_are_ignored(void **state)
{
  (void)state;
  struct rig *rig = rig_with(4, true);
  sim_ring_set_flags(rig->ring, 1);
  sim_ring_set_event(rig->ring, 0);
  add_published(rig, 0);
  assert_true(virtq_kick_wanted(&rig->vq));
  sim_ring_notify(rig->ring);
  sim_ring_set_flags(rig->ring, 0);
  sim_ring_set_event(rig->ring, 0);
  add_published(rig, 1);
  assert_false(virtq_kick_wanted(&rig->vq));
}

/* The rule in its own words: kick if one of the entries from old up to new - 1 sat at event. */
static bool kick_by_the_book(uint16_t old, uint16_t new, uint16_t event)
{
  for (uint16_t i = old; i != new; i++) {
    if (i == event) {
      return true;
    }
  }
  return false;
}

static void with_event_idx_batches_are_judged_as_a_whole(void **state)
{
  (void)state;
  struct rig *rig = rig_with(16, true);
  uint32_t random = 3;
  uint16_t idx = 0;
  unsigned wanted = 0;
  for (unsigned step = 0; step < 40000; step++) {
    unsigned batch = 1 + next_random(&random) % 16;
    /* Somewhere around the batch, on both sides of the wrap too. */
    uint16_t event = (uint16_t)(idx + next_random(&random) % 24 - 4);
    sim_ring_set_event(rig->ring, event);
    for (unsigned i = 0; i < batch; i++) {
      assert_int_equal(add(rig, i, 1, 0, (uint16_t)i), VIRTIO_OK);
      if (next_random(&random) % 4 == 0) {
        virtq_publish(&rig->vq);
      }
    }
    virtq_publish(&rig->vq);
    bool book = kick_by_the_book(idx, (uint16_t)(idx + batch), event);
    assert_int_equal(virtq_kick_wanted(&rig->vq), book);
    if (book) {
      sim_ring_notify(rig->ring);
      wanted++;
    }
    sim_ring_check(rig->ring);
    idx = (uint16_t)(idx + batch);
    for (unsigned i = 0; i < batch; i++) {
      device_uses_one(rig, 0);
      expect_token(rig, i);
    }
  }
  assert_true(wanted > 1000);
}

/*
 * Being notified
 */

static void add_many(struct rig *rig, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    assert_int_equal(add(rig, i, 0, 1, (uint16_t)i), VIRTIO_OK);
  }
  kick_if_wanted(rig);
}

static void a_disarmed_ring_asks_for_no_interrupts(void **state)
{
  (void)state;
  for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
    struct rig *rig = rig_with(16, event_idx != 0);
    add_many(rig, 16);
    virtq_disarm(&rig->vq);
    for (unsigned i = 0; i < 16; i++) {
      device_uses_one(rig, 0);
      assert_false(sim_ring_wants_interrupt(rig->ring));
    }
  }
}

static void an_armed_ring_asks_for_the_next_interrupt(void **state)
{
  (void)state;
  for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
    struct rig *rig = rig_with(16, event_idx != 0);
    for (unsigned lap = 0; lap < 9000; lap++) {
      add_many(rig, 8);
      virtq_disarm(&rig->vq);
      device_uses_one(rig, 0);
      assert_false(sim_ring_wants_interrupt(rig->ring));
      expect_token(rig, 0);
      assert_false(virtq_arm(&rig->vq));
      sim_ring_check(rig->ring);
      device_uses_one(rig, 0);
      assert_true(sim_ring_wants_interrupt(rig->ring));
      for (unsigned i = 2; i < 8; i++) {
        device_uses_one(rig, 0);
      }
      for (unsigned i = 1; i < 8; i++) {
        expect_token(rig, i);
      }
      sim_ring_wants_interrupt(rig->ring);
    }
  }
}

/* With EVENT_IDX one request is good for one interrupt, until the next is made. */
static void with_event_idx_one_request_gives_one_interrupt(void **state)
{
  (void)state;
  struct rig *rig = rig_with(16, true);
  add_many(rig, 16);
  assert_false(virtq_arm(&rig->vq));
  unsigned interrupts = 0;
  for (unsigned i = 0; i < 16; i++) {
    device_uses_one(rig, 0);
    interrupts += sim_ring_wants_interrupt(rig->ring);
  }
  assert_int_equal(interrupts, 1);
}

static void arming_tells_of_what_came_before(void **state)
{
  (void)state;
  for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
    struct rig *rig = rig_with(4, event_idx != 0);
    add_many(rig, 4);
    virtq_disarm(&rig->vq);
    device_uses_one(rig, 0);
    unsigned before = sim_barriers().mb;
    assert_true(virtq_arm(&rig->vq));
    assert_true(sim_barriers().mb > before);
    expect_token(rig, 0);
    assert_false(virtq_arm(&rig->vq));
  }
}

static void publishing_nothing_costs_nothing(void **state)
{
  (void)state;
  struct rig *rig = rig_of(4);
  add_published(rig, 0);
  unsigned wmb = sim_barriers().wmb;
  assert_int_equal(wmb, 1);
  virtq_publish(&rig->vq);
  assert_int_equal(sim_barriers().wmb, wmb);
  kick_if_wanted(rig);
}

/*
 * A device that lies
 */

static void an_id_out_of_range_breaks_the_ring(void **state)
{
  (void)state;
  static const uint32_t ids[] = {8, 9, 0xffff, 0x10000, 0x80000000u, UINT32_MAX};
  for (size_t i = 0; i < COUNT(ids); i++) {
    struct rig *rig = rig_of(8);
    add_many(rig, 8);
    sim_ring_lie_used(rig->ring, ids[i], 0);
    expect_broken(rig);
    assert_int_equal(virtq_in_flight(&rig->vq), 8);
  }
}

/* 0x10000 + a good id must not be cut down to the good id. */
static void an_id_is_compared_in_full_width(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  add_many(rig, 8);
  sim_ring_lie_used(rig->ring, 0x10002, 0);
  expect_broken(rig);
}

static void an_id_that_heads_no_chain_breaks_the_ring(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  assert_int_equal(add(rig, 0, 0, 3, 1), VIRTIO_OK);
  kick_if_wanted(rig);
  struct sim_buffer buffer;
  assert_true(sim_ring_take(rig->ring, &buffer));
  unsigned second = (unsigned)bytes_at(rig->mem + 16 * buffer.head + 14, 2);
  sim_ring_lie_used(rig->ring, second, 0);
  expect_broken(rig);
}

static void an_id_that_is_not_in_flight_breaks_the_ring(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  add_many(rig, 2);
  sim_ring_lie_used(rig->ring, 5, 0);
  expect_broken(rig);
}

static void the_same_id_twice_breaks_the_ring(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  add_many(rig, 4);
  struct sim_buffer buffer;
  assert_true(sim_ring_take(rig->ring, &buffer));
  sim_ring_use(rig->ring, buffer.head, 0);
  sim_ring_lie_used(rig->ring, buffer.head, 0);
  expect_token(rig, 0);
  expect_broken(rig);
  assert_int_equal(virtq_in_flight(&rig->vq), 3);
}

static void an_index_beyond_what_is_in_flight_breaks_the_ring(void **state)
{
  (void)state;
  static const uint16_t jumps[] = {4, 5, 8, 9, 0x7fff, 0x8000, 0xfffe, 0xffff};
  for (size_t i = 0; i < COUNT(jumps); i++) {
    struct rig *rig = rig_of(8);
    add_many(rig, 3);
    sim_ring_lie_idx(rig->ring, jumps[i]);
    assert_true(virtq_pending(&rig->vq));
    expect_broken(rig);
  }
}

static void an_index_beyond_what_was_published_breaks_the_ring(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  add_many(rig, 3);
  assert_int_equal(add(rig, 3, 0, 1, 3), VIRTIO_OK);
  sim_ring_lie_idx(rig->ring, 4);
  expect_broken(rig);
}

static void an_index_that_goes_back_breaks_the_ring(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  add_many(rig, 4);
  device_uses_one(rig, 0);
  device_uses_one(rig, 0);
  expect_token(rig, 0);
  expect_token(rig, 1);
  sim_ring_lie_idx(rig->ring, 1);
  expect_broken(rig);
}

/* What is shown as used and was not written is found by its stale entries. */
static void an_index_ahead_of_its_entries_does_no_harm(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  add_many(rig, 4);
  sim_ring_lie_idx(rig->ring, 3);
  struct virtq_done done;
  unsigned taken = 0;
  while (virtq_take(&rig->vq, &done) == 1) {
    taken++;
  }
  assert_true(rig->vq.broken);
  assert_true(taken <= 1); /* entry 0 says id 0, which is in flight once */
}

static void a_broken_ring_gives_everything_back_after_a_reset(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  add_many(rig, 8);
  sim_ring_lie_used(rig->ring, 77, 0);
  expect_broken(rig);
  bool seen[8] = {false};
  uint16_t token = 0;
  for (unsigned i = 0; i < 8; i++) {
    assert_true(virtq_reclaim(&rig->vq, &token));
    assert_true(token < 8 && !seen[token]);
    seen[token] = true;
  }
  assert_false(virtq_reclaim(&rig->vq, &token));
  assert_int_equal(virtq_in_flight(&rig->vq), 0);
  assert_false(virtq_more(&rig->vq));
  expect_broken(rig); /* it is as broken as before */
}

static void a_ring_works_again_after_it_was_made_anew(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  add_many(rig, 8);
  sim_ring_lie_used(rig->ring, 77, 0);
  expect_broken(rig);
  sim_ring_scribble(rig->ring); /* the old device is gone, and nothing is compared any more */

  virtq_init(&rig->vq, &rig->params);
  struct virtq_placement at = virtq_placement(&rig->vq);
  struct sim_ring_params where = {
      .size = at.size, .desc_bus = at.desc_bus, .avail_bus = at.avail_bus, .used_bus = at.used_bus};
  rig->ring = sim_ring_create(&where);
  add_many(rig, 8);
  for (unsigned i = 0; i < 8; i++) {
    device_uses_one(rig, 0);
    expect_token(rig, i);
  }
}

static void reclaim_gives_each_chain_back_once(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  assert_int_equal(add(rig, 0, 2, 1, 11), VIRTIO_OK);
  assert_int_equal(add(rig, 0, 1, 0, 12), VIRTIO_OK);
  uint16_t token = 0;
  unsigned sum = 0;
  while (virtq_reclaim(&rig->vq, &token)) {
    sum += token;
  }
  assert_int_equal(sum, 23);
  assert_int_equal(virtq_in_flight(&rig->vq), 0);
}

static void what_the_device_writes_over_the_rings_is_never_read(void **state)
{
  (void)state;
  struct rig *rig = rig_of(8);
  assert_int_equal(add(rig, 0, 1, 2, 1), VIRTIO_OK);
  assert_int_equal(add(rig, 3, 2, 0, 2), VIRTIO_OK);
  kick_if_wanted(rig);
  for (unsigned lap = 0; lap < 20; lap++) {
    struct sim_buffer first;
    struct sim_buffer second;
    assert_true(sim_ring_take(rig->ring, &first));
    assert_true(sim_ring_take(rig->ring, &second));
    sim_ring_scribble(rig->ring);
    sim_ring_use(rig->ring, second.head, 0);
    sim_ring_use(rig->ring, first.head, 0);
    expect_token(rig, 2);
    expect_token(rig, 1);
    assert_int_equal(rig->vq.num_free, 8);
    assert_int_equal(add(rig, 0, 1, 2, 1), VIRTIO_OK);
    assert_int_equal(add(rig, 3, 2, 0, 2), VIRTIO_OK);
    kick_if_wanted(rig);
    assert_int_equal(sim_ring_available(rig->ring), 2);
  }
}

static void garbage_in_the_suppression_fields_decides_kicks_and_no_more(void **state)
{
  (void)state;
  for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
    struct rig *rig = rig_with(8, event_idx != 0);
    for (unsigned lap = 0; lap < 100; lap++) {
      sim_ring_set_flags(rig->ring, (uint16_t)(lap * 0x1357u));
      sim_ring_set_event(rig->ring, (uint16_t)(lap * 0x2468u));
      add_many(rig, 8);
      for (unsigned i = 0; i < 8; i++) {
        device_uses_one(rig, 0);
        expect_token(rig, i);
      }
    }
  }
}

/*
 * Byte order
 */

static void byte_order_is_little_or_the_cpus_own(void **state)
{
  (void)state;
  for (unsigned native = 0; native < 2; native++) {
    struct rig *rig = rig_of(4);
    struct virtq_params params = rig->params;
    params.native_endian = native != 0;
    virtq_init(&rig->vq, &params);
    struct virtq_sg sg = {data(rig, 0), 0x01020304};
    assert_int_equal(virtq_add(&rig->vq, &sg, 1, 0, 0), VIRTIO_OK);
    uint32_t len;
    memcpy(&len, rig->mem + 8, sizeof(len));
    if (native != 0) {
      assert_int_equal(len, 0x01020304);
    } else {
      assert_int_equal(bytes_at(rig->mem + 8, 4), 0x01020304);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(parts_lie_where_the_specification_puts_them),
      TEST(legacy_sizes_are_those_of_the_specification),
      TEST(a_new_ring_is_all_zero),
      TEST(a_buffer_is_written_byte_for_byte_as_specified),
      TEST(one_buffer_goes_round_in_rings_of_every_size),
      TEST(a_full_ring_goes_round_in_rings_of_every_size),
      TEST(the_largest_ring_can_be_filled),
      TEST(a_refused_buffer_changes_nothing),
      TEST(chains_of_every_length_up_to_the_ring_are_taken),
      TEST(the_device_sees_nothing_before_it_is_published),
      TEST(buffers_come_back_in_any_order_with_any_chains),
      TEST(a_pools_buffers_go_from_the_last_to_the_first_and_come_back_by_number),
      TEST(what_of_a_pool_does_not_fit_is_left_at_the_start),
      TEST(any_buffer_of_a_pool_may_follow_any_other),
      TEST(a_descriptor_is_written_only_for_another_buffer),
      TEST(a_queue_made_anew_writes_its_descriptors_again),
      TEST(indices_run_over_65535),
      TEST(used_buffers_that_come_while_taking_are_taken_too),
      TEST(the_length_is_passed_on_as_the_device_says),
      TEST(pending_tells_whether_there_is_something_to_take),
      TEST(an_indirect_buffer_takes_one_descriptor),
      TEST(an_indirect_buffer_is_refused_when_the_ring_is_full),
      TEST(a_kick_is_wanted_once_for_all_that_was_published),
      TEST(what_is_added_and_not_published_wants_no_kick),
      TEST(without_event_idx_avail_event_is_ignored),
      TEST(with_event_idx_used_flags_are_ignored),
      TEST(with_event_idx_batches_are_judged_as_a_whole),
      TEST(a_disarmed_ring_asks_for_no_interrupts),
      TEST(an_armed_ring_asks_for_the_next_interrupt),
      TEST(with_event_idx_one_request_gives_one_interrupt),
      TEST(arming_tells_of_what_came_before),
      TEST(publishing_nothing_costs_nothing),
      TEST(an_id_out_of_range_breaks_the_ring),
      TEST(an_id_is_compared_in_full_width),
      TEST(an_id_that_heads_no_chain_breaks_the_ring),
      TEST(an_id_that_is_not_in_flight_breaks_the_ring),
      TEST(the_same_id_twice_breaks_the_ring),
      TEST(an_index_beyond_what_is_in_flight_breaks_the_ring),
      TEST(an_index_beyond_what_was_published_breaks_the_ring),
      TEST(an_index_that_goes_back_breaks_the_ring),
      TEST(an_index_ahead_of_its_entries_does_no_harm),
      TEST(a_broken_ring_gives_everything_back_after_a_reset),
      TEST(a_ring_works_again_after_it_was_made_anew),
      TEST(reclaim_gives_each_chain_back_once),
      TEST(what_the_device_writes_over_the_rings_is_never_read),
      TEST(garbage_in_the_suppression_fields_decides_kicks_and_no_more),
      TEST(byte_order_is_little_or_the_cpus_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
