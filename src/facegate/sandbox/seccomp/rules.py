"""The system calls that zygote and child may make. What is not here is a violation.

Read it as: these calls, if one of the conditions behind them holds, for this reason. Where a call has several rows, one
for each process, `rules_for` picks. Seccomp sees the values in registers, never what a pointer leads to, so every row
is safe whatever memory holds. Constants: ``include/uapi/linux`` of the kernel; x86_64 and aarch64 agree on all of them.
"""

from __future__ import annotations

import errno
from typing import Final

from facegate.sandbox.seccomp.conditions import OWN_PROCESS, Rule, Who, equals, has, lacks, null, only, rows

# The child's channel takes the place of standard input, so that a rule can name it; 1 and 2 lead nowhere.
CHANNEL: Final = 0
SINKS: Final = (1, 2)

# O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, the bit of O_TMPFILE. O_TRUNC truncates even with O_RDONLY.
WRITING: Final = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000 | 0o20000000
PROT_EXEC: Final = 4
# CLONE_VM, _FS, _FILES, _SIGHAND, _THREAD, _SYSVSEM, _SETTLS, _PARENT_SETTID, _CHILD_CLEARTID, _DETACHED
THREAD: Final = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x80000 | 0x100000 | 0x200000 | 0x400000
THREAD_LEAST: Final = 0x100 | 0x800 | 0x10000  # CLONE_VM, _SIGHAND, _THREAD: the same process for certain
# SIGCHLD, with CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID as glibc adds them
FORK: Final = (17, 17 | 0x1000000 | 0x200000)
# Advice that only concerns the caller's own memory. Not MADV_REMOVE (holes in files), _MERGEABLE (a side channel to
# other processes), _HWPOISON and _SOFT_OFFLINE (bad pages for the host).
ADVICE: Final = (0, 1, 2, 3, 4, 8, 10, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 102, 103)
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC, F_GET_SEALS
DESCRIPTOR_COMMANDS: Final = (0, 1, 2, 3, 1030, 1034)
# TCGETS and TCGETS2 (isatty), FIOCLEX and FIONCLEX (inheritance over exec)
IOCTLS: Final = (0x5401, 0x802C542A, 0x5450, 0x5451)
# PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_GET_TIMERSLACK, PR_GET_NO_NEW_PRIVS,
# PR_SET_VMA (names a map)
PRCTLS: Final = (3, 15, 16, 21, 30, 39, 0x53564D41)
PDEATHSIG: Final = (1, 2)  # PR_SET_PDEATHSIG, PR_GET_PDEATHSIG
SET_MODE_FILTER: Final = 1
# RLIMIT_CPU: what a child sets for itself before its own filter is there
CHILD_LIMITS: Final = (0,)

RULES: Final[tuple[Rule, ...]] = (
    # Files: looking, never changing.
    *rows("opens for reading only", "open", (lacks(1, WRITING),)),
    *rows("opens for reading only", "openat", (lacks(2, WRITING),)),
    *rows("glibc then uses openat, whose flags can be seen", "openat2", answer=errno.ENOSYS),
    *rows("reads", "read pread64 readv preadv preadv2 lseek getdents64"),
    *rows("looks at a file", "stat lstat fstat newfstatat statx access faccessat faccessat2 statfs fstatfs"),
    *rows("looks at a path", "readlink readlinkat getcwd"),
    *rows("what libraries print goes to descriptors that lead nowhere", "write writev", (equals(0, *SINKS),)),
    *rows("closes, duplicates for itself", "close dup"),
    *rows("asks about or duplicates a descriptor", "fcntl", (equals(1, *DESCRIPTOR_COMMANDS),)),
    *rows("asks whether it is a terminal; sets close-on-exec", "ioctl", (equals(1, *IOCTLS),)),
    *rows("tells the kernel how a file will be read; changes nothing", "fadvise64"),
    # Memory: its own, never executable.
    *rows("maps; no new code", "mmap", (lacks(2, PROT_EXEC),)),
    *rows("guards of thread stacks and arenas; no new code", "mprotect", (lacks(2, PROT_EXEC),)),
    *rows("the heap", "brk munmap mremap"),
    *rows("the heap gives pages back, dumps leave pages out", "madvise", (equals(2, *ADVICE),)),
    *rows("keeps its memory out of swap, within RLIMIT_MEMLOCK", "mlock mlock2 mlockall munlock"),
    # Threads of this process. No processes: `FORK` is the zygote's.
    *rows("starts a thread", "clone", (has(0, THREAD_LEAST), only(0, THREAD)), who="child"),
    *rows(
        "starts a thread or forks a child",
        "clone",
        (has(0, THREAD_LEAST), only(0, THREAD)),
        (equals(0, *FORK),),
        who="zygote",
    ),
    *rows("glibc then uses clone, whose flags can be seen", "clone3", answer=errno.ENOSYS),
    *rows(
        "threads wait for each other", "futex futex_waitv futex_wake futex_wait futex_requeue membarrier sched_yield"
    ),
    *rows("bookkeeping of a thread or of the fork", "set_robust_list set_tid_address rseq"),
    *rows("asks how it is scheduled", "sched_getaffinity sched_getparam sched_getscheduler getcpu"),
    *rows("the range of priorities, which pthread_attr looks up", "sched_get_priority_max sched_get_priority_min"),
    *rows(
        "SVT-AV1 would have its threads run before all others, x265's would be nice; both go on as they are",
        "sched_setscheduler getpriority",
        answer=errno.EPERM,
    ),
    *rows("ends", "exit exit_group"),
    # Signals: within the process.
    *rows("handles signals", "rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack rt_sigpending restart_syscall"),
    *rows("abort and raise; nobody else can be signalled", "kill tgkill", (equals(0, OWN_PROCESS),), who="child"),
    *rows("as the child's, whose process ID is another; Landlock keeps signals inside", "kill tgkill", who="zygote"),
    # Time and facts.
    *rows("tells the time", "clock_gettime clock_getres gettimeofday time times"),
    *rows("asks about its own interval timers and sets none; mediapipe aborts where this fails", "getitimer"),
    *rows("waits", "nanosleep clock_nanosleep poll ppoll select pselect6"),
    *rows("who am I", "getpid gettid getppid getuid geteuid getgid getegid getresuid getresgid getpgrp getpgid getsid"),
    *rows("what the machine is", "uname sysinfo getrusage getrlimit"),
    *rows("reads limits; sets none", "prlimit64", (equals(0, 0), null(2)), who="child"),
    *rows("randomness", "getrandom"),
    *rows("asks; names threads and maps", "prctl", (equals(0, *PRCTLS),), who="child"),
    # The channel.
    *rows("takes commands and their descriptors", "recvmsg", (equals(0, CHANNEL),), who="child"),
    *rows("answers, on the channel, to nobody else", "sendto", (equals(0, CHANNEL), null(4)), who="child"),
    *rows(
        "hands the worker the listener for violations; taken away by `LATER` before the child gets a command",
        "sendmsg",
        (equals(0, CHANNEL),),
        who="child",
    ),
    *rows("adds `LATER`, which also ends this", "seccomp", (equals(0, SET_MODE_FILTER), equals(1, 0)), who="child"),
    # What the zygote does besides, before its children have their own filter. It never sees anybody's data.
    *rows("talks to the worker, hands over descriptors", "recvmsg sendmsg sendto", who="zygote"),
    *rows("waits for its children, tells the worker how each ended", "wait4 waitid", who="zygote"),
    *rows("a handle on a child, for the worker", "pidfd_open", (equals(1, 0),), who="zygote"),
    *rows("puts the channel in its place", "dup2 dup3", who="zygote"),
    *rows("a child binds its life to the zygote's", "prctl", (equals(0, *PRCTLS, *PDEATHSIG),), who="zygote"),
    *rows("a child makes its channel an object", "getsockname getsockopt", who="zygote"),
    *rows(
        "a child limits itself",
        "prlimit64",
        (equals(0, 0), equals(1, *CHILD_LIMITS)),
        (equals(0, 0), null(2)),
        who="zygote",
    ),
    *rows("a child limits itself", "setrlimit", (equals(0, *CHILD_LIMITS),), who="zygote"),
    *rows("a child installs its own filter", "seccomp", (equals(0, SET_MODE_FILTER),), who="zygote"),
)

# A second filter, put over the child's once the worker has the listener. It has no listener, since a process has one at
# most: what it refuses for good ends the process by SIGSYS, and as that is one call only, its name is known.
LATER: Final = "sendmsg"
LATER_SILENT: Final = {"seccomp": errno.EPERM}


def rules_for(who: Who) -> dict[str, Rule]:
    """The rows of one process by name of the call."""
    chosen = [rule for rule in RULES if rule.who in {who, "both"}]
    table = {rule.name: rule for rule in chosen}
    if len(table) != len(chosen):
        raise ValueError("A call has two rows for the same process.")
    return table
