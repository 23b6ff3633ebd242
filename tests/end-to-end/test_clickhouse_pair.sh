# Two collectors over one ClickHouse, asked in the same moment: for two bundles of one number, and for the last use of an
# invitation. Whatever is taken is kept and told as a fork; of two keys one is let in, and both collectors say the same.
# DIALTONE_RACES sets how often.
. "$ROOT/tests/end-to-end/collector.sh"
. "$ROOT/tests/end-to-end/clickhouse.sh"

server1= server2=
cleanup_pair() {
    for it in $server1 $server2; do
        kill -9 "$it" 2>/dev/null || true
    done
    cleanup_all
}
trap cleanup_pair EXIT

# pair_start N [OPTION...]: a collector with a data folder of its own; its address is in $work/base.N.
pair_start() {
    number=$1
    shift
    serve "$work/serve$number.log" --data "$work/data$number" --store "$store" "$@"
    eval "server$number=$server"
    server=
    echo "$base" >"$work/base.$number"
}
pair_stop() {
    kill -TERM "$server1" "$server2"
    wait "$server1" || fail "collector 1: $(tail -n 5 "$work/serve1.log")"
    wait "$server2" || fail "collector 2: $(tail -n 5 "$work/serve2.log")"
    server1= server2=
}
# post_at N FILE KEY ANSWER
post_at() {
    base=$(cat "$work/base.$1")
    post "$2" "$3" "$4"
}

pair_start 1
pair_start 2
key=$("$make_bundle" --out "$work/any.jsonl.zst")
rounds=${DIALTONE_RACES:-12}
n=0 forks=0 refused=0 distinct=0
while [ $n -lt "$rounds" ]; do
    n=$((n + 1))
    # Ten measurements, and the same ten and one more.
    "$make_bundle" --out "$work/$n.1.jsonl.zst" --sequence $n --first $((n * 100)) --count 10 >/dev/null
    "$make_bundle" --out "$work/$n.2.jsonl.zst" --sequence $n --first $((n * 100)) --count 11 >/dev/null
    post_at 1 "$work/$n.1.jsonl.zst" "$key" "$work/$n.1.answer" >"$work/$n.1.code" &
    one=$!
    post_at 2 "$work/$n.2.jsonl.zst" "$key" "$work/$n.2.answer" >"$work/$n.2.code" &
    wait $one
    wait $!
    case $(cat "$work/$n.1.code")$(cat "$work/$n.2.code") in
    201201) forks=$((forks + 1)) distinct=$((distinct + 11)) && echo $n >>"$work/forks" ;;
    201409) refused=$((refused + 1)) distinct=$((distinct + 10)) ;;
    409201) refused=$((refused + 1)) distinct=$((distinct + 11)) ;;
    *) fail "number $n: $(cat "$work/$n".?.code "$work/$n".?.answer)" ;;
    esac
done
# A number that is taken is taken for both, whichever of them took it.
"$make_bundle" --out "$work/third.jsonl.zst" --sequence 1 --first 50 --count 10 >/dev/null
for collector_number in 1 2; do
    [ "$(post_at $collector_number "$work/third.jsonl.zst" "$key" "$work/answer")" = 409 ] || fail "a third: $(cat "$work/answer")"
done
# What has a receipt is there, and its receipt is given again.
for answer in "$work"/*.answer; do
    name=$(basename "$answer" .answer)
    [ "$(cat "$work/$name.code")" = 201 ] || continue
    [ "$(post_at "${name#*.}" "$work/$name.jsonl.zst" "$key" "$work/again")" = 200 ] || fail "$name is gone: $(cat "$work/again")"
    cmp -s "$answer" "$work/again" || fail "$name has another receipt now"
done
base=$(cat "$work/base.1")
[ "$(measurements XD)" = $distinct ] || fail "$(measurements XD) measurements, not $distinct"
pair_stop
for number in 1 2; do
    "$collector" verify --log --data "$work/data$number" >"$work/out" || fail "log $number: $(cat "$work/out")"
    probes="$collector probes --data $work/data$number"
    $probes list --format json | grep -q "\"forks\":$forks," || fail "$forks forks: $($probes list --format json)"
    name=$($probes list --format json | sed -n 's/.*"probe":"\([^"]*\)".*/\1/p')
    $probes show "$name" | sed -n 's/^sequence fork two bundles have number //p' >"$work/told"
    if [ $forks -gt 0 ]; then
        cmp "$work/told" "$work/forks" || fail "other numbers are told: $($probes show "$name")"
    fi
done

# One use, two keys, two collectors.
pair_start 1 --enrolment invitation
pair_start 2 --enrolment invitation
enrol_at() { # N SEED CODE
    its=$(cat "$work/key.$2")
    printf '{"dialtone_enrolment":1,"key":"%s","time":"%s","invitation":"%s"}' "$its" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
        "$3" >"$work/said.$2"
    "$make_bundle" --seed "$2" --sign "$work/said.$2" >"$work/said.$2.minisig"
    curl -s -o "$work/enrolled.$2" -w '%{http_code}' --max-time 120 -H "Dialtone-Key: $its" \
        -H "Dialtone-Signature: $(base64 -w0 <"$work/said.$2.minisig" | tr '+/' '-_' | tr -d '=')" \
        --data-binary "@$work/said.$2" "$(cat "$work/base.$1")/v1/probes"
}
seed=100
while [ $seed -lt 112 ]; do
    one=$seed two=$((seed + 1))
    seed=$((seed + 2))
    code=$("$collector" probes --data "$work/data1" invite --uses 1)
    for it in $one $two; do
        "$make_bundle" --out "$work/s$it.jsonl.zst" --seed $it --first $((it * 1000)) >"$work/key.$it"
    done
    enrol_at 1 $one "$code" >"$work/said.1" &
    first=$!
    enrol_at 2 $two "$code" >"$work/said.2" &
    wait $first
    wait $!
    grep -q 201 "$work/said.1" "$work/said.2" || fail "neither is in: $(cat "$work/said.1" "$work/said.2" "$work/enrolled.$one")"
done
# is_agreed SEED: both take the bundles of one key and neither those of its rival; the codes are in $work/codes. A
# collector needs a while to hear what the other was told, and refuses until then.
is_agreed() {
    for it in $1 $(($1 + 1)); do
        for at in 1 2; do
            printf %s "$(post_at $at "$work/s$it.jsonl.zst" "$(cat "$work/key.$it")" "$work/answer")" | sed 's/200/201/'
        done
        printf ,
    done >"$work/codes"
    grep -qx '201201,403403,\|403403,201201,' "$work/codes"
}
seed=100
while [ $seed -lt 112 ]; do
    await "of $seed and its rival not one is taken by both" is_agreed $seed
    seed=$((seed + 2))
done
for answered in 100 102 104 106 108 110; do
    is_agreed $answered || fail "of $answered and its rival: $(cat "$work/codes")"
done
pair_stop
echo "$rounds pairs of one number: $forks forks told, $refused refused; 6 invitations, one key in each"
