#!/bin/sh
# Signs FILE (.exe or .msi) in place where a certificate is given, and does nothing without one.
#   OFFHOOK_SIGN_CERTIFICATE  PEM, with its chain     OFFHOOK_SIGN_KEY        PEM
#   OFFHOOK_SIGN_TIMESTAMP    address of an RFC 3161 service; a release needs one, or its signature ends with the certificate
set -eu
file=${1:?the file to sign}
if [ -z "${OFFHOOK_SIGN_CERTIFICATE:-}" ]; then
    exit 0
fi
set -- -certs "$OFFHOOK_SIGN_CERTIFICATE" -key "${OFFHOOK_SIGN_KEY:?the key of the certificate}" -h sha256 -n Offhook
if [ -n "${OFFHOOK_SIGN_TIMESTAMP:-}" ]; then
    set -- "$@" -ts "$OFFHOOK_SIGN_TIMESTAMP"
fi
osslsigncode sign "$@" -in "$file" -out "$file.signed" > "$file.log" || { cat "$file.log"; exit 1; }
mv "$file.signed" "$file"
rm -f "$file.log"
