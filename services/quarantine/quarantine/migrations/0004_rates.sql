-- Recipients of people and devices, counted by the service rates on submission machines. A row of rate_holder is what letters of one
-- holder wait for; rate_use holds what counts, for twice the window, and is removed by the service itself.

CREATE TABLE IF NOT EXISTS rate_holder (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  kind varchar(8) NOT NULL,
  name varchar(255) NOT NULL,
  seen_at datetime(3) NOT NULL,
  soft_at datetime(3) DEFAULT NULL,
  hard_at datetime(3) DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY rate_holder_name (kind, name),
  KEY rate_holder_seen (seen_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS rate_use (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  holder bigint unsigned NOT NULL,
  at datetime(3) NOT NULL,
  recipients int unsigned NOT NULL,
  kept tinyint unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (id),
  KEY rate_use_holder (holder, at),
  KEY rate_use_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
