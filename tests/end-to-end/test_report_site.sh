# dialtone-report over a real collector's data: errors, the countries of imported measurements, exports, evidence.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
report=$BIN/dialtone-report
collector=$BIN/dialtone-collector

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# expect STATUS WORDS COMMAND...: the exit status, and one line on stderr that holds the words.
expect() {
    wanted=$1 words=$2 status=0
    shift 2
    "$@" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" = "$wanted" ] || fail "exit status $status, not $wanted: $*: $(cat "$work/err")"
    [ "$(wc -l <"$work/err")" = 1 ] || fail "not one line: $*: $(cat "$work/err")"
    grep -q -- "$words" "$work/err" || fail "no '$words' in: $(cat "$work/err")"
}

"$report" --help | grep -q export || fail "--help does not list export"
"$report" --version | grep -q dialtone-report || fail "--version does not name the program"
"$report" site --help | grep -q "Exit status" || fail "site --help does not tell the exit status"
expect 2 "command" "$report"
expect 2 "sight" "$report" sight
expect 2 "data" "$report" site --out "$work/site"
expect 2 "out" "$report" site --data "$work"
expect 2 "none-such" "$report" site --data "$work/none-such" --out "$work/site"
expect 2 "as" "$report" export --data "$work" --out "$work/site" --as pdf
[ ! -e "$work/site" ] || fail "a refused command left a folder"

[ -d "${SHARED_DATA:-/none}/ooni-measurements" ] || exit 77
"$collector" import --data "$work/data" "$SHARED_DATA"/ooni-measurements/*.json >"$work/import" 2>&1 || true
grep -q "^accepted [1-9]" "$work/import" || fail "nothing imported: $(cat "$work/import")"
before=$(sha256sum "$work"/data/*.db "$work"/data/*.sqlite 2>/dev/null | sort || true)

"$report" site --data "$work/data" --out "$work/site"
[ "$before" = "$(sha256sum "$work"/data/*.db "$work"/data/*.sqlite 2>/dev/null | sort || true)" ] ||
    fail "reporting changed the store"
for country in IR RU US DE BR; do
    [ -s "$work/site/region/$country.html" ] || fail "no page for $country"
    grep -q "region/$country.html" "$work/site/index.html" || fail "the front page does not list $country"
    grep -q unsigned "$work/site/region/$country.html" || fail "$country's imports are not marked unsigned"
    ! grep -q 'class="now ok"' "$work/site/region/$country.html" || fail "$country is told as working"
done
! grep -ril '<script' "$work/site" --include='*.html' || fail "a page holds a script"
find "$work/site" -name '*.html' -size +100k | grep . && fail "a page is larger than 100 kB"
find "$work/site" -name '*.tmp.*' | grep . && fail "a temporary file was left"

# Every link within the site leads somewhere.
find "$work/site" -name '*.html' | while read -r page; do
    grep -o 'href="[^"#]*"' "$page" | sed 's/^href="//; s/"$//' | grep -v '^data:' | sort -u | while read -r link; do
        [ -e "$(dirname "$page")/$link" ] || fail "$page links to $link, which is not there"
    done
done

# A copy's name is its SHA-256.
for copy in "$work"/site/evidence/*.json; do
    [ -e "$copy" ] || break
    [ "$(sha256sum <"$copy" | cut -d' ' -f1).json" = "$(basename "$copy")" ] || fail "$copy is not what its name says"
done

"$report" export --data "$work/data" --out "$work/export" --as csv
grep -q '^"IR","Iran' "$work/export/regions.csv" || fail "regions.csv lacks Iran"
grep -q '^"JP","whatsapp",' "$work/export/services.csv" || fail "services.csv lacks whatsapp in Japan"
"$report" export --data "$work/data" --out "$work/export" --as json
grep -q '"region":"IR"' "$work/export/regions.json" || fail "regions.json lacks Iran"

# The same data at the same time makes the same pages.
"$report" site --data "$work/data" --out "$work/one" --now 2026-01-31T12:00:00Z >/dev/null
"$report" site --data "$work/data" --out "$work/two" --now 2026-01-31T12:00:00Z >/dev/null
diff -r "$work/one" "$work/two" || fail "two runs differ"

: >"$work/file"
expect 3 "$work/file" "$report" site --data "$work/data" --out "$work/file"
expect 2 "no time" "$report" site --data "$work/data" --out "$work/site" --now yesterday
expect 2 "half" "$report" site --data "$work/data" --out "$work/site" --evidence half

# A store of a newer program: user_version stands at byte 60 of the file (SQLite file format, section 1.3).
for store in "$work"/data/*.db "$work"/data/*.sqlite; do
    [ -e "$store" ] || continue
    printf '\000\000\377\377' | dd of="$store" bs=1 seek=60 conv=notrunc 2>/dev/null
done
expect 2 "version" "$report" site --data "$work/data" --out "$work/site"
