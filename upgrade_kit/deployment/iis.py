"""Reads IIS's configuration files as XML, with entities and DTDs refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from upgrade_kit.errors import SiteError
from upgrade_kit.model.deployment import (
    Iis,
    IisRule,
    IisSite,
    Stated,
)
from upgrade_kit.model.unobserved import Unobserved

SIZE_LIMIT_BYTES = 4 * 1024 * 1024
DEPTH_LIMIT = 100
_SITE_FILE = "web.config"
_SERVER_FILE = "applicationHost.config"
_USER = re.compile(r"(?<=://)[^/?#]*@")  # with a password, which nobody has to see


def read_iis(
    root: Path | None,
    given: Sequence[Path] = (),
    *,
    environment: Mapping[str, str] | None = None,
    system: str = os.name,
) -> Iis | Unobserved:
    """Read ``web.config`` in a site, ``applicationHost.config`` of this Windows, and what is named.

    Args:
        root: the folder that holds ``manage.py``, or ``None``.
        given: ``web.config``, ``applicationHost.config``, or folders that hold them; of the server's configuration,
            what is named takes the place of this machine's own.
        environment: where ``SystemRoot`` says which folder is Windows'; ``None`` means this process's own.
        system: ``os.name``.
    """
    try:
        named = [file for path in given for file in _files_in(path)]
        own = [] if root is None else [root / _SITE_FILE, root / "qatrack" / _SITE_FILE]
        files = dict.fromkeys((*named, *(file for file in own if os.path.lexists(file))))
        documents = [_Document(file, _parse(file)) for file in files]
        reason = "applicationHost.config was not named"
        if system == "nt" and root is not None and not any(document.is_servers for document in documents):
            reason = _add_own_server(documents, environment)
    except SiteError as error:
        return Unobserved(error.message)
    except OSError as error:
        return Unobserved(f"{error.filename or 'the configuration of IIS'} cannot be read: {error.strerror or error}")
    if not documents:
        return Unobserved("there is no web.config in the site; --iis takes the configuration of IIS", asked=False)
    return _gathered(documents, reason)


def _files_in(path: Path) -> Iterator[Path]:
    """Yield the configuration files that a name stands for.

    Raises:
        SiteError: there are none.
    """
    if not path.is_dir():
        yield path
        return
    wanted = {_SITE_FILE.casefold(), _SERVER_FILE.casefold()}
    found = sorted(file for file in path.iterdir() if file.name.casefold() in wanted)
    if not found:
        raise SiteError(f"there is neither {_SITE_FILE} nor {_SERVER_FILE} in {path}")
    yield from found


def _add_own_server(documents: list[_Document], environment: Mapping[str, str] | None) -> str:
    """Add this machine's ``applicationHost.config``, which administrators may read; return why it is missing."""
    settings = os.environ if environment is None else environment
    file = Path(settings.get("SystemRoot", r"C:\Windows"), "System32", "inetsrv", "config", _SERVER_FILE)
    try:
        if not file.is_file():
            return f"there is no {file} that this user may see"
        document = _Document(file, _parse(file))
    except PermissionError:
        return f"{file} may be read by administrators alone; name a copy of it with --iis"
    if not _names_qatrack(document.top):
        return f"{file} names nothing of QATrack+"
    documents.append(document)
    return ""


def _names_qatrack(element: _Element) -> bool:
    return any("qatrack" in value.casefold() for value in element.attributes.values()) or any(
        map(_names_qatrack, element.children)
    )


# XML


@dataclass(slots=True)
class _Element:
    tag: str
    attributes: Mapping[str, str]
    line: int
    children: list[_Element] = field(default_factory=list)

    def all(self, *path: str) -> Iterator[_Element]:
        """Yield the elements at a path below this one, ``*`` for any name."""
        if not path:
            yield self
            return
        for child in self.children:
            if path[0] in (child.tag, "*"):
                yield from child.all(*path[1:])

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def is_on(self, name: str, *, default: bool) -> bool:
        return self.get(name, str(default)).strip().casefold() == "true"


def _parse(file: Path) -> _Element:
    """Parse one file.

    Raises:
        SiteError: it is no configuration of IIS, or holds what none needs.
        OSError: it cannot be read.
    """
    # The reader itself is defusedxml's; the names of its errors are the standard library's.
    from xml.sax import SAXException, SAXParseException  # noqa: PLC0415 - as the line says
    from xml.sax.handler import ContentHandler  # noqa: PLC0415 - as above
    from xml.sax.xmlreader import AttributesImpl, Locator  # noqa: PLC0415 - as above

    from defusedxml.common import DefusedXmlException  # noqa: PLC0415 - only where there is such a file
    from defusedxml.sax import parseString  # noqa: PLC0415 - as above

    class Reader(ContentHandler):
        def __init__(self) -> None:
            super().__init__()
            self.top = _Element("", {}, 0)
            self._open = [self.top]
            self._place: Locator | None = None

        def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 - SAX calls it so
            self._place = locator

        def startElement(self, name: str, attrs: AttributesImpl[str]) -> None:  # noqa: N802 - SAX calls it so
            if len(self._open) > DEPTH_LIMIT:
                raise SiteError(f"{file} is nested too deeply")
            line = self._place.getLineNumber() if self._place is not None else None
            element = _Element(name, dict(attrs.items()), line or 0)
            self._open[-1].children.append(element)
            self._open.append(element)

        def endElement(self, name: str) -> None:  # noqa: ARG002, N802 - as above
            self._open.pop()

    with file.open("rb") as stream:
        raw = stream.read(SIZE_LIMIT_BYTES + 1)
    if len(raw) > SIZE_LIMIT_BYTES:
        raise SiteError(f"{file} is larger than {SIZE_LIMIT_BYTES // 1024 // 1024} MiB and was not read")
    reader = Reader()
    try:
        parseString(raw, reader, forbid_dtd=True)
    except DefusedXmlException as error:
        kind = type(error).__name__.removesuffix("Forbidden")
        raise SiteError(f"{file} has a {kind}, which no configuration of IIS needs, and was refused") from None
    except SAXParseException as error:
        raise SiteError(f"{file}, line {error.getLineNumber()}: no XML ({error.getMessage()})") from None
    except (SAXException, ValueError, LookupError) as error:
        raise SiteError(f"{file} is no XML: {error}") from None
    (document,) = reader.top.children
    if document.tag != "configuration":
        raise SiteError(f"{file} is no configuration of IIS: it begins with <{document.tag}>")
    return document


# What it says


@dataclass(frozen=True, slots=True)
class _Document:
    file: Path
    top: _Element

    @property
    def is_servers(self) -> bool:
        return (
            self.file.name.casefold() == _SERVER_FILE.casefold()
            or next(self.top.all("system.applicationHost"), None) is not None
        )

    def place(self, element: _Element) -> str:
        return f"{self.file}:{element.line}"

    def sections(self, *path: str) -> Iterator[tuple[str, _Element]]:
        """Yield the places at which a section of ``system.webServer`` stands, each with the site that it is for."""
        for element in self.top.all("system.webServer", *path):
            yield "", element
        for location in self.top.all("location"):
            for element in location.all("system.webServer", *path):
                yield location.get("path"), element


def _gathered(documents: Sequence[_Document], reason: str) -> Iis:
    servers = [document for document in documents if document.is_servers]
    rules = [rule for document in servers for rule in _rules(document, "globalRules")]
    for document in documents:
        rules += _rules(document, "rules")
    missing = Unobserved(reason, asked=False)
    return Iis(
        files=tuple(document.file for document in documents),
        rules=tuple(rules),
        has_rewriting=any(True for document in documents for _ in document.sections("rewrite")),
        proxy=_proxy(servers) if servers else missing,
        modules=_modules(servers) if servers else missing,
        sites=tuple(site for document in servers for site in _sites(document)) if servers else missing,
    )


def _rules(document: _Document, kind: str) -> Iterator[IisRule]:
    for location, section in document.sections("rewrite", kind):
        scope = "" if kind == "globalRules" else location if document.is_servers else str(document.file)
        for rule in section.all("rule"):
            match = next(rule.all("match"), None)
            action = next(rule.all("action"), None)
            if match is None:
                continue  # names one that stands elsewhere
            yield IisRule(
                name=rule.get("name"),
                is_global=kind == "globalRules",
                scope=scope,
                enabled=rule.is_on("enabled", default=True),
                stops=rule.is_on("stopProcessing", default=False),
                syntax=rule.get("patternSyntax", "ECMAScript"),
                pattern=match.get("url"),
                ignores_case=match.is_on("ignoreCase", default=True),
                negated=match.is_on("negate", default=False),
                has_conditions=next(rule.all("conditions", "add"), None) is not None,
                action="None" if action is None else action.get("type", "None"),
                url="" if action is None else _USER.sub("", action.get("url")),
                appends_query=action is None or action.is_on("appendQueryString", default=True),
                where=document.place(rule),
            )


def _proxy(servers: Sequence[_Document]) -> tuple[bool, str]:
    """Return whether Application Request Routing may act as a proxy, and where that is said."""
    for document in servers:
        for _, element in document.sections("proxy"):
            return element.is_on("enabled", default=False), document.place(element)
    return False, str(servers[0].file)


def _modules(servers: Sequence[_Document]) -> tuple[str, ...] | Unobserved:
    lists = [section for document in servers for _, section in document.sections("globalModules")]
    if not lists:
        return Unobserved(f"{servers[0].file} lists no modules (globalModules)")
    return tuple(module.get("name") for section in lists for module in section.all("add"))


def _sites(document: _Document) -> Iterator[IisSite]:
    for site in document.top.all("system.applicationHost", "sites", "site"):
        folders = [
            folder
            for application in site.all("application")
            if application.get("path") == "/"
            for folder in application.all("virtualDirectory")
            if folder.get("path") == "/"
        ]
        yield IisSite(
            name=site.get("name"),
            starts=site.is_on("serverAutoStart", default=True),
            folder=Stated(
                value=folders[0].get("physicalPath") if folders else Unobserved("the site has no folder of its own"),
                where=document.place(folders[0] if folders else site),
            ),
            bindings=tuple(
                f"{binding.get('protocol')} {binding.get('bindingInformation')}"
                for binding in site.all("bindings", "binding")
            ),
            where=document.place(site),
        )
