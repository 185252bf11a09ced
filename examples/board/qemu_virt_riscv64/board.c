/*
 * board.c: QEMU's riscv64 "virt" machine in M-mode, without firmware: NS16550 UART, CLINT timer,
 * PLIC. The addresses are those of QEMU's hw/riscv/virt.c, which promises not to move them.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "board.h"

#include "common.h"

#define EXIT_BASE          0x00100000u /* "sifive_test" */
#define RTC_BASE           0x00101000u /* "goldfish_rtc": nanoseconds since 1970 */
#define CLINT_BASE         0x02000000u
#define PLIC_BASE          0x0c000000u
#define UART_BASE          0x10000000u
#define VIRTIO_BASE        0x10001000u

#define VIRTIO_STRIDE      0x1000u
#define VIRTIO_SLOTS       8u
#define VIRTIO_IRQ         1u /* of slot 0 */

#define EXIT_PASS          0x5555u
#define EXIT_FAIL          0x3333u

#define UART_DATA          0u
#define UART_INTERRUPTS    1u
#define UART_FIFO          2u
#define UART_LINE          3u
#define UART_STATUS        5u

#define UART_FIFO_ON       0x01u
#define UART_LINE_8N1      0x03u
#define UART_STATUS_ROOM   0x20u
#define UART_STATUS_DONE   0x40u

#define CLINT_MTIMECMP     (CLINT_BASE + 0x4000u) /* of hart 0 */
#define TICKS_PER_MS       10000u

/* Context 0 is M-mode of hart 0. */
#define PLIC_PRIORITY(irq) (PLIC_BASE + 4 * (irq))
#define PLIC_ENABLE(irq)   (PLIC_BASE + 0x2000u + 4 * ((irq) / 32))
#define PLIC_THRESHOLD     (PLIC_BASE + 0x200000u)
#define PLIC_CLAIM         (PLIC_BASE + 0x200004u)
#define IRQ_COUNT          96u

#define MSTATUS_MIE        0x008u
#define MIE_MTIE           0x080u
#define MIE_MEIE           0x800u

#define CSR_READER(name)                                                                           \
  static inline uint64_t read_##name(void)                                                         \
  {                                                                                                \
    uint64_t value;                                                                                \
    __asm__ volatile("csrr %0, " #name : "=r"(value)::"memory");                                   \
    return value;                                                                                  \
  }
CSR_READER(mcause)
CSR_READER(mepc)
CSR_READER(mscratch)
CSR_READER(mtval)
CSR_READER(time)

/* Memory and device accesses before this come before those behind it. */
#define IO_FENCE() __asm__ volatile("fence iorw, iorw" ::: "memory")

void board_handle_interrupts(void);
_Noreturn void board_handle_exception(const uint64_t *x);

const char board_name[] = "QEMU virt, riscv64";
const volatile uint32_t *const board_options = (const volatile uint32_t *)0x87fff000u;

static const void *device_tree;

static struct {
  void (*handler)(void *arg);
  void *arg;
} irqs[IRQ_COUNT];

static volatile uint8_t *uart(unsigned reg)
{
  return (volatile uint8_t *)(uintptr_t)(UART_BASE + reg);
}

void board_init(void)
{
  unsigned irq;

  device_tree = (const void *)read_mscratch(); /* start.S left it there */
  *uart(UART_INTERRUPTS) = 0;
  *uart(UART_LINE) = UART_LINE_8N1; /* QEMU's UART knows no speed */
  *uart(UART_FIFO) = UART_FIFO_ON;
  for (irq = 0; irq < IRQ_COUNT; irq += 32) {
    *common_register32(PLIC_ENABLE(irq)) = 0;
  }
  *common_register32(PLIC_THRESHOLD) = 0;
  *(volatile uint64_t *)CLINT_MTIMECMP = UINT64_MAX;
  __asm__ volatile("csrw mie, %0" ::"r"((uint64_t)(MIE_MEIE | MIE_MTIE)) : "memory");
}

void board_console_write(const char *data, size_t bytes)
{
  for (; bytes > 0; bytes--) {
    while ((*uart(UART_STATUS) & UART_STATUS_ROOM) == 0) {
    }
    *uart(UART_DATA) = (uint8_t)*data++;
  }
}

uint32_t board_now_ms(void)
{
  return (uint32_t)(read_time() / TICKS_PER_MS);
}

uint64_t board_entropy(void)
{
  uint64_t seed = *common_register32(RTC_BASE); /* reading the low half latches the high one */

  seed |= (uint64_t)*common_register32(RTC_BASE + 4) << 32;
  return common_stir(seed ^ read_time(), device_tree);
}

struct board_slot board_virtio_slot(unsigned index)
{
  struct board_slot slot = {0, 0};

  /* QEMU fills them from the last one down: this way its first -device is the first here. */
  if (index < VIRTIO_SLOTS) {
    unsigned number = VIRTIO_SLOTS - 1 - index;
    slot.base = VIRTIO_BASE + number * VIRTIO_STRIDE;
    slot.irq = VIRTIO_IRQ + number;
  }
  return slot;
}

void board_irq_attach(unsigned irq, void (*handler)(void *arg), void *arg)
{
  if (irq == 0 || irq >= IRQ_COUNT) {
    return;
  }
  irqs[irq].handler = handler;
  irqs[irq].arg = arg;
  *common_register32(PLIC_PRIORITY(irq)) = 1;
  *common_register32(PLIC_ENABLE(irq)) |= 1u << (irq % 32);
}

/* Called by start.S with interrupts masked. */
void board_handle_interrupts(void)
{
  uint32_t irq;

  while ((irq = *common_register32(PLIC_CLAIM)) != 0) {
    if (irq < IRQ_COUNT && irqs[irq].handler != NULL) {
      irqs[irq].handler(irqs[irq].arg);
    }
    IO_FENCE(); /* the device lowers its line before the PLIC looks at it again */
    *common_register32(PLIC_CLAIM) = irq;
  }
}

void board_irq_mask(void)
{
  __asm__ volatile("csrci mstatus, %0" ::"i"(MSTATUS_MIE) : "memory");
}

void board_irq_unmask(void)
{
  __asm__ volatile("csrsi mstatus, %0" ::"i"(MSTATUS_MIE) : "memory");
}

void board_wait(uint32_t limit_ms)
{
  volatile uint64_t *deadline = (volatile uint64_t *)CLINT_MTIMECMP;

  if (limit_ms == 0) {
    return;
  }
  if (limit_ms != BOARD_WAIT_FOREVER) {
    *deadline = read_time() + (uint64_t)limit_ms * TICKS_PER_MS;
  }
  IO_FENCE();
  __asm__ volatile("wfi" ::: "memory"); /* wakes on what mie enables, mstatus.MIE or not */
  *deadline = UINT64_MAX;
  IO_FENCE();
}

_Noreturn void board_exit(int code)
{
  unsigned tries;

  /* Let the last line out, but do not depend on it. */
  for (tries = 0; tries < 1000000 && (*uart(UART_STATUS) & UART_STATUS_DONE) == 0; tries++) {
  }
  *common_register32(EXIT_BASE) = code == 0 ? EXIT_PASS : (uint32_t)code << 16 | EXIT_FAIL;
  for (;;) {
    __asm__ volatile("wfi");
  }
}

static const char *exception_name(uint64_t cause)
{
  static const char *const names[] = {
      "instruction address misaligned",
      "instruction access fault",
      "illegal instruction",
      "breakpoint",
      "load address misaligned",
      "load access fault",
      "store address misaligned",
      "store access fault",
      "environment call",
      "environment call",
      "environment call",
      "environment call",
      "instruction page fault",
      "load page fault",
      "reserved cause",
      "store page fault",
  };
  return cause < sizeof(names) / sizeof(names[0]) ? names[cause] : "unexpected trap";
}

/* Called by start.S. x is what x0 to x31 held, but for x0. */
_Noreturn void board_handle_exception(const uint64_t *x)
{
  static const char *const names[32] = {
      "zero", "ra ", "sp ", "gp ", "tp ", "t0 ", "t1 ", "t2 ", "s0 ", "s1 ", "a0 ",
      "a1 ",  "a2 ", "a3 ", "a4 ", "a5 ", "a6 ", "a7 ", "s2 ", "s3 ", "s4 ", "s5 ",
      "s6 ",  "s7 ", "s8 ", "s9 ", "s10", "s11", "t3 ", "t4 ", "t5 ", "t6 ",
  };
  struct common_register registers[3 + 31];
  uint64_t cause = read_mcause();
  unsigned i;

  registers[0] = (struct common_register){"cause", cause};
  registers[1] = (struct common_register){"address", read_mtval()};
  registers[2] = (struct common_register){"pc", read_mepc()};
  for (i = 1; i < 32; i++) {
    registers[2 + i] = (struct common_register){names[i], x[i]};
  }
  common_crash(exception_name(cause), registers, 3 + 31);
}
