#!/usr/bin/env bash
# Makes .venv and installs the project with the versions of constraints.txt. Does nothing when that is already done.
#
#   PYTHON                 the interpreter to use (default: the first of python3, python3.13, ... that is new enough)
#   FORECAST_TORCH_INDEX   address of a package index with CPU builds of torch, asked when the default one has none
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
    pyproject.toml constraints.txt
}

make_venv() {
  if [ -x $venv/bin/python ] && $venv/bin/pip --version >/dev/null 2>&1; then return; fi
  "$1" -c 'import venv, ensurepip' 2>/dev/null || die "this Python cannot make virtual environments." \
    "On Debian or Ubuntu: apt-get install python3-venv"
  "$1" -m venv --clear $venv || die "could not make $venv; is the disk full or the folder not writable?"
}

pip_install() { $venv/bin/python -m pip install --quiet -c constraints.txt "$@" >"$log" 2>&1; }
not_found() { grep -qE 'No matching distribution|Could not find a version' "$log"; }
give_up() {
  tail -n 20 "$log" >&2
  die "installing $1 failed; the last lines of pip are above, all of them in $log."
}

install_torch() { # the CPU build where no NVIDIA GPU answers: the default build brings gigabytes of CUDA libraries
  local torch
  torch=$(grep '^torch==' constraints.txt)
  if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then
    pip_install "$torch" || give_up "$torch"
    return
  fi
  pip_install "$torch+cpu" && return
  not_found || give_up "$torch+cpu"
  if [ -n "${FORECAST_TORCH_INDEX:-}" ]; then
    pip_install --extra-index-url "$FORECAST_TORCH_INDEX" "$torch+cpu" && return
    not_found || give_up "$torch+cpu"
  fi
  if [ "$(uname -s)" = Linux ]; then
    say "no CPU build of torch found (FORECAST_TORCH_INDEX can name an index that has one);" \
      "taking the default build, which may be several gigabytes."
  fi
  pip_install "$torch" || give_up "$torch"
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
install_torch
pip_install -e '.[dev]' || give_up "the project"
printf '%s\n' "$wanted" >$stamp
say "done."
