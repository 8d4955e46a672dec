"""How SHOW GRANTS is taken apart, in the words of each server that has it."""

import pytest

from plimsoll.server.mysql_grants import limit_of, powers_of, roles_of, without_hashes

HASH = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
SHA2 = "$A$005$a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6"


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        (f"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '{HASH}'", "GRANT USAGE ON *.* TO `u`@`%`"),
        (
            f"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '{HASH}' REQUIRE X509 WITH MAX_USER_CONNECTIONS 7",
            "GRANT USAGE ON *.* TO `u`@`%` REQUIRE X509 WITH MAX_USER_CONNECTIONS 7",
        ),
        (
            f"GRANT SUPER ON *.* TO `u`@`%` IDENTIFIED VIA ed25519 USING 'x' OR pam USING '{HASH}' WITH GRANT OPTION",
            "GRANT SUPER ON *.* TO `u`@`%` WITH GRANT OPTION",
        ),
        (
            f"GRANT USAGE ON *.* TO 'u'@'%' IDENTIFIED WITH 'caching_sha2_password' AS '{SHA2}' REQUIRE SSL",
            "GRANT USAGE ON *.* TO 'u'@'%' REQUIRE SSL",
        ),
        (f"GRANT USAGE ON *.* TO 'u'@'%' IDENTIFIED BY PASSWORD '{HASH[:20]}", "GRANT USAGE ON *.* TO 'u'@'%'"),
        ("GRANT SELECT ON `with IDENTIFIED in`.* TO `u`@`%`", "GRANT SELECT ON `with IDENTIFIED in`.* TO `u`@`%`"),
        (f"GRANT USAGE ON *.* TO 'u'@'%' PASSWORD '{HASH}'", "GRANT USAGE ON *.* TO 'u'@'%' PASSWORD '...'"),
        (f"it is a WITH b '{SHA2}' REQUIRE", "it is a WITH b '...' REQUIRE"),
    ],
)
def test_nothing_of_how_an_account_identifies_itself_is_kept(grant: str, expected: str) -> None:
    """In no server's words, cut short or odd; what it is required and limited to is kept."""
    assert without_hashes(grant) == expected


@pytest.mark.parametrize(
    ("grant", "powers"),
    [
        ("GRANT USAGE ON *.* TO `u`@`%`", set()),
        ("GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%`", set()),
        ("GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%` WITH GRANT OPTION", set()),
        ("GRANT SELECT, SUPER, CREATE USER ON *.* TO 'u'@'%'", {"SELECT", "SUPER", "CREATE USER"}),
        ("GRANT PROCESS ON *.* TO 'u'@'%' WITH GRANT OPTION", {"PROCESS", "GRANT OPTION"}),
        ("GRANT PROCESS ON *.* TO 'u'@'%' WITH MAX_USER_CONNECTIONS 7", {"PROCESS"}),
        ("GRANT BACKUP_ADMIN,CLONE_ADMIN ON *.* TO `u`@`%`", {"BACKUP_ADMIN", "CLONE_ADMIN"}),
        ("GRANT ALL PRIVILEGES ON `%`.* TO `u`@`%`", {"ALL PRIVILEGES"}),
        ("GRANT SELECT (a, b), UPDATE (c) ON `shop`.`t` TO `u`@`%`", set()),
        ("GRANT SELECT ON `my shop`.`a table` TO `u`@`%`", set()),
        ("GRANT UPDATE ON `mysql`.`user` TO `u`@`%`", {"UPDATE ON mysql"}),
        ("GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `u`@`%`", set()),
        ("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", {"PROXY"}),
        ("GRANT `writers`@`%` TO `u`@`%`", set()),
        ("REVOKE SELECT ON `mysql`.* FROM `u`@`%`", set()),
        ("GRANT ALL PRIVILEGES ON *.*", {"ALL PRIVILEGES"}),
        ("GRANT ALL PRIVI", set()),
        ("", set()),
    ],
)
def test_powers_are_what_reaches_beyond_one_database(grant: str, powers: set[str]) -> None:
    """Whatever is given on all databases or on the server's own; never what is given on one."""
    assert powers_of((grant,)) == powers


def test_roles_are_named_without_quotes_and_hosts() -> None:
    """MySQL puts several in a line, MariaDB one."""
    grants = (
        "GRANT `writers`@`%`,`readers`@`%` TO `u`@`%`",
        "GRANT `night` TO `u`@`%`",
        "GRANT USAGE ON *.* TO `u`@`%`",
    )
    assert roles_of(grants) == ("writers", "readers", "night")


@pytest.mark.parametrize(
    ("grant", "limit"),
    [
        ("GRANT USAGE ON *.* TO `u`@`%` WITH MAX_USER_CONNECTIONS 7", 7),
        ("GRANT USAGE ON *.* TO `u`@`%` WITH GRANT OPTION MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 70", 70),
        ("GRANT USAGE ON *.* TO `u`@`%` WITH MAX_USER_CONNECTIONS 0", None),
        ("GRANT USAGE ON *.* TO `u`@`%` WITH MAX_USER_CONNECTIONS", None),
        ("GRANT USAGE ON *.* TO `u`@`%`", None),
        ("GRANT USAGE ON `MAX_USER_CONNECTIONS 7`.* TO `u`@`%`", None),
    ],
)
def test_the_accounts_limit_is_read_from_its_grant(grant: str, limit: int | None) -> None:
    """0 is no limit."""
    assert limit_of((grant,)) == limit
