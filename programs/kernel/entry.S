/* Into the kernel and out of it. docs/vm.md, "Exceptions": k0 holds the cause, k1 the address to
 * return to; every other register is the program's and must come back as it was. */
#include "layout.h"

#define k0 $26
#define k1 $27

    .set noreorder
    .set noat

/* The thread's block at k0. The register in `store` lines is saved, in `load` lines restored. */
.macro each_register instruction
    \instruction $1, 4(k0)
    \instruction $2, 8(k0)
    \instruction $3, 12(k0)
    \instruction $4, 16(k0)
    \instruction $5, 20(k0)
    \instruction $6, 24(k0)
    \instruction $7, 28(k0)
    \instruction $8, 32(k0)
    \instruction $9, 36(k0)
    \instruction $10, 40(k0)
    \instruction $11, 44(k0)
    \instruction $12, 48(k0)
    \instruction $13, 52(k0)
    \instruction $14, 56(k0)
    \instruction $15, 60(k0)
    \instruction $16, 64(k0)
    \instruction $17, 68(k0)
    \instruction $18, 72(k0)
    \instruction $19, 76(k0)
    \instruction $20, 80(k0)
    \instruction $21, 84(k0)
    \instruction $22, 88(k0)
    \instruction $23, 92(k0)
    \instruction $24, 96(k0)
    \instruction $25, 100(k0)
    \instruction $28, 112(k0)
    \instruction $30, 120(k0)
    \instruction $31, 124(k0)
.endm

.macro set_kernel_stack
    lui     $sp, %hi(kernel_stack + KERNEL_STACK_SIZE - 16)
    addiu   $sp, $sp, %lo(kernel_stack + KERNEL_STACK_SIZE - 16)
.endm

/* The exception vector: the first instruction of the kernel. */
    .section .text.vector, "ax"
exception:
    sw      k0, SAVED_CAUSE($0)
    lw      k0, CURRENT_THREAD($0)
    each_register sw
    sw      $29, 116(k0)
    mfhi    $8
    mflo    $9
    sw      $8, THREAD_HI(k0)
    sw      $9, THREAD_LO(k0)
    sw      k1, THREAD_PC(k0)
    lw      $5, SAVED_CAUSE($0)
    set_kernel_stack
    jal     kernel_enter
    move    $4, k0

/* Runs the thread whose block is at v0. */
resume:
    move    k0, $2
    sw      k0, CURRENT_THREAD($0)
    lw      $8, THREAD_HI(k0)
    lw      $9, THREAD_LO(k0)
    lw      k1, THREAD_PC(k0)
    mthi    $8
    mtlo    $9
    each_register lw
    jr      k1
    lw      $29, 116(k0)

/* Where a machine starts. */
    .text
    .globl  start
start:
    set_kernel_stack
    jal     kernel_boot
    nop
    b       resume
    nop

    .globl  vm_oracle_copy
vm_oracle_copy:
    syscall 4
    addu    $4, $4, $2
    bne     $4, $6, vm_oracle_copy
    addu    $5, $5, $2
    jr      $31
    nop

    .section .bss
    .balign 16
kernel_stack:
    .space  KERNEL_STACK_SIZE
