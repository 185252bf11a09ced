/*
 * random.c: random numbers for lwIP.
 *
 * The generator is the C library's arc4random(), which is ChaCha underneath and asks getentropy()
 * for its seed, at first use and again after every 1.6 MB. Here getentropy() asks the VirtIO
 * entropy device. What lwIP does with it, see lwipopts.h.
 *
 * Without the device the seed is what the board knows: time and the device tree. That keeps the
 * connections of two boots apart and stops nobody who wants to guess, so the console says it.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "random.h"

#include "board.h"
#include "tcp_isn.h"
#include "virtio/virtio_rng.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct virtio_device *device; /* NULL: none, or none that works */
static uint8_t device_memory[VIRTIO_RNG_MEMORY_BYTES] __attribute__((aligned(VIRTQ_ALIGN)));

static void report_none(const char *why)
{
  printf("virtioif: no entropy source: %s; port and sequence numbers can be guessed\n", why);
}

static const char *reason(int err)
{
  switch (err) {
  case VIRTIO_ERR_FEATURES:
    return "the device does not agree on a set of features";
  case VIRTIO_ERR_TIMEOUT:
    return "the device did not answer in time";
  default:
    return "the device broke the rules";
  }
}

/* Any sequence of bytes that depends on all bits of the seed will do. */
static void fill_guessable(uint8_t *bytes, size_t count)
{
  uint64_t state = board_entropy();
  size_t i;

  for (i = 0; i < count; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    bytes[i] = (uint8_t)(state >> 56);
  }
}

/* By arc4random(), which takes no refusal. */
int getentropy(void *bytes, size_t count)
{
  int err = VIRTIO_OK;

  if (device != NULL) {
    err = virtio_rng_read(device, device_memory, bytes, count);
  }
  if (err != VIRTIO_OK) {
    device = NULL;
    report_none(reason(err));
  }
  if (device == NULL) {
    fill_guessable(bytes, count);
  }
  return 0;
}

/* lwIP's addon for RFC 6528 adds a clock, from the boot on, to a hash of the connection and this.
 */
static void choose_secret(void)
{
#ifdef LWIP_HOOK_TCP_ISN
  u8_t secret[16];

  arc4random_buf(secret, sizeof(secret));
  lwip_init_tcp_isn(0, secret);
#endif
}

bool random_start(struct virtio_device *entropy)
{
  device = entropy;
  if (device == NULL) {
    report_none("there is no VirtIO entropy device");
  }
  srand(arc4random()); /* for a configuration of lwIP that leaves LWIP_RAND() at rand() */
  choose_secret();
  if (device != NULL) {
    printf("virtioif: seeded by a VirtIO entropy device\n");
  }
  return device != NULL;
}
