-- database: antispam
-- SpamAssassin 4: Bayes (storage version 3), TxRep and its elder AWL (the .sql files of its documentation). Names and addresses come
-- from mail as bytes of any kind, so they are kept as bytes: strict SQL refuses what is no UTF-8. bayes_seen.lastupdate is ours: the
-- purge needs to know how old a line is.

CREATE TABLE IF NOT EXISTS bayes_expire (
  id int NOT NULL DEFAULT 0,
  runtime int NOT NULL DEFAULT 0,
  PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS bayes_global_vars (
  variable varchar(30) NOT NULL DEFAULT '',
  value varchar(200) NOT NULL DEFAULT '',
  PRIMARY KEY (variable)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO bayes_global_vars (variable, value) VALUES ('VERSION', '3');

CREATE TABLE IF NOT EXISTS bayes_seen (
  id int NOT NULL DEFAULT 0,
  msgid varbinary(200) NOT NULL DEFAULT '',
  flag char(1) NOT NULL DEFAULT '',
  lastupdate timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (id, msgid),
  KEY bayes_seen_lastupdate (lastupdate)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS bayes_token (
  id int NOT NULL DEFAULT 0,
  token binary(5) NOT NULL DEFAULT '',
  spam_count int NOT NULL DEFAULT 0,
  ham_count int NOT NULL DEFAULT 0,
  atime int NOT NULL DEFAULT 0,
  PRIMARY KEY (id, token),
  KEY bayes_token_atime (id, atime)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS bayes_vars (
  id int NOT NULL AUTO_INCREMENT,
  username varchar(200) NOT NULL DEFAULT '',
  spam_count int NOT NULL DEFAULT 0,
  ham_count int NOT NULL DEFAULT 0,
  token_count int NOT NULL DEFAULT 0,
  last_expire int NOT NULL DEFAULT 0,
  last_atime_delta int NOT NULL DEFAULT 0,
  last_expire_reduce int NOT NULL DEFAULT 0,
  oldest_token_age int NOT NULL DEFAULT 2147483647,
  newest_token_age int NOT NULL DEFAULT 0,
  PRIMARY KEY (id),
  UNIQUE KEY bayes_vars_username (username)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS txrep (
  username varchar(100) NOT NULL DEFAULT '',
  email varbinary(255) NOT NULL DEFAULT '',
  ip varchar(40) NOT NULL DEFAULT '',
  msgcount int NOT NULL DEFAULT 0,
  totscore float NOT NULL DEFAULT 0,
  signedby varbinary(255) NOT NULL DEFAULT '',
  last_hit timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (username, email, signedby, ip),
  KEY txrep_last_hit (last_hit)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS awl (
  username varchar(100) NOT NULL DEFAULT '',
  email varbinary(255) NOT NULL DEFAULT '',
  ip varchar(40) NOT NULL DEFAULT '',
  msgcount int NOT NULL DEFAULT 0,
  totscore float NOT NULL DEFAULT 0,
  signedby varbinary(255) NOT NULL DEFAULT '',
  last_hit timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (username, email, signedby, ip),
  KEY awl_last_hit (last_hit)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
