/*
 * test_small.c: the port built with VIRTIOIF_TSO=0 and VIRTIOIF_LRO=0: large frames are declined
 * and everything else is there. test_rx.c and test_tx.c run with it as well.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "transfer.h"

#define ALL_LARGE                                                                                  \
  (SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6 | SIM_F_HOST_ECN | SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 |      \
   SIM_F_GUEST_ECN | SIM_F_MRG_RXBUF | SIM_F_INDIRECT_DESC)

_Static_assert(!VIRTIOIF_TSO && !VIRTIOIF_LRO, "that is what this test is about");
_Static_assert(VIRTIOIF_TSO_BYTES == 0, "tables take no memory");

static void large_frames_are_declined_and_checksums_are_not(void **state)
{
  (void)state;
  for (unsigned kind = 0; kind < HOST_KINDS; kind++) {
    struct sim_net_params params = host_device((enum host_kind)kind);
    params.features |= ALL_LARGE | SIM_F_CSUM | SIM_F_GUEST_CSUM;
    struct transfer t = {.to_send = 300000, .corked = true};
    transfer_start(&t, &params, &params);
    uint64_t accepted = sim_accepted(t.hosts[0]->dev);
    assert_int_equal(accepted & ALL_LARGE, 0);
    assert_int_equal(accepted & (SIM_F_CSUM | SIM_F_GUEST_CSUM), SIM_F_CSUM | SIM_F_GUEST_CSUM);
    transfer_run(&t);
    assert_int_equal(t.received, t.to_send);
    assert_in_range(t.largest, 1000, 1514);
    transfer_end(&t);
    host_end(NULL);
    host_begin(NULL);
  }
}

static void what_the_user_leaves_out_stays_out_as_well(void **state)
{
  (void)state;
  struct sim_net_params params = host_device(HOST_MODERN_EVENT_IDX);
  params.features |= ALL_LARGE | SIM_F_CSUM;
  struct host *host = host_create(&params, 16, 16, 32);
  host->params.features_off = SIM_F_EVENT_IDX;
  assert_int_equal(host_add(host), ERR_OK);
  assert_int_equal(sim_accepted(host->dev) & (ALL_LARGE | SIM_F_EVENT_IDX), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      HOST_TEST(large_frames_are_declined_and_checksums_are_not),
      HOST_TEST(what_the_user_leaves_out_stays_out_as_well),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
