/*
 * start.S: first instructions, page tables, trap entries. EL1, or EL2 and then down to EL1.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
        .section .text.init.enter, "ax"
        .globl  _start
_start:
        msr     daifset, #15
        mrs     x0, mpidr_el1
        ldr     x1, =0xff00ffffff       // affinity: all zero on the first core
        tst     x0, x1
        b.ne    park
        mrs     x0, currentel
        cmp     x0, #(2 << 2)
        b.ne    at_el1

        // EL2, of -machine virtualization=on: leave all to EL1 and go there.
        mov     x0, #(1 << 31)          // EL1 is AArch64
        msr     hcr_el2, x0
        mov     x0, #3                  // counter and timer are EL1's
        msr     cnthctl_el2, x0
        msr     cntvoff_el2, xzr
        mov     x0, #0x33ff             // floating point is not trapped
        msr     cptr_el2, x0
        mov     x0, #0x3c5              // EL1 with its own stack pointer, all masked
        msr     spsr_el2, x0
        adr     x0, at_el1
        msr     elr_el2, x0
        eret

        // Translation comes before the first write to memory. With the MMU off all memory is
        // Device memory: unaligned accesses fault, atomics may not work, and a hypervisor that
        // looks at the rings through its cache sees other data than the guest.
at_el1:
        ldr     x0, =0xff00             // attribute 0: Device-nGnRnE, 1: Normal write-back
        msr     mair_el1, x0
        ldr     x0, =0x200803521        // 31-bit addresses, 4 KiB pages, walks cached and inner
        msr     tcr_el1, x0             // shareable, no TTBR1, physical addresses up to 40 bits
        adrp    x0, level1
        add     x0, x0, :lo12:level1
        msr     ttbr0_el1, x0
        tlbi    vmalle1
        ic      iallu
        dsb     ish
        isb
        ldr     x0, =0x30d0180d         // reserved ones, I-cache, stack alignment, D-cache, MMU
        msr     sctlr_el1, x0
        mov     x0, #(3 << 20)          // floating point, for picolibc's printf
        msr     cpacr_el1, x0
        ldr     x0, =vectors
        msr     vbar_el1, x0
        isb
        mov     x0, #1
        msr     spsel, x0
        ldr     x0, =__stack
        mov     sp, x0
        mov     x29, #0
        mov     x30, #0
        b       common_start

park:
        wfe
        b       park
        .ltorg

        // Flat map of 2 GiB. The level below maps the first one in blocks of 2 MiB: the flash at 0
        // is left out, so that a null pointer faults, and the rest is devices.
        .section .rodata.tables, "a"
        .balign 4096
level2:
        .fill   64, 8, 0                // 0 to 128 MiB
        .set    address, 0x08000000
        .rept   448
        .quad   address + 0x60000000000401      // Device, accessed, never executed
        .set    address, address + 0x200000
        .endr
        .balign 64
level1:
        .quad   level2 + 3              // 0: table
        .quad   0x40000000 + 0x705      // 1 GiB: RAM, Normal, inner shareable, accessed

        // 0x80 bytes an entry: synchronous, IRQ, FIQ, SError, from each of four origins. Only the
        // second group is for here: EL1 on its own stack.
        .macro  entry target
        .balign 0x80
        b       \target
        .endm

        .text
        .balign 0x800
vectors:
        .rept   4
        entry   exception
        .endr
        entry   exception
        entry   interrupt
        entry   exception
        entry   exception
        .rept   8
        entry   exception
        .endr

        // What C code may clobber is saved; the rest it saves itself. Handlers are compiled without
        // floating point. ELR and SPSR stay: interrupts are masked in here.
interrupt:
        stp     x0, x1, [sp, #-160]!
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x30, [sp, #144]
        bl      board_handle_interrupts
        ldp     x2, x3, [sp, #16]
        ldp     x4, x5, [sp, #32]
        ldp     x6, x7, [sp, #48]
        ldp     x8, x9, [sp, #64]
        ldp     x10, x11, [sp, #80]
        ldp     x12, x13, [sp, #96]
        ldp     x14, x15, [sp, #112]
        ldp     x16, x17, [sp, #128]
        ldp     x18, x30, [sp, #144]
        ldp     x0, x1, [sp], #160
        eret

        // There is no way back, and the stack pointer may be what broke: all registers go into
        // static memory, and C runs on a stack of its own.
exception:
        msr     tpidr_el1, x0
        adrp    x0, exception_registers
        add     x0, x0, :lo12:exception_registers
        stp     x2, x3, [x0, #16]
        stp     x4, x5, [x0, #32]
        stp     x6, x7, [x0, #48]
        stp     x8, x9, [x0, #64]
        stp     x10, x11, [x0, #80]
        stp     x12, x13, [x0, #96]
        stp     x14, x15, [x0, #112]
        stp     x16, x17, [x0, #128]
        stp     x18, x19, [x0, #144]
        stp     x20, x21, [x0, #160]
        stp     x22, x23, [x0, #176]
        stp     x24, x25, [x0, #192]
        stp     x26, x27, [x0, #208]
        stp     x28, x29, [x0, #224]
        mrs     x2, tpidr_el1
        stp     x2, x1, [x0]
        mov     x2, sp
        stp     x30, x2, [x0, #240]
        adrp    x1, exception_stack_end
        add     x1, x1, :lo12:exception_stack_end
        mov     sp, x1
        b       board_handle_exception

        .bss
        .balign 16
exception_registers:                    // x0 to x30, sp
        .skip   8 * 32
        .skip   2048
exception_stack_end:
