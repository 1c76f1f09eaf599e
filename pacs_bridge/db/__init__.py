"""Everything that knows SQLAlchemy: tables, unit of work, repositories, queries, migrations."""
