/*
 * test_notify.c: what a bulk transfer costs in notifications and interrupts, to the last one. The
 * simulated device is always the same, so a number that moves is a change of the driver's: if it is
 * for the better, or has a reason, the table below is to be changed with it.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#include <stdio.h>
#include <string.h>

#define ALL_SUMS  (SIM_F_CSUM | SIM_F_GUEST_CSUM)
#define ALL_LARGE (ALL_SUMS | SIM_F_HOST_TSO4 | SIM_F_MRG_RXBUF | SIM_F_GUEST_TSO4)

enum { BYTES = 1000 * 1000 };

/* Of one end of the connection. */
struct cost {
  unsigned tx_kicks;
  unsigned rx_kicks;
  unsigned interrupts;
};

struct bulk {
  const char *name;
  enum host_kind kind;
  uint64_t features;
  struct cost sender;
  struct cost receiver;
};

static const struct bulk bulks[] = {
    {"modern", HOST_MODERN, 0, {65, 57, 108}, {60, 57, 708}},
    {"modern, event indices", HOST_MODERN_EVENT_IDX, 0, {65, 57, 56}, {60, 57, 56}},
    {"modern, checksums", HOST_MODERN_EVENT_IDX, ALL_SUMS, {65, 57, 56}, {60, 57, 56}},
    {"modern, large frames", HOST_MODERN_EVENT_IDX, ALL_LARGE, {66, 57, 56}, {60, 57, 56}},
    {"legacy", HOST_LEGACY, 0, {65, 57, 108}, {60, 57, 708}},
    {"legacy framing", HOST_LEGACY_APART, 0, {112, 57, 108}, {60, 57, 708}},
};

static struct cost cost_of(const struct host *host)
{
  const struct sim_counters *counters = sim_counters(host->dev);
  return (struct cost){
      .tx_kicks = counters->kicks[SIM_TX],
      .rx_kicks = counters->kicks[SIM_RX],
      .interrupts = counters->interrupts,
  };
}

static bool is_as_ever(const char *name, const char *end, struct cost found, struct cost expected)
{
  if (memcmp(&found, &expected, sizeof(found)) == 0) {
    return true;
  }
  print_error(
      "%s, %s: {%u, %u, %u} transmit kicks, receive kicks, interrupts; {%u, %u, %u} it was\n", name,
      end, found.tx_kicks, found.rx_kicks, found.interrupts, expected.tx_kicks, expected.rx_kicks,
      expected.interrupts);
  return false;
}

static void a_bulk_transfer_costs_what_it_always_did(void **state)
{
  (void)state;
  unsigned changed = 0;
  for (size_t i = 0; i < COUNT(bulks); i++) {
    const struct bulk *bulk = &bulks[i];
    struct sim_net_params params = host_device(bulk->kind);
    params.features |= bulk->features;
    struct transfer t = {.to_send = BYTES, .corked = true};
    transfer_start(&t, &params, &params);
    transfer_run(&t);
    assert_int_equal(t.received, BYTES);
    changed += !is_as_ever(bulk->name, "sender", cost_of(t.hosts[0]), bulk->sender);
    changed += !is_as_ever(bulk->name, "receiver", cost_of(t.hosts[1]), bulk->receiver);
    transfer_end(&t);
    host_end(NULL);
    host_begin(NULL);
  }
  assert_int_equal(changed, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(a_bulk_transfer_costs_what_it_always_did),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
