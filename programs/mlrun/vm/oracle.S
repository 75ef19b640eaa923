/* The path of most of what a task reads: three steps for 32 bytes. */
    .set noreorder
    .text
    .globl  oracle_read_leaf
oracle_read_leaf:
    li      $5, 1
    .rept 31
    syscall 4
    addiu   $4, $4, 32
    addiu   $5, $5, 32
    .endr
    syscall 4
    jr      $31
    move    $2, $3
