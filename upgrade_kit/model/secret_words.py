"""Which names speak of a secret, in the languages of those who write settings."""

from __future__ import annotations

import re

_WITHIN = (
    "PASS|PWD|SECRET|KEY|TOKEN|CREDENTIAL"
    "|KENNWORT|WACHTWOORD|L[OÖ]SENORD|ADGANGSKODE|CONTRASE|CLAVE|SENHA|PAROLA|HASLO|HESLO|SALASANA"
)
_WHOLE = "PW|MDP|SALT|AUTH"  # between underscores: in longer words they are of something else
SECRET_WORD = rf"(?:\w*(?:{_WITHIN})\w*|(?:\w*_)?(?:{_WHOLE})(?:_\w*)?)"
SECRET_NAME = re.compile(rf"{_WITHIN}|(?:^|_)(?:{_WHOLE})(?:$|_)", re.IGNORECASE)
