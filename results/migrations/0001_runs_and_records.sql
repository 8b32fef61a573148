-- Both tables keep the whole value as a JSON document with a checksum. The
-- other columns of a record are computed from its document, so that a query
-- and a report can never disagree.
CREATE TABLE run (
  id       TEXT    NOT NULL PRIMARY KEY,
  document TEXT    NOT NULL,
  checksum INTEGER NOT NULL, -- CRC-32C of the document's bytes
  start    TEXT GENERATED ALWAYS AS (document ->> '$.start') VIRTUAL,
  outcome  TEXT GENERATED ALWAYS AS (document ->> '$.outcome') VIRTUAL
) STRICT;

CREATE TABLE record (
  run         TEXT    NOT NULL REFERENCES run (id),
  sequence    INTEGER NOT NULL CHECK (sequence >= 1),
  document    TEXT    NOT NULL,
  checksum    INTEGER NOT NULL,
  model       TEXT    GENERATED ALWAYS AS (document ->> '$.model') VIRTUAL,
  settings    TEXT    GENERATED ALWAYS AS (document -> '$.settings') VIRTUAL,
  round       INTEGER GENERATED ALWAYS AS (document ->> '$.round') VIRTUAL,
  control     INTEGER GENERATED ALWAYS AS (coalesce(document ->> '$.control', 0)) VIRTUAL,
  concurrency INTEGER GENERATED ALWAYS AS (document ->> '$.load.concurrency') VIRTUAL,
  batch_size  INTEGER GENERATED ALWAYS AS (document ->> '$.load.batch_size') VIRTUAL,
  rate        REAL    GENERATED ALWAYS AS (document ->> '$.load.rate_per_s') VIRTUAL,
  verdict     TEXT    GENERATED ALWAYS AS (document ->> '$.verdict') VIRTUAL,
  throughput  REAL    GENERATED ALWAYS AS (document ->> '$.client.throughput_per_s.value') VIRTUAL,
  p99         REAL    GENERATED ALWAYS AS (document ->> '$.client.latency_p99_ms.value') VIRTUAL,
  PRIMARY KEY (run, sequence)
) STRICT;

CREATE INDEX record_by_model ON record (model, concurrency, batch_size);
CREATE INDEX record_by_verdict ON record (run, verdict);
