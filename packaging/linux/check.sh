#!/bin/sh
# Examines target/dist: linters, the .rpm's contents, and the .deb in an empty Debian of the release it was built on:
# install, open the window, call, upgrade with settings kept, purge without a trace. Needs root for the last part.
set -eu
dist=target/dist
deb=$(echo "$dist"/offhook_*_amd64.deb)
rpm=$(echo "$dist"/offhook-*.x86_64.rpm)
say() { printf '%s\n' "== $*"; }

say "linters"
lintian --fail-on error,warning --suppress-tags embedded-library,initial-upload-closes-no-bugs "$deb"
work=$(mktemp -d)
chroot=
clean() {
    if [ -n "$chroot" ]; then
        for at in proc dev; do umount "$chroot/$at" 2>/dev/null || true; done
    fi
    rm -rf "$work"
}
trap clean EXIT INT TERM
dpkg-deb -x "$deb" "$work/deb"
desktop-file-validate "$work/deb/usr/share/applications/offhook.desktop"
appstreamcli validate --no-net --pedantic "$work/deb/usr/share/metainfo/io.offhook.offhook.metainfo.xml"

say "the .rpm"
rpm -qp --nosignature --requires "$rpm" | grep -q '^libGL.so.1()(64bit)'
rpm -qp --nosignature --requires "$rpm" | grep -q '^libasound.so.2()(64bit)'
rpm -qlp --nosignature "$rpm" | sort > "$work/rpm.list"
(cd "$work/deb" && find . -type f -o -type d -empty) | sed 's/^\.//' | grep -v changelog.Debian | sort > "$work/deb.list"
diff "$work/deb.list" "$work/rpm.list"

if [ "$(id -u)" != 0 ]; then
    say "not run: the installation in an empty Debian, which needs root"
    exit 0
fi
say "an empty Debian"
chroot="$work/root"
. /etc/os-release
mirror=$(apt-cache policy base-files | grep -oE "https?://[^ ]+" | grep -v security | head -1)
debootstrap --variant=minbase --include=ca-certificates "$VERSION_CODENAME" "$chroot" "${mirror:-http://deb.debian.org/debian}" > "$work/debootstrap.log" 2>&1 ||
    { tail -5 "$work/debootstrap.log"; exit 1; }
for file in /etc/apt/apt.conf.d/*proxy* /etc/apt/sources.list /etc/resolv.conf; do
    [ -e "$file" ] && cp "$file" "$chroot$file"
done
mount -t proc proc "$chroot/proc"
mount --bind /dev "$chroot/dev"
cp "$deb" "$chroot/tmp/offhook.deb"
in_root() { chroot "$chroot" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 "$@"; }
in_root apt-get -qq update
in_root find / -xdev -path /proc -prune -o -path /dev -prune -o -path /var -prune -o -path /tmp -prune -o -print | sort > "$work/before"
in_root apt-get -qq install --no-install-recommends -y /tmp/offhook.deb > "$work/install.log" 2>&1 || { tail -20 "$work/install.log"; exit 1; }
in_root offhook --version
say "a call"
in_root offhook call echo --demo --duration 3s --input tone:440 --output null --json | tail -1 > "$work/summary"
grep -q '"event":"summary"' "$work/summary"
grep -q '"level_out_dbfs":-2' "$work/summary" || { cat "$work/summary"; say "the tone was not heard"; exit 1; }

say "the window"
# Drawing and looking need more than the package does; it must not hide a missing dependency, so it comes after the call.
in_root sh -c 'ldd /usr/bin/offhook | grep "not found" && exit 1 || true'
Xvfb :97 -screen 0 1280x800x24 -nolisten tcp > "$work/xvfb.log" 2>&1 &
xvfb=$!
mkdir -p "$chroot/tmp/.X11-unix"
sleep 2
mount --bind /tmp/.X11-unix "$chroot/tmp/.X11-unix"
in_root apt-get -qq install --no-install-recommends -y libgl1-mesa-dri > "$work/mesa.log" 2>&1
in_root env DISPLAY=:97 LIBGL_ALWAYS_SOFTWARE=1 timeout 15 offhook --demo > "$work/window.log" 2>&1 &
sleep 8
import -display :97 -window root "$dist/window-in-chroot.png"
# An empty screen has one colour.
colours=$(identify -format '%k' "$dist/window-in-chroot.png")
kill $xvfb 2>/dev/null || true
umount "$chroot/tmp/.X11-unix"
[ "$colours" -gt 50 ] || { cat "$work/window.log"; say "the window did not open ($colours colours)"; exit 1; }

say "upgrade and removal"
mkdir -p "$chroot/root/.config/offhook" && echo 'account = "ben"' > "$chroot/root/.config/offhook/offhook.toml"
echo '{}' > "$chroot/etc/xdg/offhook/policies/managed/it.json"
in_root apt-get -qq install --reinstall -y /tmp/offhook.deb > "$work/upgrade.log" 2>&1
grep -q ben "$chroot/root/.config/offhook/offhook.toml"
test -f "$chroot/etc/xdg/offhook/policies/managed/it.json"
rm "$chroot/etc/xdg/offhook/policies/managed/it.json"
in_root apt-get -qq purge -y offhook > "$work/purge.log" 2>&1
left=$(in_root find /usr /etc -iname '*offhook*')
[ -z "$left" ] || { echo "$left"; say "removal leaves these behind"; exit 1; }
say "all is well"
