"""The two ODBC drivers: where they are on this machine, and what they ask a server for themselves."""

from __future__ import annotations

import ctypes
import platform
import re
from importlib.util import find_spec
from pathlib import Path

from tests.sqlserver.script import Answer, Request, Rows

DRIVERS = ("FreeTDS", "Microsoft")

_OWN = re.compile(r"\W*(?:sys\W+)?(sp_datatype_info(?:_90|_100)?|sp_describe_undeclared_parameters)\b", re.IGNORECASE)
# ODBC's number of a type, its name in T-SQL, the most that it holds: what pyodbc asks for when it connects.
_LARGEST = {12: ("varchar", 8000), -9: ("nvarchar", 4000), -3: ("varbinary", 8000), 93: ("datetime2", 27)}


def find_driver(name: str) -> tuple[str, str]:
    """Return what ``DRIVER=`` takes for one of ``DRIVERS``, or "" and the reason why it cannot be used."""
    import pyodbc  # noqa: PLC0415 - an extra, and known to be there only now

    if name == "FreeTDS":
        if "FreeTDS" in pyodbc.drivers():
            return "FreeTDS", ""
        found = sorted(Path("/usr/lib").glob("*/odbc/libtdsodbc.so"))
        return (str(found[0]), "") if found else ("", "FreeTDS's ODBC driver (Debian: tdsodbc) is not installed")
    for registered in ("ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server"):
        if registered in pyodbc.drivers():
            return registered, ""
    package = find_spec("mssql_python_odbc")
    if package is None or package.origin is None:
        return "", "Microsoft's ODBC driver is not installed (pip install mssql-python-odbc)"
    machine = {"aarch64": "arm64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    folder = Path(package.origin).parent / "libs" / "linux" / "debian_ubuntu" / machine / "lib"
    found = sorted(folder.glob("libmsodbcsql*.so*"))
    if not found:
        return "", f"Microsoft's ODBC driver is not in {folder}"
    try:
        ctypes.CDLL(str(found[0]))
    except OSError as error:
        return "", f"Microsoft's ODBC driver does not load: {error}"
    return str(found[0]), ""


def is_own(sql: str) -> bool:
    """Return whether a driver asks this for itself."""
    return _OWN.match(sql) is not None


def own_answer(request: Request) -> Answer:
    """Answer what a driver asks for itself."""
    found = _OWN.match(request.sql)
    if found and "describe" in found[1]:
        return [_undeclared(str(request.parameters[0]))]
    asked = (
        request.parameters[0]
        if request.parameters
        else re.findall(r"-?\d+", request.sql[found.end() :] if found else "")[0]
    )
    return [_largest(int(str(asked)))]


def _largest(number: int) -> Rows:
    columns = (
        *(("TYPE_NAME", "nvarchar(128)"), ("DATA_TYPE", "smallint"), ("PRECISION", "int")),
        *(("LITERAL_PREFIX", "varchar(32)"), ("LITERAL_SUFFIX", "varchar(32)"), ("CREATE_PARAMS", "varchar(32)")),
        *(("NULLABLE", "smallint"), ("CASE_SENSITIVE", "smallint"), ("SEARCHABLE", "smallint")),
        *(("UNSIGNED_ATTRIBUTE", "smallint"), ("MONEY", "smallint"), ("AUTO_INCREMENT", "smallint")),
        *(("LOCAL_TYPE_NAME", "nvarchar(128)"), ("MINIMUM_SCALE", "smallint"), ("MAXIMUM_SCALE", "smallint")),
        *(("SQL_DATA_TYPE", "smallint"), ("SQL_DATETIME_SUB", "smallint"), ("NUM_PREC_RADIX", "int")),
        *(("INTERVAL_PRECISION", "smallint"), ("USERTYPE", "smallint")),
    )
    if number not in _LARGEST:
        return Rows(*columns)
    name, most = _LARGEST[number]
    row = (name, number, most, "'", "'", None, 1, 0, 3, None, 0, None, name, None, None, number, None, None, None, 0)
    return Rows(*columns, rows=[row])


def _undeclared(sql: str) -> Rows:
    """Say of each parameter that it may be any text, which every type can be made of."""
    columns = (
        *(("parameter_ordinal", "int"), ("name", "sysname"), ("suggested_system_type_id", "int")),
        *(("suggested_system_type_name", "nvarchar(256)"), ("suggested_max_length", "smallint")),
        *(("suggested_precision", "tinyint"), ("suggested_scale", "tinyint"), ("suggested_user_type_id", "int")),
        *(("suggested_user_type_database", "sysname"), ("suggested_user_type_schema", "sysname")),
        *(("suggested_user_type_name", "sysname"), ("suggested_assembly_qualified_type_name", "nvarchar(4000)")),
        *(("suggested_xml_collection_id", "int"), ("suggested_xml_collection_database", "sysname")),
        *(("suggested_xml_collection_schema", "sysname"), ("suggested_xml_collection_name", "sysname")),
        *(("suggested_is_xml_document", "bit"), ("suggested_is_case_sensitive", "bit")),
        *(("suggested_is_fixed_length_clr_type", "bit"), ("suggested_is_input", "bit")),
        *(("suggested_is_output", "bit"), ("formal_parameter_name", "sysname")),
        *(("suggested_tds_type_id", "int"), ("suggested_tds_length", "int")),
    )
    names = dict.fromkeys(re.findall(r"@P\d+\b", sql))
    rows = [
        (place, name, 231, "nvarchar(4000)", 8000, 0, 0, *[None] * 9, 0, 0, 0, 1, 0, None, 231, 8000)
        for place, name in enumerate(names, 1)
    ]
    return Rows(*columns, rows=rows)
