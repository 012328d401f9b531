"""The database: tables, connections, queries, migrations."""
