/*
 * support.h: what several unit tests share.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef SUPPORT_H
#define SUPPORT_H

/* cmocka.h wants these before it, in this order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "sim_device.h"

/** A test with a simulated bus around it; breaches of the rules fail it. */
#define TEST(function) cmocka_unit_test_setup_teardown(function, support_begin, support_end)

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))

/** Versions of the MMIO transport, for tests that take them as their prestate. */
extern unsigned support_legacy;
extern unsigned support_modern;

int support_begin(void **state);
int support_end(void **state);

/** Memory of exactly so many bytes, filled with junk, until the end of the test. */
void *support_alloc(size_t bytes, size_t align);

/** Bytes that differ from place to place and from seed to seed. */
void support_pattern(uint8_t *bytes, size_t len, unsigned seed);
void support_check_pattern(const uint8_t *bytes, size_t len, unsigned seed);

#endif /* SUPPORT_H */
