#!/bin/bash
# Start facegate-worker.service under a systemd of its own, in namespaces that end with it, and say how it went.
#   try-systemd.sh PYTHON SCRIPT [ARGUMENT...]
# PYTHON is that of an environment with facegate; SCRIPT runs in place of the worker, after the unit's own doctor.
# Takes root, systemd and Linux's control groups of version 2, mounted anywhere. Nothing on the host is changed: its root
# is shown read-only, and the one control group that is made is removed.
#
# What the trial changes in the unit is in the drop-in below: where the programs are, and output to a file, since there
# is no journal. Folders of home and of /tmp that the environment lies in are shown, read-only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=$(realpath -s "$1") script=$(realpath "$2")
shift 2
groups=$(findmnt -n -o TARGET -t cgroup2 | head -n1)
[ -n "$groups" ] || { echo "try-systemd.sh: control groups of version 2 are not mounted" >&2; exit 2; }
work=$(mktemp -d)
group=$groups/facegate-try-$$
cleanup() {
    find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
mkdir "$group" "$work/root" "$work/units" "$work/units/facegate-worker.service.d" "$work/out"
cp "$here/facegate-worker.service" "$work/units/"
for name in sysinit basic shutdown network; do printf '[Unit]\nDefaultDependencies=no\n' >"$work/units/$name.target"; done
shown=$("$python" -c 'import sys; sys.path.insert(0, sys.argv[1]); from oci_bundle import environment_folders
print(*environment_folders())' "$here")
facegate=$(dirname "$python")/facegate
quoted=$(printf ' "%s"' "$script" "$@")
cat >"$work/units/facegate-worker.service.d/trial.conf" <<UNIT
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
FailureActionExitStatus=1
[Service]
Type=oneshot
ProtectHome=tmpfs
BindReadOnlyPaths=$shown $script $*
StandardOutput=append:/run/trial/out
StandardError=append:/run/trial/out
ExecStartPre=
ExecStartPre="$facegate" doctor --level sealed --json
ExecStart=
ExecStart="$python"$quoted
UNIT
cat >"$work/inner" <<'INNER'
set -eu
work=$1
root=$work/root
mount --bind / "$root"
mount -o remount,bind,ro "$root"
mount --rbind /dev "$root/dev"
mount --bind "$(tty)" "$root/dev/console"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/run/units" "$root/run/trial"
cp -r "$work/units/." "$root/run/units/"
mount --bind "$work/out" "$root/run/trial"
mount -t tmpfs tmpfs "$root/var"
mount -t tmpfs tmpfs "$root/tmp"
for path in "${@:2}"; do
    case $path in
    /tmp/*)
        if [ -d "$path" ]; then mkdir -p "$root$path"; else mkdir -p "$root${path%/*}" && touch "$root$path"; fi
        mount --bind "$path" "$root$path"
        mount -o remount,bind,ro "$root$path"
        ;;
    esac
done
mkdir -p "$root/var/tmp" "$root/var/lib/private" "$root/var/cache/private" "$root/var/log/private"
cd "$root"
# Not chroot alone: in a chroot nobody may make a user namespace.
mkdir "$root/run/old"
pivot_root . run/old
umount -l /run/old
export container=trial SYSTEMD_UNIT_PATH=/run/units SYSTEMD_LOG_LEVEL=notice
exec /lib/systemd/systemd --system --unit=facegate-worker.service --log-target=console --show-status=no
INNER
echo $$ >"$group/cgroup.procs"
# The first process logs to a console, which has to be a terminal.
timeout -s KILL 120 script -qec "unshare --mount --pid --fork --kill-child --ipc --uts --net --cgroup \
    bash '$work/inner' '$work' $shown $script $*" "$work/log" </dev/null >/dev/null && code=0 || code=$?
echo $$ >"$groups/cgroup.procs"
cat "$work/log" >&2
cat "$work/out/out"
exit "$code"
