/*
 * test_virtio_net.c: the network device: what is negotiated, headers and frames, and what is made
 * of lengths, addresses and sizes that make no sense.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "nic.h"

#include <string.h>

enum {
  ETH_HDR = 14,
  FRAME_MAX = 1514,
  RX_FRAME_MAX = VIRTIO_NET_RX_BUF_BYTES - VIRTIO_NET_RX_FRAME_OFFSET,
  PIECES_MAX = 16,
};

/* A frame of a type that nobody looks into, different for each seed. */
static void make_frame(uint8_t *frame, size_t len, unsigned seed)
{
  support_pattern(frame, len, seed);
  if (len >= ETH_HDR) {
    frame[12] = 0x88;
    frame[13] = 0xb5;
  }
}

static struct nic *nic_offering(unsigned version, uint64_t features)
{
  struct sim_net_params params = sim_net_defaults(version);
  params.features = features;
  struct nic *nic = nic_create(&params, 16, 16);
  nic_init(nic);
  nic_start(nic);
  return nic;
}

/* Legacy framing: the header in a descriptor of its own. */
static struct nic *nic_apart(void)
{
  return nic_offering(1, SIM_F_MAC | SIM_F_STATUS);
}

/* Each interface to a device there is, one after the other. */
enum { KINDS = 3 };

static struct nic *nic_of_kind(unsigned kind)
{
  return kind == 0 ? nic_live(2) : kind == 1 ? nic_live(1) : nic_apart();
}

/* Send in one piece; the memory is the test's. */
static int send(struct nic *nic, const uint8_t *frame, size_t len, uint16_t token)
{
  static const struct virtio_net_offload plain;
  size_t hdr = nic->net.hdr_bytes;
  uint8_t *bytes = support_alloc(hdr + len, 64);
  memcpy(bytes + hdr, frame, len);
  struct virtq_sg whole[] = {{bytes, (uint32_t)(hdr + len)}};
  struct virtq_sg apart[] = {{bytes, (uint32_t)hdr}, {bytes + hdr, (uint32_t)len}};
  return nic->net.header_apart ? virtio_net_tx_add(&nic->net, apart, 2, &plain, token, NULL)
                               : virtio_net_tx_add(&nic->net, whole, 1, &plain, token, NULL);
}

static void send_and_kick(struct nic *nic, const uint8_t *frame, size_t len, uint16_t token)
{
  assert_int_equal(send(nic, frame, len, token), VIRTIO_OK);
  assert_true(virtio_net_kick(&nic->net, &nic->net.tx));
}

static void expect_sent_token(struct nic *nic, unsigned token)
{
  uint16_t got = 0;
  assert_int_equal(virtio_net_tx_take(&nic->net, &got), 1);
  assert_int_equal(got, token);
}

/*
 * Bring-up
 */

static void a_device_goes_live_with_buffers_posted_and_one_kick(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    assert_true(sim_live(nic->dev));
    assert_int_equal(sim_status(nic->dev), kind == 0 ? 0x0f : 0x07);
    assert_int_equal(sim_counters(nic->dev)->kicks[SIM_RX], 1);
    assert_int_equal(sim_counters(nic->dev)->idle_kicks[SIM_RX], 0);
    assert_int_equal(sim_counters(nic->dev)->kicks[SIM_TX], 0);
    assert_int_equal(sim_net_rx_buffers(nic->dev), kind == 2 ? 8 : 16);
  }
}

static void of_all_feature_bits_only_known_ones_are_accepted(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(2);
  params.features = UINT64_MAX;
  params.features_high = UINT64_MAX;
  struct nic *nic = nic_create(&params, 16, 16);
  nic_init(nic);
  nic_start(nic);
  assert_int_equal(sim_accepted(nic->dev), VIRTIO_NET_FEATURES & ~VIRTIO_F_ANY_LAYOUT);
}

static void of_all_legacy_feature_bits_only_known_ones_are_accepted(void **state)
{
  (void)state;
  struct nic *nic = nic_offering(1, UINT64_MAX);
  assert_int_equal(sim_accepted(nic->dev), VIRTIO_NET_FEATURES & UINT32_MAX);
}

static void each_feature_is_accepted_just_when_offered(void **state)
{
  (void)state;
  for (unsigned bit = 0; bit < 64; bit++) {
    uint64_t feature = UINT64_C(1) << bit;
    struct nic *nic = nic_offering(2, SIM_F_VERSION_1 | feature);
    uint64_t expected = SIM_F_VERSION_1 | (feature & VIRTIO_NET_FEATURES & ~VIRTIO_F_ANY_LAYOUT);
    uint64_t accepted = sim_accepted(nic->dev);
    /* What has prerequisites may be declined, never accepted. */
    assert_int_equal(accepted & ~expected, 0);
    assert_true((accepted & SIM_F_VERSION_1) != 0);
    support_end(NULL);
    support_begin(NULL);
  }
}

/* The platform's function decides, and its addresses are none that the CPU could use. */
static void addresses_are_the_platforms_whatever_was_negotiated(void **state)
{
  (void)state;
  for (unsigned offered = 0; offered < 2; offered++) {
    uint64_t platform = offered ? SIM_F_ACCESS_PLATFORM : 0;
    struct nic *nic = nic_offering(2, SIM_F_VERSION_1 | SIM_F_INDIRECT_DESC | platform);
    assert_int_equal((sim_accepted(nic->dev) & SIM_F_ACCESS_PLATFORM) != 0, offered);
    struct virtq_placement at = virtq_placement(&nic->net.rx);
    assert_int_not_equal(at.desc_bus, (uintptr_t)nic->net.rx.desc);
    assert_ptr_equal(sim_cpu_addr(at.desc_bus), nic->net.rx.desc);
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 1);
    assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
    nic_expect_frame(nic, frame, sizeof(frame));
    send_and_kick(nic, frame, sizeof(frame), 0);
    assert_memory_equal(sim_net_sent(nic->dev, 0)->bytes, frame, sizeof(frame));

    static const struct virtio_net_offload plain;
    struct virtq_sg sg[] = {{support_alloc(12, 64), 12}, {frame, sizeof(frame)}};
    void *table = support_alloc(VIRTQ_TABLE_BYTES(2u), 16);
    assert_int_equal(virtio_net_tx_add(&nic->net, sg, 2, &plain, 1, table), VIRTIO_OK);
    assert_true(virtio_net_kick(&nic->net, &nic->net.tx));
    assert_memory_equal(sim_net_sent(nic->dev, 1)->bytes, frame, sizeof(frame));
  }
}

/* Nothing is read that the device need not have, and nothing is made of what it has beyond. */
static void a_configuration_space_of_any_size_will_do(void **state)
{
  (void)state;
  static const struct {
    uint64_t features;
    uint32_t bytes;
  } cases[] = {
      {0, 0},
      {SIM_F_MAC, 6},
      {SIM_F_MAC | SIM_F_STATUS, 8},
      {SIM_F_MAC | SIM_F_STATUS | SIM_F_MTU, 12},
      {SIM_F_MAC | SIM_F_STATUS | SIM_F_MTU, 4096},
  };
  for (unsigned version = 1; version <= 2; version++) {
    for (size_t i = 0; i < COUNT(cases); i++) {
      struct sim_net_params params = sim_net_defaults(version);
      params.features = cases[i].features | (version == 1 ? SIM_F_ANY_LAYOUT : SIM_F_VERSION_1);
      params.config_bytes = cases[i].bytes;
      struct nic *nic = nic_create(&params, 16, 16);
      nic_init(nic);
      nic_start(nic);
      assert_true(sim_live(nic->dev));
      assert_int_equal(nic->net.has_mac, (cases[i].features & SIM_F_MAC) != 0);
      assert_int_equal(nic->net.mtu, (cases[i].features & SIM_F_MTU) != 0 ? 1500 : 0);
    }
  }
}

/* Filters, addresses, queue pairs, hashes, coalescing: all of it goes through a queue that this
 * driver has none of. */
static void what_takes_a_control_queue_is_left_alone(void **state)
{
  (void)state;
  static const uint64_t offers[] = {
      SIM_F_CTRL_VQ,
      /* CTRL_VQ, CTRL_RX, CTRL_VLAN, CTRL_RX_EXTRA, GUEST_ANNOUNCE, MQ, CTRL_MAC_ADDR */
      SIM_F_CTRL_VQ | UINT64_C(0x7f) << 17,
      UINT64_MAX,
  };
  for (unsigned version = 1; version <= 2; version++) {
    for (size_t i = 0; i < COUNT(offers); i++) {
      uint64_t base = version == 1 ? SIM_F_ANY_LAYOUT : SIM_F_VERSION_1;
      struct nic *nic = nic_offering(version, base | offers[i]);
      /* Bits 17 to 23, and of those from 50 on all but GUEST_HDRLEN. */
      const uint64_t control = UINT64_C(0x7f) << 17 | UINT64_C(0xf7fc) << 48;
      assert_int_equal(sim_accepted(nic->dev) & control, 0);
      uint8_t frame[60];
      make_frame(frame, sizeof(frame), 1);
      unsigned writes = sim_counters(nic->dev)->writes;
      for (unsigned n = 0; n < 10; n++) {
        assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
        nic_expect_frame(nic, frame, sizeof(frame));
        send_and_kick(nic, frame, sizeof(frame), 0);
        expect_sent_token(nic, 0);
      }
      /* All that was written to the device are notifications of the two queues it has. */
      const struct sim_counters *count = sim_counters(nic->dev);
      unsigned kicks = count->kicks[SIM_RX] - 1 + count->kicks[SIM_TX];
      assert_int_equal(count->writes - writes, kicks);
      assert_int_equal(sim_net_sent_count(nic->dev), 10);
    }
  }
}

static void unwanted_features_are_not_accepted(void **state)
{
  (void)state;
  sim_tolerate("drv-net-cfg-2");
  struct sim_net_params params = sim_net_defaults(2);
  struct nic *nic = nic_create(&params, 16, 16);
  nic->params.features = 0;
  nic_init(nic);
  nic_start(nic);
  assert_int_equal(sim_accepted(nic->dev), SIM_F_VERSION_1);
  assert_false(nic->net.has_mac);
}

static void features_outside_the_drivers_own_are_not_accepted(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(2);
  params.features = UINT64_MAX;
  struct nic *nic = nic_create(&params, 16, 16);
  nic->params.features = UINT64_MAX;
  nic_init(nic);
  nic_start(nic);
  assert_int_equal(sim_accepted(nic->dev), VIRTIO_NET_FEATURES & ~VIRTIO_F_ANY_LAYOUT);
}

static void the_header_is_as_long_as_negotiated(void **state)
{
  (void)state;
  static const unsigned lengths[KINDS] = {12, 10, 10};
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    assert_int_equal(nic->net.hdr_bytes, lengths[kind]);
    assert_int_equal(nic->net.header_apart, kind == 2);
  }
}

static void the_address_is_the_devices_if_it_can_be_one(void **state)
{
  (void)state;
  static const struct {
    uint8_t mac[6];
    bool good;
  } cases[] = {
      {{0x52, 0x54, 0x00, 0x12, 0x34, 0x56}, true},  {{0x00, 0x00, 0x00, 0x00, 0x00, 0x01}, true},
      {{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}, true},  {{0x00, 0x00, 0x00, 0x00, 0x00, 0x00}, false},
      {{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}, false}, {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false},
  };
  for (unsigned version = 1; version <= 2; version++) {
    for (size_t i = 0; i < COUNT(cases); i++) {
      struct sim_net_params params = sim_net_defaults(version);
      memcpy(params.mac, cases[i].mac, 6);
      struct nic *nic = nic_create(&params, 16, 16);
      nic_init(nic);
      assert_int_equal(nic->net.has_mac, cases[i].good);
      if (cases[i].good) {
        assert_memory_equal(nic->net.mac, cases[i].mac, 6);
      }
    }
  }
}

static void a_device_without_any_feature_works(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct nic *nic = nic_offering(version, version == 1 ? 0 : SIM_F_VERSION_1);
    assert_int_equal(sim_counters(nic->dev)->config_reads, 0);
    assert_false(nic->net.has_mac);
    assert_true(nic->net.link_up);
    assert_int_equal(nic->net.mtu, 0);
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 1);
    assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
    nic_expect_frame(nic, frame, sizeof(frame));
    send_and_kick(nic, frame, sizeof(frame), 0);
    assert_int_equal(sim_net_sent_count(nic->dev), 1);
  }
}

static void the_mtu_is_accepted_when_buffers_can_hold_it(void **state)
{
  (void)state;
  static const struct {
    uint16_t bytes;
    uint16_t offered;
    uint16_t accepted;
  } cases[] = {
      {2048, 0, 0},          {2048, 67, 0},      {2048, 68, 68},     {2048, 576, 576},
      {2048, 1280, 1280},    {2048, 1500, 1500}, {2048, 2020, 2020}, {2048, 2021, 0},
      {2048, 2022, 0},       {2048, 9000, 0},    {2048, 65535, 0},   {1536, 1508, 1508},
      {1536, 1509, 0},       {8192, 8164, 8164}, {8192, 8165, 0},    {65472, 9000, 9000},
      {65472, 65444, 65444}, {65472, 65445, 0},  {65472, 65535, 0},
  };
  for (unsigned version = 1; version <= 2; version++) {
    for (size_t i = 0; i < COUNT(cases); i++) {
      struct sim_net_params params = sim_net_defaults(version);
      params.features |= SIM_F_MTU;
      params.mtu = cases[i].offered;
      struct nic *nic = nic_create(&params, 16, 16);
      nic_set_buf_bytes(nic, cases[i].bytes);
      nic_init(nic);
      nic_start(nic);
      assert_int_equal(nic->net.mtu, cases[i].accepted);
      assert_int_equal((sim_accepted(nic->dev) & SIM_F_MTU) != 0, cases[i].accepted != 0);
    }
  }
}

static void the_link_is_what_the_device_says(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct sim_net_params params = sim_net_defaults(version);
    params.status = 0xfffe; /* all but the link */
    struct nic *nic = nic_create(&params, 16, 16);
    nic_init(nic);
    nic_start(nic);
    assert_false(nic->net.link_up);
    sim_net_set_link(nic->dev, true);
    assert_int_equal(virtio_net_update_link(&nic->net), VIRTIO_OK);
    assert_true(nic->net.link_up);
    sim_net_set_link(nic->dev, false);
    assert_int_equal(virtio_net_update_link(&nic->net), VIRTIO_OK);
    assert_false(nic->net.link_up);
  }
}

static void a_link_state_that_never_holds_still_stays_as_it_was(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    struct nic *nic = nic_live(version);
    sim_faults(nic->dev)->generation_never_settles = true;
    assert_int_equal(virtio_net_update_link(&nic->net), VIRTIO_ERR_TIMEOUT);
    assert_true(nic->net.link_up);
  }
}

static uint32_t largest_power_of_two(uint32_t wanted, uint32_t max)
{
  uint32_t size = wanted;
  while (size > max) {
    size /= 2;
  }
  return size;
}

static void queues_are_as_large_as_wanted_and_possible(void **state)
{
  (void)state;
  static const uint32_t maxima[] = {2,  3,   4,   5,   7,    8,    12,    16,    31,        64,
                                    65, 128, 255, 256, 1000, 1024, 32768, 65536, UINT32_MAX};
  for (unsigned version = 1; version <= 2; version++) {
    for (size_t i = 0; i < COUNT(maxima); i++) {
      for (uint16_t wanted = 2; wanted <= 1024; wanted = (uint16_t)(wanted * 8)) {
        struct sim_net_params params = sim_net_defaults(version);
        params.queue_max[SIM_RX] = maxima[i];
        params.queue_max[SIM_TX] = maxima[i];
        struct nic *nic = nic_create(&params, wanted, wanted);
        nic_init(nic);
        nic_start(nic);
        uint32_t expected = largest_power_of_two(wanted, maxima[i]);
        assert_int_equal(sim_queue_size(nic->dev, SIM_RX), expected);
        assert_int_equal(sim_queue_size(nic->dev, SIM_TX), expected);
        assert_int_equal(sim_net_rx_buffers(nic->dev), expected);
        support_end(NULL);
        support_begin(NULL);
      }
    }
  }
}

static void receive_and_transmit_queues_may_differ(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(2);
  params.queue_max[SIM_RX] = 4;
  params.queue_max[SIM_TX] = 128;
  struct nic *nic = nic_create(&params, 64, 32);
  nic_init(nic);
  nic_start(nic);
  assert_int_equal(sim_queue_size(nic->dev, SIM_RX), 4);
  assert_int_equal(sim_queue_size(nic->dev, SIM_TX), 32);
}

/* A queue of one descriptor holds one buffer at a time, and that is enough to live on. */
static void queues_of_one_descriptor_work_if_framing_allows(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct sim_net_params params = sim_net_defaults(kind == 0 ? 2 : 1);
    if (kind == 2) {
      params.features &= ~SIM_F_ANY_LAYOUT;
    }
    params.queue_max[SIM_RX] = 1;
    params.queue_max[SIM_TX] = 1;
    struct nic *nic = nic_create(&params, 16, 16);
    if (kind == 2) {
      assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_DEVICE);
      assert_true((sim_status(nic->dev) & VIRTIO_STATUS_FAILED) != 0);
      continue;
    }
    nic_init(nic);
    nic_start(nic);
    uint8_t frame[100];
    for (unsigned i = 0; i < 5; i++) {
      make_frame(frame, sizeof(frame), i);
      assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
      assert_false(sim_net_deliver(nic->dev, frame, sizeof(frame)));
      nic_expect_frame(nic, frame, sizeof(frame));
      send_and_kick(nic, frame, sizeof(frame), 9);
      assert_int_equal(sim_net_sent_count(nic->dev), i + 1);
      expect_sent_token(nic, 9);
    }
  }
}

static void a_missing_queue_is_an_error(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    for (unsigned queue = 0; queue < 2; queue++) {
      struct sim_net_params params = sim_net_defaults(version);
      params.queue_max[queue] = 0;
      struct nic *nic = nic_create(&params, 16, 16);
      assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_DEVICE);
      assert_true((sim_status(nic->dev) & VIRTIO_STATUS_FAILED) != 0);
      assert_false(sim_live(nic->dev));
    }
  }
}

static void each_failure_of_bring_up_is_told_and_leaves_failed(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    for (unsigned what = 0; what < 6; what++) {
      struct sim_net_params params = sim_net_defaults(version);
      if (what == 5) {
        params.features |= SIM_F_MTU; /* the first field to be read */
      }
      if (what == 3) {
        params.features &= ~SIM_F_VERSION_1;
      }
      if (version == 1 && (what == 0 || what == 3)) {
        continue; /* legacy devices have neither FEATURES_OK nor VERSION_1 */
      }
      struct nic *nic = nic_create(&params, 16, 16);
      struct sim_faults *faults = sim_faults(nic->dev);
      static const int results[] = {VIRTIO_ERR_FEATURES, VIRTIO_ERR_TIMEOUT, VIRTIO_ERR_DEVICE,
                                    VIRTIO_ERR_FEATURES, VIRTIO_ERR_TIMEOUT, VIRTIO_ERR_TIMEOUT};
      faults->refuse_features_ok = what == 0;
      faults->generation_never_settles = what == 1 || what == 5;
      faults->queue_ready_stuck_at_0 = what == 2;
      faults->reset_reads = what == 4 ? SIM_NEVER : 3;
      assert_int_equal(virtio_net_init(&nic->net, &nic->params), results[what]);
      assert_true((sim_status(nic->dev) & VIRTIO_STATUS_FAILED) != 0);
      assert_false(sim_live(nic->dev));
    }
  }
}

static void after_a_failure_bring_up_can_be_tried_again(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(2);
  struct nic *nic = nic_create(&params, 16, 16);
  sim_faults(nic->dev)->refuse_features_ok = true;
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_FEATURES);
  sim_faults(nic->dev)->refuse_features_ok = false;
  nic_init(nic);
  nic_start(nic);
  assert_true(sim_live(nic->dev));
}

static void a_live_device_can_be_brought_up_anew(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    uint8_t frame[60];
    for (unsigned i = 0; i < 3; i++) {
      make_frame(frame, sizeof(frame), i);
      assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
      nic_expect_frame(nic, frame, sizeof(frame));
      assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
      nic_init(nic);
      nic_start(nic);
      nic_expect_no_frame(nic);
    }
  }
}

static void wrong_parameters_are_refused_before_the_device_is_touched(void **state)
{
  (void)state;
  struct sim_net_params params = sim_net_defaults(2);
  struct nic *nic = nic_create(&params, 16, 16);
  struct virtio_net_params good = nic->params;
  static const uint16_t sizes[] = {0, 1, 3, 12, 32769, 65535};
  unsigned writes = sim_counters(nic->dev)->writes;
  for (size_t i = 0; i < COUNT(sizes); i++) {
    nic->params = good;
    nic->params.rx_size = sizes[i];
    assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
    nic->params = good;
    nic->params.tx_size = sizes[i];
    assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
  }
  nic->params = good;
  nic->params.dev = NULL;
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
  nic->params = good;
  nic->params.ring = NULL;
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
  nic->params.ring = (uint8_t *)good.ring + VIRTQ_ALIGN / 2;
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
  nic->params = good;
  nic->params.shadow = NULL;
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
  nic->params = good;
  nic->params.rx_mem = NULL;
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
  nic->params.rx_mem = good.rx_mem + VIRTIO_NET_RX_BUF_ALIGN / 2;
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
  static const uint16_t bytes[] = {0, 64, 1472, 1537, 2040, 65473, 65535};
  for (size_t i = 0; i < COUNT(bytes); i++) {
    nic->params = good;
    nic->params.rx_buf_bytes = bytes[i];
    assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
  }
  nic->params = good;
  nic->mmio.dev.device_id = 2;
  assert_int_equal(virtio_net_init(&nic->net, &nic->params), VIRTIO_ERR_ARG);
  nic->mmio.dev.device_id = VIRTIO_ID_NET;
  assert_int_equal(sim_counters(nic->dev)->writes, writes);
  nic_init(nic);
}

/*
 * Receive
 */

static void posted_buffers_hold_a_full_frame_and_stay_in_their_memory(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    assert_true(sim_net_rx_bytes(nic->dev) >= (uint64_t)nic->net.hdr_bytes + FRAME_MAX);
    assert_int_equal(sim_net_rx_pieces(nic->dev), kind == 2 ? 2 : 1);
    assert_true(sim_net_rx_bytes(nic->dev) <= VIRTIO_NET_RX_BUF_BYTES);
  }
}

static void frames_of_every_length_arrive_without_their_header(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    uint8_t frame[RX_FRAME_MAX + 1];
    for (size_t len = ETH_HDR; len <= RX_FRAME_MAX; len += len < 1500 ? 13 : 1) {
      make_frame(frame, len, (unsigned)len);
      assert_true(sim_net_deliver(nic->dev, frame, len));
      nic_expect_frame(nic, frame, len);
    }
    nic_expect_no_frame(nic);
    assert_false(sim_net_deliver(nic->dev, frame, sizeof(frame)));
    assert_int_equal(sim_counters(nic->dev)->rx_too_big, 1);
  }
}

static void a_buffer_of_any_size_takes_the_frames_that_fit_it(void **state)
{
  (void)state;
  static const uint16_t bytes[] = {VIRTIO_NET_RX_BUF_MIN, 1600, 8192, VIRTIO_NET_RX_BUF_MAX};
  static uint8_t frame[VIRTIO_NET_RX_BUF_MAX];
  for (size_t i = 0; i < COUNT(bytes); i++) {
    for (unsigned version = 1; version <= 2; version++) {
      struct sim_net_params params = sim_net_defaults(version);
      struct nic *nic = nic_create(&params, 4, 4);
      nic_set_buf_bytes(nic, bytes[i]);
      nic_init(nic);
      nic_start(nic);
      size_t most = bytes[i] - VIRTIO_NET_RX_FRAME_OFFSET;
      assert_true(most >= FRAME_MAX + 4); /* a full frame with a tag, whatever the size */
      for (unsigned n = 0; n < 9; n++) {
        size_t len = most - n % 3;
        make_frame(frame, len, n);
        assert_true(sim_net_deliver(nic->dev, frame, len));
        nic_expect_frame(nic, frame, len);
      }
      assert_false(sim_net_deliver(nic->dev, frame, most + 1));
      assert_int_equal(sim_counters(nic->dev)->rx_too_big, 1);
    }
  }
}

/* So that lwIP reads whole words of it. */
static void the_ip_header_lies_on_a_4_byte_boundary(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 1);
    for (unsigned i = 0; i < 8; i++) {
      assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
      struct virtio_net_rx rx;
      assert_int_equal(virtio_net_rx_take(&nic->net, &rx), 1);
      assert_int_equal((uintptr_t)(rx.data + ETH_HDR) % 4, 0);
    }
  }
}

static void the_queue_takes_as_many_buffers_as_it_holds(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    unsigned room = kind == 2 ? 8 : 16;
    assert_int_equal(virtq_in_flight(&nic->net.rx), room);
    if (kind == 2) {
      assert_int_equal(virtio_net_rx_post(&nic->net, (const uint16_t[]){9}, 1), 1);
    }
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 1);
    for (unsigned i = 0; i < room; i++) {
      assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
    }
    assert_false(sim_net_deliver(nic->dev, frame, sizeof(frame)));
    for (unsigned i = 0; i < room; i++) {
      nic_expect_frame(nic, frame, sizeof(frame));
    }
    assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
  }
}

static void frames_arrive_in_the_order_of_completion(void **state)
{
  (void)state;
  static const enum sim_order orders[] = {SIM_FIFO, SIM_LIFO, SIM_SHUFFLED};
  for (size_t o = 0; o < COUNT(orders); o++) {
    struct nic *nic = nic_live(2);
    sim_order(nic->dev, orders[o]);
    uint8_t frame[200];
    for (unsigned lap = 0; lap < 100; lap++) {
      for (unsigned i = 0; i < 10; i++) {
        make_frame(frame, 60 + i, lap * 10 + i);
        assert_true(sim_net_deliver(nic->dev, frame, 60 + i));
      }
      for (unsigned i = 0; i < 10; i++) {
        make_frame(frame, 60 + i, lap * 10 + i);
        nic_expect_frame(nic, frame, 60 + i);
      }
    }
  }
}

static void a_length_that_cannot_be_true_gives_no_frame(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    uint32_t hdr = nic->net.hdr_bytes;
    uint32_t most = hdr + RX_FRAME_MAX;
    const struct {
      uint32_t used;
      uint32_t len;
    } cases[] = {
        {0, 0},
        {1, 0},
        {hdr - 1, 0},
        {hdr, 0},
        {hdr + 1, 0},
        {hdr + ETH_HDR - 1, 0},
        {hdr + ETH_HDR, ETH_HDR},
        {hdr + 60, 60},
        {most, RX_FRAME_MAX},
        {most + 1, 0},
        {most + 4096, 0},
        {0x10000 + hdr + 60, 0},
        {0x80000000u, 0},
        {UINT32_MAX, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
      uint8_t frame[60];
      make_frame(frame, sizeof(frame), 1);
      sim_faults(nic->dev)->used_len_wrong = true;
      sim_faults(nic->dev)->used_len = cases[i].used;
      assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
      struct virtio_net_rx rx;
      assert_int_equal(virtio_net_rx_take(&nic->net, &rx), 1);
      assert_int_equal(rx.len, cases[i].len);
      assert_int_equal(virtio_net_rx_post(&nic->net, &rx.buffer, 1), 0);
      virtio_net_kick(&nic->net, &nic->net.rx);
    }
    /* One bad frame costs one frame. */
    sim_faults(nic->dev)->used_len_wrong = false;
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 2);
    assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
    nic_expect_frame(nic, frame, sizeof(frame));
  }
}

static void an_unknown_header_does_not_keep_a_frame_from_arriving(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    static const struct sim_hdr garbage = {.flags = 0xfc,
                                           .gso_type = 0,
                                           .hdr_len = 0xffff,
                                           .gso_size = 0xffff,
                                           .csum_start = 0xffff,
                                           .csum_offset = 0xffff,
                                           .num_buffers = 0xffff};
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 1);
    assert_true(sim_net_deliver_with(nic->dev, &garbage, frame, sizeof(frame)));
    nic_expect_frame(nic, frame, sizeof(frame));
  }
}

static void a_broken_receive_queue_is_told(void **state)
{
  (void)state;
  struct nic *nic = nic_live(2);
  sim_lie_used(nic->dev, SIM_RX, 99, 60);
  struct virtio_net_rx rx;
  assert_int_equal(virtio_net_rx_take(&nic->net, &rx), VIRTIO_ERR_DEVICE);
  assert_int_equal(virtio_net_rx_take(&nic->net, &rx), VIRTIO_ERR_DEVICE);
}

/*
 * Transmit
 */

static void frames_of_every_length_leave_behind_a_plain_header(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    uint8_t frame[FRAME_MAX];
    unsigned sent = 0;
    for (size_t len = ETH_HDR; len <= FRAME_MAX; len += len < 1500 ? 100 : 1) {
      make_frame(frame, len, (unsigned)len);
      send_and_kick(nic, frame, len, (uint16_t)len);
      const struct sim_frame *wire = sim_net_sent(nic->dev, sent++);
      assert_int_equal(wire->len, len);
      assert_memory_equal(wire->bytes, frame, len);
      assert_int_equal(wire->hdr.flags, 0);
      assert_int_equal(wire->hdr.gso_type, 0);
      expect_sent_token(nic, (unsigned)len);
    }
  }
}

/* The header is written over whatever the pieces' memory held before. */
static void frames_in_many_pieces_leave_whole(void **state)
{
  (void)state;
  static const struct virtio_net_offload plain;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    uint8_t frame[PIECES_MAX * 20];
    make_frame(frame, sizeof(frame), 1);
    for (unsigned pieces = 2; pieces <= PIECES_MAX; pieces++) {
      struct virtq_sg sg[PIECES_MAX];
      sg[0] = (struct virtq_sg){support_alloc(nic->net.hdr_bytes, 64), nic->net.hdr_bytes};
      for (unsigned i = 1; i < pieces; i++) {
        sg[i] = (struct virtq_sg){support_alloc(20, 64), 20};
        memcpy(sg[i].addr, frame + 20 * (i - 1), 20);
      }
      assert_int_equal(virtio_net_tx_add(&nic->net, sg, pieces, &plain, 5, NULL), VIRTIO_OK);
      assert_true(virtio_net_kick(&nic->net, &nic->net.tx));
      const struct sim_frame *wire = sim_net_sent(nic->dev, pieces - 2);
      assert_int_equal(wire->pieces, pieces);
      assert_int_equal(wire->len, 20 * (pieces - 1));
      assert_memory_equal(wire->bytes, frame, wire->len);
      expect_sent_token(nic, 5);
    }
  }
}

static void the_header_says_what_the_caller_wants(void **state)
{
  (void)state;
  /* Nothing of it is negotiated: only the bytes are looked at. */
  sim_tolerate("drv-net-tx-3");
  sim_tolerate("drv-net-tx-5");
  sim_tolerate("drv-net-tx-23");
  sim_tolerate("drv-net-tx-27");
  for (unsigned version = 1; version <= 2; version++) {
    struct nic *nic = nic_live(version);
    uint8_t *bytes = support_alloc(12 + 100, 64);
    memset(bytes, 0xff, 12 + 100);
    struct virtq_sg sg = {bytes, nic->net.hdr_bytes + 100u};
    const struct virtio_net_offload offload = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                               .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                               .hdr_len = 54,
                                               .gso_size = 0x1234,
                                               .csum_start = 34,
                                               .csum_offset = 16};
    assert_int_equal(virtio_net_tx_add(&nic->net, &sg, 1, &offload, 0, NULL), VIRTIO_OK);
    assert_true(virtio_net_kick(&nic->net, &nic->net.tx));
    const struct sim_hdr *hdr = &sim_net_sent(nic->dev, 0)->hdr;
    assert_int_equal(hdr->flags, 1);
    assert_int_equal(hdr->gso_type, 1);
    assert_int_equal(hdr->hdr_len, 54);
    assert_int_equal(hdr->gso_size, 0x1234);
    assert_int_equal(hdr->csum_start, 34);
    assert_int_equal(hdr->csum_offset, 16);
    assert_int_equal(hdr->num_buffers, 0);
  }
}

static void a_full_transmit_queue_refuses_and_changes_nothing(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    sim_pace(nic->dev, SIM_LAZY);
    uint8_t frame[60];
    unsigned room = kind == 2 ? 8 : 16;
    for (unsigned i = 0; i < room; i++) {
      make_frame(frame, sizeof(frame), i);
      assert_int_equal(send(nic, frame, sizeof(frame), (uint16_t)i), VIRTIO_OK);
    }
    uint8_t junk[64];
    memset(junk, 0x5a, sizeof(junk));
    static const struct virtio_net_offload plain;
    struct virtq_sg sg[] = {{junk, nic->net.hdr_bytes}, {junk + 16, 40}};
    assert_int_equal(virtio_net_tx_add(&nic->net, sg, 2, &plain, 99, NULL), VIRTIO_ERR_FULL);
    for (size_t i = 0; i < sizeof(junk); i++) {
      assert_int_equal(junk[i], 0x5a);
    }
    assert_true(virtio_net_kick(&nic->net, &nic->net.tx));
    assert_int_equal(sim_counters(nic->dev)->kicks[SIM_TX], 1);
    sim_run(nic->dev);
    assert_int_equal(sim_net_sent_count(nic->dev), room);
    for (unsigned i = 0; i < room; i++) {
      expect_sent_token(nic, i);
    }
  }
}

static void transmitted_frames_come_back_in_any_order(void **state)
{
  (void)state;
  struct nic *nic = nic_live(2);
  sim_pace(nic->dev, SIM_HOLD);
  sim_order(nic->dev, SIM_SHUFFLED);
  uint8_t frame[60];
  make_frame(frame, sizeof(frame), 0);
  uint16_t token = 0;
  for (unsigned lap = 0; lap < 20; lap++) {
    for (uint16_t i = 0; i < 16; i++) {
      send_and_kick(nic, frame, sizeof(frame), i);
    }
    assert_int_equal(virtio_net_tx_take(&nic->net, &token), 0);
    unsigned seen = 0;
    for (unsigned i = 0; i < 16; i++) {
      assert_int_equal(sim_complete(nic->dev, 1), 1);
      assert_int_equal(virtio_net_tx_take(&nic->net, &token), 1);
      assert_int_equal(seen & 1u << token, 0);
      seen |= 1u << token;
    }
    assert_int_equal(seen, 0xffff);
  }
}

static void the_length_of_a_transmitted_frame_is_of_no_interest(void **state)
{
  (void)state;
  static const uint32_t lengths[] = {0, 1, 72, 0x10000, UINT32_MAX};
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct nic *nic = nic_of_kind(kind);
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 0);
    for (size_t i = 0; i < COUNT(lengths); i++) {
      sim_faults(nic->dev)->used_len_wrong = true;
      sim_faults(nic->dev)->used_len = lengths[i];
      send_and_kick(nic, frame, sizeof(frame), 3);
      expect_sent_token(nic, 3);
    }
  }
}

static void a_broken_transmit_queue_is_told(void **state)
{
  (void)state;
  struct nic *nic = nic_live(2);
  sim_lie_used(nic->dev, SIM_TX, 0, 0);
  uint16_t token = 0;
  assert_int_equal(virtio_net_tx_take(&nic->net, &token), VIRTIO_ERR_DEVICE);
}

static void kicks_follow_what_the_device_wants(void **state)
{
  (void)state;
  for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
    uint64_t features = SIM_F_VERSION_1 | SIM_F_MAC | (event_idx ? SIM_F_EVENT_IDX : 0);
    struct nic *nic = nic_offering(2, features);
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 0);
    assert_false(virtio_net_kick(&nic->net, &nic->net.tx));
    sim_suppress_kicks(nic->dev, SIM_TX, true);
    assert_int_equal(send(nic, frame, sizeof(frame), 0), VIRTIO_OK);
    assert_false(virtio_net_kick(&nic->net, &nic->net.tx));
    sim_run(nic->dev);
    assert_int_equal(sim_net_sent_count(nic->dev), 1);
    sim_suppress_kicks(nic->dev, SIM_TX, false);
    assert_int_equal(send(nic, frame, sizeof(frame), 0), VIRTIO_OK);
    assert_true(virtio_net_kick(&nic->net, &nic->net.tx));
    assert_int_equal(sim_net_sent_count(nic->dev), 2);
  }
}

static void transmitted_frames_raise_no_interrupts_unless_asked_for(void **state)
{
  (void)state;
  for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
    uint64_t features = SIM_F_VERSION_1 | SIM_F_MAC | (event_idx ? SIM_F_EVENT_IDX : 0);
    struct nic *nic = nic_offering(2, features);
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 0);
    for (unsigned i = 0; i < 1000; i++) {
      send_and_kick(nic, frame, sizeof(frame), 0);
      expect_sent_token(nic, 0);
    }
    assert_int_equal(sim_counters(nic->dev)->interrupts, 0);
    assert_false(virtq_arm(&nic->net.tx));
    send_and_kick(nic, frame, sizeof(frame), 0);
    assert_int_equal(sim_counters(nic->dev)->interrupts, 1);
  }
}

/*
 * What has to be negotiated: offload headers, merged buffers, indirect tables
 */

static void offloads_without_their_prerequisites_are_declined(void **state)
{
  (void)state;
  static const struct {
    uint64_t offered;
    uint64_t accepted;
  } cases[] = {
      {SIM_F_GUEST_TSO4, 0},
      {SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4, SIM_F_GUEST_CSUM},
      {SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN, SIM_F_GUEST_CSUM},
      {SIM_F_MRG_RXBUF | SIM_F_GUEST_TSO4 | SIM_F_GUEST_ECN, SIM_F_MRG_RXBUF},
      {SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6, 0},
      {SIM_F_CSUM | SIM_F_HOST_TSO4, SIM_F_CSUM | SIM_F_HOST_TSO4},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct nic *nic = nic_offering(2, SIM_F_VERSION_1 | cases[i].offered);
    assert_int_equal(sim_accepted(nic->dev), SIM_F_VERSION_1 | cases[i].accepted);
  }
}

/* Descriptors of their own for headers leave nothing to merge. */
static void legacy_framing_goes_without_merged_buffers(void **state)
{
  (void)state;
  struct nic *nic = nic_offering(1, SIM_F_MAC | SIM_F_MRG_RXBUF);
  assert_int_equal(sim_accepted(nic->dev), SIM_F_MAC);
  assert_true(nic->net.header_apart);
  assert_int_equal(nic->net.hdr_bytes, 10);
}

static void a_received_header_is_passed_on_but_for_flags_that_were_not_negotiated(void **state)
{
  (void)state;
  static const struct sim_hdr hdr = {.flags = 1,
                                     .gso_type = 4,
                                     .hdr_len = 0x1234,
                                     .gso_size = 0x2345,
                                     .csum_start = 0x3456,
                                     .csum_offset = 0x4567};
  for (unsigned version = 1; version <= 2; version++) {
    for (unsigned negotiated = 0; negotiated < 2; negotiated++) {
      uint64_t base = version == 1 ? SIM_F_ANY_LAYOUT : SIM_F_VERSION_1;
      struct nic *nic = nic_offering(version, base | (negotiated ? SIM_F_GUEST_CSUM : 0));
      uint8_t frame[60];
      make_frame(frame, sizeof(frame), 1);
      assert_true(sim_net_deliver_with(nic->dev, &hdr, frame, sizeof(frame)));
      struct virtio_net_rx rx;
      assert_int_equal(virtio_net_rx_take(&nic->net, &rx), 1);
      assert_int_equal(rx.len, sizeof(frame));
      assert_int_equal(rx.buffers, 1);
      assert_int_equal(rx.offload.flags, negotiated ? 1 : 0);
      assert_int_equal(rx.offload.gso_type, 4);
      assert_int_equal(rx.offload.hdr_len, 0x1234);
      assert_int_equal(rx.offload.gso_size, 0x2345);
      assert_int_equal(rx.offload.csum_start, 0x3456);
      assert_int_equal(rx.offload.csum_offset, 0x4567);
    }
  }
}

static void a_merged_frame_comes_in_as_many_buffers_as_the_header_says(void **state)
{
  (void)state;
  for (unsigned version = 1; version <= 2; version++) {
    uint64_t base = version == 1 ? SIM_F_ANY_LAYOUT : SIM_F_VERSION_1;
    struct nic *nic = nic_offering(version, base | SIM_F_MRG_RXBUF);
    assert_int_equal(nic->net.hdr_bytes, 12);
    uint8_t frame[10000];
    for (size_t len = 14; len < sizeof(frame); len += 333) {
      make_frame(frame, len, (unsigned)len);
      assert_true(sim_net_deliver(nic->dev, frame, len));
      struct virtio_net_rx rx;
      assert_int_equal(virtio_net_rx_take(&nic->net, &rx), 1);
      unsigned buffers = rx.buffers;
      size_t got = 0;
      for (unsigned i = 0; i < buffers; i++) {
        if (i != 0) {
          assert_int_equal(virtio_net_rx_take_more(&nic->net, &rx), 1);
        }
        assert_memory_equal(rx.data, frame + got, rx.len);
        got += rx.len;
        assert_int_equal(virtio_net_rx_post(&nic->net, &rx.buffer, 1), 0);
      }
      virtio_net_kick(&nic->net, &nic->net.rx);
      assert_int_equal(got, len);
      nic_expect_no_frame(nic);
    }
  }
}

static void a_continuation_longer_than_its_buffer_has_no_length(void **state)
{
  (void)state;
  struct nic *nic = nic_offering(2, SIM_F_VERSION_1 | SIM_F_MRG_RXBUF);
  const uint32_t most = 12 + RX_FRAME_MAX;
  const struct {
    uint32_t used;
    uint32_t len;
  } cases[] = {{0, 0}, {1, 1}, {most, most}, {most + 1, 0}, {0x10001, 0}, {UINT32_MAX, 0}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    uint8_t frame[60];
    make_frame(frame, sizeof(frame), 1);
    sim_faults(nic->dev)->used_len_wrong = true;
    sim_faults(nic->dev)->used_len = cases[i].used;
    assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
    struct virtio_net_rx rx;
    assert_int_equal(virtio_net_rx_take_more(&nic->net, &rx), 1);
    assert_int_equal(rx.len, cases[i].len);
    assert_int_equal(virtio_net_rx_post(&nic->net, &rx.buffer, 1), 0);
    virtio_net_kick(&nic->net, &nic->net.rx);
  }
}

static void a_frame_through_an_indirect_table_takes_one_descriptor(void **state)
{
  (void)state;
  static const struct virtio_net_offload plain;
  struct nic *nic = nic_offering(2, SIM_F_VERSION_1 | SIM_F_INDIRECT_DESC);
  sim_pace(nic->dev, SIM_LAZY);
  uint8_t frame[PIECES_MAX * 20];
  make_frame(frame, sizeof(frame), 1);
  for (unsigned n = 0; n < 16; n++) {
    struct virtq_sg sg[PIECES_MAX];
    sg[0] = (struct virtq_sg){support_alloc(nic->net.hdr_bytes, 64), nic->net.hdr_bytes};
    for (unsigned i = 1; i < PIECES_MAX; i++) {
      sg[i] = (struct virtq_sg){support_alloc(20, 64), 20};
      memcpy(sg[i].addr, frame + 20 * (i - 1), 20);
    }
    void *table = support_alloc(VIRTQ_TABLE_BYTES(PIECES_MAX), 16);
    assert_int_equal(virtio_net_tx_add(&nic->net, sg, PIECES_MAX, &plain, (uint16_t)n, table),
                     VIRTIO_OK);
  }
  struct virtq_sg one = {support_alloc(100, 64), 100};
  void *table = support_alloc(VIRTQ_TABLE_BYTES(1u), 16);
  assert_int_equal(virtio_net_tx_add(&nic->net, &one, 1, &plain, 99, table), VIRTIO_ERR_FULL);
  assert_true(virtio_net_kick(&nic->net, &nic->net.tx));
  sim_run(nic->dev);
  assert_int_equal(sim_net_sent_count(nic->dev), 16);
  for (unsigned n = 0; n < 16; n++) {
    assert_int_equal(sim_net_sent(nic->dev, n)->pieces, PIECES_MAX);
    assert_memory_equal(sim_net_sent(nic->dev, n)->bytes, frame, 20 * (PIECES_MAX - 1));
    expect_sent_token(nic, n);
  }
}

/*
 * Caches
 */

static void caches_are_maintained_where_the_device_does_not_snoop(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct sim_net_params params = sim_net_defaults(kind == 0 ? 2 : 1);
    if (kind == 2) {
      params.features &= ~SIM_F_ANY_LAYOUT;
    }
    params.noncoherent = true;
    struct nic *nic = nic_create(&params, 16, 16);
    nic_init(nic);
    nic_start(nic);
    uint8_t frame[FRAME_MAX];
    for (unsigned i = 0; i < 100; i++) {
      size_t len = 60 + 14 * i;
      make_frame(frame, len, i);
      assert_true(sim_net_deliver(nic->dev, frame, len));
      nic_expect_frame(nic, frame, len);
      send_and_kick(nic, frame, len, 0);
      assert_memory_equal(sim_net_sent(nic->dev, i)->bytes, frame, len);
      expect_sent_token(nic, 0);
    }
  }
}

/*
 * Two at once
 */

static void two_devices_do_not_know_of_each_other(void **state)
{
  (void)state;
  struct nic *one = nic_live(1);
  struct nic *two = nic_live(2);
  uint8_t frame[2][80];
  for (unsigned i = 0; i < 100; i++) {
    make_frame(frame[0], 80, 2 * i);
    make_frame(frame[1], 80, 2 * i + 1);
    assert_true(sim_net_deliver(one->dev, frame[0], 80));
    assert_true(sim_net_deliver(two->dev, frame[1], 80));
    send_and_kick(one, frame[1], 80, 1);
    send_and_kick(two, frame[0], 80, 2);
    nic_expect_frame(two, frame[1], 80);
    nic_expect_frame(one, frame[0], 80);
    expect_sent_token(one, 1);
    expect_sent_token(two, 2);
    assert_memory_equal(sim_net_sent(one->dev, i)->bytes, frame[1], 80);
    assert_memory_equal(sim_net_sent(two->dev, i)->bytes, frame[0], 80);
  }
}

static void indices_run_over_65535_with_a_device(void **state)
{
  (void)state;
  struct nic *nic = nic_live(2);
  uint8_t frame[20];
  for (unsigned i = 0; i < 66000; i++) {
    make_frame(frame, sizeof(frame), i % 200);
    assert_true(sim_net_deliver(nic->dev, frame, sizeof(frame)));
    nic_expect_frame(nic, frame, sizeof(frame));
  }
  assert_int_equal(virtq_in_flight(&nic->net.rx), 16);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_device_goes_live_with_buffers_posted_and_one_kick),
      TEST(of_all_feature_bits_only_known_ones_are_accepted),
      TEST(of_all_legacy_feature_bits_only_known_ones_are_accepted),
      TEST(each_feature_is_accepted_just_when_offered),
      TEST(addresses_are_the_platforms_whatever_was_negotiated),
      TEST(a_configuration_space_of_any_size_will_do),
      TEST(what_takes_a_control_queue_is_left_alone),
      TEST(unwanted_features_are_not_accepted),
      TEST(features_outside_the_drivers_own_are_not_accepted),
      TEST(the_header_is_as_long_as_negotiated),
      TEST(the_address_is_the_devices_if_it_can_be_one),
      TEST(a_device_without_any_feature_works),
      TEST(the_mtu_is_accepted_when_buffers_can_hold_it),
      TEST(the_link_is_what_the_device_says),
      TEST(a_link_state_that_never_holds_still_stays_as_it_was),
      TEST(queues_are_as_large_as_wanted_and_possible),
      TEST(receive_and_transmit_queues_may_differ),
      TEST(queues_of_one_descriptor_work_if_framing_allows),
      TEST(a_missing_queue_is_an_error),
      TEST(each_failure_of_bring_up_is_told_and_leaves_failed),
      TEST(after_a_failure_bring_up_can_be_tried_again),
      TEST(a_live_device_can_be_brought_up_anew),
      TEST(wrong_parameters_are_refused_before_the_device_is_touched),
      TEST(posted_buffers_hold_a_full_frame_and_stay_in_their_memory),
      TEST(frames_of_every_length_arrive_without_their_header),
      TEST(a_buffer_of_any_size_takes_the_frames_that_fit_it),
      TEST(the_ip_header_lies_on_a_4_byte_boundary),
      TEST(the_queue_takes_as_many_buffers_as_it_holds),
      TEST(frames_arrive_in_the_order_of_completion),
      TEST(a_length_that_cannot_be_true_gives_no_frame),
      TEST(an_unknown_header_does_not_keep_a_frame_from_arriving),
      TEST(a_broken_receive_queue_is_told),
      TEST(frames_of_every_length_leave_behind_a_plain_header),
      TEST(frames_in_many_pieces_leave_whole),
      TEST(the_header_says_what_the_caller_wants),
      TEST(a_full_transmit_queue_refuses_and_changes_nothing),
      TEST(transmitted_frames_come_back_in_any_order),
      TEST(the_length_of_a_transmitted_frame_is_of_no_interest),
      TEST(a_broken_transmit_queue_is_told),
      TEST(kicks_follow_what_the_device_wants),
      TEST(transmitted_frames_raise_no_interrupts_unless_asked_for),
      TEST(offloads_without_their_prerequisites_are_declined),
      TEST(legacy_framing_goes_without_merged_buffers),
      TEST(a_received_header_is_passed_on_but_for_flags_that_were_not_negotiated),
      TEST(a_merged_frame_comes_in_as_many_buffers_as_the_header_says),
      TEST(a_continuation_longer_than_its_buffer_has_no_length),
      TEST(a_frame_through_an_indirect_table_takes_one_descriptor),
      TEST(caches_are_maintained_where_the_device_does_not_snoop),
      TEST(two_devices_do_not_know_of_each_other),
      TEST(indices_run_over_65535_with_a_device),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
