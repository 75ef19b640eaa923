/* The table of system calls. Source for the numbers: Linux, arch/mips/kernel/syscalls/
 * syscall_o32.tbl. docs/kernel.md says what each call does here. */
#include "kernel.h"

system_call *const calls[CALLS] = {
    [1] = sys_exit,
    [3] = sys_read,
    [4] = sys_write,
    [5] = sys_no_file, /* open */
    [6] = sys_close,
    [19] = sys_lseek,
    [20] = sys_getpid,
    [24] = sys_root, /* getuid */
    [29] = sys_pause,
    [33] = sys_no_file, /* access */
    [37] = sys_kill,
    [41] = sys_dup,
    [45] = sys_brk,
    [47] = sys_root, /* getgid */
    [49] = sys_root, /* geteuid */
    [50] = sys_root, /* getegid */
    [54] = sys_ioctl,
    [55] = sys_fcntl,
    [63] = sys_dup, /* dup2 */
    [64] = sys_root, /* getppid */
    [75] = sys_setrlimit,
    [76] = sys_getrlimit,
    [78] = sys_gettimeofday,
    [85] = sys_no_file, /* readlink */
    [90] = sys_mmap,
    [91] = sys_munmap,
    [104] = sys_absent, /* setitimer */
    [106] = sys_no_file, /* stat */
    [107] = sys_no_file, /* lstat */
    [108] = sys_fstat,
    [120] = sys_clone,
    [122] = sys_uname,
    [125] = sys_mprotect,
    [140] = sys_lseek, /* _llseek */
    [145] = sys_readv,
    [146] = sys_writev,
    [162] = sys_sched_yield,
    [166] = sys_nanosleep,
    [167] = sys_mremap,
    [192] = sys_prctl,
    [193] = sys_rt_sigreturn,
    [194] = sys_rt_sigaction,
    [195] = sys_rt_sigprocmask,
    [200] = sys_pread64,
    [206] = sys_sigaltstack,
    [210] = sys_mmap, /* mmap2 */
    [213] = sys_no_file, /* stat64 */
    [214] = sys_no_file, /* lstat64 */
    [215] = sys_fstat64,
    [218] = sys_madvise,
    [220] = sys_fcntl, /* fcntl64 */
    [222] = sys_gettid,
    [236] = sys_tkill,
    [238] = sys_futex,
    [240] = sys_sched_getaffinity,
    [246] = sys_exit_group,
    [248] = sys_epoll_create1, /* epoll_create */
    [249] = sys_epoll_ctl,
    [250] = sys_epoll_wait,
    [252] = sys_set_tid_address,
    [257] = sys_absent, /* timer_create */
    [258] = sys_absent, /* timer_settime */
    [261] = sys_absent, /* timer_delete */
    [263] = sys_clock_gettime,
    [264] = sys_clock_getres,
    [265] = sys_clock_nanosleep,
    [266] = sys_tgkill,
    [283] = sys_set_thread_area,
    [288] = sys_no_file, /* openat */
    [293] = sys_no_file, /* fstatat64 */
    [298] = sys_no_file, /* readlinkat */
    [300] = sys_no_file, /* faccessat */
    [309] = sys_absent, /* set_robust_list */
    [310] = sys_absent, /* get_robust_list */
    [313] = sys_epoll_wait, /* epoll_pwait */
    [325] = sys_eventfd2,
    [326] = sys_epoll_create1,
    [327] = sys_dup, /* dup3 */
    [338] = sys_prlimit64,
    [353] = sys_getrandom,
    [358] = sys_membarrier,
    [366] = sys_statx,
    [367] = sys_absent, /* rseq */
    [403] = sys_clock_gettime64,
    [406] = sys_clock_getres_time64,
    [407] = sys_clock_nanosleep_time64,
    [409] = sys_absent, /* timer_settime64 */
    [422] = sys_futex_time64,
    [435] = sys_absent, /* clone3 */
    [439] = sys_no_file, /* faccessat2 */
};

/* A program that meets an unknown call usually goes wrong much later: say it when it happens, once
 * for each number. The last bit stands for all numbers outside the table. */
s32 unknown_call(u32 number)
{
    static u32 reported[CALLS / 32 + 1];
    u32 bit = number - FIRST_CALL < CALLS ? number - FIRST_CALL : CALLS;
    if (!(reported[bit / 32] >> bit % 32 & 1)) {
        reported[bit / 32] |= 1u << bit % 32;
        struct message m;
        message_start(&m);
        message_text(&m, "unknown system call ");
        message_number(&m, number);
        message_send(&m);
    }
    return -ENOSYS;
}

s32 stack_argument(const struct thread *t, u32 index, u32 *result)
{
    u32 address = t->registers[SP] + 4 * index;
    if (!are_user_words(address, 4))
        return -EFAULT;
    *result = *(const u32 *)address;
    return 0;
}
