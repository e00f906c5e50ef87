"""The settings under which the server is deterministic and fast, and the SQL that puts it under the virtual clock."""

from __future__ import annotations

# A run's server is thrown away afterwards: nothing need survive a crash of the machine.
_THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "1d",
    "max_wal_size": "4GB",
}
# Nothing may run by itself, and one statement may not take two ways.
_DETERMINISTIC = {
    "autovacuum": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_worker_processes": "0",
    "synchronize_seqscans": "off",
    "timezone": "'UTC'",
    "lc_messages": "'C'",
}
_SMALL = {"shared_buffers": "16MB", "max_connections": "100", "io_method": "sync", "listen_addresses": "''"}
# These a session of a superuser can set by itself, which is how a server of the user's gets them.
WAIT_NOTICES = {"log_lock_waits": "on", "deadlock_timeout": "1ms", "client_min_messages": "log"}
SESSION = {
    "synchronous_commit": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "synchronize_seqscans": "off",
    "timezone": "UTC",
    "lc_messages": "C",
}


def configuration(socket_directory: str) -> str:
    """Return the text of a configuration file for the embedded server."""
    settings = _THROWAWAY | _DETERMINISTIC | _SMALL | WAIT_NOTICES
    settings |= {"log_min_messages": "fatal", "unix_socket_directories": f"'{socket_directory}'"}
    return "".join(f"{key} = {value}\n" for key, value in settings.items())


# Settings whose real effect is a timer in real time: clients set these stand-ins instead, see `intercept`.
TIMEOUTS = (
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
)
PREFIX = "simharness"
TRANSACTION_TIME = f"{PREFIX}.transaction_time"
STATEMENT_TIME = f"{PREFIX}.statement_time"

# A session that nobody told the time (a query of ours, the script that fills the tables) gets the start of executions.
_CLOCK_FUNCTIONS = """
CREATE OR REPLACE FUNCTION pg_catalog.simharness_start() RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT '{start}'::timestamptz $$;
CREATE OR REPLACE FUNCTION pg_catalog.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT coalesce(nullif(current_setting('{transaction}', true), '')::timestamptz, simharness_start()) $$;
CREATE OR REPLACE FUNCTION pg_catalog.transaction_timestamp() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT now() $$;
CREATE OR REPLACE FUNCTION pg_catalog.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT coalesce(nullif(current_setting('{statement}', true), '')::timestamptz, simharness_start()) $$;
CREATE OR REPLACE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS
  $$ SELECT statement_timestamp() $$;
CREATE OR REPLACE FUNCTION pg_catalog.timeofday() RETURNS text LANGUAGE sql VOLATILE PARALLEL SAFE AS
  $$ SELECT to_char(statement_timestamp(), 'Dy Mon DD HH24:MI:SS.US YYYY TZ') $$;
"""
# The keywords of the standard are no functions: the wire replaces them by these, which keep the column's name.
KEYWORDS = {
    "current_timestamp": "timestamptz",
    "current_date": "date",
    "current_time": "timetz",
    "localtime": "time",
    "localtimestamp": "timestamp",
}


def _adopted(expression: str) -> str:
    """Return SQL for an expression of a default, as pg_get_expr writes it, under the virtual clock."""
    for keyword, kind in KEYWORDS.items():
        call = f'pg_catalog."{keyword}"()'
        word = f"\\m{keyword.upper()}"
        for pattern, replacement in ((f"{word}\\((\\d)\\)", f"{call}::{kind}(\\1)"), (f"{word}\\M", call)):
            expression = f"regexp_replace({expression}, '{pattern}', '{replacement}', 'g')"
    return expression


# While the tables are made: column defaults that are written with the standard's keywords, which the wire does not see
# then, call those functions before the first row is filled in.
ADOPT_DEFAULTS = f"""
SET allow_system_table_mods = on;
CREATE OR REPLACE FUNCTION pg_catalog.simharness_adopt() RETURNS event_trigger LANGUAGE plpgsql AS $body$
DECLARE statement text;
BEGIN
  FOR statement IN
    SELECT format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', d.adrelid::regclass, a.attname,
      {_adopted("pg_get_expr(d.adbin, d.adrelid)")})
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE a.attgenerated = '' AND pg_get_expr(d.adbin, d.adrelid) ~ '\\m({"|".join(KEYWORDS).upper()})\\M'
  LOOP EXECUTE statement; END LOOP;
END $body$;
CREATE EVENT TRIGGER simharness_adopt ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
  EXECUTE FUNCTION pg_catalog.simharness_adopt();
RESET allow_system_table_mods
"""
ADOPTED = "DROP EVENT TRIGGER simharness_adopt"


def clock_functions(start: str) -> str:
    """Return the SQL that puts a database's clock functions under two settings of the session.

    Args:
        start: what time it is while nobody has set them, as PostgreSQL reads it.
    """
    script = _CLOCK_FUNCTIONS.format(transaction=TRANSACTION_TIME, statement=STATEMENT_TIME, start=start)
    for keyword, kind in KEYWORDS.items():
        script += (
            f'CREATE OR REPLACE FUNCTION pg_catalog."{keyword}"() RETURNS {kind} LANGUAGE sql STABLE PARALLEL SAFE AS '
            f"$$ SELECT now()::{kind} $$;\n"
        )
    return f"SET allow_system_table_mods = on;\n{script}RESET allow_system_table_mods"
