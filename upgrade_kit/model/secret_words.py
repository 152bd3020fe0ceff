"""Which names speak of a secret."""

from __future__ import annotations

import re

SECRET_NAME = re.compile(r"PASS|PWD|SECRET|KEY|TOKEN|CREDENTIAL|(?:^|_)PW(?:$|_)", re.IGNORECASE)
