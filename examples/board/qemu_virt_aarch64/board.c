/*
 * board.c: QEMU's aarch64 "virt" machine at EL1: PL011 UART, generic timer, GICv2, semihosting for
 * the way out. The addresses are those of QEMU's hw/arm/virt.c, which promises not to move them.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "board.h"

#include "common.h"
#include <stdbool.h>

#define GICD_BASE            0x08000000u /* distributor */
#define GICC_BASE            0x08010000u /* CPU interface */
#define UART_BASE            0x09000000u
#define RTC_BASE             0x09010000u /* PL031: seconds since 1970 */
#define VIRTIO_BASE          0x0a000000u
/* QEMU puts the device tree at the start of RAM if an ELF image leaves room there. */
#define RAM_BASE             0x40000000u

#define VIRTIO_STRIDE        0x200u
#define VIRTIO_SLOTS         32u
#define VIRTIO_IRQ           48u /* of slot 0 */

#define UART_DATA            (UART_BASE + 0x00u)
#define UART_FLAGS           (UART_BASE + 0x18u)
#define UART_LINE            (UART_BASE + 0x2cu)
#define UART_CONTROL         (UART_BASE + 0x30u)
#define UART_MASK            (UART_BASE + 0x38u)

#define UART_FLAGS_BUSY      0x008u
#define UART_FLAGS_FULL      0x020u
#define UART_LINE_8N1        0x070u /* and FIFOs */
#define UART_CONTROL_ON      0x301u /* UART, transmitter, receiver */

#define GICD_CONTROL         (GICD_BASE + 0x000u)
#define GICD_ENABLE(irq)     (GICD_BASE + 0x100u + 4 * ((irq) / 32))
#define GICD_DISABLE(irq)    (GICD_BASE + 0x180u + 4 * ((irq) / 32))
#define GICD_PRIORITY(irq)   (GICD_BASE + 0x400u + (irq)) /* one byte each */
#define GICD_TARGET(irq)     (GICD_BASE + 0x800u + (irq)) /* one byte each */
#define GICD_TRIGGER(irq)    (GICD_BASE + 0xc00u + 4 * ((irq) / 16))

#define GICC_CONTROL         (GICC_BASE + 0x00u)
#define GICC_PRIORITY        (GICC_BASE + 0x04u)
#define GICC_CLAIM           (GICC_BASE + 0x0cu)
#define GICC_COMPLETE        (GICC_BASE + 0x10u)

#define GIC_ON               1u
#define GIC_IRQ_MASK         0x3ffu
#define GIC_IRQ_NONE         1020u /* this and above: nothing pending */
#define GIC_EDGE             2u    /* in GICD_TRIGGER, two bits each */
#define GIC_PRIORITY         0x80u
#define GIC_LOWEST           0xffu
#define GIC_FIRST_CPU        1u
#define IRQ_TIMER            27u /* EL1 virtual timer */
#define IRQ_COUNT            (VIRTIO_IRQ + VIRTIO_SLOTS)

#define TIMER_ON             1u

#define SEMIHOSTING_EXIT     0x18u
#define SEMIHOSTING_FINISHED 0x20026u
#define PSCI_SYSTEM_OFF      0x84000008u

#define SYSTEM_REGISTER_READER(name)                                                               \
  static inline uint64_t read_##name(void)                                                         \
  {                                                                                                \
    uint64_t value;                                                                                \
    __asm__ volatile("mrs %0, " #name : "=r"(value)::"memory");                                    \
    return value;                                                                                  \
  }
SYSTEM_REGISTER_READER(cntfrq_el0)
SYSTEM_REGISTER_READER(cntvct_el0)
SYSTEM_REGISTER_READER(elr_el1)
SYSTEM_REGISTER_READER(esr_el1)
SYSTEM_REGISTER_READER(far_el1)
SYSTEM_REGISTER_READER(spsr_el1)

void board_handle_interrupts(void);
_Noreturn void board_handle_exception(const uint64_t *x);

const char board_name[] = "QEMU virt, aarch64";
const volatile uint32_t *const board_options = (const volatile uint32_t *)0x47fff000u;

static uint64_t ticks_per_second;
static volatile bool exiting;

static struct {
  void (*handler)(void *arg);
  void *arg;
} irqs[IRQ_COUNT];

static void write8(uintptr_t address, uint8_t value)
{
  *(volatile uint8_t *)address = value;
}

static uint64_t read_counter(void)
{
  __asm__ volatile("isb"); /* or the CPU may read it early */
  return read_cntvct_el0();
}

void board_init(void)
{
  unsigned irq;

  ticks_per_second = read_cntfrq_el0();
  *common_register32(UART_MASK) = 0;
  *common_register32(UART_LINE) = UART_LINE_8N1; /* QEMU's UART knows no speed */
  *common_register32(UART_CONTROL) = UART_CONTROL_ON;
  *common_register32(GICD_CONTROL) = 0;
  for (irq = 0; irq < IRQ_COUNT; irq += 32) {
    *common_register32(GICD_DISABLE(irq)) = UINT32_MAX;
  }
  write8(GICD_PRIORITY(IRQ_TIMER), GIC_PRIORITY);
  *common_register32(GICD_ENABLE(IRQ_TIMER)) = 1u << (IRQ_TIMER % 32);
  *common_register32(GICC_PRIORITY) = GIC_LOWEST;
  *common_register32(GICC_CONTROL) = GIC_ON;
  *common_register32(GICD_CONTROL) = GIC_ON;
}

void board_console_write(const char *data, size_t bytes)
{
  for (; bytes > 0; bytes--) {
    while ((*common_register32(UART_FLAGS) & UART_FLAGS_FULL) != 0) {
    }
    *common_register32(UART_DATA) = (uint8_t)*data++;
  }
}

uint32_t board_now_ms(void)
{
  uint64_t ticks = read_counter();
  uint64_t seconds = ticks / ticks_per_second;

  return (uint32_t)(seconds * 1000 + ticks % ticks_per_second * 1000 / ticks_per_second);
}

uint64_t board_entropy(void)
{
  uint64_t seed = (uint64_t)*common_register32(RTC_BASE) << 32;

  return common_stir(seed ^ read_counter(), (const void *)RAM_BASE);
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
  if (irq < 32 || irq >= IRQ_COUNT) { /* below are those of the CPU itself */
    return;
  }
  irqs[irq].handler = handler;
  irqs[irq].arg = arg;
  *common_register32(GICD_TRIGGER(irq)) &= ~(GIC_EDGE << 2 * (irq % 16));
  write8(GICD_PRIORITY(irq), GIC_PRIORITY);
  write8(GICD_TARGET(irq), GIC_FIRST_CPU);
  *common_register32(GICD_ENABLE(irq)) = 1u << (irq % 32);
}

/* Called by start.S with interrupts masked. */
void board_handle_interrupts(void)
{
  uint32_t claim = *common_register32(GICC_CLAIM);
  uint32_t irq = claim & GIC_IRQ_MASK;

  if (irq >= GIC_IRQ_NONE) {
    return;
  }
  if (irq < IRQ_COUNT && irqs[irq].handler != NULL) {
    irqs[irq].handler(irqs[irq].arg);
  }
  __asm__ volatile("dsb sy" ::
                       : "memory"); /* the device has lowered its line before the GIC looks */
  *common_register32(GICC_COMPLETE) = claim;
}

void board_irq_mask(void)
{
  __asm__ volatile("msr daifset, #2" ::: "memory");
}

void board_irq_unmask(void)
{
  __asm__ volatile("msr daifclr, #2" ::: "memory");
}

void board_wait(uint32_t limit_ms)
{
  if (limit_ms == 0) {
    return;
  }
  if (limit_ms != BOARD_WAIT_FOREVER) {
    uint64_t ticks = ticks_per_second / 1000 * limit_ms + ticks_per_second % 1000 * limit_ms / 1000;
    __asm__ volatile("msr cntv_cval_el0, %0" ::"r"(read_counter() + ticks));
    __asm__ volatile("msr cntv_ctl_el0, %0" ::"r"((uint64_t)TIMER_ON));
  }
  /* Wakes on what the GIC signals, masked by DAIF or not. */
  __asm__ volatile("isb\n\tdsb sy\n\twfi" ::: "memory");
  __asm__ volatile("msr cntv_ctl_el0, xzr\n\tisb");
}

/* Ends QEMU too, but always with exit code 0. */
static _Noreturn void power_off(void)
{
  register uint64_t function __asm__("x0") = PSCI_SYSTEM_OFF;

  __asm__ volatile("hvc #0" : "+r"(function)::"memory");
  for (;;) {
    __asm__ volatile("wfi");
  }
}

_Noreturn void board_exit(int code)
{
  const uint64_t block[] = {SEMIHOSTING_FINISHED, (uint64_t)code};
  register uint64_t operation __asm__("x0") = SEMIHOSTING_EXIT;
  register const uint64_t *argument __asm__("x1") = block;
  unsigned tries;

  /* Let the last line out, but do not depend on it. */
  for (tries = 0; tries < 1000000; tries++) {
    if ((*common_register32(UART_FLAGS) & UART_FLAGS_BUSY) == 0) {
      break;
    }
  }
  exiting = true;
  __asm__ volatile("hlt #0xf000" : "+r"(operation) : "r"(argument) : "memory");
  power_off();
}

static const char *exception_name(uint64_t syndrome)
{
  switch (syndrome >> 26) {
  case 0x00:
    return "illegal instruction";
  case 0x07:
    return "floating point is off";
  case 0x0e:
    return "illegal execution state";
  case 0x15:
    return "system call";
  case 0x18:
    return "system register access";
  case 0x20:
  case 0x21:
    return "instruction abort";
  case 0x22:
    return "pc alignment";
  case 0x24:
  case 0x25:
    /* Fault status 0x21 is alignment; bit 6 tells a store. */
    if ((syndrome & 0x3fu) == 0x21u) {
      return (syndrome & 0x40u) != 0 ? "store address misaligned" : "load address misaligned";
    }
    return (syndrome & 0x40u) != 0 ? "store fault" : "load fault";
  case 0x26:
    return "stack pointer alignment";
  case 0x2f:
    return "asynchronous abort";
  case 0x3c:
    return "breakpoint";
  default:
    return "unexpected trap";
  }
}

/* Called by start.S. x is what x0 to x30 and sp held. */
_Noreturn void board_handle_exception(const uint64_t *x)
{
  static const char *const names[32] = {
      "x0 ", "x1 ", "x2 ", "x3 ", "x4 ", "x5 ", "x6 ", "x7 ", "x8 ", "x9 ", "x10",
      "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
      "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp ",
  };
  struct common_register registers[4 + 32];
  uint64_t syndrome = read_esr_el1();
  unsigned i;

  if (exiting) { /* semihosting is not enabled, so its instruction is an illegal one */
    power_off();
  }
  registers[0] = (struct common_register){"cause", syndrome};
  registers[1] = (struct common_register){"address", read_far_el1()};
  registers[2] = (struct common_register){"pc", read_elr_el1()};
  for (i = 0; i < 32; i++) {
    registers[3 + i] = (struct common_register){names[i], x[i]};
  }
  registers[3 + 32] = (struct common_register){"pstate", read_spsr_el1()};
  common_crash(exception_name(syndrome), registers, 4 + 32);
}
