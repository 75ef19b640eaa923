/* Where things are in the 32-bit address space. Memory that nobody has written is zero and costs
 * nothing, so blob and arena lie there whole, at their offsets, and only the leaves that a task
 * reads are ever brought in. The program's image lies below, the stack and the kernel between. */
#pragma once

#define ARENA_WINDOW   0x10000000u /* 1 GiB, and room for a number that reaches beyond */
#define ARENA_NODES    0x54000000u /* 2^21 hashes */
#define ARENA_PRESENT  0x58000000u /* 2^20 bytes */
#define BLOB_PRESENT   0x58200000u /* 2^21 bytes */
#define BLOB_NODES     0x60000000u /* 2^22 hashes */
#define BLOB_WINDOW    0x82000000u /* 7 · 2^28 bytes */
