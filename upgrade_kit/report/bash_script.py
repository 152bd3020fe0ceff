"""A plan as a bash script that can be run as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from upgrade_kit.model.plan import Action, Actor, CopyFile, Effect, Plan, PlannedStep, Run
from upgrade_kit.report.shells import bash_literal, bash_path, bash_word, shown, step_lines

_HEAD = r"""
set -euo pipefail
umask 077  # what is kept may hold a password

from=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --from) from=${2:?--from needs the id of a step}; shift 2 ;;
    --list) printf '%s\n' "${steps[@]}"; exit 0 ;;
    *) printf 'usage: bash %s [--from STEP] [--list]\n' "$0" >&2; exit 2 ;;
  esac
done
if [[ -n $from ]]; then
  known=''
  for id in "${steps[@]}"; do [[ $id != "$from" ]] || known=yes; done
  if [[ -z $known ]]; then
    { printf 'There is no step %s. The steps are:\n' "$from"; printf '  %s\n' "${steps[@]}"; } >&2
    exit 2
  fi
fi

current='the beginning'
trap 'status=$?; if [[ $status -ne 0 ]]; then
  printf "\nStopped at %s with exit status %s. What comes after it was not done.\n" "$current" "$status" >&2
  printf "Find the cause; then go on with: bash %q --from %s\n" "$0" "$current" >&2
fi' EXIT

# Begin a step, unless it comes before the one to start from.
step() { # id, title
  if [[ -n $from && $1 != "$from" ]]; then return 1; fi
  from=''
  current=$1
  printf '\n== %s  %s\n   %s\n' "$1" "$2" "$(date '+%Y-%m-%d %H:%M:%S')"
}

# Run a program; any exit status that is not among the accepted ones ends the script with it.
run() { # accepted statuses, folder, NAME=VALUE ..., --, program and arguments
  local accepted=" $1 " folder=$2 status=0
  shift 2
  local -a settings=()
  while [[ $1 != -- ]]; do settings+=("$1"); shift; done
  shift
  printf '+'; printf ' %q' "$@"; printf '\n'
  (
    cd -- "$folder" || exit
    for setting in ${settings[@]+"${settings[@]}"}; do export "${setting?}" || exit; done
    "$@" </dev/null
  ) || status=$?
  case $accepted in
    *" $status "*) ;;
    *) printf 'This ended with exit status %s.\n' "$status" >&2
       if [[ $status -eq 0 ]]; then status=1; fi
       exit "$status" ;;
  esac
}

# Copy a file that may hold a password. A copy that is there already and differs is not replaced.
keep() { # file, copy
  mkdir -p -- "$(dirname -- "$2")"
  if [[ -e $2 ]]; then
    if cmp -s -- "$1" "$2"; then return 0; fi
    printf '%s is there already, and differs from %s. Move it away first.\n' "$2" "$1" >&2
    exit 3
  fi
  printf '+ copy %q to %q\n' "$1" "$2"
  cp -p -- "$1" "$2.part"
  mv -- "$2.part" "$2"
  chmod 600 -- "$2"
}

# Ask before what a person has to answer for. UPGRADE_CONFIRMED may name steps that are answered for already.
confirm() { # id, question
  case " ${UPGRADE_CONFIRMED:-} " in *" $1 "*) return 0 ;; esac
  local answer=''
  printf '%s\nType YES to go on with %s: ' "$2" "$1"
  IFS= read -r answer || true
  if [[ $answer != YES ]]; then
    printf '\nNot confirmed; nothing of %s was done.\n' "$1" >&2
    exit 3
  fi
}
"""


def bash_script(plan: Plan, *, made: datetime, version: str) -> str:
    """Return the plan as a bash script.

    Args:
        plan: the plan.
        made: when.
        version: of this kit.
    """
    return "\n".join(_script(plan, made, version)) + "\n"


def _script(plan: Plan, made: datetime, version: str) -> Iterator[str]:
    yield "#!/usr/bin/env bash"
    run = "bash FILE"
    for line in header(plan, made, version, run=run, resume=f"{run} --from STEP", steps=f"{run} --list"):
        yield f"# {line}" if line else "#"
    yield "# upgrade-kit and git must be on PATH: PATH=FOLDER-OF-upgrade-kit:$PATH bash FILE"
    yield "# Or, with nobody at the keyboard: UPGRADE_CONFIRMED='STEP STEP' bash FILE answers for these steps."
    yield ""
    yield "# shellcheck disable=SC1003,SC1112,SC2016  # quotes, $ and ` in names of folders are meant as they stand"
    yield "steps=("
    yield from (f"  {bash_literal(step.id)}" for step in plan.steps)
    yield ")"
    yield from _HEAD.splitlines()
    yield ""
    yield f"site={bash_literal(str(plan.site))}"
    yield f"work={bash_literal(str(plan.work))}"
    yield "[[ -d $site ]] || { printf 'There is no folder %s.\\n' \"$site\" >&2; exit 3; }"
    yield from (f"printf '%s\\n' {bash_literal(f'OPEN: {shown(open_)}')}" for open_ in plan.open_questions)
    yield from _needs(plan)
    yield 'mkdir -p -- "$work/backups" "$work/kept" "$work/logs"'
    for step in plan.steps:
        yield ""
        yield from _step(step)
    yield ""
    yield "current='the end'"
    yield "printf '\\nDone: %s\\n' \"$(date '+%Y-%m-%d %H:%M:%S')\""


def _needs(plan: Plan) -> Iterator[str]:
    programs = {"git", "upgrade-kit"} & {
        action.words[0] for step in plan.steps for action in step.actions if isinstance(action, Run)
    }
    for program in sorted(programs):
        yield (
            f"command -v {program} >/dev/null || "
            f"{{ printf '{program} is not on PATH; put the folder that holds it there first.\\n' >&2; exit 3; }}"
        )
    if plan.needs_password:
        yield (
            "[[ -n ${UPGRADE_KIT_PASSWORD:-} ]] || "
            "{ printf 'Set UPGRADE_KIT_PASSWORD to the password of the database first.\\n' >&2; exit 3; }"
        )


def _step(step: PlannedStep) -> Iterator[str]:
    yield f"if step {bash_literal(step.id)} {bash_literal(shown(step.title))}; then"
    if step.actor is Actor.PERSON:
        told = [step.title + ". This is yours to do.", step.why, *step_lines(step, "bash"), f"Done when: {step.proof}"]
        for line in filter(None, told):
            yield f"  printf '%s\\n' {bash_literal(shown(line))}"
        yield f"  confirm {bash_literal(step.id)} 'Is it done?'"
    else:
        if step.effect is Effect.IRREVERSIBLE:
            yield f"  confirm {bash_literal(step.id)} {bash_literal(shown(question(step)))}"
        yield from (f"  {_action(action)}" for action in step.actions)
    yield from (f"  {_action(proof)}" for proof in step.proofs)
    yield "fi"


def _action(action: Action) -> str:
    if isinstance(action, CopyFile):
        return f"keep {bash_word(bash_path(action.source))} {bash_word(bash_path(action.target))}"
    accepted = bash_literal(" ".join(map(str, action.accepts)))
    folder = '"$work"' if action.folder is None else bash_word(bash_path(action.folder))
    settings = [bash_word(f"{name}={value}") for name, value in action.environment]
    return " ".join(["run", accepted, folder, *settings, "--", *map(bash_word, action.words)])


def question(step: PlannedStep) -> str:
    """Return what a script asks before a step that cannot be taken back."""
    return f"POINT OF NO RETURN: {step.title}. Way back: {step.back}"


def header(plan: Plan, made: datetime, version: str, *, run: str, resume: str, steps: str) -> Iterator[str]:
    """Yield what a script says of itself at its beginning."""
    yield f"Upgrade of QATrack+ at {shown(str(plan.site))}"
    yield f"from {' to '.join(map(str, plan.versions))}; database {shown(plan.database) or 'not known'}"
    yield f"Made by upgrade-kit {version} at {made:%Y-%m-%d %H:%M} UTC. It holds no password."
    yield f"Backups, copies and logs go to {shown(str(plan.work))}"
    for question_ in plan.open_questions:
        yield f"OPEN: {shown(question_)}"
    yield ""
    yield f"Run it:              {run}"
    yield f"Go on from a step:   {resume}"
    yield f"List the steps:      {steps}"
    yield "It stops at the first command that fails, with its exit status."
