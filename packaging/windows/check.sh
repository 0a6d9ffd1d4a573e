#!/bin/sh
# Examines target/dist under wine: the program calls and opens its window; then the installers, for the machine and for
# one user: install with properties, upgrade without them, refuse an older one, remove. Files, registry and leftovers are
# compared each time with packaging/windows/states.txt. Nothing of the user's is touched: wine gets a folder of its own.
#   check.sh BIN SHIM [--write]
# BIN: folder of offhook.exe and offhook-window.exe; SHIM: the library that wine lacks; --write: take the states as right
set -eu
bin=$1 shim=$2 write=${3:-}
dist=target/dist
here=$(dirname "$0")
work=$(mktemp -d)
say() { printf '%s\n' "== $*"; }
fail() { say "FAILED: $*"; exit 1; }

# Without what would put shortcuts into the menus of this computer, too.
export WINEPREFIX="$work/wine" WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml,winemenubuilder.exe=" DISPLAY=
xvfb=
clean() {
    wineserver -k 2>/dev/null || true
    [ -z "$xvfb" ] || kill "$xvfb" 2>/dev/null || true
    wineserver -w 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 1' INT TERM
wine() { command wine "$@" 2>>"$work/wine.log"; }
# Wine is slow to start and a busy machine slower; what takes longer than this hangs.
patient() { timeout 300 wine "$@" 2>>"$work/wine.log"; }

say "wine: $(command wine --version 2>/dev/null)"
Xvfb -displayfd 3 -screen 0 1280x800x24 -nolisten tcp 3>"$work/display" >"$work/xvfb.log" 2>&1 &
xvfb=$!
until [ -s "$work/display" ]; do
    kill -0 $xvfb 2>/dev/null || { cat "$work/xvfb.log"; fail "there is no display"; }
    sleep 0.1
done
DISPLAY=:$(cat "$work/display")
export DISPLAY LIBGL_ALWAYS_SOFTWARE=1
timeout 300 wineboot -i >/dev/null 2>&1 || fail "wine could not be set up"
wineserver -w
c="$WINEPREFIX/drive_c"
# Links into the home of whoever runs this would put things there, and hide them from the comparison.
find "$c/users" -type l | while read -r link; do
    rm "$link"
    mkdir "$link"
done
[ -e "$c/windows/system32/bcryptprimitives.dll" ] || cp "$shim" "$c/windows/system32/bcryptprimitives.dll"

say "the program"
patient "$bin/offhook.exe" --version
patient "$bin/offhook.exe" call echo --demo --duration 3s --input tone:440 --output null --json > "$work/call" ||
    { tail -5 "$work/call"; fail "no call could be made"; }
tail -1 "$work/call" > "$work/summary"
grep -q '"event":"summary"' "$work/summary" || { tail -5 "$work/call"; fail "the call has no summary"; }
grep -q '"level_out_dbfs":-2' "$work/summary" || { cat "$work/summary"; fail "the tone was not heard"; }

say "the window"
patient "$bin/offhook-window.exe" --demo
colours=0 tries=0
# An empty screen has one colour.
while [ "$colours" -lt 50 ]; do
    tries=$((tries + 1))
    [ $tries -le 120 ] || fail "the window did not open ($colours colours, see $dist/windows-window.png)"
    sleep 1
    import -window root "$dist/windows-window.png"
    colours=$(identify -format '%k' "$dist/windows-window.png")
done
sleep 2
import -window root "$dist/windows-window.png"
wineserver -k
wineserver -w

# What the registry and the folders hold of ours, in words that are the same on every run.
state() {
    wineserver -w
    echo "### $1"
    (cd "$c" && find . -ipath '*offhook*' -not -path './windows/temp/*' -not -path './users/*/Temp/*' \
        -not -path './windows/Installer/*' | sed -E 's#^\./users/[^/]+#./users/USER#' | LC_ALL=C sort)
    # Keys with a value or a name of ours, in order.
    for hive in system user; do
        awk -v hive=$hive '
            /^\[/ { key = $0; sub(/\] [0-9]+$/, "]", key); next }
            /^#|^$|^WINE REGISTRY|^;;/ { next }
            { if (tolower(key $0) ~ /offhook/ && key !~ /Installer\\\\UserData|Installer\\\\Products|MuiCache|TypedURLs/) print hive " " key " " $0 }
        ' "$WINEPREFIX/$hive.reg" |
            sed -E -e 's/"(InstallDate|EstimatedSize)"=.*/"\1"=.../' -e "s#users\\\\\\\\[A-Za-z0-9_-]+#users\\\\\\\\USER#g" \
                -e 's#"(InstallSource|LocalPackage)"=.*#"\1"=...#' | LC_ALL=C sort
    done
}

# msiexec's own numbers do not fit into an exit code here (1603 becomes 67), so only its success is looked at.
msi() {
    patient msiexec "$@" /qn /l*v "$work/msi.log"
}
log() { tr -d '\000\r' < "$work/msi.log" | tail -40; }
same() { [ "$(cat "$1")" = "$(cat "$2")" ]; }

version=$(basename "$dist"/offhook-*-machine-x64.msi | cut -d- -f2)
states="$work/states"
for scope in machine user; do
    say "the installer for the $scope"
    old="$dist/offhook-$version-$scope-x64.msi"
    new=$(echo "$dist"/trial/offhook-*-$scope-x64.msi)
    state before > "$work/before"
    msi /i "$old" REGION=mypurecloud.de FORCE_TURN=1 MEDIA_DSCP=34 AUTOSTART=1 HANDLE_CALLTO=0 DESKTOP_SHORTCUT=1 \
        QOS_DSCP=46 ||
        { log; fail "it cannot be installed"; }
    state "$scope: installed" | tee "$work/installed" >> "$states"
    if [ "$scope" = machine ]; then at="$c/Program Files/Offhook"; else at=$(echo "$c"/users/*/AppData/Local/Programs/Offhook); fi
    cmp "$bin/offhook.exe" "$at/offhook.exe" || fail "the program that was installed is another one"
    patient "$at/offhook.exe" policy show --changed > "$work/policy" || { cat "$work/policy"; fail "policy show"; }
    tr -d '\r' < "$work/policy" | sed -E 's/ +$//' > "$work/policy.$scope"
    { echo "### $scope: what the program reads"; cat "$work/policy.$scope"; } >> "$states"

    msi /i "$new" || { log; fail "it cannot be upgraded"; }
    state "$scope: upgraded, nothing said" | tee "$work/upgraded" >> "$states"

    if msi /i "$old"; then fail "an older version went over a newer one"; fi
    tr -d '\000' < "$work/msi.log" > "$work/msi.txt"
    state "$scope: upgraded, nothing said" > "$work/refused"
    same "$work/upgraded" "$work/refused" || { diff "$work/upgraded" "$work/refused"; fail "refusing it changed something"; }

    if [ "$scope" = machine ]; then
        if msi /i "$dist/offhook-$version-user-x64.msi"; then fail "one user's went beside the machine's"; fi
        state "$scope: upgraded, nothing said" > "$work/refused"
        same "$work/upgraded" "$work/refused" || { diff "$work/upgraded" "$work/refused"; fail "the user's changed something"; }
    fi

    msi /x "$new" || { log; fail "it cannot be removed"; }
    state before > "$work/after"
    same "$work/before" "$work/after" || { diff "$work/before" "$work/after"; fail "removal leaves these behind"; }
done

if [ "$write" = --write ]; then cp "$states" "$here/states.txt"; fi
diff "$here/states.txt" "$states" || fail "files or registry are not what packaging/windows/states.txt says"

say "signatures, with a certificate made for this"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 -subj "/CN=Offhook test" \
    -addext extendedKeyUsage=codeSigning > "$work/openssl.log" 2>&1 || { cat "$work/openssl.log"; fail "no certificate"; }
for file in "$bin/offhook.exe" "$dist/offhook-$version-machine-x64.msi"; do
    cp "$file" "$work/signed"
    OFFHOOK_SIGN_CERTIFICATE="$work/cert.pem" OFFHOOK_SIGN_KEY="$work/key.pem" sh packaging/sign/windows.sh "$work/signed"
    osslsigncode verify -CAfile "$work/cert.pem" -in "$work/signed" > "$work/verify.log" 2>&1 ||
        { cat "$work/verify.log"; fail "the signature of $(basename "$file") does not hold"; }
done
say "not run, it needs Windows: the firewall's rule, Restart Manager, the real msiexec; .github/workflows/windows.yml has them"
say "all is well"
