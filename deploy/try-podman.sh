#!/bin/bash
# Run a command of this Python environment in a Podman container that has no image, only this machine's /usr and the
# environment, read-only at the same paths; under Podman's own profile of system calls.
#   try-podman.sh PYTHON [PODMAN OPTION...] -- COMMAND [ARGUMENT...]
# COMMAND is `facegate` or `python`, which are the environment's, or a path. Takes root, podman and crun.
#
# What a host needs that this does without: control groups, an image, a registry. Limits are set below what the caller
# has, since raising one takes CAP_SYS_RESOURCE.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=$(realpath -s "$1")
shift
options=()
while [ "$1" != -- ]; do options+=("$1"); shift; done
shift
case $1 in
facegate) set -- "$(dirname "$python")/facegate" "${@:2}" ;;
python) set -- "$python" "${@:2}" ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/root"
for folder in /usr /bin /lib /lib64 $("$python" -c 'import sys; sys.path.insert(0, sys.argv[1])
from oci_bundle import environment_folders
print(*environment_folders())' "$here"); do
    [ -e "$folder" ] && options+=(--volume "$folder:$folder:ro")
done
memlock=$(ulimit -Hl)
[ "$memlock" = unlimited ] && memlock=-1 || memlock=$((memlock * 1024))
files=$(ulimit -Hn)
run=(podman --cgroup-manager=cgroupfs --storage-driver=vfs --root "$work/storage" --runroot "$work/run" run --rm
    --runtime=crun --cgroups=disabled --ulimit="nofile=$files:$files" --ulimit=nproc=4096:4096
    --ulimit="memlock=$memlock:$memlock" --ulimit=core=1:1
    --network=none --read-only --read-only-tmpfs=false --cap-drop=all --security-opt=no-new-privileges
    --user=10001:10001 "${options[@]}" --rootfs "$work/root" "$@")
# crun refuses control groups of both versions side by side, also when it is to make none; the host's stay as they are.
if [ -e /sys/fs/cgroup/unified/cgroup.controllers ]; then
    run=(unshare --mount sh -c 'umount /sys/fs/cgroup/unified && exec "$@"' sh "${run[@]}")
fi
"${run[@]}"
