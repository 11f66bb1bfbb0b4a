#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# conform.sh TOOL PART SOURCE ADAPTER PYTHON: the kit on programs that are right, wrong, and rude.
set -euo pipefail
tool=$1 part=$2 source=$3 peer=$3/examples/conform/table_scheduler.py adapter=$4 python=$5

die() { echo "$*"; exit 1; }
# ends STATUS OPTION... PROGRAM...: what it reports is in $out.
ends() {
  local wanted=$1 status=0
  shift
  out=$("$tool" conform --format csv "$@" 2>&1) || status=$?
  [ "$status" = "$wanted" ] || die "$*: status $status, not $wanted: $out"
}
says() { grep -qE -- "$1" <<<"$out" || die "nothing says '$1': $out"; }

case $part in
  own)
    ends 0 "$adapter"
    says '^order,dpmpp-3m on vp,ok,'
    says '740 checks, 0 wrong' ;;
  peer)
    ends 3 --table 130 "$python" "$peer"
    says '^step count,trailing,WRONG,"11 wrong: n = 15 .16 steps'
    says '^order,dpmpp-3m on vp,WRONG,2'
    # And no alarm on what is sound.
    ! grep WRONG <<<"$out" | grep -vE '^(step count|indices|places),trailing,|^order,dpmpp-3m on |^grid .* on its trailing,' || die "a false alarm" ;;
  right)
    ends 0 --table 130 --wrong "$python" "$peer" --right
    [ "$(wc -l <<<"$out")" = 2 ] || die "more than the columns and the count: $out"
    ends 0 --table 130 "$python" "$peer" --right
    says '166 checks, 0 wrong' ;;
  adapters)
    # Of the peers, where they are installed; read by the interpreter where they are not.
    for name in diffusers kdiffusion; do
      file=$source/examples/conform/${name}_adapter.py
      if list=$("$python" "$file" --list 2>/dev/null); then
        grep -q '^dpmpp-3m$' <<<"$list" || die "$name: $list"
        ends 3 --table 24 "$python" "$file" dpmpp-2m dpmpp-3m
        says '^order,dpmpp-2m on vp,ok,'
        says '^order,dpmpp-3m on vp,WRONG,[12]'
      else
        "$python" -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$file"
      fi
    done ;;
  skip)
    # What is not offered is neither right nor wrong.
    intro='printf "name shy\nprecision f64\nsampler a 1 ode\nprediction noise\npath vp\nready\n"'
    ends 0 sh -c "read x; $intro; while read x; do read x; read x; echo skip not here; done"
    says '0 checks, 0 wrong, 1 not offered' ;;
  protocol)
    intro='printf "name rude\nprecision f64\nsampler a 1 ode\nprediction noise\npath vp\nready\n"'
    ends 3 true
    says 'the program has ended'
    ends 3 sh -c 'echo good day; read x'
    says "'good' is no line of an introduction"
    ends 3 --timeout 0.3 sleep 5
    says 'does not answer'
    ends 3 sh -c 'yes "spacing trailing"'
    says 'no end'
    ends 3 sh -c 'read x; echo ready; read x'
    says 'nothing to check'
    ends 3 sh -c "read x; $intro; read x; read x; read x; echo done 1 2 3"
    says 'another number of numbers'
    ends 3 sh -c "read x; $intro; read x; read x; read x; echo eval 1 1 nonsense"
    says "'nonsense' is no number"
    ends 3 sh -c "read x; $intro; read x; read x; read x; echo eval 1 1 2"
    says 'eval has 3 numbers'
    ends 3 sh -c "read x; $intro; read x; read x; read x; echo jump 0.8 0.6 0.6 0.8 $(seq -s ' ' 26)"
    says 'a level with no less noise'
    ends 3 sh -c "read x; $intro; while read x; do read x; read x; echo error not today; done"
    says 'error not today'
    status=0
    "$tool" conform /no/such/program >/dev/null 2>&1 || status=$?
    [ "$status" = 1 ] || die "a missing program: status $status"
    status=0
    "$tool" conform >/dev/null 2>&1 || status=$?
    [ "$status" = 2 ] || die "no program: status $status" ;;
  *) die "no part '$part'" ;;
esac
