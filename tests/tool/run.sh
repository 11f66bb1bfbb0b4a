#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh TOOL PART SOURCE WORK: one command of the program, what it answers and what it refuses.
set -euo pipefail
tool=$1 part=$2 source=$3 work=$4/$2
rm -rf "$work"
mkdir -p "$work"
cd "$work"

die() { echo "$*"; exit 1; }
# ends STATUS ARGUMENT...: ends with the status; standard output is in out, one line of error in err.
ends() {
  local wanted=$1 status=0
  shift
  "$tool" "$@" >out 2>err </dev/null || status=$?
  [ "$status" = "$wanted" ] || die "$*: status $status, not $wanted: $(cat out err)"
  case $wanted in
    1 | 2)
      [ ! -s out ] || die "$*: wrote: $(cat out)"
      grep -q '^noisewright: ' err && [ "$(wc -l <err)" = 1 ] || die "$*: $(cat err)" ;;
  esac
}
says() { grep -qE -- "$1" out err || die "nothing says '$1': $(head -50 out err)"; }
rows() { [ "$(wc -l <out)" = "$1" ] || die "$(wc -l <out) lines, not $1: $(cat out)"; }
json() { python3 -c "import json, sys; v = json.load(open('out')); assert $1, v"; }

case $part in
  help)
    ends 0 --help
    says '^Usage: noisewright COMMAND'
    commands=$(sed -n 's/^  \([a-z-]*\) .*/\1/p' out)
    [ "$(wc -l <<<"$commands")" = 9 ] || die "commands: $commands"
    for command in $commands; do
      ends 0 "$command" --help
      says "^Usage: noisewright $command"
      # The page has every command and every option.
      page=$(sed 's/\\-/-/g' "$source/src/tool/noisewright.1")
      grep -q "^.SS $command" <<<"$page" || die "the page lacks $command"
      for option in $(grep -oE '^  --[a-z]+' out); do
        sed -n "/^.SS $command/,/^.S[SH]/p" <<<"$page" | grep -q -- "$option" || [ "$option" = --format ] ||
          die "the page lacks $command $option"
      done
    done
    version=$(sed -n 's/^#define NWR_VERSION_[A-Z]* *//p' "$source/include/noisewright.h" | paste -sd.)
    ends 0 --version
    says "^noisewright $version\$"
    grep -q "\"noisewright $version\"" "$source/src/tool/noisewright.1" || die "the page has another version"
    if command -v man >/dev/null; then
      LC_ALL=C.UTF-8 man --warnings -l "$source/src/tool/noisewright.1" 2>&1 >/dev/null | tee page
      [ ! -s page ] || die "the page has mistakes"
    fi
    ends 2
    ends 2 no-such-command
    ends 2 list --format xml
    "$tool" list --format json >/dev/full 2>err && die "a full disk is no success"
    grep -q 'cannot write' err || die "a full disk is not told" ;;
  list)
    ends 0 list samplers --format json
    json "[e for e in v if e['name'] == 'heun'][0]['order'] == 2 and len(v) > 50"
    ends 0 list --format csv
    says '^grids,trailing,'
    ends 0 list samplers ddim
    says '^eta +0 +0 '
    ends 0 list generators
    says 'torch-cpu'
    ends 2 list colours
    says "no kind 'colours'"
    ends 2 list samplers ddim more
    ends 1 list samplers nobody
    says 'nobody' ;;
  schedule)
    ends 0 schedule linear --steps 4 --format csv
    rows 6
    says '^0\.25,0\.25,0\.75,0,1,-1,'
    ends 0 schedule cosine --format json
    json "v[0]['lambda'] is None and v[-1]['alpha'] == 1 and len(v) == 11"
    ends 0 schedule cosine --plot a.svg --plot cosine.svg
    python3 -c "import xml.dom.minidom as m; assert len(m.parse('cosine.svg').getElementsByTagName('path')) > 8"
    ends 0 schedule cosine --plot -
    says '^<svg '
    ends 0 schedule edm --plot edm.png
    python3 - <<'END'
import struct, zlib
data, at, size = open("edm.png", "rb").read(), 8, 0
assert data[:8] == b"\x89PNG\r\n\x1a\n"
while at < len(data):
    n, = struct.unpack(">I", data[at:at + 4])
    body = data[at + 4:at + 8 + n]
    assert zlib.crc32(body) == struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0]
    size += len(zlib.decompress(body[4:])) if body[:4] == b"IDAT" else 0
    at += 12 + n
assert size == 440 * (1 + 3 * 720), size
END
    ends 2 schedule
    ends 2 schedule cosine --plot picture.gif
    ends 2 schedule cosine --steps 0
    ends 2 schedule cosine --steps 3x
    ends 2 schedule cosine --colour red
    ends 2 schedule cosine --steps
    ends 1 schedule cosine --plot no/such/folder.svg
    ends 1 schedule 'cosine(s=-1)'
    says 'cosine' ;;
  grid)
    ends 0 grid trailing --steps 61 --format csv
    rows 63
    says '^0,999,'
    ends 0 grid karras --schedule edm --steps 3 --format json
    json "abs(v[0]['sigma'] - 80) < 1e-9 and v[3]['sigma'] == 0 and abs(v[2]['sigma'] - 0.002) < 1e-12"
    ends 0 grid uniform --schedule linear --steps 2 --begin 0.25 --end 0.75 --format csv
    says '^1,0\.5,'
    ends 0 grid karras --plot - --steps 5
    says '^<svg '
    ends 1 grid trailing --schedule linear
    says 'not discrete'
    ends 2 grid karras --begin nowhere ;;
  plan)
    # Exact values of the rectified flow: Euler's step is x + h v.
    ends 0 plan euler --steps 4 --format json
    json "all(r['state'] == 1 and r['output'] == 0.25 for r in v[:3]) and v[3]['output'] == 0.25 and len(v) == 4"
    ends 0 plan heun --steps 2 --begin 0.25 --end 0.75 --format json
    json "v[1]['state'] == 0 and v[1]['state, 1 before'] == 1 and v[1]['output'] == 0.125"
    ends 0 plan 'ddim(eta=1)' --schedule cosine --prediction data --steps 3 --format csv
    says ',noise$'
    says '^2,.*,0,1,0$'
    ends 1 plan 'ddim(clip=1)'
    says 'no table'
    ends 1 plan dpm-adaptive --begin 0.1 --end 0.9
    says 'not known in advance'
    # A multistep method keeps what it has seen: what it kept is told by what it was made of.
    ends 0 plan dpmpp-2m --schedule cosine --prediction data --steps 3 --begin 0.9 --end 0.1 --format json
    json "v[1]['output, 1 before'] < 0 < v[1]['output'] and 'state, 1 before' not in v[1]"
    ends 0 plan 'euler(guidance=3)' --steps 2 --format json
    json "abs(v[0]['output'] - 1.5) < 1e-15 and abs(v[0]['output 2'] + 1) < 1e-15"
    ends 0 plan sa-solver --schedule cosine --prediction data --steps 4 --begin 0.9 --end 0.1 --format csv
    says '"noise, 1 before"'
    ends 0 plan heun --steps 2 --raw
    json "v['format'] == 'noisewright-plan-1' and len(v['evaluations']) == 3"
    ends 1 plan ddim --prediction noise --steps 2 --begin 0 --end 1
    ends 2 plan euler --prediction colour
    ends 2 plan ;;
  noise)
    ends 0 noise --seed 42 --shape 1000 --format json
    digest=$(python3 -c "import json; print(json.load(open('out'))['sha256'])")
    [ "$("$tool" noise --seed 42 --shape 1000 --raw | sha256sum)" = "$digest  -" ] || die "another digest"
    ends 0 noise --seed 1 --generator 'torch-cpu' --shape 4 --format json
    # torch.manual_seed(1); torch.randn(4)
    json "all(abs(float(a) - b) < 1e-6 for a, b in zip(v['first'], [0.6613521, 0.2669241, 0.0616773, 0.6213173]))"
    for type in f16 bf16 f64; do ends 0 noise --dtype $type --distribution uniform; done
    ends 0 noise --generator brownian
    ends 2 noise --dtype f8
    ends 2 noise --shape 0
    ends 2 noise --shape 99999999x99999999
    ends 2 noise --seed -1
    ends 1 noise --generator dice ;;
  check-config)
    cat >good.json <<'END'
{"_class_name": "EulerDiscreteScheduler", "beta_schedule": "scaled_linear", "beta_start": 0.00085,
 "beta_end": 0.012, "num_train_timesteps": 1000, "prediction_type": "epsilon", "timestep_spacing": "trailing",
 "interpolation_type": "linear", "use_karras_sigmas": false, "steps_offset": 1}
END
    ends 0 check-config good.json --format json
    json "v['sampler'].startswith('euler') and v['followed entirely'] and v['not followed'] == []"
    "$tool" check-config - <good.json | grep -q '^grid .*trailing' || die "standard input is not read"
    sed 's/"use_karras_sigmas": false/"thresholding_of_mine": 3/' good.json >odd.json
    ends 3 check-config odd.json
    says '"thresholding_of_mine"=3'
    ends 3 check-config --name 'DPM++ 2M Karras'
    says '^sampler +dpmpp-2m'
    ends 0 check-config --name 'euler normal' --schedule sdxl
    echo '{"_class_name": "NobodysScheduler"}' >bad.json
    ends 1 check-config bad.json
    says 'NobodysScheduler'
    ends 1 check-config missing.json
    ends 1 check-config .
    ends 1 check-config good.json --param colour=1
    ends 2 check-config good.json --param eta
    ends 2 check-config
    ends 2 check-config good.json --name euler ;;
  converge)
    ends 0 converge euler heun dpmpp-3m euler-ancestral --most 160 --format json
    json "all(abs([r['order'] for r in v if r['sampler'] == s][-1] - o) < 0.1 for s, o in [('euler', 1), ('heun', 2), ('dpmpp-3m', 3), ('euler-ancestral', 1)])"
    json "{r['of'] for r in v if r['sampler'] == 'euler-ancestral'} == {'variance'}"
    # The step that a peer takes is of order 2.
    ends 0 converge diffusers.dpmpp-3m --schedule cosine --format json
    json "1.8 < v[-1]['order'] < 2.3"
    ends 0 converge ddim --schedule vp --prediction v --plot ddim.svg --least 4 --most 8
    [ -s ddim.svg ] || die "there is no picture"
    ends 0 converge 'dpm-adaptive(eta=1)' --most 20 --format json
    json "{r['of'] for r in v} == {'variance'} and v[-1]['error'] < 0.1"
    ends 1 converge nobody
    ends 1 converge euler --schedule 'linear(latent=brownian)'
    says 'third leg'
    ends 2 converge
    ends 2 converge euler --least 20 --most 10 ;;
  bench)
    ends 0 bench euler heun --elements 4096 --runs 2 --format json
    json "[r['what'] for r in v] == ['copy', 'euler', 'heun'] and all(r['microseconds'] > 0 for r in v)"
    ends 2 bench --elements 1
    ends 1 bench nobody ;;
  *) die "no part '$part'" ;;
esac
