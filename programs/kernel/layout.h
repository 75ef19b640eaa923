/* Numbers that the assembly and the C of the kernel share. See docs/kernel.md, "Memory map". */
#pragma once

#define USER_LOW 0x00001000  /* below is never accessible */
#define USER_HIGH 0x80000000 /* the kernel begins */
#define PAGE_SIZE 4096

/* The last page of user space holds the code that a signal handler returns to. */
#define SIGNAL_PAGE 0x7ffff000

/* An exception leaves no register free to address memory with, but register 0 reaches this page. */
#define SAVED_CAUSE -32768
#define CURRENT_THREAD -32764

/* Offsets into struct thread: 32 registers, then these. */
#define THREAD_HI 128
#define THREAD_LO 132
#define THREAD_PC 136

#define KERNEL_STACK_SIZE 4096
