"""What counts as T-SQL."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlglot")

from tests.sqlserver.grammar import check_tsql


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT TOP (1) [a].[b] FROM [dbo].[a] WITH (ROWLOCK, UPDLOCK) WHERE [a].[id] = @P1 ORDER BY [a].[id]",
        "SELECT COUNT_BIG(*) FROM [a]",
        "SELECT CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), DB_NAME()",
        "UPDATE [a] SET [b] = @P1 WHERE [id] = @P2",
        "INSERT INTO [a] ([b], [c]) VALUES (@P1, N'it''s'), (@P2, NULL)",
        "DELETE FROM [a]",
        "CREATE TABLE [a] ([id] int IDENTITY(1,1) NOT NULL PRIMARY KEY, [b] nvarchar(max) NULL)",
        "SET DATEFORMAT ymd; SET DATEFIRST 7",
        "SET  LOCK_TIMEOUT 10000",
        "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
        "SET IDENTITY_INSERT [dbo].[a]]b] ON",
        "ALTER TABLE [a] WITH CHECK CHECK CONSTRAINT ALL",
        "ALTER DATABASE [a] SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
        "DBCC CHECKDB (N'a') WITH NO_INFOMSGS",
        "BACKUP DATABASE [it]]s] TO DISK = N'C:\\a b''s.bak' WITH COPY_ONLY, CHECKSUM, INIT, STATS = 5",
        "RESTORE VERIFYONLY FROM DISK = N'a;b.bak' WITH CHECKSUM",
        "RESTORE DATABASE [a] FROM DISK = N'a' WITH MOVE N'a' TO N'b', MOVE N'c' TO N'd', REPLACE, STATS = 5",
    ],
)
def test_t_sql_is_t_sql(statement: str) -> None:
    check_tsql(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM WHERE",
        "SELECT [a FROM b",
        "SELECT 'a",
        "UPDATE SET a = 1",
        "BACKUP DATABASE [a]b] TO DISK = N'x'",
        "BACKUP DATABASE [a] TO DISK = N'it's'",
        "BACKUP DATABASE [a] TO DISK = N'x' WITH COPY_ONLY CHECKSUM",
        "BACKUP DATABASE [a] TO DISK = N'x' WITH FROBNICATE",
        "RESTORE VERIFYONLY FROM DISK N'x'",
        "RESTORE DATABASE [a] FROM DISK = N'a' WITH MOVE N'a', REPLACE",
        "SET LOCK_TIMEOUT ten",
        "SET TRANSACTION ISOLATION LEVEL CHAOS",
        "DBCC CHECKDB [a]",
        "FROBNICATE THE DATABASE",
    ],
)
def test_what_is_none_is_told(statement: str) -> None:
    with pytest.raises(ValueError, match=r"no T-SQL|no grammar"):
        check_tsql(statement)
