CREATE TABLE "schema_versions" ("version" INTEGER NOT NULL, "applied_on" DATETIME, "description" TEXT);
CREATE UNIQUE INDEX "schema_versions_unique" ON "schema_versions" ("version" ASC);
CREATE TABLE manifests (
  digest TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
  media_type TEXT NOT NULL,
  artifact_type TEXT NULL,
  subject TEXT NULL,
  size INTEGER NOT NULL,
  stored_at INTEGER NOT NULL,
  pulled_at INTEGER NOT NULL
, cost INTEGER NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE INDEX manifests_by_subject ON manifests (subject) WHERE subject IS NOT NULL;
CREATE TABLE manifest_bytes (digest TEXT COLLATE BINARY NOT NULL PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE children (
  parent TEXT COLLATE BINARY NOT NULL,
  digest TEXT COLLATE BINARY NOT NULL,
  size INTEGER NOT NULL,
  linked_with_parent INTEGER NOT NULL,
  PRIMARY KEY (parent, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX children_by_digest ON children (digest, size);
CREATE TABLE blobs (
  digest TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
  size INTEGER NOT NULL,
  stored_at INTEGER NOT NULL,
  pulled_at INTEGER NOT NULL
, kept INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE TABLE totals (name TEXT COLLATE BINARY NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE incomplete (
  repository TEXT COLLATE BINARY NOT NULL,
  digest TEXT COLLATE BINARY NOT NULL,
  PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE origins (
  id INTEGER NOT NULL PRIMARY KEY,
  upstream TEXT NOT NULL,
  prefix TEXT NOT NULL,
  source TEXT NOT NULL,
  who TEXT NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;
CREATE TABLE "tags" (repository TEXT COLLATE BINARY NOT NULL,
tag TEXT COLLATE BINARY NOT NULL,
origin INTEGER NOT NULL,
digest TEXT COLLATE BINARY NOT NULL,
checked_at INTEGER NOT NULL,
absent_since INTEGER NULL,
PRIMARY KEY (repository, tag, origin)) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_digest ON tags (digest);
CREATE TABLE "links" (digest TEXT COLLATE BINARY NOT NULL,
repository TEXT COLLATE BINARY NOT NULL,
origin INTEGER NOT NULL, kinds INTEGER NOT NULL DEFAULT 3, linked_at INTEGER NOT NULL DEFAULT 0, archived_at INTEGER NULL, activated_at INTEGER NULL, renewed_at INTEGER NOT NULL DEFAULT 0,
PRIMARY KEY (digest, repository, origin)) STRICT, WITHOUT ROWID;
CREATE TABLE "repositories" (name TEXT COLLATE BINARY NOT NULL,
origin INTEGER NOT NULL,
rule TEXT NULL, made_at INTEGER NOT NULL DEFAULT 0,
PRIMARY KEY (name, origin)) STRICT, WITHOUT ROWID;
CREATE TABLE lists (
  repository TEXT COLLATE BINARY NOT NULL,
  key TEXT COLLATE BINARY NOT NULL,
  origin INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  count INTEGER NOT NULL,
  cut_at INTEGER NULL,
  cost INTEGER NOT NULL,
  checked_at INTEGER NOT NULL,
  PRIMARY KEY (repository, key, origin)
) STRICT, WITHOUT ROWID;
CREATE INDEX lists_by_check ON lists (checked_at);
CREATE TABLE list_entries (
  list INTEGER NOT NULL,
  name TEXT COLLATE BINARY NOT NULL,
  type TEXT NULL,
  content BLOB NULL,
  PRIMARY KEY (list, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE loose_entries (list INTEGER NOT NULL PRIMARY KEY) STRICT;
CREATE TABLE principals (arn TEXT COLLATE BINARY NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE principal_policies (
  principal TEXT COLLATE BINARY NOT NULL,
  name TEXT COLLATE BINARY NOT NULL,
  document TEXT NULL,
  PRIMARY KEY (principal, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE access_keys (
  id TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
  principal TEXT COLLATE BINARY NOT NULL,
  sealed BLOB NOT NULL,
  token_hash BLOB NULL,
  expires_at INTEGER NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_keys_by_principal ON access_keys (principal);
CREATE TABLE sealed_values (name TEXT COLLATE BINARY NOT NULL PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE control_settings (
  kind TEXT COLLATE BINARY NOT NULL,
  name TEXT COLLATE BINARY NOT NULL,
  value TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE secrets (
  arn TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
  name TEXT COLLATE BINARY NOT NULL,
  details TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  deleted_at INTEGER NULL,
  deletion_date INTEGER NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX secrets_by_name ON secrets (name);
CREATE TABLE secret_versions (
  secret TEXT COLLATE BINARY NOT NULL,
  version TEXT COLLATE BINARY NOT NULL,
  sealed BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (secret, version)
) STRICT;
CREATE TABLE secret_stages (
  secret TEXT COLLATE BINARY NOT NULL,
  stage TEXT COLLATE BINARY NOT NULL,
  version TEXT COLLATE BINARY NOT NULL,
  PRIMARY KEY (secret, stage)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_by_repository ON links (repository, origin, digest);
CREATE TABLE archived_tags (
  repository TEXT COLLATE BINARY NOT NULL,
  tag TEXT COLLATE BINARY NOT NULL,
  origin INTEGER NOT NULL,
  digest TEXT COLLATE BINARY NOT NULL,
  PRIMARY KEY (repository, tag, origin)
) STRICT, WITHOUT ROWID;
CREATE INDEX archived_tags_by_digest ON archived_tags (digest);
CREATE TABLE held (
  repository TEXT COLLATE BINARY NOT NULL,
  origin INTEGER NOT NULL,
  digest TEXT COLLATE BINARY NOT NULL,
  priority INTEGER NOT NULL,
  reason TEXT NOT NULL,
  failing INTEGER NOT NULL,
  since INTEGER NOT NULL,
  asked_at INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  PRIMARY KEY (repository, origin, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_by_digest ON held (digest);
CREATE INDEX held_by_next ON held (next_at, repository);
CREATE INDEX held_failing ON held (repository, origin, asked_at) WHERE failing = 1;
CREATE TABLE evaluations (repository TEXT COLLATE BINARY NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE lifecycle_state (name TEXT COLLATE BINARY NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE unneeded_links (
  digest TEXT COLLATE BINARY NOT NULL,
  repository TEXT COLLATE BINARY NOT NULL,
  origin INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (digest, repository, origin)
) STRICT, WITHOUT ROWID;
CREATE TABLE unreferenced (digest TEXT COLLATE BINARY NOT NULL PRIMARY KEY, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE pins (pattern TEXT COLLATE BINARY NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE kept_images (
  digest TEXT COLLATE BINARY NOT NULL,
  why INTEGER NOT NULL,
  PRIMARY KEY (digest, why)
) STRICT, WITHOUT ROWID;
CREATE TABLE cursors (name TEXT COLLATE BINARY NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_to_evict ON blobs (pulled_at, digest) WHERE kept = 0;
CREATE INDEX blobs_last_copies ON blobs (pulled_at, digest) WHERE kept = 4;
CREATE INDEX manifests_to_evict ON manifests (pulled_at, digest) WHERE kept = 0;
CREATE INDEX manifests_last_copies ON manifests (pulled_at, digest) WHERE kept = 4;
CREATE TABLE traffic (
  day INTEGER NOT NULL,
  kind TEXT COLLATE BINARY NOT NULL,
  name TEXT COLLATE BINARY NOT NULL,
  counter TEXT COLLATE BINARY NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (day, kind, name, counter)
) STRICT, WITHOUT ROWID;
INSERT INTO schema_versions (version, applied_on, description) VALUES (1, CURRENT_TIMESTAMP, 'Repositories, manifests, links, tags, blobs and lists');
INSERT INTO schema_versions (version, applied_on, description) VALUES (2, CURRENT_TIMESTAMP, 'Indexes that are not complete yet');
INSERT INTO schema_versions (version, applied_on, description) VALUES (3, CURRENT_TIMESTAMP, 'Origins, lists by rows, and an order of eviction over all that takes room');
INSERT INTO schema_versions (version, applied_on, description) VALUES (4, CURRENT_TIMESTAMP, 'Pushed content: since when, and as blob or manifest');
INSERT INTO schema_versions (version, applied_on, description) VALUES (5, CURRENT_TIMESTAMP, 'Principals, access keys, secrets and settings of the control plane');
INSERT INTO schema_versions (version, applied_on, description) VALUES (6, CURRENT_TIMESTAMP, 'Archived and held images, and how far lifecycle runs have come');
INSERT INTO schema_versions (version, applied_on, description) VALUES (7, CURRENT_TIMESTAMP, 'Collection, pins and scrub');
INSERT INTO schema_versions (version, applied_on, description) VALUES (8, CURRENT_TIMESTAMP, 'Pulls, requests and bytes by day');
INSERT INTO totals (name, value) VALUES ('blob_bytes', 0);
INSERT INTO totals (name, value) VALUES ('list_bytes', 0);
INSERT INTO totals (name, value) VALUES ('manifest_bytes', 0);
