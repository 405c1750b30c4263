"""What the table leaves out on purpose, and why: a reader's index of the refusals, held against the rules by a test.

Every call without a row is a violation, whether it is here or not.
"""

from __future__ import annotations

from typing import Final

REFUSED: Final[dict[str, str]] = {
    "no socket of any family, so no connection and no name looked up": (
        "socket socketpair connect bind listen accept accept4 recvfrom sendmmsg recvmmsg setsockopt shutdown"
    ),
    "io_uring opens and writes files where seccomp does not see it": "io_uring_setup io_uring_enter io_uring_register",
    "no program is run": "execve execveat",
    "no process is made": "fork vfork",
    "no process is looked into or steered": (
        "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd pidfd_send_signal tkill "
        "rt_sigqueueinfo rt_tgsigqueueinfo migrate_pages move_pages"
    ),
    "no file is made or gets another length or content": (
        "creat mknod mknodat truncate ftruncate fallocate pwrite64 pwritev pwritev2 copy_file_range sendfile splice "
        "tee vmsplice"
    ),
    "no name is made, moved or taken away": (
        "mkdir mkdirat rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat rmdir"
    ),
    "no attribute carries anything out": (
        "setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat chmod fchmod "
        "fchmodat fchmodat2 chown lchown fchown fchownat utime utimes utimensat futimesat file_setattr"
    ),
    "no way around paths": "open_by_handle_at name_to_handle_at open_tree open_tree_attr",
    "the tree of files stays as it is": (
        "mount umount2 pivot_root chroot chdir fchdir fsopen fsmount fsconfig fspick move_mount mount_setattr quotactl "
        "quotactl_fd acct swapon swapoff sync syncfs fsync"
    ),
    "no memory that others could share or that outlives the process": (
        "memfd_create memfd_secret shmget shmat shmctl shmdt msgget msgsnd msgrcv msgctl semget semop semtimedop "
        "semctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr pipe pipe2 eventfd eventfd2"
    ),
    "no secret outlives the process in a keyring": "add_key request_key keyctl",
    "large surfaces of the kernel with a history of holes": (
        "bpf perf_event_open userfaultfd fanotify_init inotify_init inotify_init1 personality modify_ldt "
        "lookup_dcookie landlock_create_ruleset landlock_add_rule landlock_restrict_self arch_prctl iopl "
        "ioperm remap_file_pages"
    ),
    "the host stays as it is": (
        "reboot kexec_load kexec_file_load init_module finit_module delete_module syslog settimeofday clock_settime "
        "clock_adjtime adjtimex sethostname setdomainname vhangup"
    ),
    "no other identity, namespace or right": (
        "setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset setns unshare setsid "
        "setpgid umask"
    ),
    "no limit of its own": "setrlimit setpriority ioprio_set sched_setattr sched_setaffinity",
    "no caches of others are timed": "mincore cachestat",
    "nothing in the child needs it": "epoll_create epoll_create1 timerfd_create signalfd4",
}


def names() -> list[str]:
    """Every refused call."""
    return [name for listed in REFUSED.values() for name in listed.split()]
