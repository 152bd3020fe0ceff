"""A plan as a PowerShell script that can be run as it is, by Windows PowerShell 5.1 and by PowerShell 7."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from upgrade_kit.model.plan import Action, Actor, CopyFile, Effect, Plan, PlannedStep, Run
from upgrade_kit.report.bash_script import header, question
from upgrade_kit.report.shells import powershell_literal, shown, step_lines

BYTE_ORDER_MARK = "\ufeff"  # without it, Windows PowerShell 5.1 reads a script in the machine's own code page

_HEAD = r"""
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
# PowerShell 7 would handle exit statuses and quotation marks in its own way; here both are handled by Invoke-Program.
$PSNativeCommandUseErrorActionPreference = $false
$PSNativeCommandArgumentPassing = 'Legacy'
try { [Console]::OutputEncoding = New-Object System.Text.UTF8Encoding $false } catch { Write-Verbose 'no console' }

if ($List) { $Steps; exit 0 }
if ($From -and ($Steps -notcontains $From)) {
    Write-Host "There is no step $From. The steps are:"
    $Steps | ForEach-Object { Write-Host "  $_" }
    exit 2
}

$script:Waiting = $From
$script:Current = 'the beginning'
$script:Status = 1

# Begin a step, unless it comes before the one to start from.
function Test-Step([string]$Id, [string]$Title) {
    if ($script:Waiting -and ($script:Waiting -ne $Id)) { return $false }
    $script:Waiting = ''
    $script:Current = $Id
    Write-Host ''
    Write-Host "== $Id  $Title"
    Write-Host "   $(Get-Date -Format 'yyyy-MM-dd HH:mm:ss')"
    return $true
}

# Stop, with the exit status that the script ends with.
function Stop-Plan([int]$Status, [string]$Message) {
    $script:Status = $Status
    throw $Message
}

# A native program gets one string: quotation marks in an argument, and backslashes before one, are doubled here.
function ConvertTo-Argument([string]$Word) {
    $escaped = $Word -replace '(\\*)"', '$1$1\"'
    if ($escaped -match '\s') { $escaped = $escaped -replace '(\\+)$', '$1$1' }
    return $escaped
}

# Run a program; any exit status that is not among the accepted ones ends the script with it.
function Invoke-Program([int[]]$Accept, [string]$Folder, [hashtable]$Set, [string[]]$Words) {
    Write-Host "+ $($Words -join ' ')"
    $before = @{}
    foreach ($name in $Set.Keys) {
        $before[$name] = [Environment]::GetEnvironmentVariable($name)
        [Environment]::SetEnvironmentVariable($name, $Set[$name])
    }
    $program = $Words[0]
    $rest = @($Words | Select-Object -Skip 1 | ForEach-Object { ConvertTo-Argument $_ })
    $global:LASTEXITCODE = 0
    Push-Location -LiteralPath $Folder
    try {
        & $program @rest
        $status = $global:LASTEXITCODE
    } finally {
        Pop-Location
        foreach ($name in $before.Keys) {
            if ($null -eq $before[$name]) { Remove-Item -LiteralPath "Env:$name" -ErrorAction SilentlyContinue }
            else { [Environment]::SetEnvironmentVariable($name, $before[$name]) }
        }
    }
    if ($Accept -notcontains $status) {
        $ending = $status
        if ($ending -eq 0) { $ending = 1 }
        Stop-Plan $ending "This ended with exit status $status."
    }
}

# Copy a file that may hold a password: only this user may read the copy. One that is there and differs stays.
function Copy-Kept([string]$Source, [string]$Target) {
    [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Target)) | Out-Null
    if ([System.IO.File]::Exists($Target)) {
        $same = (Get-FileHash -LiteralPath $Source).Hash -eq (Get-FileHash -LiteralPath $Target).Hash
        if (-not $same) { Stop-Plan 3 "$Target is there already, and differs from $Source. Move it away first." }
        return
    }
    Write-Host "+ copy $Source to $Target"
    [System.IO.File]::Copy($Source, $Target)
    $me = [System.Security.Principal.WindowsIdentity]::GetCurrent().Name
    Invoke-Program @(0) $Work @{} @('icacls.exe', $Target, '/inheritance:r', '/grant:r', "${me}:F")
}

# Ask before what a person has to answer for. UPGRADE_CONFIRMED may name steps that are answered for already.
function Confirm-Step([string]$Id, [string]$Question) {
    if (("$env:UPGRADE_CONFIRMED" -split '\s+') -contains $Id) { return }
    Write-Host $Question
    $answer = ''
    try { $answer = Read-Host "Type YES to go on with $Id" } catch { Write-Host 'Nobody can be asked here.' }
    if ($answer -cne 'YES') { Stop-Plan 3 "Not confirmed; nothing of $Id was done." }
}
"""


def powershell_script(plan: Plan, *, made: datetime, version: str) -> str:
    """Return the plan as a PowerShell script, without a byte order mark.

    Args:
        plan: the plan.
        made: when.
        version: of this kit.
    """
    return "\n".join(_script(plan, made, version)) + "\n"


def _script(plan: Plan, made: datetime, version: str) -> Iterator[str]:
    run = "powershell -ExecutionPolicy Bypass -File FILE.ps1"
    for line in header(plan, made, version, run=run, resume=f"{run} -From STEP", steps=f"{run} -List"):
        yield f"# {line}" if line else "#"
    yield "# upgrade-kit and git must be on PATH: $env:Path = 'FOLDER OF upgrade-kit.exe;' + $env:Path"
    yield "# Or, with nobody at the keyboard: $env:UPGRADE_CONFIRMED = 'STEP STEP' answers for these steps beforehand."
    yield "param([string]$From = '', [switch]$List)"
    yield ""
    yield f"$Steps = {_array(step.id for step in plan.steps)}"
    yield from _HEAD.splitlines()
    yield ""
    yield f"$Site = {powershell_literal(str(plan.site))}"
    yield f"$Work = {powershell_literal(str(plan.work))}"
    yield ""
    yield "try {"
    yield from (f"    {line}" for line in _body(plan))
    yield "} catch {"
    yield "    Write-Host ''"
    yield "    Write-Host $_.Exception.Message"
    yield '    Write-Host "Stopped at $($script:Current). What comes after it was not done."'
    yield '    Write-Host "Find the cause; then go on with -From $($script:Current)"'
    yield "    exit $script:Status"
    yield "}"


def _body(plan: Plan) -> Iterator[str]:
    yield from (f"Write-Host {powershell_literal(f'OPEN: {shown(open_)}')}" for open_ in plan.open_questions)
    yield 'if (-not (Test-Path -LiteralPath $Site -PathType Container)) { Stop-Plan 3 "There is no folder $Site." }'
    programs = {"git", "upgrade-kit"} & {
        action.words[0] for step in plan.steps for action in step.actions if isinstance(action, Run)
    }
    for program in sorted(programs):
        yield (
            f"if (-not (Get-Command {program} -CommandType Application -ErrorAction SilentlyContinue)) "
            f"{{ Stop-Plan 3 '{program} is not on PATH; put the folder that holds it there first.' }}"
        )
    if plan.needs_password:
        yield (
            "if (-not $env:UPGRADE_KIT_PASSWORD) "
            "{ Stop-Plan 3 'Set $env:UPGRADE_KIT_PASSWORD to the password of the database first.' }"
        )
    yield "foreach ($name in 'backups', 'kept', 'logs') {"
    yield "    [System.IO.Directory]::CreateDirectory([System.IO.Path]::Combine($Work, $name)) | Out-Null"
    yield "}"
    for step in plan.steps:
        yield ""
        yield from _step(step)
    yield ""
    yield "Write-Host ''"
    yield "Write-Host \"Done: $(Get-Date -Format 'yyyy-MM-dd HH:mm:ss')\""


def _step(step: PlannedStep) -> Iterator[str]:
    name = powershell_literal(step.id)
    yield f"if (Test-Step {name} {powershell_literal(shown(step.title))}) {{"
    if step.actor is Actor.PERSON:
        told = [
            step.title + ". This is yours to do.",
            step.why,
            *step_lines(step, "powershell"),
            f"Done when: {step.proof}",
        ]
        yield from (f"    Write-Host {powershell_literal(shown(line))}" for line in filter(None, told))
        yield f"    Confirm-Step {name} 'Is it done?'"
    else:
        if step.effect is Effect.IRREVERSIBLE:
            yield f"    Confirm-Step {name} {powershell_literal(shown(question(step)))}"
        yield from (f"    {_action(action)}" for action in step.actions)
    yield from (f"    {_action(proof)}" for proof in step.proofs)
    yield "}"


def _action(action: Action) -> str:
    if isinstance(action, CopyFile):
        return f"Copy-Kept {powershell_literal(str(action.source))} {powershell_literal(str(action.target))}"
    accepted = f"@({', '.join(map(str, action.accepts))})"
    folder = "$Work" if action.folder is None else powershell_literal(str(action.folder))
    settings = "; ".join(f"{name} = {powershell_literal(value)}" for name, value in action.environment)
    return f"Invoke-Program {accepted} {folder} @{{{settings}}} {_array(action.words)}"


def _array(words: Iterable[str]) -> str:
    return f"@({', '.join(map(powershell_literal, words))})"
