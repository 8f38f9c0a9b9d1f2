-- The tables of amavisd-new 2.13 (its README.sql-mysql says what each column means). Ours differ where strict SQL and a purge of
-- millions of rows ask for it: what a stranger wrote is kept as bytes (no letter may be refused for its spelling, for then it would
-- come again and again), one-letter codes are ASCII, and partition_tag is year * 100 + ISO week,
-- so that inserts go to other pages than the purge, and the addresses of a week that is over belong to nobody who is still writing.

CREATE TABLE IF NOT EXISTS maddr (
  partition_tag int NOT NULL DEFAULT 0,
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  email varbinary(255) NOT NULL,
  domain varbinary(255) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY part_email (partition_tag, email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS msgs (
  partition_tag int NOT NULL DEFAULT 0,
  mail_id varbinary(16) NOT NULL,
  secret_id varbinary(16) DEFAULT '',
  am_id varchar(32) NOT NULL,
  time_num int unsigned NOT NULL,
  time_iso char(16) NOT NULL,
  sid bigint unsigned NOT NULL,
  policy varchar(255) DEFAULT '',
  client_addr varchar(255) DEFAULT '',
  size int unsigned NOT NULL,
  originating char(1) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ' ',
  content char(1) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  quar_type char(1) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  quar_loc varbinary(255) DEFAULT '',
  dsn_sent char(1) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  spam_level float DEFAULT NULL,
  message_id varchar(255) DEFAULT '',
  from_addr varbinary(1020) DEFAULT '',
  subject varbinary(1020) DEFAULT '',
  host varchar(255) NOT NULL,
  PRIMARY KEY (partition_tag, mail_id),
  KEY msgs_content_time (content, time_num),
  KEY msgs_time (time_num),
  KEY msgs_sid (sid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS msgrcpt (
  partition_tag int NOT NULL DEFAULT 0,
  mail_id varbinary(16) NOT NULL,
  rseqnum int NOT NULL DEFAULT 0,
  rid bigint unsigned NOT NULL,
  is_local char(1) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ' ',
  content char(1) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ' ',
  ds char(1) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  rs char(1) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  bl char(1) CHARACTER SET ascii COLLATE ascii_bin DEFAULT ' ',
  wl char(1) CHARACTER SET ascii COLLATE ascii_bin DEFAULT ' ',
  bspam_level float DEFAULT NULL,
  smtp_resp varchar(255) DEFAULT '',
  PRIMARY KEY (partition_tag, mail_id, rseqnum),
  KEY msgrcpt_rid (rid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS quarantine (
  partition_tag int NOT NULL DEFAULT 0,
  mail_id varbinary(16) NOT NULL,
  chunk_ind int unsigned NOT NULL,
  mail_text blob NOT NULL,
  PRIMARY KEY (partition_tag, mail_id, chunk_ind)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS users (
  id int unsigned NOT NULL AUTO_INCREMENT,
  priority int NOT NULL DEFAULT 7,
  policy_id int unsigned NOT NULL DEFAULT 1,
  email varbinary(255) NOT NULL,
  fullname varchar(255) DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY users_email (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS mailaddr (
  id int unsigned NOT NULL AUTO_INCREMENT,
  priority int NOT NULL DEFAULT 7,
  email varbinary(255) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY mailaddr_email (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS wblist (
  rid int unsigned NOT NULL,
  sid int unsigned NOT NULL,
  wb varchar(10) NOT NULL,
  PRIMARY KEY (rid, sid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- NULL means: as the next policy that matches says, and in the end as the filter's own configuration says.
CREATE TABLE IF NOT EXISTS policy (
  id int unsigned NOT NULL AUTO_INCREMENT,
  policy_name varchar(32) DEFAULT NULL,
  virus_lover char(1) DEFAULT NULL,
  spam_lover char(1) DEFAULT NULL,
  unchecked_lover char(1) DEFAULT NULL,
  banned_files_lover char(1) DEFAULT NULL,
  bad_header_lover char(1) DEFAULT NULL,
  bypass_virus_checks char(1) DEFAULT NULL,
  bypass_spam_checks char(1) DEFAULT NULL,
  bypass_banned_checks char(1) DEFAULT NULL,
  bypass_header_checks char(1) DEFAULT NULL,
  virus_quarantine_to varchar(64) DEFAULT NULL,
  spam_quarantine_to varchar(64) DEFAULT NULL,
  banned_quarantine_to varchar(64) DEFAULT NULL,
  unchecked_quarantine_to varchar(64) DEFAULT NULL,
  bad_header_quarantine_to varchar(64) DEFAULT NULL,
  clean_quarantine_to varchar(64) DEFAULT NULL,
  archive_quarantine_to varchar(64) DEFAULT NULL,
  spam_tag_level float DEFAULT NULL,
  spam_tag2_level float DEFAULT NULL,
  spam_tag3_level float DEFAULT NULL,
  spam_kill_level float DEFAULT NULL,
  spam_dsn_cutoff_level float DEFAULT NULL,
  spam_quarantine_cutoff_level float DEFAULT NULL,
  addr_extension_virus varchar(64) DEFAULT NULL,
  addr_extension_spam varchar(64) DEFAULT NULL,
  addr_extension_banned varchar(64) DEFAULT NULL,
  addr_extension_bad_header varchar(64) DEFAULT NULL,
  warnvirusrecip char(1) DEFAULT NULL,
  warnbannedrecip char(1) DEFAULT NULL,
  warnbadhrecip char(1) DEFAULT NULL,
  newvirus_admin varchar(64) DEFAULT NULL,
  virus_admin varchar(64) DEFAULT NULL,
  banned_admin varchar(64) DEFAULT NULL,
  bad_header_admin varchar(64) DEFAULT NULL,
  spam_admin varchar(64) DEFAULT NULL,
  spam_subject_tag varchar(64) DEFAULT NULL,
  spam_subject_tag2 varchar(64) DEFAULT NULL,
  spam_subject_tag3 varchar(64) DEFAULT NULL,
  message_size_limit int DEFAULT NULL,
  banned_rulenames varchar(64) DEFAULT NULL,
  disclaimer_options varchar(64) DEFAULT NULL,
  forward_method varchar(64) DEFAULT NULL,
  sa_userconf varchar(64) DEFAULT NULL,
  sa_username varchar(64) DEFAULT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Everybody without an own row is found at '@.', the last key that amavis asks for: a place to say something for all.
INSERT IGNORE INTO policy (id, policy_name) VALUES (1, 'default');
INSERT IGNORE INTO users (id, priority, policy_id, email, fullname) VALUES (1, 0, 1, '@.', 'Everybody without an own row');
