-- What Grafana's database user may do: read the archive, and nothing else.
-- psql -v reader_password=… -d aircall -U aircall -f archive-reader.sql, before or after the exporter's first start.
\set ON_ERROR_STOP on
\if :{?reader_password}
\else
\getenv reader_password ARCHIVE_READER_PASSWORD
\endif
SELECT 'CREATE ROLE aircall_reader' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'aircall_reader') \gexec
ALTER ROLE aircall_reader LOGIN PASSWORD :'reader_password';
ALTER ROLE aircall_reader SET default_transaction_read_only = on;
-- No search of the dashboard takes long. Longer queries are stopped.
ALTER ROLE aircall_reader SET statement_timeout = '20s';
-- The archive's indexes are made to be used, also on disks that seek.
ALTER ROLE aircall_reader SET random_page_cost = 1.1;
-- Every search has an index to go by, also where the planner's guess at free text says otherwise.
ALTER ROLE aircall_reader SET enable_seqscan = off;
GRANT USAGE ON SCHEMA public TO aircall_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO aircall_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO aircall_reader;
