/*
 * sim_rng.c: random bytes from a simulated entropy device, which are not random, so that a test
 * knows them.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_internal.h"

enum { DEVICE_ID = 4, ANSWER_MAX = 4096 };

struct sim_net_params sim_rng_defaults(uint32_t version)
{
  return (struct sim_net_params){.version = version,
                                 .features = version == 1 ? SIM_F_ANY_LAYOUT : SIM_F_VERSION_1,
                                 .queue_max = {8, 0}};
}

struct sim_device *sim_rng_create(const struct sim_net_params *params)
{
  struct sim_device *dev = sim_device_create(params, DEVICE_ID);
  dev->rng_most = ANSWER_MAX;
  return dev;
}

uint8_t sim_rng_byte(unsigned n)
{
  return (uint8_t)(1u + n % 251u);
}

void sim_rng_limit(struct sim_device *dev, unsigned bytes)
{
  dev->rng_most = bytes;
}

unsigned sim_rng_given(const struct sim_device *dev)
{
  return dev->rng_given;
}

void sim_rng_answer(struct sim_device *dev)
{
  struct sim_ring *ring = &dev->ring[0];
  struct sim_buffer buffer;
  while (dev->live && !dev->dead && sim_ring_take(ring, &buffer)) {
    uint8_t bytes[ANSWER_MAX];
    uint64_t most = dev->rng_most < ANSWER_MAX ? dev->rng_most : ANSWER_MAX;
    uint64_t len = buffer.in_bytes < most ? buffer.in_bytes : most;
    for (unsigned i = 0; i < len; i++) {
      bytes[i] = sim_rng_byte(dev->rng_given++);
    }
    uint32_t done = (uint32_t)sim_net_fill(dev, &buffer, bytes, (size_t)len);
    sim_net_use(dev, ring, buffer.head, done);
    sim_net_signal(dev, ring);
  }
}
