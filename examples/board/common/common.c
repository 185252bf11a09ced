/*
 * common.c: C start-up on picolibc, crash report, seed. See common.h.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "common.h"

#include "board.h"
#include <picotls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The linker script picolibc.ld places these; of the sizes the "address" is the value. */
extern char __data_start[], __data_source[], __data_size[];
extern char __bss_start[], __bss_size[];
extern char __tls_base[];

int main(void);
void __libc_init_array(void);

_Noreturn void common_start(void)
{
  memcpy(__data_start, __data_source, (size_t)(uintptr_t)__data_size);
  memset(__bss_start, 0, (size_t)(uintptr_t)__bss_size);
  _set_tls(__tls_base); /* errno lives there */
  __libc_init_array();
  exit(main());
}

/* What exit() ends in. */
_Noreturn void _exit(int code);

_Noreturn void _exit(int code)
{
  board_exit(code);
}

/* Instead of picolibc's, which want processes to send signals to. */
_Noreturn void abort(void)
{
  printf("virtioif: error: aborted, called from %p\n", __builtin_return_address(0));
  board_exit(1);
}

int raise(int number)
{
  printf("virtioif: error: signal %d, raised from %p\n", number, __builtin_return_address(0));
  board_exit(1);
}

static int put_char(char c, FILE *stream)
{
  (void)stream;
  board_console_write(&c, 1);
  return (unsigned char)c;
}

static FILE console = FDEV_SETUP_STREAM(put_char, NULL, NULL, _FDEV_SETUP_WRITE);

FILE *const stdin = &console;
FILE *const stdout = &console;
FILE *const stderr = &console;

static void write_string(const char *text)
{
  board_console_write(text, strlen(text));
}

static void write_register(const struct common_register *reg)
{
  char text[] = " 0x0000000000000000";
  uint64_t value = reg->value;
  size_t at;

  for (at = sizeof(text) - 2; value != 0; at--) {
    text[at] = "0123456789abcdef"[value & 15u];
    value >>= 4;
  }
  write_string("  ");
  write_string(reg->name);
  write_string(text);
}

_Noreturn void common_crash(const char *cause, const struct common_register *registers,
                            unsigned count)
{
  static int crashing;
  unsigned i;

  if (crashing++ == 0) {
    write_string("\nvirtioif: error: CPU exception: ");
    write_string(cause);
    for (i = 0; i < count; i++) {
      if (i == 0 || (i >= 3 && i % 3 == 0)) {
        write_string("\n");
      }
      write_register(&registers[i]);
    }
    write_string("\n");
  }
  board_exit(1);
}

static uint32_t big_endian32(const unsigned char *bytes)
{
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

uint64_t common_stir(uint64_t seed, const void *device_tree)
{
  const unsigned char *tree = device_tree;
  uint32_t total;
  uint32_t start;
  uint32_t bytes;

  /* Of the header of a flattened device tree: magic, total size, place and size of its body. */
  if (tree == NULL || big_endian32(tree) != 0xd00dfeedu) {
    return seed;
  }
  total = big_endian32(tree + 4);
  start = big_endian32(tree + 8);
  bytes = big_endian32(tree + 36);
  if (total > 0x200000u || start > total || bytes > total - start) {
    return seed;
  }
  /* FNV-1a. The body has the property rng-seed somewhere; finding it would gain nothing. */
  while (bytes-- > 0) {
    seed = (seed ^ tree[start++]) * UINT64_C(0x100000001b3);
  }
  return seed;
}
