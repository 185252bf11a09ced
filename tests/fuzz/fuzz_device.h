/*
 * fuzz_device.h: a network device behind MMIO registers that is honest unless the input says
 * otherwise: what it says in registers, what it writes into rings and buffers, when it interrupts.
 *
 * It writes to nothing but the memory that the driver made device-visible: to that it may do
 * anything, but for receive buffers that lwIP holds (docs of zero copy) unless all are copied.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef FUZZ_DEVICE_H
#define FUZZ_DEVICE_H

#include "fuzz.h"

/** Feature bits that the device itself looks at. */
#define FUZZ_F_MRG_RXBUF (UINT64_C(1) << 15)
#define FUZZ_F_EVENT_IDX (UINT64_C(1) << 29)
#define FUZZ_F_VERSION_1 (UINT64_C(1) << 32)

enum {
  FUZZ_QUEUE_MAX = 64,
  FUZZ_HDR_BYTES = 12,
  FUZZ_FRAME_BYTES = 0x10000 + 64,
};

/** A device as the input describes it; nothing is negotiated yet. */
void fuzz_device_begin(void);

/** The driver's device-visible memory; packets lies behind the rings and holds buffers receive
 * buffers of 2048 bytes first. all_copied: whatever is in a receive buffer may change at any time.
 */
void fuzz_device_memory(void *dma, size_t bytes, size_t packets, unsigned buffers, bool all_copied);

/** One action of the device, chosen by the input. */
void fuzz_device_act(void);

/** No lies any more, link up, and the next calls are those of a device in good order. */
void fuzz_device_calm(void);

/** True if something was written that a device cannot make good without a reset. */
bool fuzz_device_tainted(void);

/** Ask for a reset. */
void fuzz_device_needs_reset(void);

/** A frame arrives: into as many buffers as it takes. hdr: FUZZ_HDR_BYTES to put in front, or NULL
 * for the right ones. False: there was no room. */
bool fuzz_device_deliver(const uint8_t *frame, uint32_t len, const uint8_t *hdr);

/** Finish up to count transmitted frames, the oldest first. */
void fuzz_device_complete(unsigned count);

/** Frames that the driver has ever sent. */
unsigned fuzz_device_sent(void);

/** The interrupt line. */
bool fuzz_device_irq(void);

/** Build a frame from the input (fuzz_frame.c); returns its length, up to max. */
uint32_t fuzz_frame(uint8_t *frame, uint32_t max);

#endif /* FUZZ_DEVICE_H */
