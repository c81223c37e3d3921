#!/bin/sh
# Lays out the root of the container image: all that its last stage holds.
#
#   deploy/image-root.sh BINARY ROOT
#
# The image is built from it (Dockerfile), and so is the root in which the tests run the gateway.
#
# * /wxgate            the binary. Linked with +crt-static it stands alone: glibc has had the resolvers
#                      for `files` and `dns` inside since 2.34, so names resolve without a library
#                      beside it (/etc/hosts and /etc/resolv.conf come from the container engine).
#                      A binary that is linked dynamically takes its libraries along.
# * /etc/ssl/certs     the certificate authorities that WeChat's certificate is checked against.
# * /etc/wxgate        where gateway.toml is mounted.
set -eu

binary=$1
root=$2

mkdir -p "$root/etc/ssl/certs" "$root/etc/wxgate"
cp "$binary" "$root/wxgate"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

libraries=$(ldd "$binary" 2>/dev/null | grep -o '/[^ ]*' || true)
for library in $libraries; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done

chmod -R u=rwX,go=rX "$root"
chmod 0755 "$root/wxgate"
