"""What a plan has to know of one site. Paths are text, for they may be those of another system than this one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFacts:
    """What differs from site to site.

    Attributes:
        system: ``Windows`` or ``Linux``.
        site: the folder of the checkout.
        work: the folder for what the upgrade keeps.
        settings: ``local_settings.py``.
        vendor: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        database: the database's URL without the password, or ``""``.
        database_option: whether the kit's commands must be told that URL.
        needs_password: whether they need ``UPGRADE_KIT_PASSWORD``.
        venvs: the folder of the environments that are not named.
        environments: ``(name, folder)`` of virtual environments, by the name that the rules give them.
        interpreter: what starts the Python of which a new environment is made.
        asked: an interpreter that the user named, or ``""``.
        service: the Windows service that runs the site now.
        port: on which the site is served.
        port_is_known: whether the site's own service script says so; a guess proves nothing.
        remote: the git repository to fetch from.
        database_size: in words.
        uploads_size: in words.
        open_questions: what is not known and stands here as a guess, one sentence each.
    """

    system: str
    site: str
    work: str
    settings: str
    vendor: str
    database: str = ""
    database_option: bool = False
    needs_password: bool = False
    venvs: str
    environments: tuple[tuple[str, str], ...] = ()
    interpreter: tuple[str, ...]
    asked: str = ""
    service: str
    port: str
    port_is_known: bool = False
    remote: str
    database_size: str
    uploads_size: str
    open_questions: tuple[str, ...] = ()
