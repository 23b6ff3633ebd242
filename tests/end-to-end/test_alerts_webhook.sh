# Webhooks over a real receiver that fails, hangs up and comes back, and a collector that is killed in between: each
# revision that says something new arrives, signed, once by its delivery id; what only counts more does not.
. "$ROOT/tests/end-to-end/collector.sh"
. "$ROOT/tests/end-to-end/alerts.sh"
receiver=
trap '[ -z "$receiver" ] || kill -9 "$receiver" 2>/dev/null; cleanup' EXIT

secret=0123456789abcdef-shared-words
printf '%s\n' "$secret" >"$work/secret"
got=$work/got
mkdir "$got"
# Twice an error, then an answer that never comes, then taken for good.
"$BIN/hook-receiver" "$got" 500 503 drop 204 &
receiver=$!
await "the receiver does not listen" test -s "$got/port"
cat >"$work/alerts.conf" <<END
# one that fails for a while, one that asks for another place
[newsroom]
url = http://127.0.0.1:$(cat "$got/port")/hook?token=hidden-in-the-url
secret-file = $work/secret
region = XD-N
state = confirmed
kind = full_shutdown, mobile_shutdown

[elsewhere]
url = http://127.0.0.1:$(cat "$got/port")/elsewhere
secret = 0123456789abcdef-other-words
region = UA
END

requests() { ls "$got" | grep -c '\.head$' || true; }
at_least() { [ "$(requests)" -ge "$1" ]; }
header() { sed -n "s/^$1: \(.*\)\r\$/\1/p" "$got/$2.head"; }
body_field() { field "$1" "$got/$2.body"; }
told() { grep -q "^told $1\$" "$work/data/alerts/newsroom.journal"; }

# signed N: the signature, as any receiver checks it.
signed() {
    wanted=$({ printf '%s.' "$(header Dialtone-Timestamp "$1")"; cat "$got/$1.body"; } |
        openssl dgst -sha256 -hmac "$secret" | sed 's/.*= *//')
    [ "$(header Dialtone-Signature "$1")" = "sha256=$wanted" ] || fail "the signature of request $1 is wrong"
}

chmod 600 "$work/alerts.conf" "$work/secret"
start --alerts "$work/alerts.conf"
before
cut_off
await "no alert came" at_least 1
stop KILL
start --alerts "$work/alerts.conf"
await "the alert was not tried again after a kill" at_least 2
stop KILL
began=$(date +%s)
start --alerts "$work/alerts.conf"
await "the alert was not tried again after a second kill" at_least 3
await "the alert was not tried again after the receiver hung up" at_least 4
id=$(body_field id 4)
# Its first revision, unless the detector looked while only some of the bundles were there.
revision=$(body_field revision 4)
await "the alert was not noted" told "$id $revision"
for n in 1 2 3 4; do
    signed $n
    [ "$(header Dialtone-Delivery $n)" = "$(header Dialtone-Delivery 1)" ] || fail "request $n has another delivery id"
    [ "$(header Dialtone-Event $n)" = alert ] || fail "request $n is no alert"
    [ "$(body_field region $n)" = XD-N ] || fail "an alert of another region"
    [ "$(body_field state $n)" = confirmed ] || fail "an alert of another state"
done
cmp "$got/1.body" "$got/4.body" || fail "a repetition says something else"
grep -q '"previous_revision":null' "$got/4.body" || fail "the first alert names a revision before it"
sent=$(header Dialtone-Timestamp 4)
[ "$sent" -ge "$began" ] && [ "$sent" -le "$(date +%s)" ] || fail "the timestamp is not the time of sending"

# Taken is taken: neither a restart nor another judgement tells it again.
stop KILL
start --alerts "$work/alerts.conf"
"$collector" detect --data "$work/data" >/dev/null
sleep 3
[ "$(requests)" = 4 ] || fail "told again after a restart: $(requests) requests"

# The end of the shutdown is news, once.
after
await "the end was not told" at_least 5
signed 5
[ "$(body_field id 5)" = "$id" ] || fail "the end is of another event"
[ "$(header Dialtone-Event 5)" = update ] || fail "the end is no update"
[ "$(header Dialtone-Delivery 5)" != "$(header Dialtone-Delivery 1)" ] || fail "news under an old delivery id"
grep -q "\"previous_revision\":$revision[,}]" "$got/5.body" || fail "the update does not name what was told before"
grep -q '"end":\["2' "$got/5.body" || fail "the update has no end"
sleep 3
[ "$(requests)" = 5 ] || fail "one change was told more than once"
grep -q /elsewhere "$got"/*.head && fail "the hook of another place was told"

# Killed between the receiver's answer and the note of it: told again, under the same delivery id, so that it can be told
# from news.
cp "$work/serve.log" "$work/all.log"
stop KILL
sed -i '$d' "$work/data/alerts/newsroom.journal"
start --alerts "$work/alerts.conf"
await "what was not noted was not told again" at_least 6
signed 6
[ "$(header Dialtone-Delivery 6)" = "$(header Dialtone-Delivery 5)" ] || fail "a repetition under a new delivery id"
await "the repetition was not noted" told "$id $(body_field revision 6)"
sleep 2
[ "$(requests)" = 6 ] || fail "a repetition was repeated"

# Nothing secret is in the log or in the data folder, and nothing of a probe in what was sent.
cat "$work/serve.log" >>"$work/all.log"
stop TERM
[ "$status" = 0 ] || fail "exit status $status"
grep -rqF "$secret" "$work/data/alerts" "$work/all.log" "$got" && fail "the secret was written down"
grep -qF hidden-in-the-url "$work/all.log" && fail "the hook's address is in the log"
for n in 1 5; do
    [ "$(openssl dgst -sha256 -hmac wrong "$got/$n.body" | sed 's/.*= *//')" != "$(header Dialtone-Signature $n)" ] ||
        fail "any secret signs"
done

# A new hook is not told of what is over: it may be told of what still goes on.
sed -i 's/\[newsroom\]/[latecomer]/' "$work/alerts.conf"
start --alerts "$work/alerts.conf"
sleep 3
[ "$(requests)" = 6 ] || fail "a new hook was told of what is over"
grep -q "^known $id " "$work/data/alerts/latecomer.journal" || fail "the new hook does not know what is over"
stop TERM

# A file that others can read gives the secret away: it is used, and the log says so.
chmod 644 "$work/alerts.conf"
start --alerts "$work/alerts.conf"
grep -q event=alert_secret_readable "$work/serve.log" || fail "a readable secret is not told in the log"
stop TERM

# Mistakes stop the start, with the line and what to do.
refuse() {
    printf '%s\n' "$2" >"$work/wrong.conf"
    status=0
    "$collector" serve --data "$work/data" --listen 127.0.0.1:0 --alerts "$work/wrong.conf" 2>"$work/err" || status=$?
    [ "$status" = 2 ] || fail "exit status $status, not 2: $2"
    grep -q "$1" "$work/err" || fail "no '$1' in: $(cat "$work/err")"
    grep -q "$secret" "$work/err" && fail "the secret was printed"
    return 0
}
refuse "no hook" ""
refuse "line 1: begin with a section" "url = https://a.example/"
refuse "line 2: url begins with https" "[a]
url = ftp://a.example/
secret = $secret"
refuse "line 3: plain http" "[a]
secret = $secret
url = http://127.evil.example/"
refuse "16 to 1024" "[a]
secret = short"
refuse "no region" "[a]
region = Nowhere"
refuse "the keys are" "[a]
colour = red"
refuse "already" "[a]
url = https://a.example/
secret = $secret
[a]"
refuse "line 1: the section needs url" "[a]
url = https://a.example/"
refuse "none-such" "[a]
secret-file = /none-such"
status=0
"$collector" serve --data "$work/data" --alerts /none-such.conf 2>"$work/err" || status=$?
[ "$status" = 2 ] || fail "a missing file: exit status $status"
echo "alerts arrive once, signed, through failures and kills"
