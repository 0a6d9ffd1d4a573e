# On Windows with Rust and the Windows SDK: the program for x64 with Microsoft's linker, signed where credentials are,
# and both installers in target\dist. On Debian `cargo xtask dist windows` does the same with a cross compiler.
param([switch] $Trial)
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '..\..')
function Must { param([scriptblock] $What) & $What; if ($LASTEXITCODE) { throw "failed: $What" } }

$target = 'x86_64-pc-windows-msvc'
$cargoHome = if ($env:CARGO_HOME) { $env:CARGO_HOME } else { Join-Path $env:USERPROFILE '.cargo' }
$env:SOURCE_DATE_EPOCH = git log -1 --format=%ct
Must { rustup target add $target }
Must { cargo run --quiet --package phone_packaging -- windows-resources --out target\dist\windows-resources }
$rc = Get-ChildItem "${env:ProgramFiles(x86)}\Windows Kits\10\bin\10.*\x64\rc.exe" |
    Sort-Object { [version] $_.Directory.Parent.Name } | Select-Object -Last 1
if (-not $rc) { throw 'rc.exe of the Windows SDK is not installed' }
Push-Location target\dist\windows-resources
Must { & $rc /nologo /fo offhook.res offhook.rc }
Pop-Location
$resources = (Resolve-Path target\dist\windows-resources\offhook.res).Path

# The C run-time inside: a clean Windows does not have it. No path of this machine in the program.
$flags = @('-Ctarget-feature=+crt-static', "--remap-path-prefix=$PWD=/offhook", "--remap-path-prefix=$cargoHome=/cargo",
    "-Clink-arg=$resources", '-Clink-arg=/Brepro', '-Clink-arg=/MANIFEST:NO')
$env:CARGO_ENCODED_RUSTFLAGS = $flags -join [char] 0x1f
Must { cargo build --profile dist --locked --package phone_app --features windows-launcher --bins --target $target --target-dir target\windows }
Remove-Item Env:CARGO_ENCODED_RUSTFLAGS
$built = "target\windows\$target\dist"
foreach ($program in 'offhook.exe', 'offhook-window.exe') {
    Must { powershell -NoProfile -ExecutionPolicy Bypass -File packaging\sign\windows.ps1 "$built\$program" }
}
$arguments = @('windows', "$built\offhook.exe", '--launcher', "$built\offhook-window.exe")
if ($Trial) { $arguments += '--trial' }
Must { cargo run --quiet --package phone_packaging -- @arguments }
