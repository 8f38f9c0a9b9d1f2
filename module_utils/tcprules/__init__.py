"""The rules of tcpserver: read, looked up, checked, and compiled into Postfix tables.

syntax: the language, and what a rule answers. cdb: the file. lint: what would never match.
variables, names, carve, postfix: the same rules as tables. rules: from lists of the inventory to text.
"""
