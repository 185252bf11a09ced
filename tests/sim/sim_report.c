/*
 * sim_report.c: breaches of the rules, and the test as a whole.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "sim_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BREACHES_MAX = 256, TOLERATED_MAX = 32, TEXT_BYTES = 160 };

struct breach {
  const char *id;
  char text[TEXT_BYTES];
};

static struct breach breaches[BREACHES_MAX];
static unsigned breach_count; /* goes on counting when the list is full */
static const char *tolerated[TOLERATED_MAX];
static unsigned tolerated_count;

static void print_and_abort(const char *text)
{
  fprintf(stderr, "sim: %s\n", text);
  abort();
}

void (*sim_fatal_handler)(const char *text) = print_and_abort;

struct sim_device *sim_devices;

void sim_begin(void)
{
  breach_count = 0;
  tolerated_count = 0;
  sim_hal_begin();
  sim_rings_begin();
}

unsigned sim_end(void)
{
  for (struct sim_device *dev = sim_devices; dev != NULL; dev = dev->next) {
    sim_check(dev);
    for (unsigned queue = 0; queue < SIM_QUEUES; queue++) {
      sim_ring_verify(&dev->ring[queue], "drv-cleanup-1");
    }
  }
  while (sim_devices != NULL) {
    struct sim_device *dev = sim_devices;
    sim_devices = dev->next;
    sim_device_free(dev);
  }
  sim_mmio_end();
  sim_rings_end();
  sim_hal_end();
  unsigned listed = breach_count < BREACHES_MAX ? breach_count : BREACHES_MAX;
  for (unsigned i = 0; i < listed; i++) {
    fprintf(stderr, "sim: breach of %s: %s\n", breaches[i].id, breaches[i].text);
  }
  unsigned result = breach_count;
  breach_count = 0;
  return result;
}

void sim_tolerate(const char *id)
{
  if (tolerated_count == TOLERATED_MAX) {
    sim_fatal("too many tolerated rules");
    return;
  }
  tolerated[tolerated_count++] = id;
}

unsigned sim_breaches(const char *id)
{
  unsigned count = 0;
  for (unsigned i = 0; i < breach_count && i < BREACHES_MAX; i++) {
    count += id == NULL || strcmp(breaches[i].id, id) == 0;
  }
  return count;
}

unsigned sim_expect(const char *id)
{
  unsigned kept = 0;
  unsigned count = breach_count < BREACHES_MAX ? breach_count : BREACHES_MAX;
  for (unsigned i = 0; i < count; i++) {
    if (strcmp(breaches[i].id, id) != 0) {
      breaches[kept++] = breaches[i];
    }
  }
  breach_count = kept;
  return count - kept;
}

void sim_breach(const char *id, const char *format, ...)
{
  for (unsigned i = 0; i < tolerated_count; i++) {
    if (strcmp(tolerated[i], id) == 0) {
      return;
    }
  }
  if (breach_count < BREACHES_MAX) {
    breaches[breach_count].id = id;
    va_list args;
    va_start(args, format);
    vsnprintf(breaches[breach_count].text, TEXT_BYTES, format, args);
    va_end(args);
  }
  breach_count++;
}

void sim_fatal(const char *format, ...)
{
  char text[TEXT_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  sim_fatal_handler(text);
}

void *sim_alloc(size_t bytes)
{
  void *memory = calloc(1, bytes);
  if (memory == NULL) {
    print_and_abort("out of memory");
  }
  return memory;
}
