/*
 * count.c: a plugin for QEMU that counts how often each instruction of an image is executed and
 * how often it accessed a device's register.
 *
 * The counters lie in a file that bench.py maps too, so that it reads them while the guest runs and
 * takes the difference over a piece of work; the image needs no part of this. Counter 0 is for all
 * code outside the range, counter 1 + i for the instruction at base + i * step. A second set of as
 * many counts the device accesses.
 *
 *   -plugin count.so,counters=<path>,base=<address>,bytes=<range>,step=<bytes>
 *
 * The functions of QEMU's plugin interface, version 1, are declared here, as its header need not be
 * installed.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0, QEMU_PLUGIN_CB_NO_REGS = 0, QEMU_PLUGIN_MEM_RW = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation,
                                                void *counter, uint64_t increment);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                      void (*cb)(unsigned vcpu, uint32_t info, uint64_t address,
                                                 void *counter),
                                      int flags, int direction, void *counter);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t address);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *address);
int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv);

extern int qemu_plugin_version;
int qemu_plugin_version = 1;

static uint64_t *counters;
static uint64_t base;
static uint64_t bytes;
static uint64_t step = 1;

static void count_access(unsigned vcpu, uint32_t info, uint64_t address, void *counter)
{
  const struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, address);

  (void)vcpu;
  if (where != NULL && qemu_plugin_hwaddr_is_io(where)) {
    ++*(uint64_t *)counter;
  }
}

static void count_block(uint64_t id, struct qemu_plugin_tb *tb)
{
  size_t count = qemu_plugin_tb_n_insns(tb);

  (void)id;
  for (size_t i = 0; i < count; i++) {
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
    uint64_t offset = qemu_plugin_insn_vaddr(insn) - base;
    uint64_t *counter = offset < bytes ? &counters[1 + offset / step] : &counters[0];

    qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, counter, 1);
    qemu_plugin_register_vcpu_mem_cb(insn, count_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                     counter + 1 + bytes / step);
  }
}

static uint64_t *map_counters(const char *path, size_t size)
{
  int fd = open(path, O_RDWR | O_CLOEXEC);
  void *map = MAP_FAILED;

  if (fd >= 0) {
    map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
  }
  return map == MAP_FAILED ? NULL : map;
}

int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv)
{
  const char *path = "";

  (void)info;
  for (int i = 0; i < argc; i++) {
    const char *value = strchr(argv[i], '=');

    if (value == NULL) {
      return -1;
    }
    value++;
    if (strncmp(argv[i], "counters=", 9) == 0) {
      path = value;
    } else if (strncmp(argv[i], "base=", 5) == 0) {
      base = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "bytes=", 6) == 0) {
      bytes = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "step=", 5) == 0) {
      step = strtoull(value, NULL, 0);
    }
  }
  counters = map_counters(path, 2 * (1 + bytes / step) * sizeof(*counters));
  if (counters == NULL) {
    fprintf(stderr, "count.so: cannot map %s\n", path);
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
  return 0;
}
