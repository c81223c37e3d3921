#!/bin/sh
# testssl.sh against the gateway as it is by default: nothing worse than LOW among protocols, ciphers and
# vulnerabilities. Which of the ciphers is taken is the client's to say: all of them are strong.
# Usage: tls.sh WXGATE
set -eu

wxgate=$1
room=$(mktemp -d)
trap 'kill "$gateway" 2>/dev/null || true; rm -rf "$room"' EXIT
gateway=

# An authority, and certificates of both kinds of keys that it signs.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj "/CN=authority" \
  -keyout "$room/ca.key" -out "$room/ca.pem" 2>/dev/null
sign() {
  openssl req -new -newkey "$2" ${3:+-pkeyopt "$3"} -nodes -subj "/CN=localhost" \
    -keyout "$room/$1.key" -out "$room/$1.csr" 2>/dev/null
  printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' >"$room/extensions"
  openssl x509 -req -in "$room/$1.csr" -CA "$room/ca.pem" -CAkey "$room/ca.key" -days 90 \
    -extfile "$room/extensions" -out "$room/$1.pem" 2>/dev/null
}
sign ec ec ec_paramgen_curve:prime256v1
sign rsa rsa:2048

prove() {
  cat >"$room/gateway.toml" <<EOF
listen = ["127.0.0.1:0"]
[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
deny = true
[tls]
cert = "$room/$1.pem"
key = "$room/$1.key"
[admin]
listen = ""
EOF
  # The port is this one's, not that of the one before.
  : >"$room/log"
  WX_SECRET=0f1e2d3c4b5a69788796a5b4c3d2e1f0 "$wxgate" run -c "$room/gateway.toml" >"$room/out" 2>"$room/log" &
  gateway=$!
  tries=0
  until port=$(sed -n 's/.*"ready","listen":"127.0.0.1:\([0-9]*\)".*/\1/p' "$room/log") && [ -n "$port" ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat "$room/log"; exit 1; }
    sleep 0.1
  done
  rm -f "$room/found.csv"
  testssl --quiet --color 0 --warnings off --add-ca "$room/ca.pem" --csvfile "$room/found.csv" \
    --protocols --std --pfs --vulnerable --ip 127.0.0.1 "localhost:$port" || true
  # Columns: id, host, port, severity, finding. It must have come to its end, and found what it looks for.
  for id in TLS1_2 TLS1_3 SSLv3 TLS1 cipherlist_STRONG 'P\{0,1\}FS' heartbleed ROBOT BEAST LUCKY13 RC4; do
    grep -q "^\"$id\"," "$room/found.csv" || { echo "testssl.sh said nothing of $id"; exit 1; }
  done
  # What it says of the openssl that it runs itself is not about us.
  bad='^"[^"]*","[^"]*","[^"]*","(MEDIUM|HIGH|CRITICAL|FATAL|WARN)"'
  if grep -v '^"engine_problem"' "$room/found.csv" | grep -E "$bad"; then
    echo "worse than LOW, with a key of the kind $1"
    exit 1
  fi
  kill "$gateway"
  wait "$gateway" || true
}

prove ec
prove rsa
echo "nothing worse than LOW, with both kinds of keys"
