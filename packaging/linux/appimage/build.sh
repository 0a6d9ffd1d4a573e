#!/bin/sh
# One file that runs without being installed, made of the .deb, so that there is no second list of files:
#   cargo xtask dist linux && sh packaging/linux/appimage/build.sh
# Needs appimagetool, which Debian does not have; without it the folder is made and checked, and that is said. The
# libraries that the .deb depends on are expected of the system, as every desktop has them.
set -eu
cd "$(dirname "$0")/../../.."
deb=$(echo target/dist/offhook_*_amd64.deb)
[ -f "$deb" ] || { echo "there is no $deb; run cargo xtask dist linux first" >&2; exit 3; }
folder=target/appimage/Offhook.AppDir
rm -rf "$folder"
mkdir -p "$folder"
dpkg-deb -x "$deb" "$folder"
cp "$folder/usr/share/applications/offhook.desktop" "$folder/"
cp "$folder/usr/share/icons/hicolor/256x256/apps/offhook.png" "$folder/"
ln -s offhook.png "$folder/.DirIcon"
ln -s usr/bin/offhook "$folder/AppRun"
# Policies are the computer's, not the file's.
rm -rf "$folder/etc"
"$folder/AppRun" --version
if command -v appimagetool > /dev/null; then
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} ARCH=x86_64 appimagetool "$folder" target/dist/Offhook-x86_64.AppImage
else
    echo "$folder is in order; not packed, because appimagetool is not here"
fi
