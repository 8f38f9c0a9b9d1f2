"""What the module qmail_user is made of: schema, values, plan are pure; directory speaks LDAP."""
