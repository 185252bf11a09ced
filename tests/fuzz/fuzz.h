/*
 * fuzz.h: what the fuzz targets share: the input as a stream of numbers, and a platform for the
 * driver (the functions of sim_hal.h) on which a target answers every register access and may do
 * something at every barrier.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The input. Behind its end every byte is 0.
 */

void fuzz_input(const uint8_t *bytes, size_t len);
size_t fuzz_left(void);
uint8_t fuzz_u8(void);
uint16_t fuzz_u16(void);
uint32_t fuzz_u32(void);

/** 0 to n - 1, from one byte (n up to 256) or two. */
unsigned fuzz_below(unsigned n);

/** The next count bytes. */
void fuzz_bytes(void *to, size_t count);

/** Take so much (bytes, milliseconds, rounds) of what one input may cost. False: it is spent. */
bool fuzz_spend(unsigned work);

/** The input is a bad one for the code under test: say why and stop. */
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define FUZZ_CHECK(condition)                                                                      \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fuzz_fail("%s:%d: %s", __FILE__, __LINE__, #condition);                                      \
    }                                                                                              \
  } while (0)

/*
 * The platform
 */

enum {
  FUZZ_BASE = 0x1000,      /* CPU address of the registers */
  FUZZ_REG_CONFIG = 0x100, /* behind them */
  FUZZ_REG_END = 0x200,
};

/** What answers registers: offset from FUZZ_BASE and width in bytes. */
struct fuzz_platform {
  uint32_t (*read)(uint32_t offset, unsigned width);
  void (*write)(uint32_t offset, uint32_t value);
  void (*barrier)(void); /* may be NULL */
};

/** Forget all of the input before. Device-visible memory begins at dma, aligned to a page. */
void fuzz_platform(const struct fuzz_platform *platform, void *dma, size_t bytes);

/** A call of the code under test begins: from here on register accesses and barriers are counted,
 * and more of them than fuzz_limit are an endless loop. */
void fuzz_call(void);
extern unsigned fuzz_limit;

/** The CPU address of a bus address, NULL if it is not in the device-visible memory. */
void *fuzz_dma_at(uint64_t bus, size_t bytes);

/** The same for what the driver lets the device read, which may be any memory. */
const void *fuzz_any_at(uint64_t bus);

/** Read every byte, so that the sanitizer sees memory that is not the driver's (any more). */
void fuzz_touch(const void *memory, size_t bytes);

/** Memory of exactly so many bytes, filled with junk. */
void *fuzz_alloc(size_t bytes, size_t align);

#endif /* FUZZ_H */
