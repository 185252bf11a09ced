/*
 * test_sim.c: the simulated device itself. A driver by hand does all right once, and then each
 * thing wrong in its turn: a device that did not notice would let all other tests pass.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_hal.h"
#include "support.h"

#include <string.h>

enum {
  QUEUE_SIZE = 32,
  PAGE = 4096,
  USED_OFFSET = 2048, /* modern: anywhere aligned */
  AVAIL_OFFSET = 16 * QUEUE_SIZE,
};

/* The driver by hand. */
struct hand {
  struct sim_device *dev;
  bool legacy;
  uint8_t *ring[2];
  uint16_t avail_idx[2];
};

static uint32_t rd(const struct hand *h, unsigned offset)
{
  return virtio_hal_read32(sim_base(h->dev) + offset);
}

static void wr(const struct hand *h, unsigned offset, uint32_t value)
{
  virtio_hal_write32(sim_base(h->dev) + offset, value);
}

/* Little-endian; the legacy interface is in the CPU's own order. */
static bool is_big_endian(const struct hand *h)
{
  return h->legacy && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

static void put(const struct hand *h, uint8_t *at, uint64_t value, unsigned bytes)
{
  for (unsigned i = 0; i < bytes; i++) {
    at[is_big_endian(h) ? bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
  }
}

static void put16(const struct hand *h, uint8_t *at, unsigned value)
{
  put(h, at, value, 2);
}

static unsigned get16(const struct hand *h, const uint8_t *at)
{
  return is_big_endian(h) ? at[0] * 0x100u + at[1] : at[1] * 0x100u + at[0];
}

static unsigned get32(const struct hand *h, const uint8_t *at)
{
  unsigned high = get16(h, is_big_endian(h) ? at : at + 2);
  unsigned low = get16(h, is_big_endian(h) ? at + 2 : at);
  return high << 16 | low;
}

static void put_desc(const struct hand *h, unsigned queue, unsigned n, const void *mem,
                     uint32_t len, unsigned flags, unsigned next)
{
  uint8_t *desc = h->ring[queue] + 16 * n;
  put(h, desc, virtio_hal_bus_addr(mem), 8);
  put(h, desc + 8, len, 4);
  put16(h, desc + 12, flags);
  put16(h, desc + 14, next);
}

static uint8_t *avail(const struct hand *h, unsigned queue)
{
  return h->ring[queue] + AVAIL_OFFSET;
}

static uint8_t *used(const struct hand *h, unsigned queue)
{
  return h->ring[queue] + (h->legacy ? PAGE : USED_OFFSET);
}

/* Put a chain into the available ring, with all barriers. */
static void publish(struct hand *h, unsigned queue, unsigned head)
{
  put16(h, avail(h, queue) + 4 + 2 * (h->avail_idx[queue] % QUEUE_SIZE), head);
  virtio_hal_wmb();
  h->avail_idx[queue]++;
  put16(h, avail(h, queue) + 2, h->avail_idx[queue]);
  virtio_hal_mb();
}

static void probe(const struct hand *h)
{
  assert_int_equal(rd(h, 0x000), 0x74726976);
  rd(h, 0x004);
  rd(h, 0x008);
}

static void reset(const struct hand *h)
{
  wr(h, 0x070, 0);
  while (rd(h, 0x070) != 0) {
  }
}

static void accept_features(const struct hand *h, uint64_t features)
{
  wr(h, 0x024, 0);
  wr(h, 0x020, (uint32_t)features);
  if (!h->legacy) {
    wr(h, 0x024, 1);
    wr(h, 0x020, (uint32_t)(features >> 32));
  }
}

static uint64_t good_features(const struct hand *h)
{
  return SIM_F_MAC | SIM_F_STATUS | (h->legacy ? SIM_F_ANY_LAYOUT : SIM_F_VERSION_1);
}

/* As far as the features that both sides agree on. */
static void negotiate_as(const struct hand *h, uint64_t features)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x070, 3);
  wr(h, 0x014, 0);
  rd(h, 0x010);
  accept_features(h, features);
  if (h->legacy) {
    wr(h, 0x028, PAGE);
  } else {
    wr(h, 0x070, 0x0b);
    assert_int_equal(rd(h, 0x070), 0x0b);
  }
}

static void negotiate(const struct hand *h)
{
  negotiate_as(h, good_features(h));
}

static void write_addresses(const struct hand *h, unsigned queue)
{
  const void *parts[] = {h->ring[queue], avail(h, queue), used(h, queue)};
  for (unsigned i = 0; i < 3; i++) {
    uint64_t bus = virtio_hal_bus_addr(parts[i]);
    wr(h, 0x080 + 0x10 * i, (uint32_t)bus);
    wr(h, 0x084 + 0x10 * i, (uint32_t)(bus >> 32));
  }
}

static void select_queue(const struct hand *h, unsigned queue)
{
  wr(h, 0x030, queue);
  rd(h, h->legacy ? 0x040 : 0x044);
  rd(h, 0x034);
}

static void set_up_queue(const struct hand *h, unsigned queue)
{
  select_queue(h, queue);
  wr(h, 0x038, QUEUE_SIZE);
  if (h->legacy) {
    wr(h, 0x03c, PAGE);
    wr(h, 0x040, (uint32_t)(virtio_hal_bus_addr(h->ring[queue]) / PAGE));
  } else {
    write_addresses(h, queue);
    wr(h, 0x044, 1);
  }
}

static void post_receive_buffer(struct hand *h, unsigned n)
{
  put_desc(h, SIM_RX, n, support_alloc(1526, 64), 1526, 2, 0);
  publish(h, SIM_RX, n);
}

/* All the way to a live device with one receive buffer posted. */
static void start_as(struct hand *h, uint64_t features)
{
  negotiate_as(h, features);
  set_up_queue(h, SIM_RX);
  set_up_queue(h, SIM_TX);
  post_receive_buffer(h, 0);
  wr(h, 0x070, h->legacy ? 0x07 : 0x0f);
  wr(h, 0x050, SIM_RX);
}

static void start(struct hand *h)
{
  start_as(h, good_features(h));
}

static struct hand hand_with(const struct sim_net_params *params)
{
  struct hand h = {.dev = sim_net_create(params), .legacy = params->version == 1};
  for (unsigned i = 0; i < 2; i++) {
    h.ring[i] = support_alloc(2 * PAGE, PAGE);
    memset(h.ring[i], 0, 2 * PAGE);
  }
  return h;
}

static struct hand hand(unsigned version)
{
  struct sim_net_params params = sim_net_defaults(version);
  return hand_with(&params);
}

/* The driver by hand sends one frame of a type that nobody looks into. */
static uint8_t *send_frame(struct hand *h, unsigned head, size_t frame_len)
{
  size_t hdr = sim_net_hdr_bytes(h->dev);
  uint8_t *bytes = support_alloc(hdr + frame_len, 64);
  memset(bytes, 0, hdr + frame_len);
  if (frame_len >= 14) {
    bytes[hdr + 12] = 0x88;
    bytes[hdr + 13] = 0xb5;
  }
  put_desc(h, SIM_TX, head, bytes, (uint32_t)(hdr + frame_len), 0, 0);
  publish(h, SIM_TX, head);
  return bytes;
}

/* Exactly this rule was broken, and nothing else. */
static void expect_breach(const char *id)
{
  if (sim_expect(id) == 0) {
    fail_msg("the breach of %s was not noticed", id);
  }
}

/*
 * A good driver
 */

static void a_driver_that_does_all_right_is_left_in_peace(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct hand h = hand(version);
    start(&h);
    send_frame(&h, 0, 60);
    wr(&h, 0x050, SIM_TX);
    assert_int_equal(sim_net_sent_count(h.dev), 1);
    assert_int_equal(sim_net_sent(h.dev, 0)->len, 60);
    uint8_t frame[60] = {1, 2, 3};
    assert_true(sim_net_deliver(h.dev, frame, sizeof(frame)));
    assert_true(sim_irq(h.dev));
    assert_int_equal(rd(&h, 0x060), 1);
    wr(&h, 0x064, 1);
    assert_false(sim_irq(h.dev));
    assert_false(sim_net_deliver(h.dev, frame, sizeof(frame)));
    assert_int_equal(sim_counters(h.dev)->rx_no_buffer, 1);
    assert_int_equal(sim_breaches(NULL), 0);
  }
}

static void the_device_follows_negotiated_header_and_length(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct hand h = hand(version);
    start(&h);
    uint8_t frame[100];
    support_pattern(frame, sizeof(frame), 3);
    assert_true(sim_net_deliver(h.dev, frame, sizeof(frame)));
    size_t hdr = version == 1 ? 10 : 12;
    assert_int_equal(sim_net_hdr_bytes(h.dev), hdr);
    const uint8_t *elem = used(&h, SIM_RX) + 4;
    assert_int_equal(get32(&h, elem + 4), hdr + sizeof(frame));
    assert_int_equal(get16(&h, used(&h, SIM_RX) + 2), 1);
  }
}

/*
 * Bad drivers, one sin each. A sinner gets a fresh device and says which rule it broke.
 */

typedef void sin_fn(struct hand *h);

struct sin {
  const char *rule;
  unsigned version;
  sin_fn *commit;
};

static void sin_magic_not_first(struct hand *h)
{
  rd(h, 0x004);
}

static void sin_id_before_version(struct hand *h)
{
  rd(h, 0x000);
  rd(h, 0x008);
}

static void sin_vendor_before_id(struct hand *h)
{
  rd(h, 0x000);
  rd(h, 0x004);
  rd(h, 0x00c);
}

static void sin_no_reset(struct hand *h)
{
  sim_tolerate("drv-status-2");
  probe(h);
  wr(h, 0x070, 1);
}

static void sin_reset_not_awaited(struct hand *h)
{
  sim_tolerate("drv-status-2");
  probe(h);
  wr(h, 0x070, 0);
  wr(h, 0x070, 1);
}

static void sin_reset_read_too_rarely(struct hand *h)
{
  probe(h);
  wr(h, 0x070, 0);
  rd(h, 0x070);
  wr(h, 0x014, 0);
}

static void sin_status_bit_dropped(struct hand *h)
{
  sim_tolerate("drv-status-1");
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x070, 2);
}

static void sin_status_out_of_order(struct hand *h)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 3);
}

static void sin_going_on_after_failed(struct hand *h)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 0x81);
  wr(h, 0x070, 0x83);
}

static void sin_registers_after_failed(struct hand *h)
{
  negotiate(h);
  wr(h, 0x070, 0x8b);
  wr(h, 0x030, 0);
}

static void sin_suspend(struct hand *h)
{
  sim_tolerate("drv-status-1");
  start(h);
  wr(h, 0x070, 0x1f);
}

static void sin_features_before_driver(struct hand *h)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x014, 0);
  rd(h, 0x010);
}

static void sin_device_features_sel(struct hand *h)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x070, 3);
  rd(h, 0x010);
}

static void sin_driver_features_sel(struct hand *h)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x070, 3);
  wr(h, 0x020, 0);
}

static void sin_feature_not_offered(struct hand *h)
{
  negotiate_as(h, good_features(h) | SIM_F_CSUM);
}

static void sin_feature_without_prerequisite(struct hand *h)
{
  negotiate_as(h, good_features(h) | SIM_F_HOST_TSO4);
}

static void sin_feature_unknown(struct hand *h)
{
  negotiate_as(h, good_features(h) | UINT64_C(1) << 45);
}

static void sin_feature_sr_iov(struct hand *h)
{
  sim_tolerate("drv-feat-5");
  negotiate_as(h, good_features(h) | UINT64_C(1) << 37);
}

static void sin_feature_admin_vq(struct hand *h)
{
  sim_tolerate("drv-feat-5");
  negotiate_as(h, good_features(h) | UINT64_C(1) << 41);
}

static void sin_feature_any_layout_on_modern(struct hand *h)
{
  negotiate_as(h, good_features(h) | SIM_F_ANY_LAYOUT);
}

static void sin_version_1_not_accepted(struct hand *h)
{
  negotiate_as(h, SIM_F_MAC | SIM_F_STATUS);
}

static void sin_mac_not_accepted(struct hand *h)
{
  negotiate_as(h, SIM_F_STATUS | SIM_F_VERSION_1);
}

static void sin_feature_word_2(struct hand *h)
{
  negotiate(h);
  wr(h, 0x024, 2);
}

static void sin_legacy_feature_word_1(struct hand *h)
{
  negotiate(h);
  wr(h, 0x014, 1);
}

static void sin_features_after_features_ok(struct hand *h)
{
  negotiate(h);
  accept_features(h, good_features(h));
}

static void sin_legacy_features_ok(struct hand *h)
{
  negotiate(h);
  wr(h, 0x070, 0x0b);
}

static void sin_features_ok_not_read(struct hand *h)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x070, 3);
  accept_features(h, good_features(h));
  wr(h, 0x070, 0x0b);
  sim_tolerate("drv-init-7");
  wr(h, 0x070, 0x0f);
}

static void sin_queue_before_features_ok_read(struct hand *h)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x070, 3);
  accept_features(h, good_features(h));
  wr(h, 0x070, 0x0b);
  wr(h, 0x030, 0);
  rd(h, 0x034);
}

static void sin_features_refused(struct hand *h)
{
  sim_faults(h->dev)->refuse_features_ok = true;
  sim_tolerate("drv-init-7");
  sim_tolerate("drv-init-6");
  sim_tolerate("drv-status-1");
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x070, 3);
  accept_features(h, good_features(h));
  wr(h, 0x070, 0x0b);
  assert_int_equal(rd(h, 0x070), 3);
  wr(h, 0x070, 7);
}

static void sin_driver_ok_without_queues(struct hand *h)
{
  negotiate(h);
  wr(h, 0x070, h->legacy ? 0x07 : 0x0f);
}

static void sin_driver_ok_without_buffers(struct hand *h)
{
  negotiate(h);
  set_up_queue(h, SIM_RX);
  set_up_queue(h, SIM_TX);
  wr(h, 0x070, h->legacy ? 0x07 : 0x0f);
}

static void sin_early_kick(struct hand *h)
{
  negotiate(h);
  set_up_queue(h, SIM_RX);
  post_receive_buffer(h, 0);
  wr(h, 0x050, SIM_RX);
}

/* Registers. */

static void sin_read_of_byte(struct hand *h)
{
  negotiate(h);
  virtio_hal_read8(sim_base(h->dev) + 0x070);
}

static void sin_unaligned(struct hand *h)
{
  negotiate(h);
  virtio_hal_read32(sim_base(h->dev) + 0x072);
}

static void sin_write_to_read_only(struct hand *h)
{
  negotiate(h);
  wr(h, 0x034, 1);
}

static void sin_read_of_write_only(struct hand *h)
{
  negotiate(h);
  rd(h, 0x030);
}

static void sin_no_such_register(struct hand *h)
{
  negotiate(h);
  rd(h, 0x0d0);
}

static void sin_outside_the_bus(struct hand *h)
{
  virtio_hal_read32(sim_base(h->dev) + 0x2000);
}

static void sin_shared_memory(struct hand *h)
{
  negotiate(h);
  rd(h, 0x0b0);
}

static void sin_legacy_register_on_modern(struct hand *h)
{
  negotiate(h);
  wr(h, 0x028, PAGE);
}

static void sin_modern_register_on_legacy(struct hand *h)
{
  negotiate(h);
  rd(h, 0x0fc);
}

static void sin_ack_of_undefined_bits(struct hand *h)
{
  start(h);
  sim_faults(h->dev)->isr_extra = 0x80;
  wr(h, 0x064, rd(h, 0x060));
}

static void sin_ack_of_unread_event(struct hand *h)
{
  start(h);
  sim_spurious_interrupt(h->dev, 3);
  wr(h, 0x064, 3);
}

/* Configuration. */

static void sin_config_write_early(struct hand *h)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x070, 3);
  wr(h, 0x100, 0);
}

static void sin_config_write(struct hand *h)
{
  negotiate(h);
  wr(h, 0x100, 0);
}

static void sin_config_width(struct hand *h)
{
  negotiate(h);
  rd(h, 0x0fc);
  rd(h, 0x100);
}

static void sin_config_not_offered(struct hand *h)
{
  negotiate(h);
  rd(h, 0x0fc);
  virtio_hal_read16(sim_base(h->dev) + 0x10a);
}

static void sin_config_outside(struct hand *h)
{
  negotiate(h);
  rd(h, 0x0fc);
  rd(h, 0x100 + 28);
}

static void sin_config_without_generation(struct hand *h)
{
  negotiate(h);
  virtio_hal_read8(sim_base(h->dev) + 0x100);
}

static void sin_config_generation_read_once(struct hand *h)
{
  negotiate(h);
  rd(h, 0x0fc);
  virtio_hal_read16(sim_base(h->dev) + 0x106);
  set_up_queue(h, SIM_RX);
  set_up_queue(h, SIM_TX);
  post_receive_buffer(h, 0);
  wr(h, 0x070, 0x0f);
  wr(h, 0x050, SIM_RX);
}

static void sin_config_changed_generation_ignored(struct hand *h)
{
  static const uint8_t mac[6] = {2};
  negotiate(h);
  rd(h, 0x0fc);
  sim_net_set_mac_after(h->dev, 1, mac);
  virtio_hal_read8(sim_base(h->dev) + 0x100);
  rd(h, 0x0fc);
  set_up_queue(h, SIM_RX);
  set_up_queue(h, SIM_TX);
  post_receive_buffer(h, 0);
  wr(h, 0x070, 0x0f);
  wr(h, 0x050, SIM_RX);
}

static void sin_legacy_config_read_once(struct hand *h)
{
  negotiate(h);
  virtio_hal_read8(sim_base(h->dev) + 0x100);
  set_up_queue(h, SIM_RX);
  set_up_queue(h, SIM_TX);
  post_receive_buffer(h, 0);
  wr(h, 0x070, 0x07);
  wr(h, 0x050, SIM_RX);
}

/* Queue registers. */

static void sin_queue_not_selected(struct hand *h)
{
  negotiate(h);
  rd(h, 0x034);
}

static void sin_queue_too_large(struct hand *h)
{
  negotiate(h);
  select_queue(h, 0);
  wr(h, 0x038, 512);
}

static void sin_queue_no_power_of_two(struct hand *h)
{
  negotiate(h);
  select_queue(h, 0);
  wr(h, 0x038, 6);
}

static void sin_queue_max_not_read(struct hand *h)
{
  negotiate(h);
  wr(h, 0x030, 0);
  rd(h, 0x040);
  wr(h, 0x038, QUEUE_SIZE);
}

static void sin_queue_written_while_ready(struct hand *h)
{
  negotiate(h);
  set_up_queue(h, 0);
  write_addresses(h, 0);
}

static void sin_queue_size_while_ready(struct hand *h)
{
  negotiate(h);
  set_up_queue(h, 0);
  wr(h, 0x038, QUEUE_SIZE);
}

static void sin_queue_address_missing(struct hand *h)
{
  negotiate(h);
  select_queue(h, 0);
  wr(h, 0x038, QUEUE_SIZE);
  wr(h, 0x080, 0x1000);
  wr(h, 0x044, 1);
}

static void sin_queue_not_asked_whether_free(struct hand *h)
{
  negotiate(h);
  wr(h, 0x030, 0);
  rd(h, 0x034);
  wr(h, 0x038, QUEUE_SIZE);
  write_addresses(h, 0);
  wr(h, 0x044, 1);
}

static void sin_queue_stop_not_confirmed(struct hand *h)
{
  negotiate(h);
  set_up_queue(h, 0);
  wr(h, 0x044, 0);
  write_addresses(h, 0);
}

static void sin_ring_misaligned(struct hand *h)
{
  h->ring[0] += 8;
  negotiate(h);
  set_up_queue(h, 0);
}

static void sin_cpu_address(struct hand *h)
{
  negotiate(h);
  select_queue(h, 0);
  wr(h, 0x038, QUEUE_SIZE);
  for (unsigned i = 0; i < 3; i++) {
    wr(h, 0x080 + 0x10 * i, (uint32_t)(uintptr_t)h->ring[0]);
    wr(h, 0x084 + 0x10 * i, (uint32_t)((uint64_t)(uintptr_t)h->ring[0] >> 32));
  }
  wr(h, 0x044, 1);
}

static void sin_ring_not_zeroed(struct hand *h)
{
  negotiate(h);
  h->ring[0][17] = 1;
  set_up_queue(h, 0);
}

static void sin_used_flags_not_zeroed(struct hand *h)
{
  negotiate(h);
  used(h, 0)[0] = 1;
  set_up_queue(h, 0);
}

static void sin_rings_overlap(struct hand *h)
{
  negotiate(h);
  h->ring[1] = h->ring[0];
  set_up_queue(h, 0);
  set_up_queue(h, 1);
}

static void sin_queue_after_driver_ok(struct hand *h)
{
  negotiate(h);
  set_up_queue(h, 0);
  post_receive_buffer(h, 0);
  wr(h, 0x070, 0x0f);
  wr(h, 0x050, 0);
  sim_expect("drv-init-7");
  set_up_queue(h, 1);
}

static void sin_legacy_no_page_size(struct hand *h)
{
  probe(h);
  reset(h);
  wr(h, 0x070, 1);
  wr(h, 0x070, 3);
  accept_features(h, good_features(h));
  set_up_queue(h, 0);
}

static void sin_legacy_page_size(struct hand *h)
{
  negotiate(h);
  wr(h, 0x028, 5000);
}

static void sin_legacy_queue_order(struct hand *h)
{
  negotiate(h);
  select_queue(h, 0);
  wr(h, 0x03c, PAGE);
  wr(h, 0x038, QUEUE_SIZE);
  wr(h, 0x040, 1);
}

static void sin_legacy_align(struct hand *h)
{
  negotiate(h);
  select_queue(h, 0);
  wr(h, 0x038, QUEUE_SIZE);
  wr(h, 0x03c, 100);
}

static void sin_legacy_pfn_not_read(struct hand *h)
{
  negotiate(h);
  wr(h, 0x030, 0);
  rd(h, 0x034);
  wr(h, 0x038, QUEUE_SIZE);
  wr(h, 0x03c, PAGE);
  wr(h, 0x040, (uint32_t)(virtio_hal_bus_addr(h->ring[0]) / PAGE));
}

static void sin_legacy_max_in_use(struct hand *h)
{
  negotiate(h);
  set_up_queue(h, 0);
  rd(h, 0x034);
}

static void sin_legacy_ring_not_zeroed(struct hand *h)
{
  negotiate(h);
  h->ring[0][17] = 1;
  set_up_queue(h, 0);
}

/* Rings. */

static void sin_avail_idx_backwards(struct hand *h)
{
  start(h);
  put16(h, avail(h, 0) + 2, 0);
  sim_run(h->dev);
}

static void sin_avail_idx_too_far(struct hand *h)
{
  start(h);
  put16(h, avail(h, 0) + 2, 1 + QUEUE_SIZE + 1);
  sim_run(h->dev);
}

static void sin_avail_entry_changed(struct hand *h)
{
  start(h);
  put16(h, avail(h, 0) + 4, 3);
  uint8_t frame[60] = {0};
  sim_net_deliver(h->dev, frame, sizeof(frame));
}

static void sin_avail_flags(struct hand *h)
{
  start(h);
  put16(h, avail(h, 0), 2);
  sim_run(h->dev);
}

static void sin_head_out_of_range(struct hand *h)
{
  start(h);
  publish(h, 0, QUEUE_SIZE);
}

static void sin_next_out_of_range(struct hand *h)
{
  start(h);
  put_desc(h, 0, 1, support_alloc(64, 64), 64, 3, QUEUE_SIZE);
  publish(h, 0, 1);
}

static void sin_loop(struct hand *h)
{
  sim_tolerate("drv-net-rxbuf-2");
  start(h);
  put_desc(h, 0, 1, support_alloc(64, 64), 64, 3, 2);
  put_desc(h, 0, 2, support_alloc(64, 64), 64, 3, 1);
  publish(h, 0, 1);
}

static void sin_too_long_chain(struct hand *h)
{
  start(h);
  for (unsigned i = 0; i < QUEUE_SIZE; i++) {
    put_desc(h, 1, i, h->ring[0], UINT32_MAX, 1, i + 1);
  }
  publish(h, 1, 0);
}

static void sin_write_before_read(struct hand *h)
{
  sim_tolerate("own-direction");
  start(h);
  put_desc(h, 1, 0, support_alloc(64, 64), 64, 1 | 2, 1);
  put_desc(h, 1, 1, support_alloc(64, 64), 64, 0, 0);
  publish(h, 1, 0);
}

static void sin_wrong_direction(struct hand *h)
{
  start(h);
  put_desc(h, 1, 0, support_alloc(64, 64), 64, 2, 0);
  publish(h, 1, 0);
}

static void sin_unknown_desc_flags(struct hand *h)
{
  start(h);
  put_desc(h, 1, 0, support_alloc(64, 64), 64, 0x80, 0);
  publish(h, 1, 0);
}

static void sin_empty_element(struct hand *h)
{
  start(h);
  put_desc(h, 1, 0, h->ring[0], 0, 0, 0);
  publish(h, 1, 0);
}

static void sin_bad_element_address(struct hand *h)
{
  start(h);
  put_desc(h, 1, 0, h->ring[0], 64, 0, 0);
  memset(h->ring[1], 0, 8);
  publish(h, 1, 0);
}

static void sin_indirect_not_negotiated(struct hand *h)
{
  start(h);
  put_desc(h, 1, 0, support_alloc(64, 64), 64, 4, 0);
  publish(h, 1, 0);
}

static void sin_buffer_in_flight_again(struct hand *h)
{
  start(h);
  publish(h, 0, 0);
}

static void sin_descriptor_in_two_chains(struct hand *h)
{
  start(h);
  put_desc(h, 0, 1, support_alloc(1526, 64), 1526, 3, 0);
  publish(h, 0, 1);
}

static void sin_buffer_posted_twice(struct hand *h)
{
  start(h);
  memcpy(h->ring[0] + 16, h->ring[0], 16);
  publish(h, 0, 1);
}

static void sin_descriptor_altered(struct hand *h)
{
  start(h);
  h->ring[0][8] = 0;
  uint8_t frame[60] = {0};
  sim_net_deliver(h->dev, frame, sizeof(frame));
}

static void sin_ring_cleared_before_reset_is_over(struct hand *h)
{
  start(h);
  wr(h, 0x070, 0);
  memset(h->ring[0], 0, 16);
  while (rd(h, 0x070) != 0) {
  }
}

static void sin_no_write_barrier(struct hand *h)
{
  start(h);
  put_desc(h, 0, 1, support_alloc(1526, 64), 1526, 2, 0);
  put16(h, avail(h, 0) + 4 + 2, 1);
  put16(h, avail(h, 0) + 2, 2);
  virtio_hal_mb();
}

static void sin_no_full_barrier_before_kick(struct hand *h)
{
  start(h);
  put_desc(h, 0, 1, support_alloc(1526, 64), 1526, 2, 0);
  put16(h, avail(h, 0) + 4 + 2, 1);
  virtio_hal_wmb();
  put16(h, avail(h, 0) + 2, 2);
  wr(h, 0x050, SIM_RX);
}

static void sin_no_read_barrier_after_used(struct hand *h)
{
  start(h);
  uint8_t frame[60] = {0};
  assert_true(sim_net_deliver(h->dev, frame, sizeof(frame)));
  put16(h, avail(h, 0) + 4 + 2, 0);
  virtio_hal_wmb();
  put16(h, avail(h, 0) + 2, 2);
  virtio_hal_mb();
  wr(h, 0x050, SIM_RX);
}

static void sin_no_barrier_after_arming(struct hand *h)
{
  start(h);
  put16(h, avail(h, 0), 1);
  virtio_hal_mb();
  put16(h, avail(h, 0), 0);
  sim_run(h->dev);
}

static void sin_kick_forgotten(struct hand *h)
{
  start(h);
  post_receive_buffer(h, 1);
  sim_run(h->dev);
}

static void sin_kick_forgotten_after_driver_ok(struct hand *h)
{
  negotiate(h);
  set_up_queue(h, SIM_RX);
  set_up_queue(h, SIM_TX);
  post_receive_buffer(h, 0);
  wr(h, 0x070, 0x0f);
  sim_run(h->dev);
}

static void sin_kick_unwanted(struct hand *h)
{
  start(h);
  sim_suppress_kicks(h->dev, SIM_RX, true);
  post_receive_buffer(h, 1);
  wr(h, 0x050, SIM_RX);
}

static void sin_kick_of_no_queue(struct hand *h)
{
  start(h);
  wr(h, 0x050, 2);
}

/* Frames. */

static void sin_receive_buffer_too_small(struct hand *h)
{
  start(h);
  put_desc(h, 0, 1, support_alloc(1525, 64), 1525, 2, 0);
  publish(h, 0, 1);
}

static void sin_frame_too_long(struct hand *h)
{
  start(h);
  send_frame(h, 0, 1515);
  wr(h, 0x050, SIM_TX);
}

static void sin_frame_too_short(struct hand *h)
{
  start(h);
  send_frame(h, 0, 13);
  wr(h, 0x050, SIM_TX);
}

static void send_with_header_byte(struct hand *h, unsigned offset, uint8_t value)
{
  start(h);
  sim_pace(h->dev, SIM_LAZY);
  uint8_t *bytes = send_frame(h, 0, 60);
  bytes[offset] = value;
  wr(h, 0x050, SIM_TX);
  sim_run(h->dev);
}

static void sin_header_num_buffers(struct hand *h)
{
  send_with_header_byte(h, 10, 1);
}

static void sin_header_stale(struct hand *h)
{
  send_with_header_byte(h, 6, 34);
}

static void sin_sent_bytes_changed(struct hand *h)
{
  start(h);
  sim_pace(h->dev, SIM_HOLD);
  uint8_t *bytes = send_frame(h, 0, 60);
  wr(h, 0x050, SIM_TX);
  bytes[30]++;
  sim_complete(h->dev, 1);
}

static void sin_wrong_ip_checksum(struct hand *h)
{
  start(h);
  sim_pace(h->dev, SIM_LAZY);
  uint8_t *bytes = send_frame(h, 0, 60);
  uint8_t *eth = bytes + sim_net_hdr_bytes(h->dev);
  eth[12] = 0x08;
  eth[13] = 0x00;
  eth[14] = 0x45;
  eth[17] = 20;
  wr(h, 0x050, SIM_TX);
  sim_run(h->dev);
}

static void sin_scattered(struct hand *h)
{
  enum { PIECES = 21, PIECE_BYTES = 64 };
  start(h);
  uint8_t *bytes = support_alloc(PIECES * PIECE_BYTES, 64);
  memset(bytes, 0, PIECES * PIECE_BYTES);
  for (unsigned i = 0; i < PIECES; i++) {
    put_desc(h, SIM_TX, i, bytes + i * PIECE_BYTES, PIECE_BYTES, i + 1 < PIECES, i + 1);
  }
  publish(h, SIM_TX, 0);
  wr(h, 0x050, SIM_TX);
}

static void sin_any_layout_not_accepted(struct hand *h)
{
  sim_tolerate("leg-net-framing-1");
  sim_tolerate("drv-net-rxbuf-2");
  start_as(h, SIM_F_MAC | SIM_F_STATUS);
}

static const struct sin sins[] = {
    {"drv-mmio-init-1", 2, sin_magic_not_first},
    {"drv-mmio-init-1", 2, sin_id_before_version},
    {"drv-mmio-init-2", 2, sin_vendor_before_id},
    {"drv-init-2", 2, sin_no_reset},
    {"drv-init-2", 1, sin_no_reset},
    {"drv-reset-1", 2, sin_reset_not_awaited},
    {"drv-reset-1", 1, sin_reset_read_too_rarely},
    {"drv-status-2", 2, sin_status_bit_dropped},
    {"drv-status-1", 2, sin_status_out_of_order},
    {"drv-status-3", 2, sin_going_on_after_failed},
    {"drv-init-9", 2, sin_registers_after_failed},
    {"drv-suspend-1", 2, sin_suspend},
    {"drv-init-1", 2, sin_features_before_driver},
    {"drv-mmio-reg-10", 2, sin_device_features_sel},
    {"drv-mmio-reg-11", 2, sin_driver_features_sel},
    {"drv-feat-1", 2, sin_feature_not_offered},
    {"drv-rsvd-1", 2, sin_version_1_not_accepted},
    {"drv-net-cfg-2", 2, sin_mac_not_accepted},
    {"own-feature-words", 2, sin_feature_word_2},
    {"leg-mmio-14", 1, sin_legacy_feature_word_1},
    {"drv-init-5", 2, sin_features_after_features_ok},
    {"leg-init-1", 1, sin_legacy_features_ok},
    {"drv-init-6", 2, sin_features_ok_not_read},
    {"drv-init-1", 2, sin_queue_before_features_ok_read},
    {"drv-init-9", 2, sin_features_refused},
    {"drv-init-7", 2, sin_driver_ok_without_queues},
    {"drv-init-7", 1, sin_driver_ok_without_buffers},
    {"drv-init-10", 2, sin_early_kick},
    {"drv-init-10", 1, sin_early_kick},
    {"drv-mmio-reg-4", 2, sin_read_of_byte},
    {"drv-mmio-reg-4", 1, sin_unaligned},
    {"drv-mmio-reg-2", 2, sin_write_to_read_only},
    {"drv-mmio-reg-3", 2, sin_read_of_write_only},
    {"drv-mmio-reg-1", 2, sin_no_such_register},
    {"drv-mmio-reg-1", 2, sin_outside_the_bus},
    {"drv-mmio-init-5", 2, sin_shared_memory},
    {"drv-mmio-reg-1", 2, sin_legacy_register_on_modern},
    {"leg-mmio-14", 1, sin_modern_register_on_legacy},
    {"drv-mmio-reg-18", 2, sin_ack_of_undefined_bits},
    {"drv-mmio-irq-1", 2, sin_ack_of_unread_event},
    {"drv-init-4", 2, sin_config_write_early},
    {"drv-init-4", 1, sin_config_write_early},
    {"drv-net-cfg-1", 2, sin_config_write},
    {"drv-mmio-reg-5", 2, sin_config_width},
    {"drv-config-3", 2, sin_config_not_offered},
    {"drv-mmio-reg-1", 2, sin_config_outside},
    {"drv-config-2", 2, sin_config_without_generation},
    {"drv-config-2", 2, sin_config_generation_read_once},
    {"drv-config-2", 2, sin_config_changed_generation_ignored},
    {"leg-config-1", 1, sin_legacy_config_read_once},
    {"own-queue-sel", 2, sin_queue_not_selected},
    {"drv-mmio-reg-12", 2, sin_queue_too_large},
    {"leg-mmio-7", 1, sin_queue_too_large},
    {"own-queue-size", 2, sin_queue_no_power_of_two},
    {"leg-vqlayout-1", 1, sin_queue_max_not_read},
    {"drv-mmio-reg-13", 2, sin_queue_written_while_ready},
    {"drv-mmio-reg-13", 2, sin_queue_size_while_ready},
    {"own-queue-ready", 2, sin_queue_address_missing},
    {"own-queue-ready", 2, sin_queue_not_asked_whether_free},
    {"drv-mmio-reg-15", 2, sin_queue_stop_not_confirmed},
    {"drv-virtqueues-1", 2, sin_ring_misaligned},
    {"drv-rsvd-4", 2, sin_cpu_address},
    {"own-ring-zero", 2, sin_ring_not_zeroed},
    {"drv-availnotif-1", 2, sin_used_flags_not_zeroed},
    {"own-ring-apart", 2, sin_rings_overlap},
    {"drv-init-7", 2, sin_queue_after_driver_ok},
    {"leg-mmio-2", 1, sin_legacy_no_page_size},
    {"leg-mmio-3", 1, sin_legacy_page_size},
    {"leg-mmio-9", 1, sin_legacy_queue_order},
    {"leg-mmio-10", 1, sin_legacy_align},
    {"leg-mmio-5", 1, sin_legacy_pfn_not_read},
    {"leg-mmio-4", 1, sin_legacy_max_in_use},
    {"leg-mmio-8", 1, sin_legacy_ring_not_zeroed},
    {"drv-avail-1", 2, sin_avail_idx_backwards},
    {"drv-avail-1", 2, sin_avail_idx_too_far},
    {"drv-avail-1", 2, sin_avail_entry_changed},
    {"drv-usednotif-1", 2, sin_avail_flags},
    {"own-desc-range", 2, sin_head_out_of_range},
    {"own-desc-range", 2, sin_next_out_of_range},
    {"drv-desc-1", 2, sin_loop},
    {"drv-desc-1", 2, sin_too_long_chain},
    {"drv-framing-1", 2, sin_write_before_read},
    {"own-direction", 2, sin_wrong_direction},
    {"own-desc-flags", 2, sin_unknown_desc_flags},
    {"own-desc-empty", 2, sin_empty_element},
    {"drv-rsvd-4", 2, sin_bad_element_address},
    {"drv-indirect-1", 2, sin_indirect_not_negotiated},
    {"drv-cleanup-1", 2, sin_buffer_in_flight_again},
    {"drv-cleanup-1", 2, sin_descriptor_in_two_chains},
    {"own-buffer-twice", 2, sin_buffer_posted_twice},
    {"drv-cleanup-1", 2, sin_descriptor_altered},
    {"drv-cleanup-2", 2, sin_ring_cleared_before_reset_is_over},
    {"drv-updidx-1", 2, sin_no_write_barrier},
    {"drv-notifydev-1", 2, sin_no_full_barrier_before_kick},
    {"own-used-acquire", 2, sin_no_read_barrier_after_used},
    {"own-arm-fence", 2, sin_no_barrier_after_arming},
    {"drv-availnotif-4", 2, sin_kick_forgotten},
    {"drv-availnotif-4", 2, sin_kick_forgotten_after_driver_ok},
    {"drv-availnotif-3", 2, sin_kick_unwanted},
    {"own-notify", 2, sin_kick_of_no_queue},
    {"drv-net-rxbuf-2", 2, sin_receive_buffer_too_small},
    {"own-tx-long", 2, sin_frame_too_long},
    {"own-tx-short", 2, sin_frame_too_short},
    {"drv-net-tx-2", 2, sin_header_num_buffers},
    {"own-tx-header-stale", 2, sin_header_stale},
    {"own-sent-changed", 2, sin_sent_bytes_changed},
    {"drv-net-tx-4", 2, sin_wrong_ip_checksum},
    {"drv-framing-2", 2, sin_scattered},
    {"leg-rsvd-1", 1, sin_any_layout_not_accepted},
};

static void run_sin(const struct sin *sin, const struct sim_net_params *params)
{
  sim_begin();
  struct hand h = hand_with(params);
  sin->commit(&h);
  if (sim_breaches(sin->rule) == 0) {
    fail_msg("the breach of %s was not noticed", sin->rule);
  }
  sim_expect(sin->rule);
  /* What follows from the same sin is part of it; the last look finds nothing that is new. */
  sim_tolerate("drv-availnotif-4");
  sim_tolerate("drv-availnotif-6");
  sim_tolerate("drv-cleanup-1");
  if (sim_breaches(NULL) != 0 || sim_end() != 0) {
    fail_msg("more than the breach of %s", sin->rule);
  }
}

static void each_breach_of_a_rule_is_noticed_and_named(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(sins); i++) {
    struct sim_net_params params = sim_net_defaults(sins[i].version);
    run_sin(&sins[i], &params);
    support_end(NULL);
  }
  sim_begin();
}

/* Features that have to be offered before they can be accepted in a wrong way. */
static void each_wrong_feature_is_noticed_although_offered(void **state)
{
  (void)state;
  static const struct sin wrong[] = {
      {"drv-feat-2", 2, sin_feature_without_prerequisite},
      {"drv-feat-5", 2, sin_feature_unknown},
      {"drv-rsvd-8", 2, sin_feature_sr_iov},
      {"drv-mmio-rsvd-1", 2, sin_feature_admin_vq},
      {"drv-feat-5", 2, sin_feature_any_layout_on_modern},
  };
  for (size_t i = 0; i < COUNT(wrong); i++) {
    struct sim_net_params params = sim_net_defaults(2);
    params.features = UINT64_MAX & ~(SIM_F_ACCESS_PLATFORM | SIM_F_ORDER_PLATFORM | SIM_F_MTU |
                                     SIM_F_GUEST_HDRLEN);
    run_sin(&wrong[i], &params);
    support_end(NULL);
  }
  sim_begin();
}

/*
 * What can only be done wrong with a feature
 */

static void sin_offer_declined(struct hand *h)
{
  negotiate(h);
}

static void sin_bit_30(struct hand *h)
{
  sim_tolerate("drv-feat-5");
  start_as(h, good_features(h) | UINT64_C(1) << 30);
}

static void sin_hash_report_alone(struct hand *h)
{
  negotiate_as(h, good_features(h) | UINT64_C(1) << 57);
}

static void sin_extra_filters_alone(struct hand *h)
{
  negotiate_as(h, good_features(h) | UINT64_C(1) << 20);
}

static void sin_config_that_is_not_there(struct hand *h)
{
  negotiate(h);
  rd(h, 0x0fc);
  virtio_hal_read16(sim_base(h->dev) + 0x106);
}

static void sin_buffer_below_the_mtu(struct hand *h)
{
  start_as(h, good_features(h) | SIM_F_MTU);
}

static void sin_frame_above_the_mtu(struct hand *h)
{
  start_as(h, good_features(h) | SIM_F_MTU);
  send_frame(h, 0, 1015);
  wr(h, 0x050, SIM_TX);
}

static void sin_buffer_for_no_large_frame(struct hand *h)
{
  start_as(h, good_features(h) | SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4);
}

static void sin_buffer_below_the_header(struct hand *h)
{
  start_as(h, good_features(h) | SIM_F_MRG_RXBUF);
  put_desc(h, 0, 1, support_alloc(11, 64), 11, 2, 0);
  publish(h, 0, 1);
  wr(h, 0x050, SIM_RX);
}

/* A TCP segment whose sum, and if large whose cutting, is the device's to do. */
static void send_tcp(struct hand *h, uint64_t features, bool large, uint8_t hdr_len, uint8_t flags,
                     uint8_t sum)
{
  enum { HDR = 12, ETH = 14, IP = ETH, TCP = ETH + 20, FRAME = 100 };
  start_as(h, good_features(h) | features);
  sim_pace(h->dev, SIM_LAZY);
  uint8_t *bytes = send_frame(h, 0, FRAME);
  bytes[0] = 1;
  bytes[1] = large;
  bytes[2] = hdr_len;
  bytes[4] = large ? 10 : 0;
  bytes[6] = TCP;
  bytes[8] = 16;
  uint8_t *frame = bytes + HDR;
  frame[12] = 0x08;
  frame[13] = 0x00;
  frame[IP] = 0x45;
  frame[IP + 3] = FRAME - ETH;
  frame[IP + 9] = 6;
  frame[IP + 10] = 0xba; /* the header's sum */
  frame[IP + 11] = 0xa3;
  frame[TCP + 12] = 5 << 4;
  frame[TCP + 13] = flags;
  frame[TCP + 17] = sum; /* 6 and the length, and no addresses */
  wr(h, 0x050, SIM_TX);
  sim_run(h->dev);
}

enum { TCP_PSEUDO_SUM = 6 + 66 };

static void sin_pseudo_sum(struct hand *h)
{
  sim_tolerate("drv-net-tx-4");
  send_tcp(h, SIM_F_CSUM, false, 0, 0x10, TCP_PSEUDO_SUM + 1);
}

static void sin_large_with_cwr(struct hand *h)
{
  send_tcp(h, SIM_F_CSUM | SIM_F_HOST_TSO4, true, 54, 0x90, TCP_PSEUDO_SUM);
}

static void sin_large_with_short_hdr_len(struct hand *h)
{
  send_tcp(h, SIM_F_CSUM | SIM_F_HOST_TSO4, true, 53, 0x10, TCP_PSEUDO_SUM);
}

static void sin_large_with_long_hdr_len(struct hand *h)
{
  send_tcp(h, SIM_F_CSUM | SIM_F_HOST_TSO4 | SIM_F_GUEST_HDRLEN, true, 55, 0x10, TCP_PSEUDO_SUM);
}

static void each_wrong_use_of_a_feature_is_noticed_and_named(void **state)
{
  (void)state;
  static const struct {
    struct sin sin;
    uint64_t offers;
    uint16_t mtu;
    uint32_t config_bytes;
  } wrong[] = {
      {{"drv-rsvd-2", 2, sin_offer_declined}, SIM_F_ACCESS_PLATFORM, 1500, 28},
      {{"drv-rsvd-6", 2, sin_offer_declined}, SIM_F_ORDER_PLATFORM, 1500, 28},
      {{"drv-net-cfg-7", 2, sin_offer_declined}, SIM_F_MTU, 1500, 28},
      {{"drv-net-tx-32", 2, sin_offer_declined}, SIM_F_GUEST_HDRLEN, 1500, 28},
      {{"leg-rsvd-2", 1, sin_bit_30}, UINT64_C(1) << 30, 1500, 28},
      {{"drv-net-cfg-13", 2, sin_hash_report_alone}, UINT64_C(1) << 57, 1500, 28},
      {{"drv-net-cfg-14", 2, sin_extra_filters_alone}, UINT64_C(1) << 20, 1500, 28},
      {{"drv-config-5", 2, sin_config_that_is_not_there}, 0, 1500, 6},
      {{"drv-net-cfg-8", 2, sin_buffer_below_the_mtu}, SIM_F_MTU, 2000, 28},
      {{"drv-net-cfg-9", 2, sin_frame_above_the_mtu}, SIM_F_MTU, 1000, 28},
      {{"drv-net-rxbuf-1", 2, sin_buffer_for_no_large_frame},
       SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4,
       1500,
       28},
      {{"drv-net-rxbuf-3", 2, sin_buffer_below_the_header}, SIM_F_MRG_RXBUF, 1500, 28},
      {{"drv-net-tx-21", 2, sin_pseudo_sum}, SIM_F_CSUM, 1500, 28},
      {{"drv-net-tx-9", 2, sin_large_with_cwr}, SIM_F_CSUM | SIM_F_HOST_TSO4, 1500, 28},
      {{"drv-net-tx-27", 2, sin_large_with_short_hdr_len}, SIM_F_CSUM | SIM_F_HOST_TSO4, 1500, 28},
      {{"drv-net-tx-26", 2, sin_large_with_long_hdr_len},
       SIM_F_CSUM | SIM_F_HOST_TSO4 | SIM_F_GUEST_HDRLEN,
       1500,
       28},
  };
  for (size_t i = 0; i < COUNT(wrong); i++) {
    struct sim_net_params params = sim_net_defaults(wrong[i].sin.version);
    params.features |= wrong[i].offers;
    params.mtu = wrong[i].mtu;
    params.config_bytes = wrong[i].config_bytes;
    run_sin(&wrong[i].sin, &params);
    support_end(NULL);
  }
  sim_begin();
}

/* A good one, for all that the others differ in. */
static void a_large_frame_with_all_in_order_is_left_in_peace(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(2);
  params.features |= SIM_F_CSUM | SIM_F_HOST_TSO4 | SIM_F_GUEST_HDRLEN;
  struct hand h = hand_with(&params);
  send_tcp(&h, SIM_F_CSUM | SIM_F_HOST_TSO4 | SIM_F_GUEST_HDRLEN, true, 54, 0x10, TCP_PSEUDO_SUM);
  assert_int_equal(sim_net_sent_count(h.dev), 1);
  assert_int_equal(sim_breaches(NULL), 0);
}

/* Flags and types that nobody negotiated; some break several rules, each of which is looked for in
 * its turn. */
static void each_wrong_header_is_noticed_and_named(void **state)
{
  (void)state;
  static const struct {
    const char *rule;
    uint8_t flags;
    uint8_t gso_type;
  } wrong[] = {
      {"drv-net-tx-3", 1, 0},     {"drv-net-tx-5", 0, 1},     {"drv-net-tx-6", 0, 4},
      {"drv-net-tx-7", 0, 3},     {"drv-net-tx-8", 0, 5},     {"drv-net-tx-9", 0, 0x81},
      {"drv-net-tx-11", 0, 0x21}, {"drv-net-tx-11", 0, 0x44}, {"drv-net-tx-13", 8, 0x21},
      {"drv-net-tx-15", 8, 0},    {"drv-net-tx-16", 8, 0x21}, {"drv-net-tx-17", 0, 0x23},
      {"drv-net-tx-18", 0, 0x61}, {"drv-net-tx-19", 8, 0},    {"drv-net-tx-22", 1, 0},
      {"drv-net-tx-23", 0, 1},    {"drv-net-tx-24", 0, 1},    {"drv-net-tx-25", 0, 1},
      {"drv-net-tx-27", 0, 1},    {"drv-net-tx-33", 2, 0},    {"drv-net-tx-33", 4, 0},
      {"drv-net-tx-34", 2, 0x21}, {"own-tx-flags", 0x10, 0},  {"own-tx-gso", 0, 2},
  };
  for (size_t i = 0; i < COUNT(wrong); i++) {
    sim_begin();
    for (size_t n = 0; n < COUNT(wrong); n++) {
      if (strcmp(wrong[n].rule, wrong[i].rule) != 0) {
        sim_tolerate(wrong[n].rule);
      }
    }
    struct hand h = hand(2);
    start(&h);
    sim_pace(h.dev, SIM_LAZY);
    uint8_t *bytes = send_frame(&h, 0, 60);
    bytes[0] = wrong[i].flags;
    bytes[1] = wrong[i].gso_type;
    bytes[6] = wrong[i].flags == 1 ? 59 : 0;
    wr(&h, 0x050, SIM_TX);
    sim_run(h.dev);
    expect_breach(wrong[i].rule);
    support_end(NULL);
  }
  sim_begin();
}

/*
 * Slots to be left alone
 */

static void a_slot_to_be_left_alone_notices_any_further_access(void **state)
{
  (void)state;
  struct hand empty = {.dev = sim_slot_create(0x74726976, 2, 0)};
  probe(&empty);
  assert_int_equal(sim_breaches(NULL), 0);
  assert_int_equal(sim_counters(empty.dev)->reads, 3);
  rd(&empty, 0x070);
  expect_breach("drv-mmio-init-4");

  struct hand future = {.dev = sim_slot_create(0x74726976, 3, 1)};
  rd(&future, 0x000);
  assert_int_equal(rd(&future, 0x004), 3);
  assert_int_equal(sim_breaches(NULL), 0);
  rd(&future, 0x008);
  expect_breach("drv-mmio-reg-7");

  struct hand nothing = {.dev = sim_slot_create(0xffffffff, 2, 1)};
  rd(&nothing, 0x000);
  assert_int_equal(sim_breaches(NULL), 0);
  rd(&nothing, 0x004);
  expect_breach("drv-mmio-reg-6");

  struct hand block = {.dev = sim_slot_create(0x74726976, 2, 2)};
  probe(&block);
  wr(&block, 0x030, 0);
  expect_breach("own-foreign-device");
}

/*
 * EVENT_IDX, INDIRECT, legacy framing: what is offered only here
 */

static struct hand hand_offering(unsigned version, uint64_t features)
{
  struct sim_net_params params = sim_net_defaults(version);
  params.features |= features;
  return hand_with(&params);
}

static void event_idx_kicks_are_wanted_where_the_device_said(void **state)
{
  (void)state;
  struct hand h = hand_offering(2, SIM_F_EVENT_IDX);
  start_as(&h, good_features(&h) | SIM_F_EVENT_IDX);
  assert_int_equal(sim_breaches(NULL), 0);

  put16(&h, avail(&h, 0), 1);
  sim_run(h.dev);
  expect_breach("drv-usednotif-2");
  put16(&h, avail(&h, 0), 0);

  sim_suppress_kicks(h.dev, SIM_RX, true);
  post_receive_buffer(&h, 1);
  sim_run(h.dev);
  assert_int_equal(sim_breaches(NULL), 0);
  post_receive_buffer(&h, 2);
  wr(&h, 0x050, SIM_RX);
  expect_breach("drv-availnotif-7");

  sim_suppress_kicks(h.dev, SIM_RX, false);
  post_receive_buffer(&h, 3);
  sim_run(h.dev);
  expect_breach("drv-availnotif-6");
}

static void indirect_tables_are_read_and_checked(void **state)
{
  (void)state;
  struct hand h = hand_offering(2, SIM_F_INDIRECT_DESC);
  start_as(&h, good_features(&h) | SIM_F_INDIRECT_DESC);
  uint8_t *table = support_alloc(32, 16);
  uint8_t *ring = h.ring[SIM_TX];
  uint8_t *bytes = support_alloc(12 + 60, 64);
  memset(bytes, 0, 12 + 60);
  h.ring[SIM_TX] = table;
  put_desc(&h, SIM_TX, 0, bytes, 12, 1, 1);
  put_desc(&h, SIM_TX, 1, bytes + 12, 60, 0, 0);
  h.ring[SIM_TX] = ring;
  put_desc(&h, SIM_TX, 0, table, 32, 4, 0);
  publish(&h, SIM_TX, 0);
  wr(&h, 0x050, SIM_TX);
  assert_int_equal(sim_breaches(NULL), 0);
  assert_int_equal(sim_net_sent_count(h.dev), 1);
  assert_int_equal(sim_net_sent(h.dev, 0)->pieces, 2);
  assert_int_equal(sim_net_sent(h.dev, 0)->len, 60);

  table[16 + 12] = 4;
  put_desc(&h, SIM_TX, 1, table, 32, 4, 0);
  virtio_hal_rmb();
  publish(&h, SIM_TX, 1);
  expect_breach("drv-indirect-2");
}

static void indirect_and_next_do_not_go_together(void **state)
{
  (void)state;
  struct hand h = hand_offering(2, SIM_F_INDIRECT_DESC);
  start_as(&h, good_features(&h) | SIM_F_INDIRECT_DESC);
  put_desc(&h, SIM_TX, 0, support_alloc(32, 16), 32, 5, 1);
  publish(&h, SIM_TX, 0);
  expect_breach("drv-indirect-4");
}

static void indirect_tables_are_no_longer_than_the_queue(void **state)
{
  (void)state;
  struct hand h = hand_offering(2, SIM_F_INDIRECT_DESC);
  start_as(&h, good_features(&h) | SIM_F_INDIRECT_DESC);
  put_desc(&h, SIM_TX, 0, support_alloc(16 * (QUEUE_SIZE + 1), 16), 16 * (QUEUE_SIZE + 1), 4, 0);
  publish(&h, SIM_TX, 0);
  expect_breach("drv-indirect-3");
}

static void legacy_framing_wants_the_header_in_its_own_descriptor(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(1);
  params.features &= ~SIM_F_ANY_LAYOUT;
  struct hand h = hand_with(&params);
  sim_tolerate("drv-net-rxbuf-2");
  start_as(&h, SIM_F_MAC | SIM_F_STATUS);
  expect_breach("leg-net-framing-1");
  send_frame(&h, 0, 60);
  expect_breach("leg-net-framing-1");
  wr(&h, 0x050, SIM_TX);
}

static void merged_buffers_share_one_frame(void **state)
{
  (void)state;
  struct hand h = hand_offering(2, SIM_F_MRG_RXBUF);
  start_as(&h, good_features(&h) | SIM_F_MRG_RXBUF);
  uint8_t *second = support_alloc(600, 64);
  put_desc(&h, 0, 1, second, 600, 2, 0);
  publish(&h, 0, 1);
  wr(&h, 0x050, SIM_RX);
  uint8_t frame[2000];
  support_pattern(frame, sizeof(frame), 5);
  assert_true(sim_net_deliver(h.dev, frame, sizeof(frame)));
  const uint8_t *elem = used(&h, SIM_RX) + 4;
  assert_int_equal(elem[4] | elem[5] << 8, 1526);
  assert_int_equal(elem[12] | elem[13] << 8, 12 + 2000 - 1526);
  assert_memory_equal(second, frame + 1514, 2000 - 1514);
  assert_int_equal(sim_breaches(NULL), 0);
}

static void a_checksum_left_to_the_device_is_filled_in(void **state)
{
  (void)state;
  struct hand h = hand_offering(2, SIM_F_CSUM);
  start_as(&h, good_features(&h) | SIM_F_CSUM);
  sim_pace(h.dev, SIM_LAZY);
  uint8_t *bytes = send_frame(&h, 0, 60);
  bytes[0] = 1;
  bytes[6] = 14;
  bytes[8] = 4;
  bytes[12 + 14] = 0x12;
  bytes[12 + 15] = 0x34;
  wr(&h, 0x050, SIM_TX);
  sim_run(h.dev);
  assert_int_equal(sim_breaches(NULL), 0);
  const struct sim_frame *frame = sim_net_sent(h.dev, 0);
  assert_int_equal(frame->bytes[14 + 4], 0xed);
  assert_int_equal(frame->bytes[14 + 5], 0xcb);

  virtio_hal_rmb();
  bytes = send_frame(&h, 0, 60);
  bytes[0] = 1;
  bytes[6] = 50;
  bytes[8] = 9;
  wr(&h, 0x050, SIM_TX);
  sim_run(h.dev);
  expect_breach("drv-net-tx-22");
}

static void an_entropy_device_wants_nothing_to_read(void **state)
{
  (void)state;
  struct sim_net_params params = sim_rng_defaults(2);
  struct hand h = hand(2);
  h.dev = sim_rng_create(&params);
  negotiate_as(&h, SIM_F_VERSION_1);
  select_queue(&h, 0);
  wr(&h, 0x038, params.queue_max[0]);
  write_addresses(&h, 0);
  wr(&h, 0x044, 1);
  wr(&h, 0x070, 0x0f);
  put_desc(&h, 0, 0, support_alloc(64, 64), 64, 2, 0);
  publish(&h, 0, 0);
  wr(&h, 0x050, 0);
  assert_int_equal(sim_breaches(NULL), 0);
  virtio_hal_rmb();
  put_desc(&h, 0, 1, support_alloc(64, 64), 64, 0, 0);
  publish(&h, 0, 1);
  expect_breach("drv-rng-1");
  wr(&h, 0x050, 0);
}

static void caches_that_are_not_snooped_have_to_be_maintained(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(2);
  params.noncoherent = true;
  struct hand h = hand_with(&params);
  start(&h);
  expect_breach("own-cache-invalidate");
  send_frame(&h, 0, 60);
  expect_breach("own-cache-clean");
  wr(&h, 0x050, SIM_TX);

  uint8_t *buffer = support_alloc(1526, 64);
  put_desc(&h, 0, 1, buffer, 1526, 2, 0);
  virtio_hal_cache_invalidate(buffer, 1526);
  publish(&h, 0, 1);
  wr(&h, 0x050, SIM_RX);
  assert_int_equal(sim_breaches(NULL), 0);

  uint8_t frame[60];
  support_pattern(frame, sizeof(frame), 1);
  sim_order(h.dev, SIM_LIFO);
  assert_true(sim_net_deliver(h.dev, frame, sizeof(frame)));
  assert_memory_not_equal(buffer + 12, frame, sizeof(frame));
  virtio_hal_cache_invalidate(buffer, 72);
  assert_memory_equal(buffer + 12, frame, sizeof(frame));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_driver_that_does_all_right_is_left_in_peace),
      TEST(the_device_follows_negotiated_header_and_length),
      TEST(each_breach_of_a_rule_is_noticed_and_named),
      TEST(each_wrong_feature_is_noticed_although_offered),
      TEST(each_wrong_use_of_a_feature_is_noticed_and_named),
      TEST(a_large_frame_with_all_in_order_is_left_in_peace),
      TEST(each_wrong_header_is_noticed_and_named),
      TEST(a_slot_to_be_left_alone_notices_any_further_access),
      TEST(event_idx_kicks_are_wanted_where_the_device_said),
      TEST(indirect_tables_are_read_and_checked),
      TEST(indirect_and_next_do_not_go_together),
      TEST(indirect_tables_are_no_longer_than_the_queue),
      TEST(legacy_framing_wants_the_header_in_its_own_descriptor),
      TEST(merged_buffers_share_one_frame),
      TEST(a_checksum_left_to_the_device_is_filled_in),
      TEST(an_entropy_device_wants_nothing_to_read),
      TEST(caches_that_are_not_snooped_have_to_be_maintained),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
