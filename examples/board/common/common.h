/*
 * common.h: what boards have in common and the demos do not see: the way from the start code to
 * main(), the end after a CPU exception, and a seed.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef COMMON_H
#define COMMON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Bring up the C library, call main() and leave with its result. For start.S, which has set the
 * stack pointer and left interrupts masked. Memory is not cleared yet, nor data in place.
 */
__attribute__((noreturn)) void common_start(void);

/** One line of a crash report. */
struct common_register {
  const char *name; /**< As the assembler writes it. */
  uint64_t value;   /**< What it held. */
};

/**
 * Print why the program cannot go on, and leave with exit code 1. Needs no C library, so that
 * nothing which broke before is called again; a crash in here ends at once.
 *
 * @param cause     in words
 * @param registers what to print, the first three on a line of their own
 * @param count     how many
 */
__attribute__((noreturn)) void
common_crash(const char *cause, const struct common_register *registers, unsigned count);

/**
 * Stir what differs from one start to the next into a seed: the device tree, where QEMU puts random
 * bytes, if there is one at that address.
 */
uint64_t common_stir(uint64_t seed, const void *device_tree);

/** A 32-bit device register. */
static inline volatile uint32_t *common_register32(uintptr_t address)
{
  return (volatile uint32_t *)address;
}

#ifdef __cplusplus
}
#endif

#endif /* COMMON_H */
