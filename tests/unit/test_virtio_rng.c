/*
 * test_virtio_rng.c: random bytes from an entropy device, an honest one and one that lies. The two
 * rules that the specification has for its driver: all buffers are for the device to write, which
 * the simulated device checks, and the length of an answer is looked at.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "support.h"

#include "virtio/virtio_mmio.h"
#include "virtio/virtio_rng.h"

#include <string.h>

enum { WANTED = 40, JUNK = 0xdb };

/* What a test is run with: the version of the transport. */
static unsigned legacy = 1;
static unsigned modern = 2;

struct rng {
  struct sim_device *dev;
  struct virtio_mmio *mmio;
  uint8_t *memory;
  uint8_t *bytes;
};

static struct rng rng_create(const struct sim_net_params *params)
{
  struct rng rng = {
      .dev = sim_rng_create(params),
      .mmio = support_alloc(sizeof(*rng.mmio), 16),
      .memory = support_alloc(VIRTIO_RNG_MEMORY_BYTES, VIRTQ_ALIGN),
      .bytes = support_alloc(WANTED, 1),
  };
  assert_int_equal(virtio_mmio_probe(rng.mmio, sim_base(rng.dev)), VIRTIO_OK);
  assert_int_equal(rng.mmio->dev.device_id, VIRTIO_ID_RNG);
  return rng;
}

static struct rng rng_default(void **state)
{
  struct sim_net_params params = sim_rng_defaults(*(const unsigned *)*state);
  return rng_create(&params);
}

static int rng_read(const struct rng *rng)
{
  return virtio_rng_read(&rng->mmio->dev, rng->memory, rng->bytes, WANTED);
}

static bool all_are(const uint8_t *bytes, size_t len, uint8_t value)
{
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] != value) {
      return false;
    }
  }
  return true;
}

static void check_bytes(const uint8_t *bytes, size_t count, unsigned first)
{
  for (unsigned i = 0; i < count; i++) {
    assert_int_equal(bytes[i], sim_rng_byte(first + i));
  }
}

/* The device has let go of everything, and nobody finds the seed in its memory. */
static void check_let_go(const struct rng *rng)
{
  assert_int_equal(sim_status(rng->dev), 0);
  assert_int_equal(sim_queue_size(rng->dev, 0), 0);
  assert_true(all_are(rng->memory, VIRTIO_RNG_MEMORY_BYTES, 0));
}

static void check_failed(const struct rng *rng, int err)
{
  assert_int_equal(rng_read(rng), err);
  assert_true(all_are(rng->bytes, WANTED, 0));
  check_let_go(rng);
}

/* After a failure the device is as good as new. */
static void check_works(const struct rng *rng)
{
  unsigned before = sim_rng_given(rng->dev);
  assert_int_equal(rng_read(rng), VIRTIO_OK);
  check_bytes(rng->bytes, WANTED, before);
  check_let_go(rng);
}

/*
 * An honest device
 */

static void bytes_come_in_answers_of_any_length(void **state)
{
  struct rng rng = rng_default(state);
  static const size_t counts[] = {1, 2, 15, 16, 63, 64, 65, 128, 200, 1000};
  static const unsigned most[] = {1, 7, 64, 4096};
  unsigned given = 0;
  for (size_t i = 0; i < COUNT(counts); i++) {
    uint8_t *bytes = support_alloc(counts[i], 1);
    for (size_t n = 0; n < COUNT(most); n++) {
      sim_rng_limit(rng.dev, most[n]);
      memset(bytes, JUNK, counts[i]);
      assert_int_equal(virtio_rng_read(&rng.mmio->dev, rng.memory, bytes, counts[i]), VIRTIO_OK);
      check_bytes(bytes, counts[i], given);
      given += (unsigned)counts[i];
      assert_int_equal(sim_rng_given(rng.dev), given);
      check_let_go(&rng);
    }
  }
}

static void one_buffer_is_out_at_a_time_and_nobody_is_interrupted(void **state)
{
  struct rng rng = rng_default(state);
  sim_rng_limit(rng.dev, 8);
  check_works(&rng);
  assert_int_equal(sim_counters(rng.dev)->kicks[0], WANTED / 8);
  assert_int_equal(sim_counters(rng.dev)->idle_kicks[0], 0);
  assert_int_equal(sim_counters(rng.dev)->interrupts, 0);
}

static void answer_later(struct sim_device *dev, void *arg)
{
  unsigned *reads_left = arg;
  if (*reads_left != 0 && --*reads_left == 0) {
    sim_run(dev);
    *reads_left = 10000;
  }
}

static void a_slow_device_is_waited_for(void **state)
{
  struct rng rng = rng_default(state);
  unsigned reads_left = 10000;
  sim_pace(rng.dev, SIM_LAZY);
  sim_rng_limit(rng.dev, 16);
  sim_at(rng.dev, SIM_AT_STATUS_READ, answer_later, &reads_left);
  sim_faults(rng.dev)->reset_reads = 1000;
  check_works(&rng);
}

static void work_unasked(struct sim_device *dev, void *arg)
{
  (void)arg;
  if (sim_queue_size(dev, 0) != 0) {
    sim_suppress_kicks(dev, 0, true);
    sim_run(dev);
  }
}

static void a_device_that_wants_no_notification_gets_none(void **state)
{
  struct rng rng = rng_default(state);
  sim_at(rng.dev, SIM_AT_STATUS_READ, work_unasked, NULL);
  check_works(&rng);
  assert_int_equal(sim_counters(rng.dev)->kicks[0], 0);
}

static void only_what_is_needed_is_accepted(void **state)
{
  struct sim_net_params params = sim_rng_defaults(*(const unsigned *)*state);
  uint64_t needed = params.features;
  if (params.version == 2) {
    needed |= SIM_F_ACCESS_PLATFORM | SIM_F_ORDER_PLATFORM;
  }
  params.features = needed | SIM_F_INDIRECT_DESC | SIM_F_EVENT_IDX;
  params.features |= params.version == 2 ? SIM_F_RING_PACKED : 0;
  struct rng rng = rng_create(&params);
  check_works(&rng);
  assert_int_equal(rng.mmio->dev.features, needed);
}

static void a_queue_of_any_size_will_do(void **state)
{
  for (uint32_t max = 1; max <= 65536; max = max * 2 + max % 3) {
    struct sim_net_params params = sim_rng_defaults(*(const unsigned *)*state);
    params.queue_max[0] = max;
    struct rng rng = rng_create(&params);
    check_works(&rng);
  }
}

static void caches_that_the_device_does_not_see_are_maintained(void **state)
{
  struct sim_net_params params = sim_rng_defaults(*(const unsigned *)*state);
  params.noncoherent = true;
  struct rng rng = rng_create(&params);
  sim_rng_limit(rng.dev, 16);
  check_works(&rng);
}

/*
 * The caller's mistakes
 */

static void parameters_that_make_no_sense_touch_nothing(void **state)
{
  struct rng rng = rng_default(state);
  struct virtio_device *dev = &rng.mmio->dev;
  unsigned reads = sim_counters(rng.dev)->reads;
  assert_int_equal(virtio_rng_read(NULL, rng.memory, rng.bytes, WANTED), VIRTIO_ERR_ARG);
  assert_int_equal(virtio_rng_read(dev, NULL, rng.bytes, WANTED), VIRTIO_ERR_ARG);
  assert_int_equal(virtio_rng_read(dev, rng.memory + 8, rng.bytes, WANTED), VIRTIO_ERR_ARG);
  assert_int_equal(virtio_rng_read(dev, rng.memory, NULL, WANTED), VIRTIO_ERR_ARG);
  assert_int_equal(virtio_rng_read(dev, rng.memory, rng.bytes, 0), VIRTIO_ERR_ARG);
  assert_true(all_are(rng.bytes, WANTED, JUNK));
  assert_true(all_are(rng.memory, VIRTIO_RNG_MEMORY_BYTES, JUNK));
  assert_int_equal(sim_counters(rng.dev)->reads, reads);
  assert_int_equal(sim_counters(rng.dev)->writes, 0);
}

static void another_type_of_device_is_left_alone(void **state)
{
  struct sim_net_params params = sim_net_defaults(*(const unsigned *)*state);
  struct rng rng = rng_default(state);
  struct sim_device *net = sim_net_create(&params);
  assert_int_equal(virtio_mmio_probe(rng.mmio, sim_base(net)), VIRTIO_OK);
  assert_int_equal(rng_read(&rng), VIRTIO_ERR_NODEV);
  assert_int_equal(sim_counters(net)->writes, 0);
  assert_true(all_are(rng.bytes, WANTED, 0));
}

/*
 * A device that cannot be used
 */

static void features_that_are_refused(void **state)
{
  struct rng rng = rng_default(state);
  if (*(const unsigned *)*state == 1) {
    return; /* has no FEATURES_OK */
  }
  sim_faults(rng.dev)->refuse_features_ok = true;
  check_failed(&rng, VIRTIO_ERR_FEATURES);
  sim_faults(rng.dev)->refuse_features_ok = false;
  check_works(&rng);
}

static void a_modern_device_without_version_1(void **state)
{
  struct sim_net_params params = sim_rng_defaults(2);
  (void)state;
  params.features = 0;
  struct rng rng = rng_create(&params);
  check_failed(&rng, VIRTIO_ERR_FEATURES);
}

static void a_device_without_a_queue(void **state)
{
  struct sim_net_params params = sim_rng_defaults(*(const unsigned *)*state);
  params.queue_max[0] = 0;
  struct rng rng = rng_create(&params);
  check_failed(&rng, VIRTIO_ERR_DEVICE);
}

static void a_queue_that_the_device_does_not_take(void **state)
{
  struct rng rng = rng_default(state);
  sim_faults(rng.dev)->queue_ready_stuck_at_0 = true;
  check_failed(&rng, VIRTIO_ERR_DEVICE);
  sim_faults(rng.dev)->queue_ready_stuck_at_0 = false;
  sim_faults(rng.dev)->queue_ready_stuck_at_1 = true;
  check_failed(&rng, VIRTIO_ERR_DEVICE);
  sim_faults(rng.dev)->queue_ready_stuck_at_1 = false;
  check_works(&rng);
}

static void a_first_reset_that_never_ends(void **state)
{
  struct rng rng = rng_default(state);
  sim_faults(rng.dev)->reset_reads = SIM_NEVER;
  assert_int_equal(rng_read(&rng), VIRTIO_ERR_TIMEOUT);
  assert_true(all_are(rng.bytes, WANTED, 0));
  assert_true(all_are(rng.memory, VIRTIO_RNG_MEMORY_BYTES, JUNK));
}

static void never_reset_again(struct sim_device *dev, void *arg)
{
  (void)arg;
  sim_faults(dev)->reset_reads = SIM_NEVER;
}

/* What the device may still write to is not cleared, as if that would help. */
static void a_last_reset_that_never_ends(void **state)
{
  struct rng rng = rng_default(state);
  sim_at(rng.dev, SIM_AT_NOTIFY, never_reset_again, NULL);
  assert_int_equal(rng_read(&rng), VIRTIO_ERR_TIMEOUT);
  assert_true(all_are(rng.bytes, WANTED, 0));
  check_bytes(rng.memory + VIRTIO_RNG_MEMORY_BYTES - VIRTIO_RNG_BUFFER_BYTES, WANTED, 0);
}

/*
 * A device that lies
 */

static void lengths_that_cannot_be_true(void **state)
{
  static const uint32_t lengths[] = {0,          WANTED + 1, 64,         65,        WANTED + 4096,
                                     0x7fffffff, 0x80000000, 0x80000028, UINT32_MAX};
  struct rng rng = rng_default(state);
  sim_faults(rng.dev)->used_len_wrong = true;
  for (size_t i = 0; i < COUNT(lengths); i++) {
    sim_faults(rng.dev)->used_len = lengths[i];
    check_failed(&rng, VIRTIO_ERR_DEVICE);
  }
  sim_faults(rng.dev)->used_len_wrong = false;
  check_works(&rng);
}

static void a_second_answer_that_cannot_be_true_spoils_the_first(void **state)
{
  struct rng rng = rng_default(state);
  sim_rng_limit(rng.dev, 30);
  sim_faults(rng.dev)->used_len_wrong = true;
  sim_faults(rng.dev)->used_len = 30; /* of 40, then of 10 */
  check_failed(&rng, VIRTIO_ERR_DEVICE);
}

static void ids_that_cannot_be_true(void **state)
{
  static const uint32_t ids[] = {1, 7, 255, 65535, 65536, 0x80000000, UINT32_MAX};
  struct rng rng = rng_default(state);
  sim_faults(rng.dev)->used_id_wrong = true;
  for (size_t i = 0; i < COUNT(ids); i++) {
    sim_faults(rng.dev)->used_id = ids[i];
    check_failed(&rng, VIRTIO_ERR_DEVICE);
  }
  sim_faults(rng.dev)->used_id_wrong = false;
  check_works(&rng);
}

static void an_index_that_jumps(void **state)
{
  static const uint16_t extras[] = {1, 2, 0x8000, 0xfffe};
  struct rng rng = rng_default(state);
  for (size_t i = 0; i < COUNT(extras); i++) {
    sim_faults(rng.dev)->used_idx_extra = extras[i];
    check_failed(&rng, VIRTIO_ERR_DEVICE);
  }
  sim_faults(rng.dev)->used_idx_extra = 0;
  check_works(&rng);
}

static void a_device_that_writes_over_the_ring(void **state)
{
  struct rng rng = rng_default(state);
  sim_faults(rng.dev)->scribble_after_use = true;
  check_works(&rng);
}

static void a_device_that_never_answers(void **state)
{
  struct rng rng = rng_default(state);
  sim_pace(rng.dev, SIM_LAZY);
  check_failed(&rng, VIRTIO_ERR_TIMEOUT);
  assert_in_range(sim_counters(rng.dev)->status_reads, VIRTIO_WAIT_READS, VIRTIO_WAIT_READS + 100);
  sim_pace(rng.dev, SIM_EAGER);
  check_works(&rng);
}

/* A byte now and then, each in time, would keep the caller for ever. */
static void a_device_that_answers_in_drops(void **state)
{
  struct rng rng = rng_default(state);
  uint8_t *bytes = support_alloc(1000, 1);
  unsigned reads_left = 10000;
  sim_pace(rng.dev, SIM_LAZY);
  sim_rng_limit(rng.dev, 1);
  sim_at(rng.dev, SIM_AT_STATUS_READ, answer_later, &reads_left);
  assert_int_equal(virtio_rng_read(&rng.mmio->dev, rng.memory, bytes, 1000), VIRTIO_ERR_TIMEOUT);
  assert_in_range(sim_counters(rng.dev)->status_reads, VIRTIO_WAIT_READS, VIRTIO_WAIT_READS + 100);
  assert_true(all_are(bytes, 1000, 0));
  check_let_go(&rng);
}

static void use_unwritten(struct sim_device *dev, void *arg)
{
  bool *done = arg;
  if (!*done) {
    *done = true;
    sim_lie_used(dev, 0, 0, WANTED);
  }
}

/* An answer that went to another address leaves zeros where it was looked for. */
static void an_answer_that_was_never_written(void **state)
{
  struct rng rng = rng_default(state);
  bool done = false;
  sim_pace(rng.dev, SIM_LAZY);
  sim_at(rng.dev, SIM_AT_NOTIFY, use_unwritten, &done);
  check_failed(&rng, VIRTIO_ERR_DEVICE);
  assert_true(done);
}

enum { FEW = 3 };

static void use_few_unwritten(struct sim_device *dev, void *arg)
{
  bool *done = arg;
  if (!*done) {
    *done = true;
    sim_lie_used(dev, 0, 0, FEW);
  }
}

/* ... but of a few bytes random ones may all be zero. */
static void an_answer_of_a_few_zeros(void **state)
{
  struct rng rng = rng_default(state);
  bool done = false;
  sim_pace(rng.dev, SIM_LAZY);
  sim_at(rng.dev, SIM_AT_NOTIFY, use_few_unwritten, &done);
  assert_int_equal(virtio_rng_read(&rng.mmio->dev, rng.memory, rng.bytes, FEW), VIRTIO_OK);
  assert_true(done);
  assert_true(all_are(rng.bytes, FEW, 0));
  check_let_go(&rng);
}

static void wants_reset(struct sim_device *dev, void *arg)
{
  (void)arg;
  sim_needs_reset(dev, true);
}

static void drops_status(struct sim_device *dev, void *arg)
{
  (void)arg;
  sim_drop_status(dev);
}

static void a_device_that_gives_up_is_not_waited_for(void **state)
{
  static sim_hook_fn *const ways[] = {wants_reset, drops_status};
  for (size_t i = 0; i < COUNT(ways); i++) {
    struct rng rng = rng_default(state);
    sim_pace(rng.dev, SIM_LAZY);
    sim_at(rng.dev, SIM_AT_NOTIFY, ways[i], NULL);
    check_failed(&rng, VIRTIO_ERR_DEVICE);
    assert_in_range(sim_counters(rng.dev)->status_reads, 0, 100);
    sim_at(rng.dev, SIM_AT_NOTIFY, NULL, NULL);
    sim_pace(rng.dev, SIM_EAGER);
    check_works(&rng);
  }
}

#define BOTH(function)                                                                             \
  {#function ", legacy", function, support_begin, support_end, &legacy},                           \
  {                                                                                                \
#function ", modern", function, support_begin, support_end, &modern                            \
  }

int main(void)
{
  const struct CMUnitTest tests[] = {
      BOTH(bytes_come_in_answers_of_any_length),
      BOTH(one_buffer_is_out_at_a_time_and_nobody_is_interrupted),
      BOTH(a_slow_device_is_waited_for),
      BOTH(a_device_that_wants_no_notification_gets_none),
      BOTH(only_what_is_needed_is_accepted),
      BOTH(a_queue_of_any_size_will_do),
      BOTH(caches_that_the_device_does_not_see_are_maintained),
      BOTH(parameters_that_make_no_sense_touch_nothing),
      BOTH(another_type_of_device_is_left_alone),
      BOTH(features_that_are_refused),
      TEST(a_modern_device_without_version_1),
      BOTH(a_device_without_a_queue),
      BOTH(a_queue_that_the_device_does_not_take),
      BOTH(a_first_reset_that_never_ends),
      BOTH(a_last_reset_that_never_ends),
      BOTH(lengths_that_cannot_be_true),
      BOTH(a_second_answer_that_cannot_be_true_spoils_the_first),
      BOTH(ids_that_cannot_be_true),
      BOTH(an_index_that_jumps),
      BOTH(a_device_that_writes_over_the_ring),
      BOTH(a_device_that_never_answers),
      BOTH(a_device_that_answers_in_drops),
      BOTH(an_answer_that_was_never_written),
      BOTH(an_answer_of_a_few_zeros),
      BOTH(a_device_that_gives_up_is_not_waited_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
