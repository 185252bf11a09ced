/*
 * test_virtio_mmio.c: finding a device, bringing it to life and letting it go: the handshake that
 * all transports share, over MMIO in both of its versions.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "support.h"

#include "virtio/virtio_hal.h"
#include "virtio/virtio_mmio.h"

#include <string.h>

enum { MAGIC = 0x74726976 };

static struct virtio_mmio *probed(const struct sim_net_params *params, struct sim_device **dev)
{
  struct virtio_mmio *mmio = support_alloc(sizeof(*mmio), 16);
  *dev = sim_net_create(params);
  assert_int_equal(virtio_mmio_probe(mmio, sim_base(*dev)), VIRTIO_OK);
  return mmio;
}

static struct virtio_mmio *probed_default(unsigned version, struct sim_device **dev)
{
  struct sim_net_params params = sim_net_defaults(version);
  return probed(&params, dev);
}

/* As far as features; a device that offers the defaults of its version. */
static struct virtio_mmio *negotiated(unsigned version, struct sim_device **dev)
{
  struct virtio_mmio *mmio = probed_default(version, dev);
  assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
  assert_int_equal(virtio_negotiate(&mmio->dev, UINT64_MAX, NULL, 0), VIRTIO_OK);
  return mmio;
}

/*
 * Probe
 */

static void a_device_is_found_in_both_versions(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = probed_default(version, &dev);
    assert_int_equal(mmio->dev.device_id, VIRTIO_ID_NET);
    assert_int_equal(mmio->dev.legacy, version == 1);
    assert_int_equal(sim_counters(dev)->writes, 0);
  }
}

static void an_empty_slot_is_read_three_times_and_left_alone(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev = sim_slot_create(MAGIC, version, 0);
    struct virtio_mmio mmio;
    assert_int_equal(virtio_mmio_probe(&mmio, sim_base(dev)), VIRTIO_ERR_NODEV);
    assert_int_equal(sim_counters(dev)->reads, 3);
    assert_int_equal(sim_counters(dev)->writes, 0);
  }
}

static void a_slot_without_the_magic_value_is_left_alone(void **state)
{
  (void)state;
  static const uint32_t magics[] = {0, UINT32_MAX, 0x76697274, MAGIC + 1};
  for (size_t i = 0; i < COUNT(magics); i++) {
    struct sim_device *dev = sim_slot_create(magics[i], 2, 1);
    struct virtio_mmio mmio;
    assert_int_equal(virtio_mmio_probe(&mmio, sim_base(dev)), VIRTIO_ERR_NODEV);
    assert_int_equal(sim_counters(dev)->reads, 1);
  }
}

static void a_device_of_another_version_is_left_alone(void **state)
{
  (void)state;
  static const uint32_t versions[] = {0, 3, 0x80000002u, UINT32_MAX};
  for (size_t i = 0; i < COUNT(versions); i++) {
    struct sim_device *dev = sim_slot_create(MAGIC, versions[i], 1);
    struct virtio_mmio mmio;
    assert_int_equal(virtio_mmio_probe(&mmio, sim_base(dev)), VIRTIO_ERR_NODEV);
    assert_int_equal(sim_counters(dev)->reads, 2);
  }
}

static void devices_of_other_types_are_reported_as_such(void **state)
{
  (void)state;
  struct sim_device *dev = sim_slot_create(MAGIC, 2, 4);
  struct virtio_mmio mmio;
  assert_int_equal(virtio_mmio_probe(&mmio, sim_base(dev)), VIRTIO_OK);
  assert_int_equal(mmio.dev.device_id, 4);
  assert_int_equal(sim_counters(dev)->writes, 0);
}

static void a_network_device_is_found_among_empty_slots_and_others(void **state)
{
  (void)state;
  uintptr_t bases[10];
  for (unsigned i = 0; i < 10; i++) {
    struct sim_net_params params = sim_net_defaults(2);
    struct sim_device *dev = i == 7   ? sim_net_create(&params)
                             : i == 3 ? sim_slot_create(MAGIC, 1, 2)
                             : i == 8 ? sim_slot_create(MAGIC, 2, 99)
                                      : sim_slot_create(MAGIC, 1 + i % 2, 0);
    bases[i] = sim_base(dev);
  }
  unsigned found = 0;
  for (unsigned i = 0; i < 10; i++) {
    struct virtio_mmio mmio;
    if (virtio_mmio_probe(&mmio, bases[i]) == VIRTIO_OK && mmio.dev.device_id == VIRTIO_ID_NET) {
      assert_int_equal(i, 7);
      found++;
    }
  }
  assert_int_equal(found, 1);
}

/*
 * Reset
 */

static void beginning_resets_a_device_that_somebody_used_before(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = probed_default(version, &dev);
    assert_int_not_equal(sim_status(dev), 0);
    assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
    assert_int_equal(sim_status(dev), VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    assert_int_equal(sim_counters(dev)->resets, 1);
  }
}

static void a_reset_is_waited_for_as_long_as_it_takes(void **state)
{
  (void)state;
  static const uint32_t reads[] = {0, 1, 2, 1000, 100000};
  for (size_t i = 0; i < COUNT(reads); i++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = probed_default(2, &dev);
    sim_faults(dev)->reset_reads = reads[i];
    assert_int_equal(virtio_reset(&mmio->dev), VIRTIO_OK);
    assert_int_equal(sim_status(dev), 0);
  }
}

static void a_reset_that_never_ends_is_given_up(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = probed_default(version, &dev);
    sim_faults(dev)->reset_reads = SIM_NEVER;
    assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_ERR_TIMEOUT);
    assert_true(sim_counters(dev)->status_reads <= VIRTIO_WAIT_READS + 2u);
    virtio_fail(&mmio->dev);
    assert_true((sim_status(dev) & VIRTIO_STATUS_FAILED) != 0);
  }
}

/*
 * Features
 */

static void a_modern_device_gets_as_far_as_features_ok(void **state)
{
  (void)state;
  struct sim_device *dev;
  struct virtio_mmio *mmio = negotiated(2, &dev);
  assert_int_equal(sim_status(dev), 0x0b);
  assert_int_equal(sim_accepted(dev), SIM_F_MAC | SIM_F_STATUS | SIM_F_VERSION_1);
  assert_int_equal(mmio->dev.features, sim_accepted(dev));
  assert_true(virtio_has(&mmio->dev, VIRTIO_F_VERSION_1));
}

static void a_legacy_device_has_no_features_ok(void **state)
{
  (void)state;
  struct sim_device *dev;
  struct virtio_mmio *mmio = negotiated(1, &dev);
  assert_int_equal(sim_status(dev), 3);
  assert_int_equal(sim_accepted(dev), SIM_F_MAC | SIM_F_STATUS | SIM_F_ANY_LAYOUT);
  assert_int_equal(mmio->dev.features, sim_accepted(dev));
}

static void only_wanted_features_are_accepted(void **state)
{
  (void)state;
  struct sim_device *dev;
  struct virtio_mmio *mmio = probed_default(2, &dev);
  sim_tolerate("drv-net-cfg-2");
  assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
  assert_int_equal(virtio_negotiate(&mmio->dev, SIM_F_STATUS | SIM_F_CSUM, NULL, 0), VIRTIO_OK);
  assert_int_equal(sim_accepted(dev), SIM_F_STATUS | SIM_F_VERSION_1);
}

static void offered_is_what_the_device_offers_in_its_first_two_words(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_net_params params = sim_net_defaults(version);
    params.features = UINT64_C(0x8000000180000001);
    params.features_high = UINT64_MAX;
    struct sim_device *dev;
    struct virtio_mmio *mmio = probed(&params, &dev);
    assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
    uint64_t mask = version == 1 ? UINT32_MAX : UINT64_MAX;
    assert_int_equal(virtio_offered(&mmio->dev), params.features & mask);
  }
}

static void a_modern_device_without_version_1_is_refused(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(2);
  params.features &= ~SIM_F_VERSION_1;
  struct sim_device *dev;
  struct virtio_mmio *mmio = probed(&params, &dev);
  assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
  assert_int_equal(virtio_negotiate(&mmio->dev, UINT64_MAX, NULL, 0), VIRTIO_ERR_FEATURES);
  virtio_fail(&mmio->dev);
  assert_int_equal(sim_status(dev), 0x83);
}

static void a_device_that_refuses_features_ok_is_given_up(void **state)
{
  (void)state;
  struct sim_device *dev;
  struct virtio_mmio *mmio = probed_default(2, &dev);
  sim_faults(dev)->refuse_features_ok = true;
  assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
  assert_int_equal(virtio_negotiate(&mmio->dev, SIM_F_MAC | SIM_F_STATUS, NULL, 0),
                   VIRTIO_ERR_FEATURES);
  virtio_fail(&mmio->dev);
  assert_int_equal(sim_status(dev), 0x83);
}

static void features_without_their_prerequisites_are_declined(void **state)
{
  (void)state;
  static const struct virtio_feature_rule rules[] = {
      {SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6, SIM_F_CSUM},
      {SIM_F_HOST_ECN, SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6},
  };
  static const struct {
    uint64_t offered;
    uint64_t accepted;
  } cases[] = {
      {SIM_F_HOST_TSO4, 0},
      {SIM_F_HOST_TSO4 | SIM_F_HOST_ECN, 0},
      {SIM_F_CSUM | SIM_F_HOST_ECN, SIM_F_CSUM},
      {SIM_F_CSUM | SIM_F_HOST_TSO6 | SIM_F_HOST_ECN,
       SIM_F_CSUM | SIM_F_HOST_TSO6 | SIM_F_HOST_ECN},
      {SIM_F_CSUM | SIM_F_HOST_TSO4, SIM_F_CSUM | SIM_F_HOST_TSO4},
  };
  for (unsigned version = 1; version <= 2; version++) {
    for (size_t i = 0; i < COUNT(cases); i++) {
      struct sim_net_params params = sim_net_defaults(version);
      uint64_t base = version == 1 ? 0 : SIM_F_VERSION_1;
      params.features = base | cases[i].offered;
      struct sim_device *dev;
      struct virtio_mmio *mmio = probed(&params, &dev);
      assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
      assert_int_equal(virtio_negotiate(&mmio->dev, UINT64_MAX, rules, COUNT(rules)), VIRTIO_OK);
      assert_int_equal(sim_accepted(dev), base | cases[i].accepted);
    }
  }
}

/*
 * Status
 */

static void driver_ok_comes_last_and_drops_nothing(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = negotiated(version, &dev);
    sim_tolerate("drv-init-7"); /* this test has no queues */
    virtio_driver_ok(&mmio->dev);
    assert_int_equal(sim_status(dev), version == 1 ? 0x07 : 0x0f);
    virtio_fail(&mmio->dev);
    assert_int_equal(sim_status(dev), version == 1 ? 0x87 : 0x8f);
  }
}

static void status_bits_of_the_future_are_kept(void **state)
{
  (void)state;
  struct sim_device *dev;
  struct virtio_mmio *mmio = probed_default(2, &dev);
  sim_faults(dev)->status_extra = 0x20;
  assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
  assert_int_equal(virtio_negotiate(&mmio->dev, UINT64_MAX, NULL, 0), VIRTIO_OK);
  assert_int_equal(sim_status(dev), 0x0b);
}

static void after_failed_a_device_can_be_begun_again(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = negotiated(version, &dev);
    virtio_fail(&mmio->dev);
    assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
    assert_int_equal(mmio->dev.features, 0);
    assert_int_equal(virtio_negotiate(&mmio->dev, UINT64_MAX, NULL, 0), VIRTIO_OK);
  }
}

static void a_device_that_needs_a_reset_says_so(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = negotiated(version, &dev);
    sim_tolerate("drv-init-7");
    virtio_driver_ok(&mmio->dev);
    assert_false(virtio_needs_reset(&mmio->dev));
    sim_needs_reset(dev, false);
    assert_true(virtio_needs_reset(&mmio->dev));
    assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
    assert_int_equal(virtio_negotiate(&mmio->dev, UINT64_MAX, NULL, 0), VIRTIO_OK);
    virtio_driver_ok(&mmio->dev);
    assert_false(virtio_needs_reset(&mmio->dev));
    sim_drop_status(dev);
    assert_true(virtio_needs_reset(&mmio->dev));
  }
}

/*
 * Configuration
 */

static void an_address_is_never_read_half_old_half_new(void **state)
{
  (void)state;
  static const uint8_t old_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
  static const uint8_t new_mac[6] = {0x02, 0xff, 0xee, 0xdd, 0xcc, 0xbb};
  for (unsigned version = 1; version <= 2; version++) {
    for (unsigned after = 1; after <= 20; after++) {
      struct sim_device *dev;
      struct virtio_mmio *mmio = negotiated(version, &dev);
      sim_net_set_mac_after(dev, after, new_mac);
      uint32_t values[6];
      assert_int_equal(virtio_config_read(&mmio->dev, 0, 1, 6, values), VIRTIO_OK);
      uint8_t mac[6];
      for (unsigned i = 0; i < 6; i++) {
        mac[i] = (uint8_t)values[i];
      }
      bool is_old = memcmp(mac, old_mac, 6) == 0;
      bool is_new = memcmp(mac, new_mac, 6) == 0;
      assert_true(is_old || is_new);
    }
  }
}

static void a_configuration_that_never_holds_still_is_given_up(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = negotiated(version, &dev);
    sim_faults(dev)->generation_never_settles = true;
    uint32_t values[6];
    assert_int_equal(virtio_config_read(&mmio->dev, 0, 1, 6, values), VIRTIO_ERR_TIMEOUT);
    assert_true(sim_counters(dev)->config_reads < 10000);
  }
}

static void fields_of_two_bytes_are_read_in_the_right_order(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_net_params params = sim_net_defaults(version);
    params.features |= SIM_F_MTU;
    params.status = 0x8001;
    params.mtu = 0x1234;
    struct sim_device *dev;
    struct virtio_mmio *mmio = probed(&params, &dev);
    assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
    uint32_t status;
    uint32_t mtu;
    assert_int_equal(virtio_config_read(&mmio->dev, 6, 2, 1, &status), VIRTIO_OK);
    assert_int_equal(virtio_config_read(&mmio->dev, 10, 2, 1, &mtu), VIRTIO_OK);
    assert_int_equal(status, 0x8001);
    assert_int_equal(mtu, 0x1234);
  }
}

static void fields_of_four_bytes_are_read_in_one_piece(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_net_params params = sim_net_defaults(version);
    params.features |= UINT64_C(1) << 63; /* SPEED_DUPLEX */
    struct sim_device *dev;
    struct virtio_mmio *mmio = probed(&params, &dev);
    assert_int_equal(virtio_begin(&mmio->dev), VIRTIO_OK);
    uint32_t value;
    assert_int_equal(virtio_config_read(&mmio->dev, 12, 4, 1, &value), VIRTIO_OK);
    assert_int_equal(value, 0xc5c5c5c5);
  }
}

static void a_legacy_device_has_no_configuration_generation(void **state)
{
  (void)state;
  struct sim_device *dev;
  struct virtio_mmio *mmio = negotiated(1, &dev);
  assert_int_equal(mmio->dev.ops->config_generation(&mmio->dev), 0);
}

/*
 * Queues
 */

/* Where nothing is read or written, because the device does not take the queue. */
static struct virtq_placement placement(void)
{
  uint8_t *mem = support_alloc(3 * 4096, 4096);
  memset(mem, 0, 3 * 4096);
  uint64_t bus = virtio_hal_bus_addr(mem);
  return (struct virtq_placement){
      .size = 8, .desc_bus = bus, .avail_bus = bus + 128, .used_bus = bus + 4096};
}

static void a_queue_is_set_up_by_the_rules_of_its_version(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = negotiated(version, &dev);
    struct virtio_device *vdev = &mmio->dev;
    for (uint16_t queue = 0; queue < 2; queue++) {
      assert_int_equal(vdev->ops->queue_max(vdev, queue), 256);
      struct virtq_placement at = placement();
      assert_int_equal(vdev->ops->queue_enable(vdev, queue, &at), VIRTIO_OK);
      assert_int_equal(sim_queue_size(dev, queue), 8);
    }
    assert_int_equal(vdev->ops->queue_max(vdev, 2), 0);
    assert_int_equal(vdev->ops->queue_max(vdev, 0xffff), 0);
  }
}

static void a_queue_that_is_in_use_already_is_not_available(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = negotiated(version, &dev);
    sim_faults(dev)->queue_ready_stuck_at_1 = true;
    assert_int_equal(mmio->dev.ops->queue_max(&mmio->dev, 0), 0);
  }
}

static void a_queue_that_the_device_does_not_take_is_an_error(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_device *dev;
    struct virtio_mmio *mmio = negotiated(version, &dev);
    sim_faults(dev)->queue_ready_stuck_at_0 = true;
    assert_int_equal(mmio->dev.ops->queue_max(&mmio->dev, 0), 256);
    struct virtq_placement at = placement();
    assert_int_equal(mmio->dev.ops->queue_enable(&mmio->dev, 0, &at), VIRTIO_ERR_DEVICE);
  }
}

static void legacy_queues_that_no_page_number_can_tell_are_refused(void **state)
{
  (void)state;
  static const uint64_t addresses[] = {0, 0x800, 0x1010, UINT64_C(0x100000000000),
                                       UINT64_C(0xfffffffffffff000)};
  struct sim_device *dev;
  struct virtio_mmio *mmio = negotiated(1, &dev);
  assert_int_equal(mmio->dev.ops->queue_max(&mmio->dev, 0), 256);
  unsigned writes = sim_counters(dev)->writes;
  for (size_t i = 0; i < COUNT(addresses); i++) {
    struct virtq_placement at = {.size = 8, .desc_bus = addresses[i]};
    assert_int_equal(mmio->dev.ops->queue_enable(&mmio->dev, 0, &at), VIRTIO_ERR_ARG);
  }
  assert_int_equal(sim_counters(dev)->writes, writes);
}

/*
 * Interrupts
 */

static void all_pending_causes_are_acknowledged_and_reported(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    for (uint32_t causes = 1; causes <= 3; causes++) {
      struct sim_device *dev;
      struct virtio_mmio *mmio = negotiated(version, &dev);
      sim_spurious_interrupt(dev, causes);
      assert_int_equal(mmio->dev.ops->isr_ack(&mmio->dev), causes);
      assert_false(sim_irq(dev));
    }
  }
}

static void an_interrupt_of_somebody_else_is_not_acknowledged(void **state)
{
  (void)state;
  struct sim_device *dev;
  struct virtio_mmio *mmio = negotiated(2, &dev);
  unsigned writes = sim_counters(dev)->writes;
  assert_int_equal(mmio->dev.ops->isr_ack(&mmio->dev), 0);
  assert_int_equal(sim_counters(dev)->writes, writes);
}

static void undefined_causes_are_ignored_and_not_acknowledged(void **state)
{
  (void)state;
  struct sim_device *dev;
  struct virtio_mmio *mmio = negotiated(2, &dev);
  sim_faults(dev)->isr_extra = 0xfffffffcu;
  assert_int_equal(mmio->dev.ops->isr_ack(&mmio->dev), 0);
  sim_spurious_interrupt(dev, 1);
  assert_int_equal(mmio->dev.ops->isr_ack(&mmio->dev), VIRTIO_ISR_QUEUE);
  assert_false(sim_irq(dev));
}

static void raise_again(struct sim_device *dev, void *arg)
{
  (void)arg;
  sim_spurious_interrupt(dev, 1);
  sim_at(dev, SIM_AT_ISR_ACK, NULL, NULL);
}

static void what_comes_after_the_acknowledgement_raises_the_line_anew(void **state)
{
  (void)state;
  struct sim_device *dev;
  struct virtio_mmio *mmio = negotiated(2, &dev);
  sim_at(dev, SIM_AT_ISR_ACK, raise_again, NULL);
  sim_spurious_interrupt(dev, 1);
  assert_int_equal(mmio->dev.ops->isr_ack(&mmio->dev), VIRTIO_ISR_QUEUE);
  assert_true(sim_irq(dev));
  assert_int_equal(mmio->dev.ops->isr_ack(&mmio->dev), VIRTIO_ISR_QUEUE);
  assert_false(sim_irq(dev));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_device_is_found_in_both_versions),
      TEST(an_empty_slot_is_read_three_times_and_left_alone),
      TEST(a_slot_without_the_magic_value_is_left_alone),
      TEST(a_device_of_another_version_is_left_alone),
      TEST(devices_of_other_types_are_reported_as_such),
      TEST(a_network_device_is_found_among_empty_slots_and_others),
      TEST(beginning_resets_a_device_that_somebody_used_before),
      TEST(a_reset_is_waited_for_as_long_as_it_takes),
      TEST(a_reset_that_never_ends_is_given_up),
      TEST(a_modern_device_gets_as_far_as_features_ok),
      TEST(a_legacy_device_has_no_features_ok),
      TEST(only_wanted_features_are_accepted),
      TEST(offered_is_what_the_device_offers_in_its_first_two_words),
      TEST(a_modern_device_without_version_1_is_refused),
      TEST(a_device_that_refuses_features_ok_is_given_up),
      TEST(features_without_their_prerequisites_are_declined),
      TEST(driver_ok_comes_last_and_drops_nothing),
      TEST(status_bits_of_the_future_are_kept),
      TEST(after_failed_a_device_can_be_begun_again),
      TEST(a_device_that_needs_a_reset_says_so),
      TEST(an_address_is_never_read_half_old_half_new),
      TEST(a_configuration_that_never_holds_still_is_given_up),
      TEST(fields_of_two_bytes_are_read_in_the_right_order),
      TEST(fields_of_four_bytes_are_read_in_one_piece),
      TEST(a_legacy_device_has_no_configuration_generation),
      TEST(a_queue_is_set_up_by_the_rules_of_its_version),
      TEST(a_queue_that_is_in_use_already_is_not_available),
      TEST(a_queue_that_the_device_does_not_take_is_an_error),
      TEST(legacy_queues_that_no_page_number_can_tell_are_refused),
      TEST(all_pending_causes_are_acknowledged_and_reported),
      TEST(an_interrupt_of_somebody_else_is_not_acknowledged),
      TEST(undefined_causes_are_ignored_and_not_acknowledged),
      TEST(what_comes_after_the_acknowledgement_raises_the_line_anew),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
