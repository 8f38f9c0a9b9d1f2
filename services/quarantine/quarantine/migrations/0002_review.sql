-- Ours: who did what, what the Bayes filter is still to learn, and what the maintenance jobs have done.

CREATE TABLE IF NOT EXISTS audit (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  at datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  actor varchar(255) NOT NULL,
  act varchar(16) NOT NULL,
  partition_tag int DEFAULT NULL,
  mail_id varbinary(16) DEFAULT NULL,
  recipient varbinary(255) DEFAULT NULL,
  result varchar(32) NOT NULL,
  detail varchar(255) NOT NULL DEFAULT '',
  PRIMARY KEY (id),
  KEY audit_mail (mail_id),
  KEY audit_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One line a message: who says spam and who says ham of the same message, the last word counts.
CREATE TABLE IF NOT EXISTS learn (
  partition_tag int NOT NULL,
  mail_id varbinary(16) NOT NULL,
  verdict enum('spam', 'ham') NOT NULL,
  state enum('waiting', 'learned', 'failed') NOT NULL DEFAULT 'waiting',
  actor varchar(255) NOT NULL,
  queued_at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  done_at datetime DEFAULT NULL,
  tries tinyint unsigned NOT NULL DEFAULT 0,
  reason varchar(255) NOT NULL DEFAULT '',
  PRIMARY KEY (partition_tag, mail_id),
  KEY learn_state (state, queued_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Messages that somebody has deleted or confirmed, so that the purge need not look for them among all recipients.
CREATE TABLE IF NOT EXISTS disposal (
  partition_tag int NOT NULL,
  mail_id varbinary(16) NOT NULL,
  at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (partition_tag, mail_id),
  KEY disposal_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who asks for a message that was purged is told so, for a while (settings: remember).
CREATE TABLE IF NOT EXISTS purged (
  partition_tag int NOT NULL,
  mail_id varbinary(16) NOT NULL,
  purged_on date NOT NULL,
  PRIMARY KEY (partition_tag, mail_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS job (
  name varchar(32) NOT NULL,
  begun_at datetime NOT NULL,
  ended_at datetime DEFAULT NULL,
  state enum('running', 'fine', 'failed') NOT NULL,
  detail longtext NOT NULL,
  fine_at datetime DEFAULT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
