#!/bin/sh
# The censor's rules against programs that are not ours: curl must feel what the rule says.
# 77 where namespaces are not allowed.
set -u
lab="$BIN/dialtone-lab"
failed=0

# curl has no option for a resolver: it needs the lab's resolv.conf, which a chroot without mounts of its own forbids.
"$lab" shell -- grep -q "^nameserver 130\\.192\\." /etc/resolv.conf 2>/dev/null || {
    echo "skipped: here the lab may not stand in for /etc/resolv.conf"
    exit 77
}

# expect CURL_STATUS RULE URL: 28 is curl's own patience, which nobody may end before it does.
expect() {
    patience_s=60
    [ "$1" != 28 ] || patience_s=3
    "$lab" shell --rule "$2" -- sh -c 'exec curl -s --max-time '$patience_s' --cacert "$LAB/ca.pem" -o /dev/null "$0"' "$3" 2>/dev/null
    status=$?
    [ $status -eq 77 ] && exit 77
    if [ $status -ne "$1" ]; then
        echo "$2 $3: curl ended with $status, expected $1"
        failed=1
    fi
}

expect 0 'DropUDPPort(Port=443)' https://www.example.com/
expect 35 'ResetTrafficForTLSSNI(SNI="www.example.com")' https://www.example.com/
expect 0 'ResetTrafficForTLSSNI(SNI="www.example.com")' https://www.wiki.lab/
expect 35 'CloseConnectionForTLSSNI(SNI="www.example.com")' https://www.example.com/
expect 28 'DropTrafficForTLSSNI(SNI="www.example.com")' https://www.example.com/
expect 56 'ResetTrafficForString(String="www.news.lab" ServerPort=80)' http://www.news.lab/
expect 52 'CloseConnectionForString(String="www.news.lab" ServerPort=80)' http://www.news.lab/
expect 7 'CloseConnectionForServerEndpoint(ServerIPAddress=93.184.216.34 ServerPort=443)' https://www.example.com/
expect 28 'DropTrafficForServerEndpoint(ServerIPAddress=93.184.216.34 ServerPort=443)' https://www.example.com/
expect 60 'SpoofDNSResponse(Domain="www.news.lab" Addresses={83.224.65.42})' https://www.news.lab/
expect 6 'SpoofDNSResponse(Domain="www.news.lab")' https://www.news.lab/
expect 28 'CutEverything()' https://www.example.com/
expect 0 'CutForeign(Domestic={130.192.0.0/16})' https://portal.xd.lab/
expect 28 'CutForeign(Domestic={130.192.0.0/16})' https://www.example.com/
exit $failed
