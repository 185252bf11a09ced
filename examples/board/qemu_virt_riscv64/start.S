/*
 * start.S: first instructions, trap entries. QEMU starts all harts here, in M-mode, whatever the
 * ELF's entry says; picolibc.ld puts .text.init.enter first.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
        .section .text.init.enter, "ax"
        .globl  _start
_start:
        csrw    mie, zero
        csrr    t0, mhartid
        bnez    t0, park
        .option push
        .option norelax
        la      gp, __global_pointer$
        .option pop
        la      sp, __stack
        la      t0, vectors + 1         # bit 0: each interrupt has an entry of its own
        csrw    mtvec, t0
        csrw    mscratch, a1            # device tree, for board.c
        tail    common_start

        # Harts that are not needed: nothing is enabled that could wake them for good.
park:
        wfi
        j       park

        # One word an entry. Exceptions enter at the first, interrupts at 4 * cause.
        .text
        .balign 256
        .option push
        .option norvc
vectors:
        .rept   7
        j       exception
        .endr
        j       timer_interrupt         # 7, machine timer
        .rept   3
        j       exception
        .endr
        j       external_interrupt      # 11, machine external
        .option pop

        # The timer only ends wfi, while interrupts are masked, and is off again before they are
        # not. A CPU that is slow to notice comes here; there is nothing to do.
timer_interrupt:
        mret

        # What C code may clobber is saved; the rest it saves itself.
external_interrupt:
        addi    sp, sp, -128
        sd      ra, 0(sp)
        sd      t0, 8(sp)
        sd      t1, 16(sp)
        sd      t2, 24(sp)
        sd      a0, 32(sp)
        sd      a1, 40(sp)
        sd      a2, 48(sp)
        sd      a3, 56(sp)
        sd      a4, 64(sp)
        sd      a5, 72(sp)
        sd      a6, 80(sp)
        sd      a7, 88(sp)
        sd      t3, 96(sp)
        sd      t4, 104(sp)
        sd      t5, 112(sp)
        sd      t6, 120(sp)
        call    board_handle_interrupts
        ld      ra, 0(sp)
        ld      t0, 8(sp)
        ld      t1, 16(sp)
        ld      t2, 24(sp)
        ld      a0, 32(sp)
        ld      a1, 40(sp)
        ld      a2, 48(sp)
        ld      a3, 56(sp)
        ld      a4, 64(sp)
        ld      a5, 72(sp)
        ld      a6, 80(sp)
        ld      a7, 88(sp)
        ld      t3, 96(sp)
        ld      t4, 104(sp)
        ld      t5, 112(sp)
        ld      t6, 120(sp)
        addi    sp, sp, 128
        mret

        # There is no way back, and the stack pointer may be what broke: all registers go into
        # static memory, x<n> into word n, and C runs on a stack of its own.
exception:
        csrw    mscratch, sp
        la      sp, exception_registers
        .irp    n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        sd      x\n, 8 * \n(sp)
        .endr
        csrr    t0, mscratch
        sd      t0, 8 * 2(sp)
        mv      a0, sp
        la      sp, exception_stack_end
        tail    board_handle_exception

        .bss
        .balign 16
exception_registers:
        .skip   8 * 32
        .skip   2048
exception_stack_end:
