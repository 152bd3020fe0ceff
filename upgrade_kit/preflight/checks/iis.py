"""Does IIS hand out the static files itself, and everything else to the service of this site?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Self
from urllib.parse import urlsplit

from upgrade_kit.model.deployment import (
    Iis,
    IisRule,
    IisSite,
    ServiceScripts,
)
from upgrade_kit.model.finding import Finding, NotApplicable, Passed
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, then

_GUIDE = "docs/install/win.rst (v0.3.0), Setting up IIS"
_RULES = "docs/install/win.rst (v0.3.0), Setting up the site and URL rewrite rules"
_STATIC_FILES = ("static/qa/img/tux.png", "media/uploads/1/profile.txt")
_PAGE = "qa/unit/1/"
_MOST_REPEATS = 6
_THIS_MACHINE = frozenset(("localhost", "127.0.0.1", "::1"))
_STATIC_RULE = (
    '<rule name="QATrack Static" stopProcessing="true">',
    '  <match url="^(static|media)/.*" />',
    '  <action type="None" />',
    "</rule>",
)
_FIRST_GROUP = re.compile(r"\{R:(\d+)\}")


def _proxy_rule(port: int) -> tuple[str, ...]:
    return (
        '<rule name="QATrack Reverse Proxy" stopProcessing="true">',
        '  <match url="^(.*)" />',
        f'  <action type="Rewrite" url="http://localhost:{port}/{{R:1}}" appendQueryString="true" />',
        "</rule>",
    )


# What becomes of a request


@dataclass(frozen=True, slots=True)
class _Route:
    """The rule that decides on a request (``None``: none does), and whether it surely does."""

    rule: IisRule | None
    certain: bool = True


def _route(rules: Sequence[IisRule], path: str) -> _Route:
    """Follow the rules as URL Rewrite does, for a path without its first ``/``."""
    for rule in rules:
        if not rule.enabled:
            continue
        matched = _matches(rule, path)
        if matched is None:
            return _Route(rule, certain=False)
        if not matched or (rule.has_conditions and rule.action in {"Redirect", "CustomResponse", "AbortRequest"}):
            continue  # such a rule is for other requests: those without https, or from elsewhere
        if rule.has_conditions:
            return _Route(rule, certain=False)
        if rule.stops or rule.action != "None":
            return _Route(rule)
    return _Route(None)


def _matches(rule: IisRule, path: str) -> bool | None:
    """Return whether a rule's pattern matches, or ``None`` where the pattern is not understood."""
    flags = re.IGNORECASE if rule.ignores_case else re.NOFLAG
    match rule.syntax.casefold():
        case "wildcard":
            found = re.fullmatch(".*".join(map(re.escape, rule.pattern.split("*"))), path, flags)
        case "exactmatch":
            found = re.fullmatch(re.escape(rule.pattern), path, flags)
        case _:
            if _may_take_long(rule.pattern):
                return None
            try:
                found = re.search(rule.pattern, path, flags)
            except (re.error, RecursionError, OverflowError):
                return None
    return (found is not None) != rule.negated


def _may_take_long(pattern: str) -> bool:
    """Return whether a pattern repeats so much that comparing it with even a short path might not end."""
    repeats = len(re.findall(r"[*+{]", pattern))
    return repeats > _MOST_REPEATS or (repeats > 1 and re.search(r"\)[*+{]", pattern) is not None)


def _chain(iis: Iis) -> tuple[IisRule, ...]:
    """Return the rules that a request to the site goes through, in order."""
    server = tuple(rule for rule in iis.rules if rule.is_global)
    scopes = dict.fromkeys(rule.scope for rule in iis.rules if not rule.is_global)
    chains = [tuple(rule for rule in iis.rules if not rule.is_global and rule.scope == scope) for scope in scopes]
    # One server may have other sites, with rules of their own.
    own = [chain for chain in chains if any(map(_is_proxy, chain))] or chains
    return (*server, *(own[0] if own else ()))


def _is_proxy(rule: IisRule) -> bool:
    return rule.action == "Rewrite" and _target(rule) is not None


def _target(rule: IisRule) -> tuple[str, str, int] | None:
    """Return scheme, host and port of where a rule leads, or ``None`` where that is no other server."""
    try:
        parts = urlsplit(rule.url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.hostname is None:
        return None
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)


def _port_of(fact: IisOfSite) -> int:
    scripts = fact.scripts.scripts if isinstance(fact.scripts, ServiceScripts) else ()
    return next((script.port.value for script in scripts if isinstance(script.port.value, int)), 8080)


def _without_rules(iis: Iis) -> NotApplicable | None:
    """Return why nothing can be said of the rules: where the guide puts them was not looked at."""
    if iis.has_rewriting or not isinstance(iis.proxy, Unobserved):
        return None
    return NotApplicable(f"no rewrite rules in {_files(iis)}; {iis.proxy.reason}")


def _files(iis: Iis) -> str:
    return ", ".join(str(file) for file in iis.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class IisOfSite:
    """The configuration of IIS, the service scripts where there are any, and the site's folder."""

    iis: Iis
    scripts: ServiceScripts | Unobserved
    folder: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(
            facts.get(Iis), lambda known: cls(iis=known, scripts=facts.get(ServiceScripts), folder=facts.folder)
        )


@check(
    "UK611",
    "IIS hands out static and media files itself",
    reads=IisOfSite,
    section=f"{_RULES}: the rule QATrack Static",
    remedy="Put the rule for static and media files, with stopProcessing, before the one that hands on to the service.",
)
def static_files_come_first(fact: IisOfSite) -> Answer:
    """With DEBUG off the service has no static files: without this rule, pages come without style and script."""
    nothing = _without_rules(fact.iis)
    if nothing is not None:
        return nothing
    rules = _chain(fact.iis)
    taken: dict[IisRule, list[str]] = {}
    doubtful: list[IisRule] = []
    for path in _STATIC_FILES:
        route = _route(rules, path)
        if route.rule is not None and not route.certain:
            doubtful.append(route.rule)
        elif route.rule is not None and route.rule.action != "None":
            taken.setdefault(route.rule, []).append(path.partition("/")[0])
    if taken:
        return [
            warning(
                f"{' and '.join(folders)} files go to the rule {rule.name!r} ({rule.action}); {_why(rules, rule)}",
                where=rule.where,
                hint=_static_rule_first(rules, rule),
            )
            for rule, folders in taken.items()
        ]
    if doubtful:
        return [_depends(doubtful[0])]
    return Passed(_files(fact.iis))


def _static_rule_first(rules: Sequence[IisRule], deciding: IisRule) -> str:
    """Say what to type. A name that two rules have stops IIS with 500.19, so what has the name goes away first."""
    name = "QATrack Static"
    old = [rule for rule in rules if rule.name.casefold() == name.casefold() or rule is _meant(rules, deciding)]
    if not old:
        return to_type(f"Put this rule before {deciding.name!r}:", *_STATIC_RULE)
    away = " and ".join(f"{rule.name!r} ({rule.where})" for rule in old)
    before = "" if deciding in old else f", before {deciding.name!r}"
    return to_type(f"Put this in the place of {away}{before}; no two rules may have one name:", *_STATIC_RULE)


def _meant(rules: Sequence[IisRule], deciding: IisRule) -> IisRule | None:
    """Return the rule that was meant for static files."""
    return next((rule for rule in rules if rule is not deciding and "static" in rule.pattern.casefold()), None)


def _why(rules: Sequence[IisRule], deciding: IisRule) -> str:
    """Say what became of the rule that was meant for static files."""
    meant = _meant(rules, deciding)
    if meant is None:
        return "no rule keeps them from it"
    if not meant.enabled:
        return f"the rule {meant.name!r} is not enabled ({meant.where})"
    if rules.index(meant) > rules.index(deciding):
        return f"the rule {meant.name!r} comes after it ({meant.where})"
    if not meant.stops:
        return f"the rule {meant.name!r} does not stop the processing of later rules ({meant.where})"
    return f"the rule {meant.name!r} does not match them ({meant.where})"


def _depends(rule: IisRule) -> Finding:
    return info(
        f"it depends on the conditions or the pattern of the rule {rule.name!r}, which are not followed here",
        where=rule.where,
        hint=to_type("See in a browser on the server whether a static file and a page come:", "http://localhost/"),
    )


@check(
    "UK612",
    "IIS hands everything else on to the service",
    reads=IisOfSite,
    section=f"{_RULES}: the rule QATrack Reverse Proxy",
    remedy="Rewrite (.*) to http://localhost:PORT/{R:1} with the query string; let no rule before it take the pages.",
)
def pages_reach_the_service(fact: IisOfSite) -> Answer:
    """A rule that loses the path or what follows the question mark opens the wrong page, or none."""
    nothing = _without_rules(fact.iis)
    if nothing is not None:
        return nothing
    route = _route(_chain(fact.iis), _PAGE)
    right = to_type("The rule should read:", *_proxy_rule(_port_of(fact)))
    rule = route.rule
    if rule is not None and not route.certain:
        return [_depends(rule)]
    if rule is None or not _is_proxy(rule):
        what = (
            "no rule hands pages on to the service"
            if rule is None
            else f"pages go to the rule {rule.name!r} ({rule.action}), which does not hand them on to a service"
        )
        return [warning(what, where=_files(fact.iis) if rule is None else rule.where, hint=right)]
    wrong = list(_faults(rule))
    if wrong:
        return [warning(f"the rule {rule.name!r} {fault}", where=rule.where, hint=right) for fault in wrong]
    return Passed(f"{rule.name}: {rule.url}")


def _faults(rule: IisRule) -> list[str]:
    faults = []
    target = _target(rule)
    if target is not None and target[0] == "https":
        faults.append(f"speaks https to {rule.url}, and CherryPy speaks http")
    groups = [int(number) for number in _FIRST_GROUP.findall(rule.url)]
    if not groups:
        faults.append(f"leads to {rule.url} without the path ({{R:1}})")
    elif max(groups) > _count_groups(rule):
        faults.append(f"leads to {rule.url}, and its pattern {rule.pattern!r} has no such group")
    if not rule.appends_query:
        faults.append("does not append the query string")
    return faults


def _count_groups(rule: IisRule) -> int:
    if rule.syntax.casefold() == "wildcard":
        return rule.pattern.count("*")
    return 0 if rule.syntax.casefold() == "exactmatch" else re.compile(rule.pattern).groups


@check(
    "UK613",
    "IIS and the service use the same port",
    reads=IisOfSite,
    section=f"{_RULES}; docs/install/win.rst (v0.3.0), IIS Changes",
    remedy="Make the port in the rule's URL and PORT in the service script the same, and restart the service.",
)
def ports_agree(fact: IisOfSite) -> Answer:
    """A rule that leads to another port answers 502, or shows what else listens there."""
    nothing = _without_rules(fact.iis)
    if nothing is not None:
        return nothing
    if isinstance(fact.scripts, Unobserved):
        return fact.scripts
    route = _route(_chain(fact.iis), _PAGE)
    target = _target(route.rule) if route.rule is not None and _is_proxy(route.rule) else None
    if route.rule is None or target is None:
        return NotApplicable("no rule hands pages on to a service, see UK612")
    ports = {script.port.value for script in fact.scripts.scripts}
    if any(isinstance(port, Unobserved) for port in ports):
        return NotApplicable("the service's port is not written out, see UK604")
    _, host, port = target
    if host not in _THIS_MACHINE:
        return [
            info(
                f"the rule {route.rule.name!r} leads to another machine, {host}",
                where=route.rule.where,
                hint="Run preflight there too, where the service is.",
            )
        ]
    if port in ports:
        return Passed(str(port))
    served = ", ".join(f"{script.port.value} ({script.port.where})" for script in fact.scripts.scripts)
    return [
        warning(
            f"the rule {route.rule.name!r} leads to port {port}, and the service uses {served}",
            where=route.rule.where,
            hint=to_type("Write the service's port into the rule:", *_proxy_rule(_port_of(fact))),
        )
    ]


@check(
    "UK614",
    "IIS may act as a proxy",
    reads=IisOfSite,
    section=f"{_GUIDE}, Enabling Proxy in Application Request Routing",
    remedy="Check Enable proxy in the Server Proxy Settings of Application Request Routing.",
)
def proxy_is_on(fact: IisOfSite) -> Answer:
    """Where Application Request Routing is off, a rule that leads to another address answers 404."""
    proxy = fact.iis.proxy
    if isinstance(proxy, Unobserved):
        return proxy
    enabled, where = proxy
    if enabled:
        return Passed(where)
    route = _route(_chain(fact.iis), _PAGE)
    if route.rule is None and not fact.iis.rules:
        return NotApplicable("no rule hands anything on, see UK612")
    return [
        warning(
            "the proxy of Application Request Routing is not enabled",
            where=where,
            hint=to_type(
                "As administrator, in PowerShell:",
                r"& $env:windir\System32\inetsrv\appcmd.exe set config -section:system.webServer/proxy "
                "/enabled:true /commit:apphost",
            ),
        )
    ]


_NEEDED_MODULES = (
    (("StaticFileModule",), "static content", "Install-WindowsFeature Web-Static-Content"),
    (("RewriteModule",), "URL Rewrite 2.0", "https://www.iis.net/downloads/microsoft/url-rewrite"),
    (
        ("ApplicationRequestRouting",),
        "Application Request Routing 3.0",
        "https://www.iis.net/downloads/microsoft/application-request-routing",
    ),
)


@check(
    "UK615",
    "The modules that IIS needs are installed",
    reads=IisOfSite,
    section=f"{_GUIDE}; Enabling Static Content Serving in IIS",
    remedy="Install what is missing, then restart IIS.",
)
def modules_are_installed(fact: IisOfSite) -> Answer:
    """Without them IIS hands out no files, or understands no rewrite rules, or does not hand on."""
    modules = fact.iis.modules
    if isinstance(modules, Unobserved):
        return modules
    there = {name.casefold() for name in modules}
    return [
        warning(
            f"IIS has no module for {what} ({', '.join(names)})",
            where=_files(fact.iis),
            hint=to_type("Install it (PowerShell as administrator, or the page):", source),
        )
        for names, what, source in _NEEDED_MODULES
        if not there.intersection(name.casefold() for name in names)
    ] or Passed(", ".join(what for _, what, _ in _NEEDED_MODULES))


# The sites


def _qatrack_sites(sites: Sequence[IisSite]) -> list[IisSite]:
    return [site for site in sites if "qatrack" in f"{site.name} {site.folder.value}".casefold()]


@check(
    "UK616",
    "The site of IIS looks into the folder qatrack of this site",
    reads=IisOfSite,
    section=f"{_RULES}: Physical Path",
    remedy="Set the physical path of the site in IIS to the folder qatrack of the checkout.",
)
def folder_is_the_sites(fact: IisOfSite) -> Answer:
    """Static and media files are looked for below this folder; of another checkout they are of another version."""
    sites = fact.iis.sites
    if isinstance(sites, Unobserved):
        return sites
    own = _qatrack_sites(sites)
    if not own:
        return [
            info(
                f"no site of IIS has qatrack in its name or folder; there are {', '.join(one.name for one in sites)}"
                if sites
                else "IIS has no site",
                where=_files(fact.iis),
                hint=r"See to it that one of them has the checkout's folder qatrack as its physical path.",
            )
        ]
    wanted = _wanted_folders(fact)
    if not wanted:
        return NotApplicable("where the site stands on the server is not known here")
    findings = [
        warning(
            f"the site {site.name!r} of IIS looks into {site.folder.value}, and not into {wanted[0]}",
            where=site.folder.where,
            hint=to_type(
                "As administrator, in PowerShell:",
                r"& $env:windir\System32\inetsrv\appcmd.exe set vdir "
                f'"{site.name}/" "/physicalPath:{wanted[0]}"',
            ),
        )
        for site in own
        if isinstance(site.folder.value, str) and _normal(site.folder.value) not in map(_normal, wanted)
    ]
    # Of several sites, such as those of the version before, one has to be right.
    if len(findings) < len(own):
        return Passed(", ".join(f"{site.name}: {site.folder.value}" for site in own))
    return findings


def _wanted_folders(fact: IisOfSite) -> list[str]:
    """Return the folder qatrack as the server calls it: below this site's folder, or below the script's."""
    folders = [fact.folder] if PureWindowsPath(fact.folder).drive else []
    if not folders and isinstance(fact.scripts, ServiceScripts):
        folders = [
            str(script.deploy_directory.value)
            for script in fact.scripts.scripts
            if script.deploy_directory is not None and isinstance(script.deploy_directory.value, str)
        ]
    return [str(PureWindowsPath(folder) / "qatrack") for folder in folders if PureWindowsPath(folder).drive]


def _normal(folder: str) -> PureWindowsPath:
    return PureWindowsPath(re.sub("%systemdrive%", "C:", folder, flags=re.IGNORECASE))


@check(
    "UK617",
    "No other site of IIS answers at the site's address",
    reads=IisOfSite,
    section=f"{_RULES}: stop the Default Web Site",
    remedy="Stop the other site and keep it from starting, or give one of them another binding.",
)
def address_is_its_own(fact: IisOfSite) -> Answer:
    """Of two sites with one binding IIS starts only one, and after a restart it may be the other."""
    sites = fact.iis.sites
    if isinstance(sites, Unobserved):
        return sites
    own = _qatrack_sites(sites)
    if not own:
        return NotApplicable("no site of IIS has qatrack in its name or folder, see UK616")
    findings = [
        warning(
            f"the site {other.name!r} starts with IIS at the address of {site.name!r}: {', '.join(shared)}",
            where=other.where,
            hint=to_type(
                "As administrator, in PowerShell:",
                f'& $env:windir\\System32\\inetsrv\\appcmd.exe set site "{other.name}" /serverAutoStart:false',
                f'& $env:windir\\System32\\inetsrv\\appcmd.exe stop site "{other.name}"',
            ),
        )
        for site in own
        for other in sites
        if other not in own and other.starts and (shared := [b for b in other.bindings if b in site.bindings])
    ]
    return findings or Passed(", ".join(f"{site.name}: {', '.join(site.bindings)}" for site in own))


CHECKS = (
    static_files_come_first,
    pages_reach_the_service,
    ports_agree,
    proxy_is_on,
    modules_are_installed,
    folder_is_the_sites,
    address_is_its_own,
)
