/*
 * sim_lie.c: a device that lies, beside what struct sim_faults switches.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_internal.h"

void sim_lie_used(struct sim_device *dev, unsigned queue, uint32_t id, uint32_t len)
{
  sim_ring_raw_used(&dev->ring[queue], id, len);
  sim_net_signal(dev, &dev->ring[queue]);
}

void sim_lie_idx(struct sim_device *dev, unsigned queue, uint16_t idx)
{
  sim_ring_lie_idx(&dev->ring[queue], idx);
}

void sim_honest_idx(struct sim_device *dev, unsigned queue)
{
  sim_ring_lie_idx(&dev->ring[queue], dev->ring[queue].used_idx);
}

uint16_t sim_used_idx(const struct sim_device *dev, unsigned queue)
{
  return dev->ring[queue].used_idx;
}

uint16_t sim_posted_head(struct sim_device *dev, unsigned queue, unsigned n)
{
  if (n >= sim_ring_available(&dev->ring[queue])) {
    sim_fatal("queue %u has no buffer %u", queue, n);
    return 0;
  }
  return dev->ring[queue].fifo[n];
}

void sim_lie_suppression(struct sim_device *dev, unsigned queue, uint16_t flags, uint16_t event)
{
  struct sim_ring *ring = &dev->ring[queue];
  sim_ring_scan(ring);
  sim_ring_set_flags(ring, flags);
  sim_ring_set_event(ring, event);
}

void sim_scribble(struct sim_device *dev, unsigned queue)
{
  sim_ring_scribble(&dev->ring[queue]);
}

void sim_spurious_interrupt(struct sim_device *dev, uint32_t causes)
{
  dev->count.interrupts++;
  sim_raise(dev, causes);
}

void sim_needs_reset(struct sim_device *dev, bool dead)
{
  dev->status |= SIM_S_NEEDS_RESET;
  dev->dead = dead;
  dev->count.config_interrupts++;
  sim_raise(dev, 2);
}

void sim_drop_status(struct sim_device *dev)
{
  /* All is forgotten, and the driver did not ask for it: what is in flight is not its fault. */
  sim_device_reset(dev);
  dev->dead = true;
}
