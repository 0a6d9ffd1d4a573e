# On Windows, as administrator: what check.sh does under wine, with the real Windows Installer, and what wine has not:
# the firewall's rule, exit codes, the entry in "Installed apps". Needs build.ps1 -Trial first. It changes this computer
# and changes it back; meant for a machine that is thrown away.
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '..\..')
$old = (Get-ChildItem target\dist\offhook-*-machine-x64.msi).FullName
$new = (Get-ChildItem target\dist\trial\offhook-*-machine-x64.msi).FullName
$user = (Get-ChildItem target\dist\offhook-*-user-x64.msi).FullName
$installed = "$env:ProgramFiles\Offhook"
$ours = 'HKLM:\SOFTWARE\Offhook\Offhook'

function Installer {
    param([string[]] $Words, [int[]] $Expected = 0)
    $process = Start-Process msiexec -ArgumentList ($Words + '/qn', '/l*v', 'target\dist\msi.log') -Wait -PassThru
    if ($process.ExitCode -notin $Expected) {
        Get-Content target\dist\msi.log -Tail 60
        throw "msiexec $Words ended with $($process.ExitCode), not $Expected"
    }
}
function Is { param($What, $Wanted, [string] $Name) if ("$What" -ne "$Wanted") { throw "$Name is '$What', not '$Wanted'" } }
function Entry {
    Get-ItemProperty HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\* | Where-Object DisplayName -eq 'Offhook'
}

Installer '/i', "`"$old`"", 'REGION=mypurecloud.de', 'FORCE_TURN=1', 'AUTOSTART=1', 'HANDLE_CALLTO=0'
Is (Get-ItemProperty "$ours\Deployment").Region 'mypurecloud.de' 'Region'
Is @(Entry).Count 1 'the number of entries in Installed apps'
Is (Get-NetFirewallRule -DisplayName Offhook | Measure-Object).Count 1 'the number of firewall rules'
Is (Test-Path 'HKLM:\SOFTWARE\Policies\Offhook') $false 'a policy of the installer'
$shown = & "$installed\offhook.exe" policy show --changed
if (-not ($shown -match 'force')) { throw "the program does not read what the installer wrote: $shown" }
& "$installed\offhook.exe" call echo --demo --duration 3s --input tone:440 --output null --json | Select-Object -Last 1
if ($LASTEXITCODE -gt 1) { throw 'no call could be made' }

Installer '/i', "`"$new`""
Is (Get-ItemProperty "$ours\Deployment").Region 'mypurecloud.de' 'Region after the upgrade'
Is @(Entry).Count 1 'the number of entries after the upgrade'
Is (Get-NetFirewallRule -DisplayName Offhook | Measure-Object).Count 1 'the number of firewall rules after the upgrade'
Installer -Words '/i', "`"$old`"" -Expected 1603
Installer -Words '/i', "`"$user`"" -Expected 1603
Installer '/x', "`"$new`""
Is (Test-Path $installed) $false 'the folder after removal'
Is (Test-Path 'HKLM:\SOFTWARE\Offhook') $false 'the registry after removal'
Is @(Entry).Count 0 'the number of entries after removal'
Is (Get-NetFirewallRule -DisplayName Offhook -ErrorAction SilentlyContinue | Measure-Object).Count 0 'the number of firewall rules after removal'

Installer '/i', "`"$user`"", 'AUTOSTART=1'
Is (Test-Path "$env:LOCALAPPDATA\Programs\Offhook\offhook.exe") $true "the user's program"
Installer '/x', "`"$user`""
Is (Test-Path "$env:LOCALAPPDATA\Programs\Offhook") $false "the user's folder after removal"
Write-Output 'all is well'
