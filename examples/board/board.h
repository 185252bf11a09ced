/*
 * board.h: all that the demos ask of a board. A new board is a folder beside this file that has
 * these functions and objects; nothing else changes. examples/README.md shows how, step by step.
 *
 * The board's start code brings up the CPU and the C library and calls main(), with interrupts
 * masked. main() calls board_init() first. A CPU exception prints its cause, its address and the
 * registers on the console and ends the program with exit code 1.
 *
 * Calling context: the main loop, unless said otherwise.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A place where a VirtIO-MMIO device may be. */
struct board_slot {
  uintptr_t base; /**< CPU address of its registers; 0 behind the last slot. */
  unsigned irq;   /**< Its interrupt, for board_irq_attach(). */
};

/** Name of the board, for people. */
extern const char board_name[];

/** Words that whoever starts the image may put into memory; demo.c says what they mean. */
extern const volatile uint32_t *const board_options;

/** Set up console, clock and interrupt controller. Comes before all others. */
void board_init(void);

/** Write bytes to the serial console, as they are. Returns when the last one is on its way. */
void board_console_write(const char *data, size_t bytes);

/** Milliseconds since some moment; wraps at 2^32. Any context. */
uint32_t board_now_ms(void);

/** A number that is another one at each start, as well as the board can. It is no secret. */
uint64_t board_entropy(void);

/** The slots in the order in which to try them: index 0, 1, ... until one has base 0. */
struct board_slot board_virtio_slot(unsigned index);

/**
 * Call handler(arg) at each interrupt irq, which is level-triggered, from now on. A handler runs
 * with interrupts masked, must make the device lower its line, and must neither print nor use
 * floating point.
 */
void board_irq_attach(unsigned irq, void (*handler)(void *arg), void *arg);

/** Mask all interrupts at the CPU: no handler runs until board_irq_unmask(). Does not nest. */
void board_irq_mask(void);

/** Let handlers run; those of interrupts that came in between run at once. */
void board_irq_unmask(void);

/** No limit, for board_wait(). */
#define BOARD_WAIT_FOREVER UINT32_MAX

/**
 * Sleep until an interrupt is pending or limit_ms have passed. Called with interrupts masked, and
 * returns so: an interrupt that came after board_irq_mask() ends the sleep, so none is slept over.
 */
void board_wait(uint32_t limit_ms);

/** End the program, telling the code to whoever started it: 0 is success. Any context. */
__attribute__((noreturn)) void board_exit(int code);

#ifdef __cplusplus
}
#endif

#endif /* BOARD_H */
