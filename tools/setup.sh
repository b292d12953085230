#!/usr/bin/env bash
# Makes .venv and installs the project with what requirements.lock lists: exact versions, and wheels whose SHA-256 is
# there. Nothing else is downloaded, and no package runs code while it is installed. Does nothing when that is already done.
#
#   PYTHON                 the interpreter to use (default: the first of python3, python3.13, ... that is new enough)
#   FORECAST_TORCH_INDEX   address of a package index with CPU builds of torch, asked when the default one has none; its
#                          build is held to the version alone, not to a SHA-256: name one that you trust
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
stamp=$venv/.forecast-setup
log=$venv/setup.log
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "Python 3.11 or newer is needed; found: $("${PYTHON:-python3}" --version 2>&1 || echo none)." \
    "Install a newer Python, or name one: PYTHON=/path/to/python3.12 make setup"
}

fingerprint() { # what the environment was built from, and where: a moved one has to be built again
  pwd
  "$1" -c 'import hashlib, sys
print(sys.version, *(hashlib.sha256(open(name, "rb").read()).hexdigest() for name in sys.argv[1:]))' \
    pyproject.toml requirements.lock tools/torch-cpu.lock
}

make_venv() {
  if [ -x $venv/bin/python ] && $venv/bin/pip --version >/dev/null 2>&1; then return; fi
  "$1" -c 'import venv, ensurepip' 2>/dev/null || die "this Python cannot make virtual environments." \
    "On Debian or Ubuntu: apt-get install python3-venv"
  "$1" -m venv --clear $venv || die "could not make $venv; is the disk full or the folder not writable?"
}

# --no-deps: the lock is complete, so nothing is looked for that it does not list.
pip_install() { $venv/bin/python -m pip install --quiet --no-deps "$@" >"$log" 2>&1; }
locked_install() { pip_install --require-hashes --only-binary :all: -r "$1"; }
not_found() { grep -qE 'No matching distribution|Could not find a version|DO NOT MATCH THE HASHES' "$log"; }
give_up() {
  tail -n 20 "$log" >&2
  die "installing $1 failed; the last lines of pip are above, all of them in $log."
}

# The lock without torch and the CUDA libraries that only its default build needs.
without_torch() {
  awk '/^[a-zA-Z]/ { keep = $0 !~ /^(torch|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==/ } keep || /^#/' requirements.lock
}

install_all() { # the CPU build of torch where no NVIDIA GPU answers: the default one brings gigabytes of CUDA libraries
  local version
  if ! { command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; }; then
    without_torch >$venv/without-torch.lock
    if locked_install tools/torch-cpu.lock; then
      locked_install $venv/without-torch.lock || give_up "the packages of requirements.lock"
      return
    fi
    not_found || give_up "the CPU build of torch"
    version=$(grep -oE '^torch==[^ ]+' tools/torch-cpu.lock)
    if [ -n "${FORECAST_TORCH_INDEX:-}" ]; then
      if pip_install --only-binary :all: --index-url "$FORECAST_TORCH_INDEX" "$version"; then
        locked_install $venv/without-torch.lock || give_up "the packages of requirements.lock"
        return
      fi
      not_found || give_up "$version"
    fi
    if [ "$(uname -s)" = Linux ]; then
      say "no CPU build of torch found (FORECAST_TORCH_INDEX can name an index that has one);" \
        "taking the default build, which may be several gigabytes."
    fi
  fi
  locked_install requirements.lock || give_up "the packages of requirements.lock"
}

python=$(find_python)
mkdir -p $venv
if command -v flock >/dev/null; then # two set-ups at once would spoil each other
  exec 9<"$PWD/tools"
  flock 9
fi
wanted=$(fingerprint "$python")
[ -f $stamp ] && [ "$(cat $stamp)" = "$wanted" ] && [ -x $venv/bin/python ] && exit 0

say "installing into $venv; the first time takes about two minutes."
rm -f $stamp
make_venv "$python"
install_all
pip_install --no-build-isolation -e . || give_up "the project"
$venv/bin/python -m pip check >"$log" 2>&1 || give_up "what belongs together"
printf '%s\n' "$wanted" >$stamp
say "done."
