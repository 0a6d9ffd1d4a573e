# Signs FILE (.exe or .msi) in place with Azure Trusted Signing where it is set up, and does nothing otherwise.
#   OFFHOOK_SIGN_DLIB      path of Azure.CodeSigning.Dlib.dll
#   OFFHOOK_SIGN_METADATA  path of the JSON that names endpoint, account and profile
param([Parameter(Mandatory)] [string] $File)
$ErrorActionPreference = 'Stop'
if (-not $env:OFFHOOK_SIGN_METADATA) { exit 0 }
$signtool = Get-ChildItem "${env:ProgramFiles(x86)}\Windows Kits\10\bin\10.*\x64\signtool.exe" |
    Sort-Object { [version] $_.Directory.Parent.Name } | Select-Object -Last 1
if (-not $signtool) { throw 'signtool.exe of the Windows SDK is not installed' }
& $signtool sign /v /fd SHA256 /tr http://timestamp.acs.microsoft.com /td SHA256 `
    /dlib $env:OFFHOOK_SIGN_DLIB /dmdf $env:OFFHOOK_SIGN_METADATA /d Offhook $File
if ($LASTEXITCODE) { throw "$File could not be signed" }
& $signtool verify /pa $File
if ($LASTEXITCODE) { throw "the signature of $File does not hold" }
