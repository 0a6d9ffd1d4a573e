#!/bin/sh
# On a Mac with Xcode's command line tools: builds Offhook for both processors, makes the bundle, signs, notarises, and
# writes target/dist/Offhook-VERSION.dmg (for people) and .pkg (for Jamf and Intune). What has no credentials is left out
# and said at the end.
#   OFFHOOK_MAC_IDENTITY            Developer ID Application: … (in the keychain)
#   OFFHOOK_MAC_INSTALLER_IDENTITY  Developer ID Installer: …
#   OFFHOOK_MAC_NOTARY_KEY, OFFHOOK_MAC_NOTARY_KEY_ID, OFFHOOK_MAC_NOTARY_ISSUER
#                                   App Store Connect API: the .p8 file, its id, the issuer's id
set -eu
[ "$(uname -s)" = Darwin ] || { echo "this needs a Mac; elsewhere \`cargo xtask dist macos\` checks the layout" >&2; exit 3; }
cd "$(dirname "$0")/../.."
left_out=
skip() { left_out="$left_out
  $*"; }

# Older systems than the bundle says could not start it.
MACOSX_DEPLOYMENT_TARGET=$(sed -n 's/^minimum_system = "\(.*\)"/\1/p' packaging/app.toml)
export MACOSX_DEPLOYMENT_TARGET
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
RUSTFLAGS="--remap-path-prefix=$PWD=/offhook --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
export RUSTFLAGS
slices=
for target in aarch64-apple-darwin x86_64-apple-darwin; do
    rustup target add "$target"
    cargo build --profile dist --locked --package phone_app --bin offhook --target "$target" --target-dir target/macos
    slices="$slices target/macos/$target/dist/offhook"
done
unset RUSTFLAGS
# shellcheck disable=SC2086 # two paths without spaces
lipo -create -output target/macos/offhook $slices

dist=target/dist
cargo run --quiet --package phone_packaging -- macos target/macos/offhook --out "$dist"
app=$dist/macos/Offhook.app
entitlements=$dist/macos/entitlements.plist
version=$(/usr/libexec/PlistBuddy -c 'Print CFBundleShortVersionString' "$app/Contents/Info.plist")
identifier=$(/usr/libexec/PlistBuddy -c 'Print CFBundleIdentifier' "$app/Contents/Info.plist")

# Without an identity the signature is made "ad hoc": it starts on this Mac alone.
if [ -n "${OFFHOOK_MAC_IDENTITY:-}" ]; then
    codesign --force --timestamp --options runtime --entitlements "$entitlements" --sign "$OFFHOOK_MAC_IDENTITY" "$app"
else
    codesign --force --options runtime --entitlements "$entitlements" --sign - "$app"
    skip "signing (OFFHOOK_MAC_IDENTITY)"
fi
codesign --verify --strict --verbose=2 "$app"
# Lost once, nobody hears the user any more, without a question or an error.
codesign --display --entitlements - --xml "$app" | grep -q com.apple.security.device.audio-input
"$app/Contents/MacOS/offhook" --version

pkg=$dist/Offhook-$version.pkg
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
pkgbuild --component "$app" --install-location /Applications --identifier "$identifier" --version "$version" "$stage/offhook.pkg"
if [ -n "${OFFHOOK_MAC_INSTALLER_IDENTITY:-}" ]; then
    productbuild --package "$stage/offhook.pkg" --sign "$OFFHOOK_MAC_INSTALLER_IDENTITY" --timestamp "$pkg"
else
    productbuild --package "$stage/offhook.pkg" "$pkg"
    skip "signing the .pkg (OFFHOOK_MAC_INSTALLER_IDENTITY)"
fi

dmg=$dist/Offhook-$version.dmg
mkdir "$stage/dmg"
cp -R "$app" "$stage/dmg/"
ln -s /Applications "$stage/dmg/Applications"
hdiutil create -quiet -ov -volname Offhook -srcfolder "$stage/dmg" -fs HFS+ -format UDZO "$dmg"
if [ -n "${OFFHOOK_MAC_IDENTITY:-}" ]; then
    codesign --force --timestamp --sign "$OFFHOOK_MAC_IDENTITY" "$dmg"
fi

if [ -n "${OFFHOOK_MAC_NOTARY_KEY:-}" ] && [ -n "${OFFHOOK_MAC_IDENTITY:-}" ]; then
    for file in "$dmg" "$pkg"; do
        xcrun notarytool submit "$file" --wait --key "$OFFHOOK_MAC_NOTARY_KEY" \
            --key-id "${OFFHOOK_MAC_NOTARY_KEY_ID:?}" --issuer "${OFFHOOK_MAC_NOTARY_ISSUER:?}"
        xcrun stapler staple "$file"
    done
    spctl --assess --type open --context context:primary-signature --verbose=2 "$dmg"
    spctl --assess --type install --verbose=2 "$pkg"
else
    skip "notarising (OFFHOOK_MAC_NOTARY_KEY and OFFHOOK_MAC_IDENTITY)"
fi
(cd "$dist" && shasum -a 256 "$(basename "$dmg")" "$(basename "$pkg")" > SHA256SUMS-macos)
ls -l "$dmg" "$pkg"
[ -z "$left_out" ] || echo "left out, for want of credentials:$left_out"
