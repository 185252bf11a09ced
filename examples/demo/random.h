/*
 * random.h: random numbers for lwIP, seeded by a VirtIO entropy device.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct virtio_device;

/**
 * Seed the generators that lwIP asks, and choose the secret behind its TCP sequence numbers. Comes
 * before lwip_init(), which draws the first ports. Says on the console where the seed comes from.
 *
 * @param entropy a probed entropy device, which stays in use; NULL if there is none
 * @return true if nobody can guess what is drawn, as far as the device can be trusted
 */
bool random_start(struct virtio_device *entropy);

#ifdef __cplusplus
}
#endif

#endif /* RANDOM_H */
