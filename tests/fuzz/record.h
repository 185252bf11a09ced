/*
 * record.h: seeds for the fuzz targets out of the unit tests. The linker puts the functions of
 * record_*.c around those that the tests call (-Wl,--wrap), and what a test does becomes an input:
 * one file for each test and target, below the folder named by FUZZ_SEEDS.
 *
 * A seed need not repeat a test exactly. It is where the fuzzer begins to look.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The head of a function in the place of another, which is __real_<name>() then. fuzz.cmake finds
 * the names by looking for this at the start of a line. */
#define WRAP(result, name, ...)                                                                    \
  result __wrap_##name(__VA_ARGS__);                                                               \
  result __real_##name(__VA_ARGS__);                                                               \
  result __wrap_##name(__VA_ARGS__)

enum record_target { RECORD_NET, RECORD_CONFIG, RECORD_VIRTQ, RECORD_TARGETS };

/** A new input for a target; the one before is written if there is one. */
void record_begin(enum record_target target);

/** Add to the input, if one was begun and there is room; in the byte order of fuzz.h. */
void record_u8(enum record_target target, unsigned value);
void record_u16(enum record_target target, unsigned value);
void record_u32(enum record_target target, uint32_t value);
void record_bytes(enum record_target target, const void *bytes, size_t count);

/** Inputs of one length whose numbers add up to the same are taken for the same. */
void record_shape(enum record_target target, unsigned number);

/** Write what there is; the test is over. */
void record_end(void);

#endif /* RECORD_H */
